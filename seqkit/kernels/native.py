"""The native kernel: the time loop in C++, for float32 on a CPU.

The C++ (``cpp/``) is registered as torch operators; ``operators`` calls them and tells torch their derivative,
``layout`` and ``packed`` bring weights into the form that they want, ``plan`` divides the work among threads,
``library`` loads what ``build`` has built.
B batch, T time, H hidden units, D directions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from seqkit.cells import Cell, CellState
from seqkit.kernels.base import Kernel, LayerCall
from seqkit.kernels.layout import layer_of, pad_units, padded, stack, unpad_outputs, weights_of
from seqkit.kernels.library import ensure, ensure_or_warn, multiplies_bf16, ready
from seqkit.kernels.operators import IN_PHASES, Options, forward, operator, operator_name
from seqkit.kernels.packed import PackedStack, PackedWeights, packing_of, tensors_of
from seqkit.kernels.phased import run_phased
from seqkit.kernels.plan import plan
from seqkit.kernels.scan import run_scan

__all__ = [
    "CellFacts",
    "Native",
    "ensure",
    "ensure_or_warn",
    "facts_of",
    "layer_of",
    "multiplies_bf16",
    "operator_name",
    "pad_units",
    "plan",
    "ready",
    "weights_of",
]


def _steps_in_place(hidden: int) -> int:
    """A sequence of fewer steps reads the weights where they lie; of more, a fingerprint takes less than those lose."""
    return 17 if hidden >= 128 else 12


_ROWS_IN_PLACE = 32 if torch.backends.cpu.get_cpu_capability() == "AVX512" else 16
"""A single step of no more sequences reads the weights where they lie.

Of an LSTM at H = 512, where vectors have 16 lanes, that takes 290 microseconds for 16, with a fingerprint 401; for 32
568 and 715; for 48 857 and 991, but a GRU and an RNN gain nothing there.
"""


def _reads_in_place(rows: int, precision: str) -> bool:
    """Whether a single step of so many sequences reads the weights where they lie, in float32.

    To be sure that packed weights are still those of now takes as long as a step of one sequence from the weights.
    """
    return rows == 1 or (rows <= _ROWS_IN_PLACE and precision == "f32")


class CellFacts(NamedTuple):
    """What a step has to know of a cell, looked up once."""

    operator_name: str | None
    gates: int
    states: tuple[str, ...]
    """names, the output's first"""
    has_packed_step: bool
    """whether its weights can be packed for single steps: its units see each other through one recurrent product"""


def facts_of(cell: Cell) -> CellFacts:
    """Those of a cell."""
    name = operator_name(cell)
    packed = name is not None and bool(cell.stages) and name not in IN_PHASES
    return CellFacts(name, len(cell.gate_names), cell.state_names, packed)


