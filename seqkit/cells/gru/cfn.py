"""The chaos-free network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor, sigmoid, tanh

from seqkit.cells.base import Cell, CellState, sums


class CFN(Cell):
    """The chaos-free network: without input every state decays, so that nothing unpredictable can build up.

    With ``a = W_x x + b`` for each gate::

        t, e = σ(a_t + U_t h), σ(a_e + U_e h)
        h' = t ⊙ tanh(h) + e ⊙ tanh(a_n)

    The biases of t and e start at 1 and -1, as in the paper.

    Shapes:
        x (B, 3·H) in the order t, e, n; r (B, 2·H) for t and e; the state is ``h`` (B, H).

    Examples:
        Even with an open gate t the state shrinks, to tanh(1):

        >>> import torch
        >>> CFN().step(torch.tensor([[20.0, -20.0, 3.0]]), torch.zeros(1, 2), (torch.ones(1, 1),))
        (tensor([[0.7616]]),)

    Use: where a predictable state counts more than a long memory; two layers or more.

    Source: Laurent and von Brecht, "A recurrent neural network without chaos", 2017 (arXiv:1612.06212).
    """

    gate_names = ("t", "e", "n")
    initial_bias: ClassVar[Mapping[str, float]] = {"t": 1.0, "e": -1.0}

    @property
    def stages(self) -> tuple[tuple[str, ...], ...]:
        """The candidate looks at the input alone."""
        return (("t", "e"),)

    def step(self, x: Tensor, r: Tensor, state: CellState) -> CellState:
        """The new ``h``; the equations are the class's."""
        (h,), (t, e, n) = state, self.gates(x, r, state).values()
        return (t * tanh(h) + e * n,)

    def gates(self, x: Tensor, r: Tensor, state: CellState) -> dict[str, Tensor]:
        """The values of t, e and n."""
        t, e, n = sums(x, r).chunk(3, -1)
        return {"t": sigmoid(t), "e": sigmoid(e), "n": tanh(n)}

    def kept(self, gates: Mapping[str, Tensor]) -> Tensor:
        """``t``."""
        return gates["t"]
