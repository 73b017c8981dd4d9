"""The bistable recurrent cell."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, sigmoid, tanh

from seqkit.cells.base import Cell, CellState


class BR(Cell):
    """The bistable cell: a unit with strong feedback stays in one of two states until something pushes it out.

    With ``a = W_x x + b`` for each gate::

        k = 1 + tanh(a_k + w_k ⊙ h)       c = σ(a_c + w_c ⊙ h)
        h' = c ⊙ h + (1 - c) ⊙ tanh(a_n + k ⊙ h)

    Where the feedback k is above 1, ``h = tanh(k h)`` has two stable solutions. Each unit sees its own state alone;
    w_k and w_c start at 0.

    Shapes:
        x (B, 3·H) in the order k, c, n; r (B, 0); w_k, w_c (H); the state is ``h`` (B, H).

    Examples:
        Without input, strong feedback holds a state and none lets it vanish:

        >>> import torch
        >>> own, states = BR().own_parameters(1), []
        >>> for k in (2.0, -20.0):
        ...     state = (torch.full((1, 1), 0.5),)
        ...     for _ in range(50):
        ...         state = BR().step(torch.tensor([[k, -2.0, 0.0]]), torch.zeros(1, 0), state, **own)
        ...     states.append(round(state[0].item(), 2))
        >>> states
        [0.95, 0.0]

    Use: where a fact has to be held for hundreds of steps.

    Source: Vecoven, Ernst and Drion, "A bio-inspired bistable recurrent cell allows for long-lasting memory", 2021
    (doi:10.1371/journal.pone.0252676).
    """

    gate_names = ("k", "c", "n")

    @property
    def stages(self) -> tuple[tuple[str, ...], ...]:
        """No recurrent product."""
        return ()

    def own_parameters(self, hidden_size: int) -> dict[str, Tensor]:
        """The weights ``w_k`` and ``w_c``, (H) each."""
        return {name: torch.zeros(hidden_size) for name in ("w_k", "w_c")}

    def step(self, x: Tensor, r: Tensor, state: CellState, *, w_k: Tensor, w_c: Tensor) -> CellState:
        """The new ``h``; the equations are the class's."""
        (h,), (_, c, n) = state, self.gates(x, r, state, w_k=w_k, w_c=w_c).values()
        return (c * h + (1 - c) * n,)

    def gates(self, x: Tensor, r: Tensor, state: CellState, *, w_k: Tensor, w_c: Tensor) -> dict[str, Tensor]:
        """The feedback k, the gate c and the candidate n."""
        (h,), (a_k, a_c, a_n) = state, x.chunk(3, -1)
        k = 1 + tanh(a_k + w_k * h)
        return {"k": k, "c": sigmoid(a_c + w_c * h), "n": tanh(a_n + k * h)}

    def kept(self, gates: Mapping[str, Tensor]) -> Tensor:
        """``c``."""
        return gates["c"]
