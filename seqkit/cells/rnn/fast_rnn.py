"""The recurrent network with a weighted residual."""

from __future__ import annotations

import torch
from torch import Tensor, sigmoid, tanh

from seqkit.cells.base import Cell, CellState


class FastRNN(Cell):
    """The simple recurrent network with a learned share of the state before it.

    With ``a = W_x x + W_h h + b``::

        h' = σ(alpha) ⊙ tanh(a) + σ(beta) ⊙ h

    The paper learns one alpha and one beta for a layer, here each unit has its own. They start at -3 and 3, as in the
    authors' code: a new layer takes in 5 % and keeps 95 % of each step.

    Shapes:
        x, r (B, H); alpha, beta (H); the state is ``h`` (B, H).

    Examples:
        A new unit moves slowly; here tanh(20) = 1 is taken in:

        >>> import torch
        >>> own, zero = FastRNN().own_parameters(1), torch.zeros(1, 1)
        >>> FastRNN().step(torch.tensor([[20.0]]), zero, (zero,), **own)
        (tensor([[0.0474]]),)

    Use: where a simple recurrent network would do but does not train; for slowly changing signals.

    Source: Kusupati et al., "FastGRNN", 2018 (arXiv:1901.02358).
    """

    gate_names = ("n",)

    def own_parameters(self, hidden_size: int) -> dict[str, Tensor]:
        """``alpha`` and ``beta``, (H) each."""
        return {"alpha": torch.full((hidden_size,), -3.0), "beta": torch.full((hidden_size,), 3.0)}

    def step(self, x: Tensor, r: Tensor, state: CellState, *, alpha: Tensor, beta: Tensor) -> CellState:
        """The new ``h``; the equation is the class's."""
        (h,) = state
        return (sigmoid(alpha) * tanh(x + r) + sigmoid(beta) * h,)
