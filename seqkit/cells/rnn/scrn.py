"""The simple recurrent network with slow units beside it."""

from __future__ import annotations

from torch import Tensor, sigmoid, tanh

from seqkit.cells.base import Cell, CellState


class SCRN(Cell):
    """The structurally constrained network: half of its units are slow averages of the input, a context.

    With ``a = W_x x + b`` for both kinds of units::

        s' = (1 - alpha) a_s + alpha s         u' = σ(a_u + R u + P s')
        h' = tanh(U u' + V s')

    u are the fast units and s the slow ones; h is the output, whose softmax is left to what follows.

    Args:
        alpha: how slow the slow units are, from 0 to below 1.

    Shapes:
        x (B, 2·H) in the order u, s; r (B, 4·H), the products of R, P, U and V; the state is ``h``, ``u`` and ``s``,
        (B, H) each.

    Examples:
        A slow unit has taken in 1 - 0.95^10 of an input that came ten times:

        >>> import torch
        >>> cell, state = SCRN(), (torch.zeros(1, 1),) * 3
        >>> for _ in range(10):
        ...     state = cell.step(torch.tensor([[0.0, 1.0]]), torch.zeros(1, 4), state)
        >>> state[2]
        tensor([[0.4013]])

    Use: for topics of texts and other contexts that change slowly, without gates.

    Source: Mikolov et al., "Learning longer memory in recurrent neural networks", 2014 (arXiv:1412.7753).
    """

    gate_names = ("u", "s")
    state_names = ("h", "u", "s")
    zero_states = ("h",)

    def __init__(self, alpha: float = 0.95) -> None:
        self.alpha = alpha

    @property
    def stages(self) -> tuple[tuple[str, ...], ...]:
        """The products of R, P, U and V; all but the first have no input part."""
        return (("u",), ("p",), ("o",), ("v",))

    def operand(self, stage: int, x: Tensor, r: Tensor, state: CellState) -> Tensor:
        """``u``, then the new ``s``, the new ``u``, and the new ``s``."""
        if stage == 0:
            return state[1]
        return self._fast(x, r, state) if stage == 2 else self._slow(x, state)

    def step(self, x: Tensor, r: Tensor, state: CellState) -> CellState:
        """The new ``h``, ``u`` and ``s``; the equations are the class's."""
        _, _, of_u, of_s = r.chunk(4, -1)
        return tanh(of_u + of_s), self._fast(x, r, state), self._slow(x, state)

    def _slow(self, x: Tensor, state: CellState) -> Tensor:
        return (1 - self.alpha) * x.chunk(2, -1)[1] + self.alpha * state[2]

    def _fast(self, x: Tensor, r: Tensor, state: CellState) -> Tensor:
        hidden = state[0].shape[-1]
        return sigmoid(x[..., :hidden] + r[..., :hidden] + r[..., hidden : 2 * hidden])
