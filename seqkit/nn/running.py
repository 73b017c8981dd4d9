"""Torch's recurrent modules on our kernels: a stack of layers over sequences, with the parameters that torch holds.

B batch, T time, I inputs, H hidden units, L layers, D directions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from seqkit.cells import Cell, CellState
from seqkit.cells.gru import GRU
from seqkit.cells.lstm import LSTM
from seqkit.cells.rnn import RNN
from seqkit.kernels.aten import from_torch_layout
from seqkit.kernels.layout import padded, unpad_outputs
from seqkit.kernels.operators import operator_name
from seqkit.kernels.packed import Packed, PackedStack, pack
from seqkit.kernels.plan import plan
from seqkit.nn.single_step import run_step
from seqkit.nn.training import run_layer
from seqkit.nn.worth import worth_packing

CELLS: dict[str, Cell] = {"LSTM": LSTM(), "GRU": GRU("after"), "RNN_TANH": RNN("tanh"), "RNN_RELU": RNN("relu")}
"""Our cells by the names that torch has for them, its modules' ``mode``."""

Tensors = Sequence[Tensor]
"""The weights of one direction of a layer as torch lays them out: w_ih, w_hh and, with biases, b_ih, b_hh"""


class Stack(NamedTuple):
    """What is run: the weights of all layers, layer by layer, and what is between two of them."""

    cell: Cell
    layers: Sequence[Sequence[Tensors]]
    """of each layer the weights of each direction"""
    kept: PackedStack
    between: Callable[[Tensor], Tensor] | None = None

    def run(
        self, x: Tensor, lengths: Tensor | None, states: tuple[Tensor, ...] | None, learns: bool
    ) -> tuple[Tensor, CellState]:
        """x (B, T, I) and states (L·D, B, H), None for zeros, to outputs (B, T, D·H) and the last states."""
        finals = []
        for number, layer in enumerate(self.layers):
            if number and self.between is not None:
                x = self.between(x)
            own = slice(number * len(layer), (number + 1) * len(layer))
            start = None if states is None else tuple(state[own] for state in states)
            if learns:
                x, final = learn(self.cell, x, lengths, start, layer)
            else:
                x, final = self._infer(number, x, lengths, start)
            finals.append(final)
        if len(finals) == 1:
            return x, finals[0]
        return x, tuple(torch.cat(parts) for parts in zip(*finals, strict=True))

    def _infer(
        self, number: int, x: Tensor, lengths: Tensor | None, start: CellState | None
    ) -> tuple[Tensor, CellState]:
        cell, layer = self.cell, self.layers[number]
        count, units = len(layer), layer[0][1].shape[1]
        h, c = (*(state.transpose(0, 1) for state in start or ()), None, None)[:2]
        slices, team = plan(count, x.shape[0], padded(units), len(cell.gate_names), single=x.shape[1] == 1)
        tensors, after = [tensor for direction in layer for tensor in direction], (h, c, units, slices, team)
        packing = partial(packed_directions, cell, len(layer[0]))
        out, *final = self.kept.layer(number).apply("infer", (operator_name(cell), x, lengths), after, tensors, packing)
        if out.shape[2] != count * units:
            out = unpad_outputs(out, count, units)
        return out, tuple(state.transpose(0, 1).contiguous() for state in final[: len(cell.state_names)])


def learn(
    cell: Cell, x: Tensor, lengths: Tensor | None, states: CellState | None, layer: Sequence[Tensors]
) -> tuple[Tensor, CellState]:
    """A layer with gradients, in the way that is faster for its size; as :func:`~seqkit.nn.training.run_layer`.

    A batch whose only step is the first has no lengths that matter.
    """
    batch, steps, inputs = x.shape
    rows, units = layer[0][1].shape
    if steps > 1 or worth_packing(batch, batch * rows * (inputs + units)):
        return run_layer(cell, x, lengths, states, layer)
    row = x.squeeze(1)
    finals = [run_step(cell, row, [state[d] for state in states or ()], w) for d, w in enumerate(layer)]
    # Copies: a state that is changed in place must not change the output.
    final = tuple(torch.stack(parts) for parts in zip(*finals, strict=True))
    outs = [h for h, *_ in finals]
    return (torch.cat(outs, 1) if len(outs) > 1 else outs[0]).unsqueeze(1), final


def packed_directions(cell: Cell, each: int, tensors: Tensors) -> Packed:
    """The weights of all directions of a layer, ``each`` tensors of one after another, as our kernels read them."""
    return pack([from_torch_layout(cell, tensors[at : at + each]) for at in range(0, len(tensors), each)], "f32")
