"""The contract of a cell: the maths of one time step.

B batch, H hidden units, G gates. Pre-activations and gates lie side by side in the last dimension, (B, G·H), in the
order of ``gate_names``; a state is one (B, H) tensor for each of ``state_names``, the output ``h`` first.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor

CellState = tuple[Tensor, ...]


class Saved(NamedTuple):
    """What the backward pass of a step needs: its two inputs (B, G·H), and the state before and after it."""

    x: Tensor
    r: Tensor
    state: CellState
    new: CellState


class Parameters(NamedTuple):
    """Weights and biases of one direction of a layer, as products use them; rows in the order of the gates."""

    weight_x: Tensor
    """(G·H, I)"""
    weight_h: Tensor
    """(n·H, H) for the n gates with a recurrent product"""
    bias: Tensor
    """(G·H)"""


class StepGradients(NamedTuple):
    """Gradients of one step: for ``x`` and ``r`` (B, G·H), for the state before it, and for the cell's own parameters.

    ``state`` is the direct part only; the time loop adds what reaches ``h`` through the recurrent product.
    """

    x: Tensor
    r: Tensor
    state: CellState
    own: Mapping[str, Tensor] = {}


class Cell(ABC):
    """One time step of a recurrent layer, as pure maths on pre-activations.

    The layer computes ``x = W_x input + bias`` for all steps at once and ``r = W_h h`` (plus a bias for the gates in
    ``recurrent_bias``) in each step, and passes both to :meth:`step`. A cell has options, but no parameters or state.

    A new cell is one file in a folder of ``seqkit/cells`` with one subclass; it needs ``gate_names``, ``state_names``
    and ``step``. Its own parameters (such as peepholes) are declared by :meth:`own_parameters`, and passed to ``step``
    by name.

    Shapes:
        x, r (B, G·H); each tensor of the state (B, H), zeros before the first step.

    Examples:
        A cell that moves half of the way to its input, run by a layer:

        >>> import torch
        >>> from seqkit import Cell, Recurrent
        >>> class Halfway(Cell):
        ...     gate_names = ("h",)
        ...
        ...     def step(self, x, r, state):
        ...         return (state[0] / 2 + torch.tanh(x + r) / 2,)
        >>> layer = Recurrent(Halfway, input_size=3, hidden_size=4)
        >>> out, state = layer(torch.zeros(2, 5, 3))
        >>> out.shape, state.h.shape
        (torch.Size([2, 5, 4]), torch.Size([2, 1, 4]))
    """

    gate_names: ClassVar[tuple[str, ...]]
    state_names: ClassVar[tuple[str, ...]] = ("h",)
    initial_bias: ClassVar[Mapping[str, float]] = {}
    """The initial bias of each gate that does not start at 0."""
    memory_gates: ClassVar[Mapping[str, int]] = {}
    """The gates that say how long a unit remembers: 1 for one that keeps the state when it is open, -1 for one that
    replaces it. Chrono initialisation sets their biases; a cell without such a gate refuses it."""
    derives_weights: ClassVar[bool] = False
    """Whether products use other weights than those that are learned, see :meth:`derived`"""
    zero_states: ClassVar[tuple[str, ...]] = ()
    """The states that are never learned, since a step does not read them or they have to begin at 0."""

    @property
    def options(self) -> dict[str, Any]:
        """The arguments that give the same cell again."""
        return dict(vars(self))

    @property
    def recurrent_bias(self) -> tuple[str, ...]:
        """Gates whose recurrent part needs a bias of its own, because the input's bias could not replace it."""
        return ()

    @property
    def stages(self) -> tuple[tuple[str, ...], ...]:
        """The gates of each recurrent product, in order; a cell with more than one product, or none, overrides this.

        A cell with none has no recurrent weights, and its ``r`` is (B, 0): what its units remember is their own. Gates
        that are in no stage look at the input alone; they come last in ``gate_names``, and ``r`` is shorter than ``x``.
        A name that is not in ``gate_names`` is a product without an input part; ``r`` may be longer than ``x``.
        """
        return (self.gate_names,)

    def derived(self, parameters: Parameters) -> Parameters:
        """What the products use, made of what is learned; for a cell that says so by ``derives_weights``."""
        return parameters

    def own_parameters(self, hidden_size: int) -> dict[str, Tensor]:
        """Initial values of parameters beyond the weights and biases, by name."""
        return {}

    @property
    def recurrent_gates(self) -> int:
        """How many gates have a recurrent product; each has H rows of the recurrent weights."""
        return sum(map(len, self.stages))

    @abstractmethod
    def step(self, x: Tensor, r: Tensor, state: CellState, *args: Any, **own: Any) -> CellState:
        """The state after this step, from the input part ``x`` and recurrent part ``r``, both (B, G·H)."""

    def gates(self, x: Tensor, r: Tensor, state: CellState, *args: Any, **own: Any) -> dict[str, Tensor]:
        """The values of the gates in :meth:`step`, (B, H) each, for inspection. Optional; else the sums ``x + r``."""
        return dict(zip(self.gate_names, sums(x, r).chunk(len(self.gate_names), -1), strict=True))

    def kept(self, gates: Mapping[str, Tensor]) -> Tensor | None:
        """The part of its state that a unit keeps (B, H), from :meth:`gates`; None if the cell has no such gate."""
        return None

    @property
    def has_gates(self) -> bool:
        """Whether :meth:`gates` gives the values of gates, and not only the sums that go into them."""
        return type(self).gates is not Cell.gates

    def mix(self, before: CellState, after: CellState, shares: Sequence[Any]) -> CellState:
        """The weighted averages of two states, for zoneout; a cell whose states cannot be averaged overrides this.

        ``shares``, a number or a tensor (B, H) for each state, are those of ``before``.
        """
        return tuple(k * old + (1 - k) * new for k, old, new in zip(shares, before, after, strict=True))

    def step_backward(self, grad: CellState, saved: Saved, *args: Any, **own: Any) -> StepGradients:
        """Gradients of :meth:`step` from those of the new state. Optional; else autograd differentiates ``step``."""
        raise TypeError(f"{type(self).__name__} has no step_backward")

    def operand(self, stage: int, x: Tensor, r: Tensor, state: CellState) -> Tensor:
        """The factor of the recurrent weights of a stage, (B, H); ``r`` has the products of the earlier stages."""
        return state[0]

    def operand_backward(self, stage: int, grad: Tensor, saved: Saved) -> StepGradients:
        """Gradients of :meth:`operand` for a stage after the first."""
        raise TypeError(f"{type(self).__name__} has only one recurrent product")

    @property
    def has_backward(self) -> bool:
        """Whether the gradient of a step is derived by hand."""
        return type(self).step_backward is not Cell.step_backward

    def __repr__(self) -> str:
        options = ", ".join(f"{key}={value!r}" for key, value in self.options.items())
        return f"{type(self).__name__}({options})"


def sums(x: Tensor, r: Tensor) -> Tensor:
    """The pre-activations (B, G·H) of a cell whose last gates have no recurrent product: ``x``, with ``r`` added."""
    rows = r.shape[-1]
    return x + r if rows == x.shape[-1] else torch.cat([x[..., :rows] + r, x[..., rows:]], -1)
