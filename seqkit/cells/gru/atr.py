"""The cell whose two gates are a sum and a difference."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, sigmoid

from seqkit.cells.base import Cell, CellState


class ATR(Cell):
    """Two gates from one sum and one difference (ATR): as few products as a simple recurrent network has.

    With ``p = W_x x + b`` and ``q = W_h h``::

        i, f = σ(p + q), σ(p - q)         h' = i ⊙ p + f ⊙ h

    There is no squashing function between a state and the next, and as many weights as in a simple recurrent network.

    Shapes:
        x, r (B, H), which are p and q; the state is ``h`` (B, H).

    Examples:
        Where the product of h is large, a unit takes in its input and forgets; where it is very negative, it remembers:

        >>> import torch
        >>> p, h = torch.tensor([[2.0]]), torch.tensor([[0.7]])
        >>> [ATR().step(p, torch.tensor([[q]]), (h,)) for q in (30.0, -30.0)]
        [(tensor([[2.]]),), (tensor([[0.7000]]),)]

    Use: for translation and other long texts at the price of a simple recurrent network.

    Source: Zhang et al., "Simplifying neural machine translation with addition-subtraction twin-gated recurrent
    networks", 2018 (arXiv:1810.12546).
    """

    gate_names = ("p",)

    def step(self, x: Tensor, r: Tensor, state: CellState) -> CellState:
        """The new ``h``; the equations are the class's."""
        (h,) = state
        return (sigmoid(x + r) * x + sigmoid(x - r) * h,)

    def gates(self, x: Tensor, r: Tensor, state: CellState) -> dict[str, Tensor]:
        """The values of i and f, and the candidate p."""
        return {"i": sigmoid(x + r), "f": sigmoid(x - r), "p": x}

    def kept(self, gates: Mapping[str, Tensor]) -> Tensor:
        """``f``."""
        return gates["f"]
