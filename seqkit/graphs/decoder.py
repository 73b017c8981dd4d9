"""The first state of a decoder, and one step of it, as ONNX graphs.

B batch, S places of the memory, F features of each, A size in which they are compared, H hidden units, V symbols.
The state between steps has names: ``h``, ``c``, as the cell has them, (B, L, H); with attention ``values`` (B, S, F),
of which the last are the token vectors of a lexical path, ``keys`` (B, S, A) and ``mask`` (B, S) of the memory, which
stay as they are; ``feed`` (B, H) and ``coverage`` (B, S).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from seqkit.errors import UsageError
from seqkit.graphs.graph import Graph, Value
from seqkit.graphs.modules import EncoderValues, add
from seqkit.graphs.recurrent import add_recurrent
from seqkit.layers import Attention, Decoder, DecoderState, Memory, State
from seqkit.layers.bridge import Bridge

MEMORY = ("values", "keys", "mask")
"""The tensors of a memory, which stay as they are from step to step"""


def flatten_state(state: DecoderState) -> dict[str, Tensor]:
    """The state of a decoder as tensors by name."""
    tensors = dict(state.recurrent)
    if state.memory is not None:
        tensors.update(zip(MEMORY, state.memory[:3], strict=True))
    optional = {"feed": state.feed, "coverage": state.coverage}
    return {**tensors, **{name: tensor for name, tensor in optional.items() if tensor is not None}}


def unflatten_state(tensors: Mapping[str, Tensor]) -> DecoderState:
    """The state that :func:`flatten_state` turned into these tensors."""
    others = (*MEMORY, "feed", "coverage")
    state = DecoderState(State({name: tensor for name, tensor in tensors.items() if name not in others}))
    if "mask" in tensors:
        state = replace(state, memory=Memory(tensors["values"], tensors["keys"], tensors["mask"]))
    return replace(state, feed=tensors.get("feed"), coverage=tensors.get("coverage"))


def sizes_of(decoder: Decoder) -> dict[str, tuple[str | int, ...]]:
    """The sizes of each tensor of the state, those that vary as names; raises :class:`UsageError` for recall."""
    if decoder.recall is not None:
        raise UsageError(
            "a decoder that looks back on its past has a state that grows, which is not exported; train with --recall 0"
        )
    layer, attention = decoder.recurrent, decoder.attention
    of_state: tuple[str | int, ...] = ("batch", layer.num_layers, layer.hidden_size)
    sizes = dict.fromkeys(layer.cell.state_names, of_state)
    if attention is None:
        return sizes
    features = decoder.mix.in_features - decoder.hidden_size
    beside = decoder.features_size - decoder.hidden_size
    compared = attention.key.out_features if isinstance(attention.key, nn.Linear) else features - beside
    sizes.update(values=("batch", "time", features), keys=("batch", "time", compared), mask=("batch", "time"))
    if decoder.input_feeding:
        sizes["feed"] = ("batch", decoder.hidden_size)
    if attention.covered is not None:
        sizes["coverage"] = ("batch", "time")
    return sizes


def add_start(
    decoder: Decoder, graph: Graph, batch: Value, mask: Callable[[], Value], encoded: EncoderValues
) -> dict[str, Value]:
    """The state before the first token, from the output of an encoder: as :meth:`Decoder.start`.

    ``batch`` has as many rows as there are sources; ``mask`` adds which places of the memory are there, (B, S) of bool.
    """
    if decoder.bridge is None:
        raise UsageError("this decoder was made without a source; there is no encoder to start it from")
    state = _add_bridge(decoder.bridge, graph, encoded.state)
    attention = decoder.attention
    if attention is None:
        return state
    inside = mask()
    values, keys = encoded.outputs, add(attention.key, graph, encoded.outputs)
    if decoder.lexical is not None:
        values = graph.add("Concat", values, encoded.vectors, axis=2)
    state.update(values=values, keys=keys, mask=inside)
    if decoder.input_feeding:
        rows = graph.add("Slice", graph.add("Shape", batch), graph.numbers(0), graph.numbers(1))
        state["feed"] = _zeros(graph, graph.add("Concat", rows, graph.numbers(decoder.hidden_size), axis=0))
    if attention.covered is not None:
        state["coverage"] = _zeros(graph, graph.add("Shape", inside))
    return state


def add_step(
    decoder: Decoder, graph: Graph, token: Value, state: Mapping[str, Value]
) -> tuple[Value, dict[str, Value], Value | None]:
    """The last token (B) and the state before it to logits of the next (B, V), the values that have changed, and with
    attention its weights (B, S)."""
    vector = add(decoder.embedding, graph, token)
    if decoder.input_feeding:
        vector = graph.add("Concat", vector, state["feed"], axis=1)
    before = {name: state[name] for name in decoder.recurrent.cell.state_names}
    one = graph.numbers(1)
    ran = add_recurrent(decoder.recurrent, graph, graph.add("Unsqueeze", vector, one), None, before)
    features, after = graph.add("Squeeze", ran.outputs, one), dict(ran.state)
    attention, vectors, weights = decoder.attention, None, None
    if attention is not None:
        context, weights = _attend(attention, graph, features, state)
        features = graph.add("Tanh", add(decoder.mix, graph, graph.add("Concat", features, context, axis=1)))
        vectors = _last(graph, context, decoder.features_size - decoder.hidden_size)
        if decoder.input_feeding:
            after["feed"] = features
        if attention.covered is not None:
            after["coverage"] = graph.add("Add", state["coverage"], weights)
    narrowed = features if decoder.narrow is None else add(decoder.narrow, graph, features)
    if decoder.lexical is not None:
        narrowed = graph.add("Add", narrowed, add(decoder.lexical, graph, vectors))
    return add(decoder.output, graph, narrowed), after, weights


def _add_bridge(bridge: Bridge, graph: Graph, state: Mapping[str, Value]) -> dict[str, Value]:
    flattened = [graph.add("Reshape", value, graph.numbers(0, -1)) for value in state.values()]
    joined = flattened[0] if len(flattened) == 1 else graph.add("Concat", *flattened, axis=1)
    mapped = {name: add(bridge.maps[name], graph, joined) for name in bridge.names}
    mapped[bridge.names[0]] = graph.add("Tanh", mapped[bridge.names[0]])
    return {name: graph.add("Reshape", value, graph.numbers(0, bridge.layers, -1)) for name, value in mapped.items()}


def _attend(attention: Attention, graph: Graph, query: Value, state: Mapping[str, Value]) -> tuple[Value, Value]:
    """A query (B, Q) to the context (B, F) and weights (B, S)."""
    lowest, none = torch.tensor(torch.finfo(torch.float32).min), torch.tensor(0.0)
    masked = graph.add("Where", state["mask"], _scores(attention, graph, query, state), lowest)
    # Of a memory without any place the weights are 0 throughout.
    weights = graph.add("Where", state["mask"], graph.add("Softmax", masked, axis=1), none)
    one = graph.numbers(1)
    context = graph.add("MatMul", graph.add("Unsqueeze", weights, one), state["values"])
    return graph.add("Squeeze", context, one), weights


def _scores(attention: Attention, graph: Graph, query: Value, state: Mapping[str, Value]) -> Value:
    """Of each place for a query, (B, S), see :class:`~seqkit.layers.attention.Attention`."""
    one, two, covered = graph.numbers(1), graph.numbers(2), attention.covered
    extra = None
    if covered is not None:
        extra = graph.add("Mul", graph.add("Unsqueeze", state["coverage"], two), covered)
    if attention.kind == "additive":
        projected = graph.add("Unsqueeze", add(attention.query, graph, query), one)
        mixed = graph.add("Add", state["keys"], projected)
        mixed = mixed if extra is None else graph.add("Add", mixed, extra)
        return graph.add("Squeeze", add(attention.score, graph, graph.add("Tanh", mixed)), two)
    if attention.kind == "scaled":
        query = graph.add("Mul", query, torch.tensor(attention.query_size**-0.5))
    scores = graph.add("MatMul", state["keys"], graph.add("Unsqueeze", query, two))
    scores = scores if extra is None else graph.add("Add", scores, extra)
    return graph.add("Squeeze", scores, two)


def _last(graph: Graph, x: Value, size: int) -> Value:
    """The last so many features of (B, F)."""
    return graph.add("Slice", x, graph.numbers(-size), graph.numbers(torch.iinfo(torch.int64).max), graph.numbers(1))


def _zeros(graph: Graph, shape: Value) -> Value:
    return graph.add("Expand", torch.tensor(0.0), shape)
