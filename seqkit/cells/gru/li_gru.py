"""The light GRU of speech recognition."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, sigmoid

from seqkit.cells.base import Cell, CellState


class LiGRU(Cell):
    """The light GRU: no reset gate, and a candidate without an upper bound.

    With ``a = W_x x + W_h h + b`` for each gate::

        z = σ(a_z)        n = max(0, a_n)        h' = z ⊙ h + (1 - z) ⊙ n

    The paper normalises ``W_x x`` over a batch, which keeps the state from growing; here nothing is normalised, so that
    what a sequence gives never depends on its neighbours.

    Shapes:
        x, r (B, 2·H) in the order z, n; the state is ``h`` (B, H).

    Examples:
        A half-open gate moves half of the way to the candidate; a negative candidate is 0:

        >>> import torch
        >>> h = torch.ones(1, 1)
        >>> [LiGRU().step(torch.tensor([[0.0, n]]), torch.zeros(1, 2), (h,)) for n in (3.0, -3.0)]
        [(tensor([[2.]]),), (tensor([[0.5000]]),)]

    Use: for frames of speech and other inputs that were normalised before.

    Source: Ravanelli et al., "Light gated recurrent units for speech recognition", 2018 (arXiv:1803.10225).
    """

    gate_names = ("z", "n")

    def step(self, x: Tensor, r: Tensor, state: CellState) -> CellState:
        """The new ``h``; the equations are the class's."""
        (h,), (z, n) = state, self.gates(x, r, state).values()
        return (z * h + (1 - z) * n,)

    def gates(self, x: Tensor, r: Tensor, state: CellState) -> dict[str, Tensor]:
        """The values of z and n."""
        z, n = (x + r).chunk(2, -1)
        return {"z": sigmoid(z), "n": n.relu()}

    def kept(self, gates: Mapping[str, Tensor]) -> Tensor:
        """``z``."""
        return gates["z"]
