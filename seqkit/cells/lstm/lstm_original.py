"""The LSTM as it was first, without a forget gate."""

from __future__ import annotations

from torch import Tensor, sigmoid, tanh

from seqkit.cells.base import Cell, CellState


class OriginalLSTM(Cell):
    """Long short-term memory of 1997: what has been stored is never forgotten.

    With ``a = W_x x + W_h h + b`` for each gate::

        i, o = σ(a_i), σ(a_o)      g = tanh(a_g)
        c' = c + i ⊙ g             h' = o ⊙ tanh(c')

    The original squashes with 4 σ - 2 and 2 σ - 1, for which tanh has taken over; the paper cuts the gradient at the
    gates, here it is whole.

    Shapes:
        x, r (B, 3·H) in the order i, g, o; the state is ``h`` and ``c``, (B, H) each.

    Examples:
        A counter: each step adds tanh(20) = 1 to what there is:

        >>> import torch
        >>> x, state = torch.tensor([[20.0, 20.0, 20.0]]), (torch.zeros(1, 1), torch.zeros(1, 1))
        >>> for _ in range(3):
        ...     state = OriginalLSTM().step(x, torch.zeros(1, 3), state)
        >>> state[1]
        tensor([[3.]])

    Use: for counting and adding over short sequences, and to see what a forget gate is good for.

    Source: Hochreiter and Schmidhuber, "Long short-term memory", 1997; in the notation of Greff et al., 2017
    (arXiv:1503.04069).
    """

    gate_names = ("i", "g", "o")
    state_names = ("h", "c")

    def step(self, x: Tensor, r: Tensor, state: CellState) -> CellState:
        """The new ``h`` and ``c``; the equations are the class's."""
        (_, c), (i, g, o) = state, self.gates(x, r, state).values()
        c = c + i * g
        return o * tanh(c), c

    def gates(self, x: Tensor, r: Tensor, state: CellState) -> dict[str, Tensor]:
        """The values of i, g and o."""
        i, g, o = (x + r).chunk(3, -1)
        return {"i": sigmoid(i), "g": tanh(g), "o": sigmoid(o)}
