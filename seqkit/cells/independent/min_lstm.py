"""The LSTM without a recurrent product."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor, sigmoid
from torch.nn.functional import softplus

from seqkit.cells.base import Cell, CellState


class MinLSTM(Cell):
    """The minimal LSTM: input and forget gate look at the input alone and divide what they let through between them.

    With ``a = W_x x + b`` for both gates and the candidate::

        f = σ(a_f) / (σ(a_f) + σ(a_i))      h' = f ⊙ h + (1 - f) ⊙ a_n

    There are no recurrent weights. f is computed as ``σ(log σ(a_f) - log σ(a_i))``, which is the same and divides by
    nothing. The forget gate's bias starts at 1, so that a new layer remembers.

    Shapes:
        x (B, 3·H) in the order f, i, n; r (B, 0); the state is ``h`` (B, H).

    Examples:
        Where both gates are as far open, or as far closed, the state moves half of the way to the candidate:

        >>> import torch
        >>> h, nothing = torch.ones(1, 1), torch.zeros(1, 0)
        >>> [MinLSTM().step(torch.tensor([[a, a, 3.0]]), nothing, (h,)) for a in (0.0, -200.0)]
        [(tensor([[2.]]),), (tensor([[2.]]),)]

    Use: for long sequences in several layers, at three eighths of an LSTM's operations.

    Source: Feng et al., "Were RNNs all we needed?", 2024 (arXiv:2410.01201), section 3.2, with gates that add up to 1.
    """

    gate_names = ("f", "i", "n")
    initial_bias: ClassVar[Mapping[str, float]] = {"f": 1.0}
    memory_gates: ClassVar[Mapping[str, int]] = {"f": 1, "i": -1}

    @property
    def stages(self) -> tuple[tuple[str, ...], ...]:
        """No recurrent product."""
        return ()

    def step(self, x: Tensor, r: Tensor, state: CellState) -> CellState:
        """The new ``h``; the equation is the class's."""
        (h,), (f, _, n) = state, self.gates(x, r, state).values()
        return (f * h + (1 - f) * n,)

    def gates(self, x: Tensor, r: Tensor, state: CellState) -> dict[str, Tensor]:
        """The values of f, i = 1 - f, and n."""
        a_f, a_i, n = x.chunk(3, -1)
        f = sigmoid(softplus(-a_i) - softplus(-a_f))
        return {"f": f, "i": 1 - f, "n": n}

    def kept(self, gates: Mapping[str, Tensor]) -> Tensor:
        """``f``."""
        return gates["f"]
