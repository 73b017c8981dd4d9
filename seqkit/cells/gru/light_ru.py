"""The light recurrent unit."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, sigmoid, tanh

from seqkit.cells.base import Cell, CellState, sums


class LightRU(Cell):
    """The light recurrent unit: one gate, and a candidate that looks at the input alone.

    With ``a = W_x x + b`` for the gate and the candidate::

        f = σ(a_f + U_f h)        h' = (1 - f) ⊙ h + f ⊙ tanh(a_n)

    Shapes:
        x (B, 2·H) in the order f, n; r (B, H) for f; the state is ``h`` (B, H).

    Examples:
        A half-open gate moves half of the way to the candidate, tanh(20) = 1:

        >>> import torch
        >>> LightRU().step(torch.tensor([[0.0, 20.0]]), torch.zeros(1, 1), (torch.zeros(1, 1),))
        (tensor([[0.5000]]),)

    Use: between ``ugrnn`` and ``min-gru``: one small product in a step, and a gate that sees all units.

    Source: Ye et al., "Light recurrent unit", 2024 (doi:10.3390/electronics13163204).
    """

    gate_names = ("f", "n")

    @property
    def stages(self) -> tuple[tuple[str, ...], ...]:
        """The candidate looks at the input alone."""
        return (("f",),)

    def step(self, x: Tensor, r: Tensor, state: CellState) -> CellState:
        """The new ``h``; the equations are the class's."""
        (h,), (f, n) = state, self.gates(x, r, state).values()
        return ((1 - f) * h + f * n,)

    def gates(self, x: Tensor, r: Tensor, state: CellState) -> dict[str, Tensor]:
        """The values of f and n."""
        f, n = sums(x, r).chunk(2, -1)
        return {"f": sigmoid(f), "n": tanh(n)}

    def kept(self, gates: Mapping[str, Tensor]) -> Tensor:
        """``1 - f``: the gate called f says how much is replaced."""
        return 1 - gates["f"]
