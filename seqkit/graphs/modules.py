"""Modules as operators of an ONNX graph, each by its type, so that a head is composed of them in a few lines.

B batch, T time, F features, E embedding size, U spellings, L characters of a word.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import singledispatch
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from seqkit.errors import UsageError
from seqkit.graphs.graph import Graph, Value
from seqkit.graphs.recurrent import RecurrentValues, add_recurrent
from seqkit.layers import CRF, Encoder, Pooling, Recurrent
from seqkit.layers.pictures import ConvolutionalEncoder, PictureEncoder, VectorEncoder
from seqkit.layers.words import ConvolutionalSpeller, RecurrentSpeller, WordEmbedding

_LARGEST = float(torch.finfo(torch.float32).max)


class EncoderValues(NamedTuple):
    """:class:`~seqkit.layers.encoder.Encoded` as values of a graph."""

    outputs: Value
    state: dict[str, Value]
    pooled: Value | None
    vectors: Value | None = None


class WordValues(NamedTuple):
    """:class:`~seqkit.layers.words.Words` as values of a graph."""

    tokens: Value
    spelling: Value
    characters: Value
    sizes: Value


@singledispatch
def add(module: nn.Module, graph: Graph, *inputs: Any) -> Any:
    """Adds what a module computes in evaluation to a graph; inputs and result are values of the graph.

    ``@add.register`` adds another type of module. Raises :class:`UsageError` for a type without an export.
    """
    kind = type(module)
    raise UsageError(
        f"there is no export of {kind.__module__}.{kind.__name__}; leave it out of the model, or register one with "
        "seqkit.graphs.add.register"
    )


@add.register
def _(module: nn.Identity, graph: Graph, x: Value) -> Value:
    return x


@add.register
def _(module: nn.Dropout, graph: Graph, x: Value) -> Value:
    return x


@add.register
def _(module: nn.Sequential, graph: Graph, x: Value) -> Value:
    for part in module:
        x = add(part, graph, x)
    return x


@add.register
def _(module: nn.Linear, graph: Graph, x: Value) -> Value:
    product = graph.add("MatMul", x, module.weight.T)
    return product if module.bias is None else graph.add("Add", product, module.bias)


@add.register
def _(module: nn.Embedding, graph: Graph, numbers: Value) -> Value:
    return graph.add("Gather", module.weight, numbers, axis=0)


@add.register
def _(module: nn.ReLU, graph: Graph, x: Value) -> Value:
    return graph.add("Relu", x)


@add.register
def _(module: nn.Tanh, graph: Graph, x: Value) -> Value:
    return graph.add("Tanh", x)


@add.register
def _(module: nn.Conv2d, graph: Graph, x: Value) -> Value:
    options = {"kernel_shape": [*module.kernel_size], "strides": [*module.stride], "group": module.groups}
    edges = [int(edge) for edge in module.padding]
    return graph.add("Conv", x, module.weight, module.bias, **options, pads=[*edges, *edges])


@add.register
def _(module: nn.BatchNorm2d, graph: Graph, x: Value) -> Value:
    values = (module.weight, module.bias, module.running_mean, module.running_var)
    return graph.add("BatchNormalization", x, *values, epsilon=module.eps)


@add.register
def _(module: nn.MaxPool2d, graph: Graph, x: Value) -> Value:
    sizes = module.kernel_size if isinstance(module.kernel_size, tuple) else (module.kernel_size,) * 2
    return graph.add("MaxPool", x, kernel_shape=[*sizes], strides=[*sizes])


@add.register
def _(module: nn.SiLU, graph: Graph, x: Value) -> Value:
    return graph.add("Mul", x, graph.add("Sigmoid", x))


@add.register
def _(module: nn.GELU, graph: Graph, x: Value) -> Value:
    """``x Φ(x)``, with the error function."""
    erf = graph.add("Erf", graph.add("Mul", x, torch.tensor(0.5**0.5)))
    return graph.add("Mul", graph.add("Mul", x, torch.tensor(0.5)), graph.add("Add", erf, torch.tensor(1.0)))


@add.register
def _(module: VectorEncoder, graph: Graph, pictures: Value) -> EncoderValues:
    return _picture_values(module, graph, pictures)


@add.register
def _(module: ConvolutionalEncoder, graph: Graph, pictures: Value, side: int) -> EncoderValues:
    """Of pictures (B, C, side, side) of uint8: what is averaged over follows from their side."""
    maps = graph.add("Div", graph.add("Cast", pictures, to=_FLOAT), torch.tensor(255.0))
    *layers, _ = module.layers
    with torch.no_grad():
        probe = torch.zeros(1, module.channels, side, side)
        for layer in layers:
            maps, probe = add(layer, graph, maps), layer(probe)
    # The average over a grid of cells that may overlap, as a product from either side.
    average = averages(probe.shape[3], round(module.places**0.5))
    maps = graph.add("MatMul", graph.add("MatMul", average, maps), average.T.contiguous())
    grid = graph.add("Reshape", maps, graph.numbers(0, module.features, module.places))
    return _picture_values(module, graph, graph.add("Transpose", grid, perm=[0, 2, 1]))


def _picture_values(module: PictureEncoder, graph: Graph, grid: Value) -> EncoderValues:
    flat = graph.add("Reshape", grid, graph.numbers(0, module.places * module.features))
    vector = graph.add("Relu", add(module.summary, graph, flat))
    return EncoderValues(grid, {"h": graph.add("Unsqueeze", vector, graph.numbers(1))}, vector)


def averages(size: int, cells: int) -> Tensor:
    """(cells, size): which places each cell of adaptive average pooling averages, and how much each counts."""
    rows = torch.zeros(cells, size)
    for cell in range(cells):
        start, stop = cell * size // cells, -(-(cell + 1) * size // cells)
        rows[cell, start:stop] = 1 / (stop - start)
    return rows


@add.register
def _(
    module: Recurrent, graph: Graph, x: Value, lengths: Value, state: Mapping[str, Value] | None = None
) -> RecurrentValues:
    return add_recurrent(module, graph, x, lengths, state)


@add.register
def _(module: Encoder, graph: Graph, inputs: Any, lengths: Value) -> EncoderValues:
    vectors = add(module.embedding, graph, inputs)
    ran = add_recurrent(module.recurrent, graph, vectors, lengths)
    pooled = None if module.pooling is None else add(module.pooling, graph, ran.outputs, ran.final, lengths)
    return EncoderValues(ran.outputs, ran.state, pooled, vectors)


@add.register
def _(module: Pooling, graph: Graph, outputs: Value, final: Value, lengths: Value) -> Value:
    pooled = [_pool(module, way, graph, outputs, final, lengths) for way in module.ways]
    return pooled[0] if len(pooled) == 1 else graph.add("Concat", *pooled, axis=1)


@add.register
def _(module: WordEmbedding, graph: Graph, words: WordValues) -> Value:
    vectors: Value = add(module.words, graph, words.tokens)
    if module.speller is None:
        return vectors
    spelled = add(module.speller, graph, words.characters, words.sizes)
    return graph.add("Concat", vectors, graph.add("Gather", spelled, words.spelling, axis=0), axis=2)


@add.register
def _(module: RecurrentSpeller, graph: Graph, characters: Value, sizes: Value) -> Value:
    spelled: Value = add(module.encoder, graph, characters, sizes).pooled
    return spelled


@add.register
def _(module: ConvolutionalSpeller, graph: Graph, characters: Value, sizes: Value) -> Value:
    """Transposed on the way in and out: a convolution wants features before time."""
    inside = graph.add("Unsqueeze", inside_mask(graph, characters, sizes), graph.numbers(2))
    vectors = graph.add("Mul", add(module.embedding, graph, characters), graph.add("Cast", inside, to=_FLOAT))
    layer = module.convolution
    features_first = graph.add("Transpose", vectors, perm=[0, 2, 1])
    edge = int(layer.padding[0])
    options = {"kernel_shape": [*layer.kernel_size], "pads": [edge, edge]}
    convolved = graph.add("Conv", features_first, layer.weight, layer.bias, **options)
    time_first = graph.add("Transpose", graph.add("Relu", convolved), perm=[0, 2, 1])
    return graph.add("ReduceMax", graph.add("Where", inside, time_first, torch.tensor(0.0)), axes=[1], keepdims=0)


def inside_mask(graph: Graph, padded: Value, lengths: Value) -> Value:
    """(B, T) of bool: the steps of ``padded`` (B, T, ...) inside each sequence."""
    steps = graph.add("Gather", graph.add("Shape", padded), torch.tensor(1), axis=0)
    time = graph.add("Range", torch.tensor(0), steps, torch.tensor(1))
    return graph.add("Less", time, graph.add("Unsqueeze", lengths, graph.numbers(1)))


def softmax(graph: Graph, logits: Value) -> Value:
    """Probabilities over the last dimension."""
    return graph.add("Softmax", logits, axis=-1)


def crf_symbols(crf: CRF | None) -> dict[str, Any] | None:
    """The scores of transitions, start and end of a CRF, for JSON; those of forbidden ones are ``-10000``."""
    if crf is None:
        return None
    scores = {"transitions": crf.transitions, "start": crf.start, "end": crf.end}
    limits = {"transitions": crf.allowed, "start": crf.may_start, "end": crf.may_end}
    pairs = {name: (score.detach(), limits[name]) for name, score in scores.items()}
    return {n: (s if may is None else s.masked_fill(~may, _NEVER)).tolist() for n, (s, may) in pairs.items()}


_FLOAT = 1
_NEVER = -1e4


def _pool(module: Pooling, way: str, graph: Graph, outputs: Value, final: Value, lengths: Value) -> Value:
    """One way of :class:`Pooling`."""
    if way == "last":
        return final
    if way == "mean":
        # An empty sequence divides by 1, so that its mean is 0.
        steps = graph.add("Cast", graph.add("Max", lengths, torch.tensor([1])), to=_FLOAT)
        total = graph.add("ReduceSum", outputs, graph.numbers(1), keepdims=0)
        return graph.add("Div", total, graph.add("Unsqueeze", steps, graph.numbers(1)))
    inside = graph.add("Unsqueeze", inside_mask(graph, outputs, lengths), graph.numbers(2))
    if way == "max":
        largest = _over_time(graph, "ReduceMax", _masked(graph, inside, outputs))
        empty = graph.add("Unsqueeze", graph.add("Equal", lengths, torch.tensor([0])), graph.numbers(1))
        return graph.add("Where", empty, torch.tensor(0.0), largest)
    scores = _masked(graph, inside, add(module.score, graph, outputs))
    weighted = graph.add("Mul", graph.add("Softmax", scores, axis=1), outputs)
    return graph.add("ReduceSum", weighted, graph.numbers(1), keepdims=0)


def _masked(graph: Graph, inside: Value, values: Value) -> Value:
    lowest: Tensor = torch.tensor(-_LARGEST)
    return graph.add("Where", inside, values, lowest)


def _over_time(graph: Graph, operator: str, values: Value) -> Value:
    return graph.add(operator, values, axes=[1], keepdims=0)
