"""torch's LSTM with a projection on our compiled kernel of that cell.

B batch, T time, D directions, H units of the memory, P those of the projection.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from seqkit.cells import CellState
from seqkit.cells.lstm.lstm_projected import ProjectedLSTM
from seqkit.errors import SeqkitError
from seqkit.kernels import Native
from seqkit.kernels.compiled import find_cell
from seqkit.kernels.operators import operator_name
from seqkit.kernels.projected import projected_cell, projected_from_torch

MOST_PIECES = 8
"""How many times as large as the projection a memory may be: the compiled loop holds a piece of it for each"""


def compiled_cell(module: nn.RNNBase) -> ProjectedLSTM | None:
    """The cell of a module that projects its states; None unless it was compiled on this machine."""
    cell = projected_cell(module.hidden_size, module.proj_size)
    found = cell.memory <= MOST_PIECES and (operator_name(cell) is not None or find_cell(cell))
    return cell if found else None


def why_not(module: nn.RNNBase) -> str:
    """Why such a module cannot run on our kernels; empty if it can. Compiles its cell if need be."""
    cell = projected_cell(module.hidden_size, module.proj_size)
    if cell.memory > MOST_PIECES:
        return f"its memory has more than {MOST_PIECES} times as many units as its projection"
    try:
        return "" if operator_name(cell) is not None or find_cell(cell, build_it=True) else "its kernel cannot be built"
    except SeqkitError as error:
        return f"its kernel cannot be built here: {error}"


class ProjectedStack(NamedTuple):
    """What is run: as :class:`~seqkit.nn.running.Stack`, each direction with the matrix of its projection behind."""

    cell: ProjectedLSTM
    layers: Sequence[Sequence[Sequence[Tensor]]]
    between: Callable[[Tensor], Tensor] | None = None

    def run(self, x: Tensor, lengths: Tensor | None, states: tuple[Tensor, ...] | None) -> tuple[Tensor, CellState]:
        """x (B, T, I) and states h (L·D, B, P) and c (L·D, B, H) to outputs (B, T, D·P) and the last states."""
        finals = []
        for number, layer in enumerate(self.layers):
            if number and self.between is not None:
                x = self.between(x)
            own = slice(number * len(layer), (number + 1) * len(layer))
            start = None if states is None else self._in_pieces(*(state[own] for state in states))
            weights = [projected_from_torch(self.cell, direction) for direction in layer]
            x, final = Native().run(self.cell, weights, x, lengths, start)
            finals.append(self._joined(final))
        return x, tuple(torch.cat(parts) for parts in zip(*finals, strict=True))

    def _in_pieces(self, h: Tensor, c: Tensor) -> CellState:
        """Ours (B, D, P) of torch's h (D, B, P) and c (D, B, H)."""
        units = h.shape[2]
        whole = pad(c, (0, self.cell.memory * units - c.shape[2]))
        return tuple(state.transpose(0, 1) for state in (h, *whole.split(units, 2)))

    def _joined(self, state: CellState) -> CellState:
        hidden = self.layers[0][0][-1].shape[1]
        h, *pieces = (value.transpose(0, 1) for value in state)
        return h.contiguous(), torch.cat(pieces, 2)[..., :hidden]
