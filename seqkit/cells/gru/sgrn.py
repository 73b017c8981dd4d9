"""The simple gated recurrent network."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, sigmoid, tanh

from seqkit.cells.base import Cell, CellState


class SGRN(Cell):
    """The simple gated network: a gate of the same sums as the candidate, and no weights of its own.

    With ``p = W_x x + b`` and ``q = W_h h``::

        f = σ(p + q)          h' = tanh(f ⊙ h + (1 - f) ⊙ p)

    Shapes:
        x, r (B, H), which are p and q; the state is ``h`` (B, H).

    Examples:
        An open gate passes the state on, a closed one the input:

        >>> import torch
        >>> p, h = torch.tensor([[0.5]]), torch.tensor([[0.0]])
        >>> [SGRN().step(p, torch.tensor([[q]]), (h,)) for q in (30.0, -30.0)]
        [(tensor([[0.]]),), (tensor([[0.4621]]),)]

    Use: as the gated cell with the fewest weights; it forgets soon, since each step squashes the state.

    Source: the cell ``SGRN`` of torchrecurrent 0.2.5, after doi:10.1049/gtd2.12056, 2021.
    """

    gate_names = ("p",)

    def step(self, x: Tensor, r: Tensor, state: CellState) -> CellState:
        """The new ``h``; the equations are the class's."""
        (h,), f = state, sigmoid(x + r)
        return (tanh(f * h + (1 - f) * x),)

    def gates(self, x: Tensor, r: Tensor, state: CellState) -> dict[str, Tensor]:
        """The values of f, and the candidate p."""
        return {"f": sigmoid(x + r), "p": x}

    def kept(self, gates: Mapping[str, Tensor]) -> Tensor:
        """``f``."""
        return gates["f"]
