"""Zoneout: units that now and then keep their state, for any cell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from seqkit.cells import Cell, CellState
from seqkit.cells.base import Parameters
from seqkit.errors import UsageError, unknown

_MEMORIES = ("c", "s")
"""States that a forget gate is of, in cells that have one of them; in the others it is of the output."""


class Zoneout(Cell):
    """Another cell whose units keep the state before a step with probability p.

    In training, with a draw for each unit of each state in each step::

        s' = k ⊙ s + (1 - k) ⊙ step(s)        k = 1 with probability p, else 0

    In evaluation k is p, its expectation. This cell is that of evaluation, so that everything that runs, exports or
    draws a cell takes it as any other; :meth:`at_random` is that of training.

    Args:
        cell: the other cell.
        rates: p for each state of the cell, from 0 to below 1.

    Source: Krueger et al., "Zoneout: regularizing RNNs by randomly preserving hidden activations", 2017
    (arXiv:1606.01305).
    """

    def __init__(self, cell: Cell, rates: tuple[float, ...]) -> None:
        self.cell, self.rates = cell, rates

    @property
    def gate_names(self) -> tuple[str, ...]:  # type: ignore[override]
        """Those of the other cell."""
        return self.cell.gate_names

    @property
    def state_names(self) -> tuple[str, ...]:  # type: ignore[override]
        """Those of the other cell."""
        return self.cell.state_names

    @property
    def initial_bias(self) -> Mapping[str, float]:  # type: ignore[override]
        """Those of the other cell."""
        return self.cell.initial_bias

    @property
    def memory_gates(self) -> Mapping[str, int]:  # type: ignore[override]
        """Those of the other cell."""
        return self.cell.memory_gates

    @property
    def zero_states(self) -> tuple[str, ...]:  # type: ignore[override]
        """Those of the other cell."""
        return self.cell.zero_states

    @property
    def derives_weights(self) -> bool:  # type: ignore[override]
        """Whether the other cell does."""
        return self.cell.derives_weights

    @property
    def recurrent_bias(self) -> tuple[str, ...]:
        """Those of the other cell."""
        return self.cell.recurrent_bias

    @property
    def stages(self) -> tuple[tuple[str, ...], ...]:
        """Those of the other cell."""
        return self.cell.stages

    @property
    def has_gates(self) -> bool:
        """Whether the other cell names the values of its gates."""
        return self.cell.has_gates

    def derived(self, parameters: Parameters) -> Parameters:
        """Those of the other cell."""
        return self.cell.derived(parameters)

    def own_parameters(self, hidden_size: int) -> dict[str, Tensor]:
        """Those of the other cell."""
        return self.cell.own_parameters(hidden_size)

    def operand(self, stage: int, x: Tensor, r: Tensor, state: CellState) -> Tensor:
        """That of the other cell."""
        return self.cell.operand(stage, x, r, state)

    def gates(self, x: Tensor, r: Tensor, state: CellState, **own: Any) -> dict[str, Tensor]:
        """Those of the other cell."""
        return self.cell.gates(x, r, state, **own)

    def kept(self, gates: Mapping[str, Tensor]) -> Tensor | None:
        """What the other cell keeps of its memory, and of the rest what zoneout does."""
        kept = self.cell.kept(gates)
        names = self.cell.state_names
        rate = self.rates[next((names.index(name) for name in _MEMORIES if name in names), 0)]
        return None if kept is None else rate + (1 - rate) * kept

    def step(self, x: Tensor, r: Tensor, state: CellState, **own: Any) -> CellState:
        """The expected state after a step of the other cell."""
        return self.cell.mix(state, self.cell.step(x, r, state, **own), self.rates)

    def at_random(self) -> Zoneout:
        """The cell of training, which draws from torch's generator."""
        return _RandomZoneout(self.cell, self.rates)


class _RandomZoneout(Zoneout):
    def step(self, x: Tensor, r: Tensor, state: CellState, **own: Any) -> CellState:
        """The state after a step of the other cell, or before it, unit by unit."""
        kept = [(torch.rand_like(each) < rate).to(each.dtype) for each, rate in zip(state, self.rates, strict=True)]
        return self.cell.mix(state, self.cell.step(x, r, state, **own), kept)


def zoned_out(cell: Cell, zoneout: float | Mapping[str, float]) -> Cell:
    """The cell with zoneout; the cell itself where the probability is 0.

    Args:
        cell: any.
        zoneout: the probability for all states, or for each by its name; states that are not named have none.

    Raises:
        UsageError: for a probability below 0, or of 1 and more, and for a state that the cell does not have.
    """
    named = zoneout if isinstance(zoneout, Mapping) else dict.fromkeys(cell.state_names, zoneout)
    for name, rate in named.items():
        if name not in cell.state_names:
            raise unknown("state", name, cell.state_names)
        if not 0 <= rate < 1:
            raise UsageError(f"zoneout must be at least 0 and below 1, not {rate}")
    if not any(named.values()):
        return cell
    if isinstance(cell, Zoneout):
        raise UsageError(f"{cell!r} has zoneout already; leave out zoneout={zoneout}")
    return Zoneout(cell, tuple(float(named.get(name, 0.0)) for name in cell.state_names))
