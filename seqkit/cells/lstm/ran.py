"""The recurrent additive network."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, sigmoid, tanh

from seqkit.cells.base import Cell, CellState, sums


class RAN(Cell):
    """The recurrent additive network: a state that is nothing but a weighted sum of the inputs.

    With ``a = W_x x + b`` for each gate::

        i, f = σ(a_i + U_i h), σ(a_f + U_f h)
        c' = i ⊙ a_n + f ⊙ c              h' = tanh(c')

    The candidate is linear in the input and has no recurrent product.

    Shapes:
        x (B, 3·H) in the order i, f, n; r (B, 2·H) for i and f; the state is ``h`` and ``c``, (B, H) each.

    Examples:
        Open gates add the input to the sum:

        >>> import torch
        >>> RAN().step(torch.tensor([[20.0, 20.0, 3.0]]), torch.zeros(1, 2), (torch.zeros(1, 1), torch.ones(1, 1)))[1]
        tensor([[4.]])

    Use: where the weight of each earlier input in a state should be readable.

    Source: Lee, Levy and Zettlemoyer, "Recurrent additive networks", 2017 (arXiv:1705.07393).
    """

    gate_names = ("i", "f", "n")
    state_names = ("h", "c")

    @property
    def stages(self) -> tuple[tuple[str, ...], ...]:
        """The candidate looks at the input alone."""
        return (("i", "f"),)

    def step(self, x: Tensor, r: Tensor, state: CellState) -> CellState:
        """The new ``h`` and ``c``; the equations are the class's."""
        (_, c), (i, f, n) = state, self.gates(x, r, state).values()
        c = i * n + f * c
        return tanh(c), c

    def gates(self, x: Tensor, r: Tensor, state: CellState) -> dict[str, Tensor]:
        """The values of i, f and n."""
        i, f, n = sums(x, r).chunk(3, -1)
        return {"i": sigmoid(i), "f": sigmoid(f), "n": n}

    def kept(self, gates: Mapping[str, Tensor]) -> Tensor:
        """``f``."""
        return gates["f"]
