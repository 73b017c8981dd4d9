"""A single time step of the native kernel, prepared once for many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from seqkit.cells import Cell
from seqkit.kernels.operators import operator, operator_name
from seqkit.kernels.packed import OPTIMIZER_STEPS, Packed
from seqkit.kernels.plan import plan


class PreparedStep:
    """One time step with everything looked up beforehand that stays the same from step to step.

    A step of a small layer takes microseconds; to choose, check and look up again would take as long.

    Args:
        cell: the cell of the layers.
        parameters: the dictionaries in which the weights are looked up again, to notice a change.
        packed: the weights of all layers of the stack, one after another.
        units: H, without padding.
    """

    def __init__(
        self, cell: Cell, parameters: Sequence[Mapping[str, Tensor | None]], packed: Packed, units: int
    ) -> None:
        self._parameters = parameters
        tensors = self._current_tensors()
        # Held for the same reason as in packed_weights.
        self._held = [t.detach() for t in tensors]
        self._places, self._versions = [t.data_ptr() for t in tensors], [t._version for t in tensors]
        self._steps_taken = OPTIMIZER_STEPS.count
        self._name, self._has_c = operator_name(cell), "c" in cell.state_names
        self._packed, self._vectors = packed
        self._gates, self._units = len(cell.gate_names), units

    def _current_tensors(self) -> list[Tensor]:
        return [t for tensors in self._parameters for t in tensors.values() if t is not None]

    def fits(self) -> bool:
        """Whether the weights are still those that were prepared; :mod:`seqkit.kernels.packed` says what shows."""
        tensors = self._current_tensors()
        return (
            [t._version for t in tensors] == self._versions
            and [t.data_ptr() for t in tensors] == self._places
            and OPTIMIZER_STEPS.count == self._steps_taken
        )

    def __call__(self, x: Tensor, state: Mapping[str, Tensor] | None) -> tuple[Tensor, dict[str, Tensor]]:
        """x (B, I) and each state (B, L, H), None for zeros, to the output (B, H) and the states after it.

        Raises:
            RuntimeError: a shape, dtype or device is not that of a step of this layer.
            KeyError: a state is missing.
        """
        slices, team = plan(1, x.shape[0], self._units, self._gates, single=True)
        h = c = None
        if state is not None:
            h, c = state["h"], state["c"] if self._has_c else None
        out, h, c = operator("step")(self._name, x, self._packed, self._vectors, h, c, self._units, slices, team)
        return out, {"h": h, "c": c} if self._has_c else {"h": h}
