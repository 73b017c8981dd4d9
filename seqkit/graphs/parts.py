"""What is exported of a head: parts that turn tensors into tensors, each as torch computes it and as ONNX does.

B batch, T time, V symbols.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from seqkit.graphs.decoder import MEMORY, add_step, flatten_state, sizes_of, unflatten_state
from seqkit.graphs.external import with_forward
from seqkit.graphs.graph import Graph, Size, Value
from seqkit.graphs.modules import softmax
from seqkit.layers import Decoder, Head

Tensors = Mapping[str, Tensor]
Sample = Callable[[torch.Generator, Tensor, int], Tensors]
"""Inputs drawn at random, by name, for lengths (B) and T steps."""
Runs = Mapping[str, Callable[..., dict[str, Tensor]]]
"""For each part of an export, a function from its inputs, by name, to its outputs."""


@dataclass(frozen=True)
class Answers:
    """What a file gives beside the logits of a head, made of them."""

    sizes: Mapping[str, Sequence[Size]]
    """Of each, by its name"""
    compute: Callable[[Tensor], Tensors]
    add: Callable[[Graph, Value], Mapping[str, Value]]
    """The same as operators of a graph"""


@dataclass(frozen=True)
class Part:
    """One file of an export."""

    name: str
    inputs: Mapping[str, Sequence[Size]]
    """The sizes of each input; those with a name vary: ``batch``, ``time``"""
    outputs: Mapping[str, Sequence[Size]]
    compute: Callable[..., Tensors]
    """The outputs, by torch, from inputs by name"""
    add: Callable[[Graph, dict[str, Value]], Mapping[str, Value]]
    """The same as operators of a graph"""
    sample: Sample
    """Inputs to try it with"""
    optional: bool = False
    """Whether it is left out where a single file is requested"""

    def onnx(self, facts: Mapping[str, str]) -> bytes:
        """The part as an ONNX file, with ``facts`` as its metadata.

        Raises :class:`UsageError` for what ONNX has no operator for.
        """
        graph = Graph()
        tensors = self.sample(torch.Generator(), torch.tensor([1]), 1)
        computed = self.compute(**tensors)
        values = self.add(graph, {name: Value(name) for name in self.inputs})
        inputs = {name: (tensors[name].dtype, sizes) for name, sizes in self.inputs.items()}
        outputs = {name: (values[name], computed[name].dtype, sizes) for name, sizes in self.outputs.items()}
        return graph.model(self.name, inputs, outputs, facts)


@dataclass(frozen=True)
class Answering:
    """How :mod:`seqkit.runtime` answers with an export."""

    kind: str
    """One of :data:`seqkit.runtime.kinds.KINDS`"""
    codec: Mapping[str, Any]
    """The files of the codec, by name"""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """For JSON: what decides the answers beside what the codec knows, such as a threshold"""


@dataclass(frozen=True)
class Exported:
    """A head in parts."""

    parts: Sequence[Part]
    symbols: Mapping[str, Any]
    """What a user of the files must know, for JSON: vocabulary, labels, options of the tokenizer"""
    predict: Callable[[Runs, Any], list[Any]]
    """The head's own predictions of a batch, by functions that run the parts, so that what is exported can be scored
    as the head is"""
    answering: Answering | None = None
    """What answers without torch beside the parts and symbols; None where nothing does"""


def draw_tokens(generator: torch.Generator, symbols: int, *sizes: int) -> Tensor:
    """Random tokens, int64."""
    return torch.randint(symbols, sizes, generator=generator)


def sequences(symbols: int) -> tuple[dict[str, Sequence[Size]], Sample]:
    """Inputs ``tokens`` (B, T) and ``lengths`` (B) of so many symbols, and their samples."""

    def sample(generator: torch.Generator, lengths: Tensor, time: int) -> Tensors:
        return {"tokens": draw_tokens(generator, symbols, len(lengths), time), "lengths": lengths}

    return {"tokens": ("batch", "time"), "lengths": ("batch",)}, sample


def labelling(
    head: Head,
    inputs: Mapping[str, Sequence[Size]],
    sample: Sample,
    add_logits: Callable[[Graph, dict[str, Value]], Value],
    sizes: Sequence[Size],
    symbols: Mapping[str, Any],
    make_batch: Callable[..., Any],
    inputs_of: Callable[[Any], Tensors] | None = None,
    probabilities: bool = True,
    answers: Answers | None = None,
    answering: Answering | None = None,
) -> Exported:
    """A head whose ``forward`` computes logits of a batch, as one part ``model``: ``logits``, and their softmax.

    Args:
        inputs, sample, symbols: as in :class:`Part` and :class:`Exported`.
        add_logits: the logits as operators of a graph.
        sizes: those of the logits.
        make_batch: a batch from the inputs by name.
        inputs_of: the inputs by name from a batch; None: its fields of those names.
        probabilities: False: the logits alone, where their softmax is no probability.
        answers: what is given beside the logits instead of their softmax.
        answering: as in :class:`Exported`.
    """
    if answers is None:
        answers = _softmax_answers(sizes) if probabilities else Answers({}, lambda _: {}, lambda *_: {})

    def compute(**tensors: Tensor) -> Tensors:
        logits = head(make_batch(**tensors))
        return {"logits": logits, **answers.compute(logits)}

    def build(graph: Graph, values: dict[str, Value]) -> Mapping[str, Value]:
        logits = add_logits(graph, values)
        return {"logits": logits, **answers.add(graph, logits)}

    def fields(batch: Any) -> Tensors:
        return {name: getattr(batch, name) for name in inputs}

    def predict(runs: Runs, batch: Any) -> list[Any]:
        return with_forward(head, lambda b: runs["model"](**(inputs_of or fields)(b))["logits"]).predict(batch)

    part = Part("model", inputs, {"logits": sizes, **answers.sizes}, compute, build, sample)
    return Exported([part], symbols, predict, answering)


def _softmax_answers(sizes: Sequence[Size]) -> Answers:
    return Answers(
        {"probabilities": sizes},
        lambda logits: {"probabilities": torch.softmax(logits, -1)},
        lambda graph, logits: {"probabilities": softmax(graph, logits)},
    )


def step_part(decoder: Decoder, sample_state: Sample) -> Part:
    """One step of a decoder: ``token`` (B) and the state before it, by its names, to ``logits`` (B, V), with attention
    its ``weights`` (B, S), and the tensors of the state that change, ``next_h`` for ``h``."""
    sizes = sizes_of(decoder)
    symbols = decoder.embedding.num_embeddings
    changing = [name for name in sizes if name not in MEMORY]

    def compute(token: Tensor, **state: Tensor) -> Tensors:
        logits, after, weights = decoder.step_with_weights(token, unflatten_state(state))
        tensors = flatten_state(after)
        found = {} if weights is None else {"weights": weights}
        return {"logits": logits, **found, **{f"next_{name}": tensors[name] for name in changing}}

    def build(graph: Graph, inputs: dict[str, Value]) -> Mapping[str, Value]:
        logits, after, weights = add_step(decoder, graph, inputs["token"], inputs)
        found = {} if weights is None else {"weights": weights}
        return {"logits": logits, **found, **{f"next_{name}": after[name] for name in changing}}

    def sample(generator: torch.Generator, lengths: Tensor, time: int) -> Tensors:
        token = draw_tokens(generator, symbols, len(lengths))
        return {"token": token, **sample_state(generator, lengths, time)}

    weights = {"weights": sizes["mask"]} if decoder.attention is not None else {}
    outputs = {"logits": ("batch", symbols), **weights, **{f"next_{name}": sizes[name] for name in changing}}
    return Part("step", {"token": ("batch",), **sizes}, outputs, compute, build, sample)
