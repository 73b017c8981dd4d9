"""The contract of a cell: the maths of one time step.

B batch, H hidden units, G gates. Pre-activations and gates lie side by side in the last dimension, (B, G·H), in the
order of ``gate_names``; a state is one (B, H) tensor for each of ``state_names``, the output ``h`` first.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

from torch import Tensor

CellState = tuple[Tensor, ...]


class Saved(NamedTuple):
    """What a step leaves for its backward pass: its two inputs (B, G·H), the state before it and the state after."""

    x: Tensor
    r: Tensor
    state: CellState
    new: CellState


class StepGradients(NamedTuple):
    """Gradients of one step: for ``x`` and ``r`` (B, G·H), for the state before it, and for the cell's own parameters.

    ``state`` holds the direct part only; what reaches ``h`` through the recurrent product is added by the time loop.
    """

    x: Tensor
    r: Tensor
    state: CellState
    own: Mapping[str, Tensor] = {}


class Cell(ABC):
    """One time step of a recurrent layer, as pure maths on pre-activations.

    The layer computes ``x = W_x input + bias`` for all steps at once and ``r = W_h h`` (plus a bias for the gates in
    ``recurrent_bias``) in each step, and hands both to :meth:`step`. A cell keeps options, never parameters or state.

    A new cell is one file in ``seqkit/cells`` with one subclass; it needs ``gate_names``, ``state_names`` and ``step``.
    Parameters of its own (a peephole's, say) are declared by :meth:`own_parameters` and arrive in ``step`` by name.
    """

    gate_names: ClassVar[tuple[str, ...]]
    state_names: ClassVar[tuple[str, ...]] = ("h",)
    initial_bias: ClassVar[Mapping[str, float]] = {}
    """Where a gate's bias starts, if not at 0."""

    @property
    def options(self) -> dict[str, Any]:
        """The arguments that make this very cell again."""
        return dict(vars(self))

    @property
    def recurrent_bias(self) -> tuple[str, ...]:
        """Gates whose recurrent part has a bias of its own (one that the input's bias cannot stand for)."""
        return ()

    @property
    def stages(self) -> tuple[tuple[str, ...], ...]:
        """The gates by recurrent product, in order: one product with ``h`` for all of them, unless a cell says else."""
        return (self.gate_names,)

    def own_parameters(self, hidden_size: int) -> dict[str, Tensor]:
        """Initial values of parameters beyond the weights and biases, by name."""
        return {}

    @abstractmethod
    def step(self, x: Tensor, r: Tensor, state: CellState, *args: Any, **own: Any) -> CellState:
        """The state after this step, from the input part ``x`` and recurrent part ``r``, both (B, G·H)."""

    def gates(self, x: Tensor, r: Tensor, state: CellState, *args: Any, **own: Any) -> dict[str, Tensor]:
        """What the gates of :meth:`step` are, (B, H) each, to be looked at. Optional: else their sums ``x + r``."""
        return dict(zip(self.gate_names, (x + r).chunk(len(self.gate_names), -1), strict=True))

    def kept(self, gates: Mapping[str, Tensor]) -> Tensor | None:
        """Of what :meth:`gates` gave, the part of its state that a unit keeps; None: no gate says so."""
        return None

    @property
    def has_gates(self) -> bool:
        """Whether :meth:`gates` tells what gates are, not just the sums that go into them."""
        return type(self).gates is not Cell.gates

    def step_backward(self, grad: CellState, saved: Saved, *args: Any, **own: Any) -> StepGradients:
        """Gradients of :meth:`step`, given those of the new state. Optional: autograd differentiates ``step`` else."""
        raise TypeError(f"{type(self).__name__} has no step_backward")

    def operand(self, stage: int, x: Tensor, r: Tensor, state: CellState) -> Tensor:
        """What the recurrent weights of a stage multiply, (B, H); ``r`` holds the earlier stages' parts."""
        return state[0]

    def operand_backward(self, stage: int, grad: Tensor, saved: Saved) -> StepGradients:
        """Gradients of :meth:`operand` for a stage after the first."""
        raise TypeError(f"{type(self).__name__} has one recurrent product only")

    @property
    def has_backward(self) -> bool:
        """Whether the gradient of a step is derived by hand."""
        return type(self).step_backward is not Cell.step_backward

    def __repr__(self) -> str:
        options = ", ".join(f"{key}={value!r}" for key, value in self.options.items())
        return f"{type(self).__name__}({options})"
