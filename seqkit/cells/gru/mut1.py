"""The first of the cells that an architecture search found."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, sigmoid, tanh

from seqkit.cells.base import Cell, CellState


class MUT1(Cell):
    """The first mutant of a search over ten thousand cells: a GRU whose update gate looks at the input alone.

    With ``a = W_x x + b`` for each gate::

        r, z = σ(a_r + U_r h), σ(a_z)
        n = tanh(tanh(a_n) + U_n (r ⊙ h))
        h' = (1 - z) ⊙ h + z ⊙ n

    In the paper the candidate has tanh(x) in place of tanh(a_n), for inputs as wide as the state.

    Shapes:
        x (B, 3·H) in the order r, n, z; r (B, 2·H) for r and n; the state is ``h`` (B, H).

    Examples:
        A half-open update gate moves half of the way to the candidate, tanh(tanh(20)) = tanh(1):

        >>> import torch
        >>> MUT1().step(torch.tensor([[0.0, 20.0, 0.0]]), torch.zeros(1, 2), (torch.zeros(1, 1),))
        (tensor([[0.3808]]),)

    Use: in place of a GRU, where the input alone says when to write.

    Source: Jozefowicz, Zaremba and Sutskever, "An empirical exploration of recurrent network architectures", 2015.
    """

    gate_names = ("r", "n", "z")

    @property
    def stages(self) -> tuple[tuple[str, ...], ...]:
        """The candidate's product has to wait for the reset gate; z has none."""
        return (("r",), ("n",))

    def step(self, x: Tensor, r: Tensor, state: CellState) -> CellState:
        """The new ``h``; the equations are the class's."""
        (h,), (_, z, n) = state, self.gates(x, r, state).values()
        return ((1 - z) * h + z * n,)

    def gates(self, x: Tensor, r: Tensor, state: CellState) -> dict[str, Tensor]:
        """The values of r, z and n."""
        (reset, a_n, z), (u_r, u_n) = x.chunk(3, -1), r.chunk(2, -1)
        return {"r": sigmoid(reset + u_r), "z": sigmoid(z), "n": tanh(tanh(a_n) + u_n)}

    def kept(self, gates: Mapping[str, Tensor]) -> Tensor:
        """``1 - z``."""
        return 1 - gates["z"]

    def operand(self, stage: int, x: Tensor, r: Tensor, state: CellState) -> Tensor:
        """``h``; for the candidate ``r ⊙ h``."""
        (h,) = state
        hidden = h.shape[-1]
        return h if stage == 0 else sigmoid(x[..., :hidden] + r[..., :hidden]) * h
