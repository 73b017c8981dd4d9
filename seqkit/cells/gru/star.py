"""The stackable recurrent cell."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, sigmoid, tanh

from seqkit.cells.base import Cell, CellState, sums


class STAR(Cell):
    """The stackable cell: made so that gradients keep their size through many layers.

    With ``a = W_x x + b`` for the gate and the candidate::

        k = σ(a_k + U_k h)        h' = tanh((1 - k) ⊙ h + k ⊙ tanh(a_n))

    Shapes:
        x (B, 2·H) in the order k, n; r (B, H) for k; the state is ``h`` (B, H).

    Examples:
        A closed gate keeps the state but for the tanh, tanh(0.5):

        >>> import torch
        >>> STAR().step(torch.tensor([[-20.0, 3.0]]), torch.zeros(1, 1), (torch.full((1, 1), 0.5),))
        (tensor([[0.4621]]),)

    Use: in stacks of four layers and more, over short sequences.

    Source: Turkoglu et al., "Gating revisited: deep multi-layer RNNs that can be trained", 2021 (arXiv:1911.11033).
    """

    gate_names = ("k", "n")

    @property
    def stages(self) -> tuple[tuple[str, ...], ...]:
        """The candidate looks at the input alone."""
        return (("k",),)

    def step(self, x: Tensor, r: Tensor, state: CellState) -> CellState:
        """The new ``h``; the equations are the class's."""
        (h,), (k, n) = state, self.gates(x, r, state).values()
        return (tanh((1 - k) * h + k * n),)

    def gates(self, x: Tensor, r: Tensor, state: CellState) -> dict[str, Tensor]:
        """The values of k and n."""
        k, n = sums(x, r).chunk(2, -1)
        return {"k": sigmoid(k), "n": tanh(n)}

    def kept(self, gates: Mapping[str, Tensor]) -> Tensor:
        """``1 - k``."""
        return 1 - gates["k"]
