"""The third of the cells that an architecture search found."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, sigmoid, tanh

from seqkit.cells.base import Cell, CellState


class MUT3(Cell):
    """The third mutant of a search over ten thousand cells: a GRU whose update gate sees tanh(h) in place of h.

    With ``a = W_x x + b`` for each gate::

        r, z = σ(a_r + U_r h), σ(a_z + U_z tanh(h))
        n = tanh(a_n + U_n (r ⊙ h))
        h' = (1 - z) ⊙ h + z ⊙ n

    The second mutant (MUT2) is a GRU with ``reset="before"`` as soon as its inputs are projected.

    Shapes:
        x, r (B, 3·H) in the order r, z, n; the state is ``h`` (B, H).

    Examples:
        A closed update gate keeps the state, an open one replaces it by the candidate, here tanh(0.5):

        >>> import torch
        >>> h, no_product = torch.tensor([[0.9]]), torch.zeros(1, 3)
        >>> inputs = [torch.tensor([[0.0, z, 0.5]]) for z in (-20.0, 20.0)]
        >>> [MUT3().step(x, no_product, (h,)) for x in inputs]
        [(tensor([[0.9000]]),), (tensor([[0.4621]]),)]

    Use: beside a GRU, from which it differs little.

    Source: Jozefowicz, Zaremba and Sutskever, "An empirical exploration of recurrent network architectures", 2015.
    """

    gate_names = ("r", "z", "n")

    @property
    def stages(self) -> tuple[tuple[str, ...], ...]:
        """Each product has a factor of its own."""
        return (("r",), ("z",), ("n",))

    def step(self, x: Tensor, r: Tensor, state: CellState) -> CellState:
        """The new ``h``; the equations are the class's."""
        (h,), (_, z, n) = state, self.gates(x, r, state).values()
        return ((1 - z) * h + z * n,)

    def gates(self, x: Tensor, r: Tensor, state: CellState) -> dict[str, Tensor]:
        """The values of r, z and n."""
        reset, z, n = (x + r).chunk(3, -1)
        return {"r": sigmoid(reset), "z": sigmoid(z), "n": tanh(n)}

    def kept(self, gates: Mapping[str, Tensor]) -> Tensor:
        """``1 - z``."""
        return 1 - gates["z"]

    def operand(self, stage: int, x: Tensor, r: Tensor, state: CellState) -> Tensor:
        """``h``, ``tanh(h)`` and ``r ⊙ h``."""
        (h,) = state
        if stage < 2:
            return tanh(h) if stage else h
        hidden = h.shape[-1]
        return sigmoid(x[..., :hidden] + r[..., :hidden]) * h
