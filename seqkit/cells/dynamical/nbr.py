"""The neuromodulated bistable cell."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, sigmoid, tanh

from seqkit.cells.base import Cell, CellState, sums


class NBR(Cell):
    """The bistable cell whose feedback depends on all units: neighbours can make a unit hold its state or let go.

    With ``a = W_x x + b`` for each gate::

        k = 1 + tanh(a_k + U_k h)         c = σ(a_c + U_c h)
        h' = c ⊙ h + (1 - c) ⊙ tanh(a_n + k ⊙ h)

    Shapes:
        x (B, 3·H) in the order k, c, n; r (B, 2·H) for k and c; the state is ``h`` (B, H).

    Examples:
        A closed gate c takes the candidate, here tanh(0.5 + 0.5) with feedback 1:

        >>> import torch
        >>> h = torch.tensor([[0.5]])
        >>> NBR().step(torch.tensor([[0.0, -20.0, 0.5]]), torch.zeros(1, 2), (h,))
        (tensor([[0.7616]]),)

    Use: as the bistable cell, where units have to act together.

    Source: Vecoven, Ernst and Drion, "A bio-inspired bistable recurrent cell allows for long-lasting memory", 2021
    (doi:10.1371/journal.pone.0252676).
    """

    gate_names = ("k", "c", "n")

    @property
    def stages(self) -> tuple[tuple[str, ...], ...]:
        """The candidate sees its own state alone."""
        return (("k", "c"),)

    def step(self, x: Tensor, r: Tensor, state: CellState) -> CellState:
        """The new ``h``; the equations are the class's."""
        (h,), (_, c, n) = state, self.gates(x, r, state).values()
        return (c * h + (1 - c) * n,)

    def gates(self, x: Tensor, r: Tensor, state: CellState) -> dict[str, Tensor]:
        """The values of the feedback k, the gate c and the candidate n."""
        (h,), (a_k, a_c, a_n) = state, sums(x, r).chunk(3, -1)
        k = 1 + tanh(a_k)
        return {"k": k, "c": sigmoid(a_c), "n": tanh(a_n + k * h)}

    def kept(self, gates: Mapping[str, Tensor]) -> Tensor:
        """``c``."""
        return gates["c"]