class Native(Kernel):
    """Runs every cell that the library of kernels has, and those that were compiled.

    Args:
        precision: what both sides of each product are rounded to: ``"f32"``, nothing; ``"bf16"``, where the processor
            multiplies those; ``"int8"``, which has no gradients. Sums (of integers: once they are scaled), gates,
            states and gradients are float32.
    """

    def __init__(self, precision: str = "f32") -> None:
        self.precision = precision

    def supports(self, cell: Cell, x: Tensor) -> bool:
        """float32 on a CPU, and a cell that the C++ source has or that was compiled."""
        return x.dtype is torch.float32 and x.is_cpu and operator_name(cell) is not None

    def run_layer(self, call: LayerCall) -> tuple[Tensor, CellState]:
        """See :class:`~seqkit.kernels.base.Kernel`."""
        if operator_name(call.cell) in IN_PHASES:
            return run_phased(call, self._precision())
        if not call.cell.stages:
            return run_scan(call, self._precision())
        tensors = tensors_of(call.weights)
        if torch.is_grad_enabled() and any(t.requires_grad for t in (call.x, *(call.states or ()), *tensors)):
            return self._run_for_gradients(call)
        return self._infer(call, tensors)

    def _infer(self, call: LayerCall, tensors: list[Tensor]) -> tuple[Tensor, CellState]:
        cell, weights, x, lengths, states, cache = call
        h, c = (*(states or ()), None, None)[:2]
        facts = facts_of(cell)
        out, *final = self.infer(facts, tensors, len(weights), x, lengths, (h, c), cache)
        return out, tuple(final[: len(cell.state_names)])

    def infer(
        self, cell: CellFacts, tensors: list[Tensor], directions: int, x: Tensor, lengths: Tensor | None,
        states: tuple[Tensor | None, Tensor | None], kept: PackedWeights | None,
    ) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
        """A layer over x (B, T, I) without gradients: the output, and both states (empty for a cell that has one).

        Args:
            cell: what happens in a step, in short.
            tensors: the weights, as :func:`~seqkit.kernels.packed.tensors_of` has them.
            directions: 1 or 2.
            x: (B, T, I).
            lengths: (B), None for T.
            states: h and c to start from, (B, D, H); None for zeros.
            kept: what is kept of earlier calls.

        Raises:
            RuntimeError: a shape, dtype or device does not fit.
        """
        (batch, steps, _), units, precision = x.shape, tensors[1].shape[1], self._precision()
        name, gates, _, _ = cell
        single, hidden = steps == 1, padded(units)
        slices, team = plan(directions, batch, hidden, gates, single=single)
        few = _reads_in_place(batch, precision) if single else batch == 1 and steps < _steps_in_place(hidden)
        few = few and (precision == "f32" or single)
        found: Sequence[Tensor]
        if few and lengths is None and (kept is None or not kept.hold.active):
            # Each weight is read once or a few times, wherever it lies: nothing need be packed, kept or verified.
            found = operator("infer_in_place")(name, x, tensors, directions, *states, team)
        elif kept is None or torch.compiler.is_compiling():
            packed = packing_of(1, directions, precision)(tensors)
            found = operator("infer")(name, x, lengths, *packed, *states, units, slices, team)
        else:
            after, packing = (*states, units, slices, team), packing_of(1, directions, precision)
            found = kept.apply("infer", (name, x, lengths), after, tensors, packing, precision)
        out, h, c = found
        return (out if out.size(2) == directions * units else unpad_outputs(out, directions, units)), h, c

    def _run_for_gradients(self, call: LayerCall) -> tuple[Tensor, CellState]:
        cell, weights, x, lengths, states, _ = call
        layer, units = layer_of(weights), weights[0].weight_h.shape[1]
        hidden = layer.weight_h.shape[2]
        if states is None:
            state = x.new_zeros(len(cell.state_names), len(x), len(weights), hidden)
        else:
            state = pad_units(stack(states), units)
        slices, team = plan(len(weights), len(x), hidden, len(cell.gate_names), training=True)
        name = operator_name(cell)
        assert name is not None
        out, final, _, _ = forward(
            name, x, lengths, layer, state, Options(units, self._precision() == "bf16", slices, team)
        )
        if units != hidden:
            out, final = unpad_outputs(out, len(weights), units), final[..., :units]
        # By number: what `unbind` gives cannot be changed in place, and people reset rows of a state.
        return out, tuple(final[number] for number in range(len(final)))

    def _precision(self) -> str:
        return "f32" if self.precision == "bf16" and not multiplies_bf16() else self.precision

    def step(
        self, cell: CellFacts, tensors: list[Tensor], count: int, units: int, x: Tensor,
        state: Mapping[str, Tensor] | None, kept: PackedStack,
    ) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
        """A step without gradients through a stack of ``count`` layers in one direction.

        x (B, I) and each state (B, L, H), None for zeros, to the output (B, H) and both states after it; the second is
        empty for a cell that has one. A few sequences read the weights, ``tensors`` layer after layer, where they lie;
        more read packed ones, and so do few where the weights stand still.

        Raises:
            RuntimeError: a shape, dtype or device is not that of a step of this layer.
            KeyError: a state is missing.
        """
        name, gates, names, _ = cell
        rows, h, c = x.shape[0], None, None
        if state is not None:
            h, c = state[names[0]], state[names[1]] if len(names) > 1 else None
        slices, team = plan(1, rows, units + -units % 16, gates, single=True)
        found: tuple[Tensor, Tensor, Tensor]
        precision = self._precision()
        if _reads_in_place(rows, precision) and not kept.hold.active:
            # Not by the call of the operator itself, a function in Python that only hands everything on.
            found = operator("step_in_place")._op(name, x, tensors, count, h, c, team)
        else:
            after, packed = (h, c, units, slices, team), kept.joined(count)
            found = packed.apply("step", (name, x), after, tensors, packing_of(count, 1, precision), precision)  # type: ignore[assignment]
        return found
