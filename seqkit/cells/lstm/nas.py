"""The cell that a network designed."""

from __future__ import annotations

from torch import Tensor, sigmoid, tanh

from seqkit.cells.base import Cell, CellState


class NASCell(Cell):
    """A cell found by architecture search: reinforcement learning chose its functions, for language models.

    With ``a = W_x x + b`` and ``u = W_h h`` for each of eight sums, numbered as in the authors' code::

        p = tanh(σ(a_0 + u_0) ⊙ max(0, a_1 + u_1))     q = tanh(σ(a_2 + u_2) + max(0, a_3 ⊙ u_3))
        s = tanh(tanh(a_4 + u_4) ⊙ σ(a_5 + u_5))       t = σ(tanh(a_6 + u_6) + σ(a_7 + u_7))
        c' = tanh(p + c) ⊙ q                           h' = tanh(c' ⊙ tanh(s + t))

    The fourth sum is a product, in which it differs from torchrecurrent's.

    Shapes:
        x, r (B, 8·H); the state is ``h`` and ``c``, (B, H) each.

    Examples:
        Without any input or state there is no output, although q = tanh(1/2) is open:

        >>> import torch
        >>> zero = torch.zeros(1, 1)
        >>> NASCell().step(torch.zeros(1, 8), torch.zeros(1, 8), (zero, zero))
        (tensor([[0.]]), tensor([[0.]]))

    Use: for language models with twice the weights of an LSTM; an example of automatic design.

    Source: Zoph and Le, "Neural architecture search with reinforcement learning", 2017 (arXiv:1611.01578), appendix,
    and the authors' ``NASCell``.
    """

    gate_names = ("a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7")
    state_names = ("h", "c")

    def step(self, x: Tensor, r: Tensor, state: CellState) -> CellState:
        """The new ``h`` and ``c``; the equations are the class's."""
        _, c = state
        a0, a1, a2, _, a4, a5, a6, a7 = (x + r).chunk(8, -1)
        a3 = x.chunk(8, -1)[3] * r.chunk(8, -1)[3]
        p, q = tanh(sigmoid(a0) * a1.relu()), tanh(sigmoid(a2) + a3.relu())
        s, t = tanh(tanh(a4) * sigmoid(a5)), sigmoid(tanh(a6) + sigmoid(a7))
        c = tanh(p + c) * q
        return tanh(c * tanh(s + t)), c
