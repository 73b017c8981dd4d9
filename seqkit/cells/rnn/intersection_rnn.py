"""The recurrent network with two outputs: one along depth, one along time."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, relu, sigmoid, tanh

from seqkit.cells.base import Cell, CellState


class IntersectionRNN(Cell):
    """The intersection network (+RNN): the output to the next layer and the state for the next step have a gate each.

    With ``a = W_x x + U s + b`` for all but the last, and ``a_d = W_d x + b_d``::

        y, n = max(0, a_y), tanh(a_n)         k, g = σ(a_k), σ(a_g)
        h' = k ⊙ a_d + (1 - k) ⊙ y            s' = g ⊙ s + (1 - g) ⊙ n

    h is the output alone. a_d stands for the input itself, which has another size in general.

    Shapes:
        x (B, 5·H) in the order y, n, k, g, d; r (B, 4·H); the state is ``h`` and ``s``, (B, H) each.

    Examples:
        Open gates let the input through to the next layer, and the state to the next step:

        >>> import torch
        >>> state = (torch.zeros(1, 1), torch.full((1, 1), 0.7))
        >>> IntersectionRNN().step(torch.tensor([[1.0, 1.0, 20.0, 20.0, 0.5]]), torch.zeros(1, 4), state)
        (tensor([[0.5000]]), tensor([[0.7000]]))

    Use: in deep stacks, where training has to get through many layers and steps at once.

    Source: Collins, Sohl-Dickstein and Sussillo, "Capacity and trainability in recurrent neural networks", 2016
    (arXiv:1611.09913), section 2.
    """

    gate_names = ("y", "n", "k", "g", "d")
    state_names = ("h", "s")
    zero_states = ("h",)

    @property
    def stages(self) -> tuple[tuple[str, ...], ...]:
        """One product; d is the input alone."""
        return (("y", "n", "k", "g"),)

    def operand(self, stage: int, x: Tensor, r: Tensor, state: CellState) -> Tensor:
        """``s``."""
        return state[1]

    def step(self, x: Tensor, r: Tensor, state: CellState) -> CellState:
        """The new ``h`` and ``s``; the equations are the class's."""
        (_, s), (y, n, k, g, d) = state, self.gates(x, r, state).values()
        return k * d + (1 - k) * y, g * s + (1 - g) * n

    def gates(self, x: Tensor, r: Tensor, state: CellState) -> dict[str, Tensor]:
        """The values of y, n, k, g and d."""
        hidden = state[0].shape[-1]
        y, n, k, g = (x[..., : 4 * hidden] + r).chunk(4, -1)
        return {"y": relu(y), "n": tanh(n), "k": sigmoid(k), "g": sigmoid(g), "d": x[..., 4 * hidden :]}

    def kept(self, gates: Mapping[str, Tensor]) -> Tensor:
        """``g``."""
        return gates["g"]
