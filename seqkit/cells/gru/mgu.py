"""The GRU with a single gate."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, sigmoid, tanh

from seqkit.cells.base import Cell, CellState


class MGU(Cell):
    """The minimal gated unit: one gate serves as the update gate and the reset gate of a GRU.

    With ``a = W_x x + b`` for the gate and the candidate::

        f = σ(a_f + U_f h)        n = tanh(a_n + U_n (f ⊙ h))
        h' = (1 - f) ⊙ h + f ⊙ n

    A third fewer parameters than a GRU has; the candidate's product waits for the gate.

    Shapes:
        x, r (B, 2·H) in the order f, n; the state is ``h`` (B, H).

    Examples:
        A closed gate keeps the state, an open one replaces it by the candidate, here tanh(0.5):

        >>> import torch
        >>> h, no_product = torch.tensor([[0.9]]), torch.zeros(1, 2)
        >>> [MGU().step(torch.tensor([[f, 0.5]]), no_product, (h,)) for f in (-20.0, 20.0)]
        [(tensor([[0.9000]]),), (tensor([[0.4621]]),)]

    Use: in place of a GRU where weights are expensive.

    Source: Zhou et al., "Minimal gated unit for recurrent neural networks", 2016 (arXiv:1603.09420).
    """

    gate_names = ("f", "n")

    @property
    def stages(self) -> tuple[tuple[str, ...], ...]:
        """The candidate's product has to wait for the gate."""
        return (("f",), ("n",))

    def step(self, x: Tensor, r: Tensor, state: CellState) -> CellState:
        """The new ``h``; the equations are the class's."""
        (h,), (f, n) = state, self.gates(x, r, state).values()
        return ((1 - f) * h + f * n,)

    def gates(self, x: Tensor, r: Tensor, state: CellState) -> dict[str, Tensor]:
        """The values of f and n."""
        f, n = (x + r).chunk(2, -1)
        return {"f": sigmoid(f), "n": tanh(n)}

    def kept(self, gates: Mapping[str, Tensor]) -> Tensor:
        """``1 - f``: the gate called f says how much is replaced."""
        return 1 - gates["f"]

    def operand(self, stage: int, x: Tensor, r: Tensor, state: CellState) -> Tensor:
        """``h``; for the candidate ``f ⊙ h``."""
        (h,) = state
        return h if stage == 0 else sigmoid(x[..., : h.shape[-1]] + r[..., : h.shape[-1]]) * h
