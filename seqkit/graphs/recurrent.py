"""Recurrent layers as ONNX's own operators, which have time first and the gates in an order of their own.

Cells that ONNX has no operator for run in a loop over their step (``scan.py``).

B batch, T time, I inputs, H hidden units, L layers, D directions.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import singledispatch
from typing import Any, NamedTuple

import torch
from torch import Tensor

from seqkit.cells import Cell
from seqkit.cells.gru import GRU
from seqkit.cells.lstm import LSTM
from seqkit.cells.lstm.lstm_coupled import CoupledLSTM
from seqkit.cells.lstm.lstm_peephole import PeepholeLSTM
from seqkit.cells.rnn import RNN
from seqkit.errors import UsageError
from seqkit.graphs.graph import Graph, Value
from seqkit.graphs.scan import Scan
from seqkit.layers import Recurrent, State
from seqkit.layers.direction import Direction, weights_of


class Operator(NamedTuple):
    """A cell in ONNX."""

    name: str
    """LSTM, GRU or RNN"""
    gates: tuple[tuple[str, int], ...]
    """For each gate of the operator, our gate for it, and 1; or -1 where theirs is ``1 - σ(a) = σ(-a)``"""
    peepholes: tuple[str, ...] = ()
    """Our parameters for the operator's peepholes"""
    activations: tuple[str, ...] = ()
    """Of one direction, where they are not the operator's defaults"""
    options: Mapping[str, int] = {}


class RecurrentValues(NamedTuple):
    """The results of a recurrent layer as values of a graph."""

    outputs: Value
    """(B, T, D·H), 0 at padding"""
    state: dict[str, Value]
    """(B, L·D, H) each"""
    final: Value
    """(B, D·H): the first state of the last layer"""


@singledispatch
def operator_of(cell: Cell) -> Operator | None:
    """The ONNX operator of a cell, None if there is none; ``@operator_of.register`` adds a cell."""
    return None


@operator_of.register
def _(cell: RNN) -> Operator:
    return Operator("RNN", (("h", 1),), activations=("Tanh" if cell.nonlinearity == "tanh" else "Relu",))


@operator_of.register
def _(cell: LSTM) -> Operator:
    return Operator("LSTM", (("i", 1), ("o", 1), ("f", 1), ("g", 1)))


@operator_of.register
def _(cell: PeepholeLSTM) -> Operator:
    return Operator("LSTM", (("i", 1), ("o", 1), ("f", 1), ("g", 1)), ("p_i", "p_o", "p_f"))


@operator_of.register
def _(cell: CoupledLSTM) -> Operator:
    # ONNX's input_forget would do the same, but not every runtime has it.
    return Operator("LSTM", (("i", 1), ("o", 1), ("i", -1), ("g", 1)))


@operator_of.register
def _(cell: GRU) -> Operator:
    # ONNX's z keeps the state, ours lets the candidate in.
    after = int(cell.reset == "after")
    return Operator("GRU", (("z", -1), ("r", 1), ("n", 1)), options={"linear_before_reset": after})


