"""One step of a decoder, and what an encoder hands to it, as ONNX graphs.

B batch, S places of the memory, F features of each, A size in which they are compared, H hidden units, V symbols.
The state between steps has names: ``h``, ``c``, as the cell has them, (B, L, H); with attention ``values`` (B, S, F),
``keys`` (B, S, A) and ``mask`` (B, S) of the memory, which stay as they are; ``feed`` (B, H) and ``coverage`` (B, S).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from seqkit.errors import UsageError
from seqkit.graphs.graph import Graph, Value
from seqkit.graphs.modules import Read, add, inside_mask
from seqkit.graphs.recurrent import add_recurrent
from seqkit.layers import Attention, Decoder, DecoderState, Memory, State
from seqkit.layers.decoder import Bridge

MEMORY = ("values", "keys", "mask")


def flat(state: DecoderState) -> dict[str, Tensor]:
    """The state of a decoder as tensors by name."""
    found = dict(state.recurrent)
    if state.memory is not None:
        found.update(zip(MEMORY, state.memory[:3], strict=True))
    extra = {"feed": state.feed, "coverage": state.coverage}
    return {**found, **{name: tensor for name, tensor in extra.items() if tensor is not None}}


def deep(tensors: Mapping[str, Tensor]) -> DecoderState:
    """What :func:`flat` was made of."""
    others = (*MEMORY, "feed", "coverage")
    state = DecoderState(State({name: tensor for name, tensor in tensors.items() if name not in others}))
    if "mask" in tensors:
        state = replace(state, memory=Memory(tensors["values"], tensors["keys"], tensors["mask"]))
    return replace(state, feed=tensors.get("feed"), coverage=tensors.get("coverage"))


def sizes_of(decoder: Decoder) -> dict[str, tuple[str | int, ...]]:
    """The sizes of each tensor of the state, those that vary by name; raises :class:`UsageError` for recall."""
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
    compared = attention.key.out_features if isinstance(attention.key, nn.Linear) else features
    sizes.update(values=("batch", "time", features), keys=("batch", "time", compared), mask=("batch", "time"))
    if decoder.input_feeding:
        sizes["feed"] = ("batch", decoder.hidden_size)
    if attention.covered is not None:
        sizes["coverage"] = ("batch", "time")
    return sizes


def add_start(decoder: Decoder, graph: Graph, tokens: Value, lengths: Value, read: Read) -> dict[str, Value]:
    """The state before the first token, from what an encoder has read: as :meth:`Decoder.start`."""
    assert decoder.bridge is not None
    found = _add_bridge(decoder.bridge, graph, read.state)
    attention = decoder.attention
    if attention is None:
        return found
    mask = inside_mask(graph, tokens, lengths)
    found.update(values=read.outputs, keys=add(attention.key, graph, read.outputs), mask=mask)
    batch = graph.add("Shape", lengths)
    if decoder.input_feeding:
        found["feed"] = _zeros(graph, graph.add("Concat", batch, graph.numbers(decoder.hidden_size), axis=0))
    if attention.covered is not None:
        found["coverage"] = _zeros(graph, graph.add("Shape", mask))
    return found


def add_step(
    decoder: Decoder, graph: Graph, token: Value, state: Mapping[str, Value]
) -> tuple[Value, dict[str, Value]]:
    """The last token (B) and the state before it to logits of the next (B, V) and what of the state has changed."""
    vector = add(decoder.embedding, graph, token)
    if decoder.input_feeding:
        vector = graph.add("Concat", vector, state["feed"], axis=1)
    before = {name: state[name] for name in decoder.recurrent.cell.state_names}
    one = graph.numbers(1)
    ran = add_recurrent(decoder.recurrent, graph, graph.add("Unsqueeze", vector, one), None, before)
    features, after = graph.add("Squeeze", ran.outputs, one), dict(ran.state)
    attention = decoder.attention
    if attention is not None:
        context, weights = _attend(attention, graph, features, state)
        features = graph.add("Tanh", add(decoder.mix, graph, graph.add("Concat", features, context, axis=1)))
        if decoder.input_feeding:
            after["feed"] = features
        if attention.covered is not None:
            after["coverage"] = graph.add("Add", state["coverage"], weights)
    narrowed = features if decoder.narrow is None else add(decoder.narrow, graph, features)
    return add(decoder.output, graph, narrowed), after


def _add_bridge(bridge: Bridge, graph: Graph, state: Mapping[str, Value]) -> dict[str, Value]:
    flattened = [graph.add("Reshape", value, graph.numbers(0, -1)) for value in state.values()]
    given = flattened[0] if len(flattened) == 1 else graph.add("Concat", *flattened, axis=1)
    made = {name: add(bridge.maps[name], graph, given) for name in bridge.names}
    made[bridge.names[0]] = graph.add("Tanh", made[bridge.names[0]])
    return {name: graph.add("Reshape", value, graph.numbers(0, bridge.layers, -1)) for name, value in made.items()}


def _attend(attention: Attention, graph: Graph, query: Value, state: Mapping[str, Value]) -> tuple[Value, Value]:
    """A query (B, Q) to the context (B, F) and weights (B, S)."""
    lowest, none = torch.tensor(torch.finfo(torch.float32).min), torch.tensor(0.0)
    masked = graph.add("Where", state["mask"], _scores(attention, graph, query, state), lowest)
    # Of a memory without any place the weights are 0 throughout.
    weights = graph.add("Where", state["mask"], graph.add("Softmax", masked, axis=1), none)
    one = graph.numbers(1)
    mean = graph.add("MatMul", graph.add("Unsqueeze", weights, one), state["values"])
    return graph.add("Squeeze", mean, one), weights


def _scores(attention: Attention, graph: Graph, query: Value, state: Mapping[str, Value]) -> Value:
    """(B, S), see :class:`~seqkit.layers.attention.Attention`."""
    one, two, covered = graph.numbers(1), graph.numbers(2), attention.covered
    extra = None
    if covered is not None:
        extra = graph.add("Mul", graph.add("Unsqueeze", state["coverage"], two), covered)
    if attention.kind == "additive":
        asked = graph.add("Unsqueeze", add(attention.query, graph, query), one)
        mixed = graph.add("Add", state["keys"], asked)
        mixed = mixed if extra is None else graph.add("Add", mixed, extra)
        return graph.add("Squeeze", add(attention.score, graph, graph.add("Tanh", mixed)), two)
    if attention.kind == "scaled":
        query = graph.add("Mul", query, torch.tensor(attention.query_size**-0.5))
    found = graph.add("MatMul", state["keys"], graph.add("Unsqueeze", query, two))
    found = found if extra is None else graph.add("Add", found, extra)
    return graph.add("Squeeze", found, two)


def _zeros(graph: Graph, shape: Value) -> Value:
    return graph.add("Expand", torch.tensor(0.0), shape)