def add_recurrent(
    layer: Recurrent, graph: Graph, x: Value, lengths: Value | None, state: Mapping[str, Value] | None = None
) -> RecurrentValues:
    """A layer over x (B, T, I) with lengths (B) of int64, None: no padding, from a state (B, L·D, H).

    Without a state it starts from zeros, or from the state that it has learned.

    Raises :class:`UsageError` for a cell that ONNX cannot say.
    """
    said, width = in_onnx(layer.cell), layer.num_directions
    if not state and layer.initial is not None:
        state = _learned(layer, graph, x)
    starts = {name: _by_layer(graph, value, layer.num_layers, width) for name, value in (state or {}).items()}
    x = graph.add("Transpose", x, perm=[1, 0, 2])
    if isinstance(said, Scan):
        real = None if lengths is None else _real_steps(graph, x, lengths)
    else:
        # onnxruntime's LSTM and GRU end the process on an empty batch; this refuses one, and moves no number.
        x = graph.add("Reshape", x, graph.numbers(-1, 0, 0))
        real = None if lengths is None else graph.add("Cast", lengths, to=_INT32)
    finals: list[list[Value]] = []
    for number, directions in enumerate(layer.layers):
        below, first = x, [starts[name][number] for name in layer.cell.state_names if name in starts]
        both: list[Direction] = list(directions)  # type: ignore[call-overload]
        if isinstance(said, Scan):
            x, final = _add_scans(said, both, graph, x, real, first)
        else:
            x, final = _add_layer(said, both, graph, x, real, first)
        if layer.residual and number:
            x = graph.add("Add", x, below)
        finals.append(final)
    joined = [graph.add("Concat", *parts, axis=0) for parts in zip(*finals, strict=True)]
    states = [graph.add("Transpose", value, perm=[1, 0, 2]) for value in joined]
    if lengths is not None and state:
        # The operators give 0 for a sequence without steps.
        empty = graph.add("Equal", graph.add("Unsqueeze", lengths, graph.numbers(1, 2)), torch.tensor(0))
        before = [state[name] for name in layer.cell.state_names]
        states = [graph.add("Where", empty, *pair) for pair in zip(before, states, strict=True)]
    last = graph.add("Reshape", graph.add("Transpose", finals[-1][0], perm=[1, 0, 2]), graph.numbers(0, -1))
    outputs = graph.add("Transpose", x, perm=[1, 0, 2])
    return RecurrentValues(outputs, dict(zip(layer.cell.state_names, states, strict=True)), last)


_INT32 = 6
"""ONNX's number for the type of ``sequence_lens``"""


def in_onnx(cell: Cell) -> Operator | Scan:
    """The ONNX operator of a cell, or else its traced step; raises :class:`UsageError` if it cannot be traced."""
    # A class derived from a cell may compute something else.
    function = operator_of.registry.get(type(cell))
    operator: Operator | None = function(cell) if function else None
    return operator or _traced(cell)


def _traced(cell: Cell) -> Scan:
    # Not before somebody needs it: recording takes a second to import.
    from seqkit.compiler import TraceError, trace

    try:
        return Scan(cell, trace(cell))
    except TraceError as error:
        raise UsageError(f"ONNX has no operator for {cell!r}, and {error}; export it with --format torch") from error


@torch.no_grad()
def reached_state(layer: Recurrent, generator: torch.Generator, batch_size: int) -> State:
    """A state to try an exported step with, to which random inputs have led: cells may divide by their states."""
    return layer(torch.randn(batch_size, 3, layer.input_size, generator=generator))[1]  # type: ignore[no-any-return]


def learned_start(layer: Recurrent) -> dict[str, list[list[float]]] | None:
    """The learned initial state for JSON, L·D rows of H numbers for each state; None where it is zeros."""
    return (
        None if layer.initial is None else {name: value[0].tolist() for name, value in layer.initial_state(1).items()}
    )


def _learned(layer: Recurrent, graph: Graph, x: Value) -> dict[str, Value]:
    """The learned initial state for the sequences of x (B, T, I)."""
    rows = graph.add("Slice", graph.add("Shape", x), graph.numbers(0), graph.numbers(1))
    shape = graph.add("Concat", rows, graph.numbers(layer.num_layers * layer.num_directions, layer.hidden_size), axis=0)
    start = layer.initial_state(1)
    return {name: graph.add("Expand", value.detach().contiguous(), shape) for name, value in start.items()}


def _by_layer(graph: Graph, value: Value, layers: int, width: int) -> list[Value]:
    """A state (B, L·D, H) as the operators take it, (D, B, H) for each layer."""
    layers_first = graph.add("Transpose", value, perm=[1, 0, 2])
    if layers == 1:
        return [layers_first]
    return graph.add_several(layers, "Split", layers_first, graph.numbers(*[width] * layers), axis=0)


def _add_layer(
    operator: Operator, directions: list[Direction], graph: Graph, x: Value, sizes: Value | None, first: list[Value]
) -> tuple[Value, list[Value]]:
    """x (T, B, I) to outputs (T, B, D·H) and final states (D, B, H)."""
    weights = [torch.stack(parts) for parts in zip(*(_weights(operator, d) for d in directions), strict=True)]
    hidden, width = weights[1].shape[2], len(directions)
    attributes: dict[str, Any] = {"hidden_size": hidden, **operator.options}
    attributes["direction"] = "bidirectional" if width == 2 else "forward"
    if operator.activations:
        attributes["activations"] = list(operator.activations * width)
    states = 2 if operator.name == "LSTM" else 1
    operands: list[Value | Tensor | None] = [x, *weights[:3], sizes, *first]
    if len(weights) > 3:
        operands += [None] * (states - len(first)) + [weights[3]]
    outputs, *finals = graph.add_several(1 + states, operator.name, *operands, **attributes)
    side_by_side = graph.add("Transpose", outputs, perm=[0, 2, 1, 3])
    return graph.add("Reshape", side_by_side, graph.numbers(0, 0, width * hidden)), finals


def _real_steps(graph: Graph, x: Value, lengths: Value) -> Value:
    """(T, B, 1) of bool: the steps of x (T, B, I) inside each sequence."""
    steps = graph.add("Gather", graph.add("Shape", x), torch.tensor(0), axis=0)
    time = graph.add("Range", torch.tensor(0), steps, torch.tensor(1))
    each = graph.add("Unsqueeze", lengths, graph.numbers(0, 2))
    return graph.add("Less", graph.add("Unsqueeze", time, graph.numbers(1, 2)), each)


def _add_scans(
    scan: Scan, directions: list[Direction], graph: Graph, x: Value, real: Value | None, first: list[Value]
) -> tuple[Value, list[Value]]:
    """x (T, B, I) to outputs (T, B, D·H) and final states (D, B, H)."""
    outputs, finals = [], []
    for number, direction in enumerate(directions):
        weights = weights_of(direction)
        where = torch.tensor(number)
        before = [graph.add("Gather", value, where, axis=0) for value in first]
        before = before or [_zeros(graph, x, weights.weight_h.shape[1])] * len(scan.step.states)
        output, final = scan.add(weights, graph, x, real, before, backward=number == 1)
        outputs.append(output)
        finals.append([graph.add("Unsqueeze", value, graph.numbers(0)) for value in final])
    if len(directions) == 1:
        return outputs[0], finals[0]
    joined = [graph.add("Concat", *parts, axis=0) for parts in zip(*finals, strict=True)]
    return graph.add("Concat", *outputs, axis=2), joined


def _zeros(graph: Graph, x: Value, hidden: int) -> Value:
    """(B, H) of zeros for x (T, B, I)."""
    rows = graph.add("Slice", graph.add("Shape", x), graph.numbers(1), graph.numbers(2))
    return graph.add("ConstantOfShape", graph.add("Concat", rows, graph.numbers(hidden), axis=0))


def _weights(operator: Operator, direction: Direction) -> list[Tensor]:
    """Of one direction: W (gates · H, I), R (gates · H, H), B (2 · gates · H), and the peepholes (3 · H), if any."""
    cell = direction.cell
    names = cell.gate_names
    inner = dict.fromkeys(names, torch.zeros(direction.weight_h.shape[1]))
    if direction.bias_h is not None:
        inner.update(zip(cell.recurrent_bias, direction.bias_h.chunk(len(cell.recurrent_bias)), strict=True))
    inner_bias = torch.cat([inner[name] for name in names])
    ours = [direction.weight_x, direction.weight_h, direction.bias, inner_bias]
    w, r, outer_bias, inner_bias = (_in_order(operator, names, value) for value in ours)
    peepholes = [torch.cat([direction.own[name] for name in operator.peepholes])] if operator.peepholes else []
    return [w, r, torch.cat([outer_bias, inner_bias]), *peepholes]


def _in_order(operator: Operator, names: tuple[str, ...], value: Tensor) -> Tensor:
    """The blocks of a cell's gates in the order, and with the signs, of the operator."""
    blocks = dict(zip(names, value.chunk(len(names)), strict=True))
    return torch.cat([sign * blocks[name] for name, sign in operator.gates])
