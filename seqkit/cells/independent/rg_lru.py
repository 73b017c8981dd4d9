"""The gated linear recurrence of Griffin."""

from __future__ import annotations

import torch
from torch import Tensor, sigmoid
from torch.nn.functional import softplus

from seqkit.cells.base import Cell, CellState

_POWER = 8.0
_LEAST = 1e-12


class RGLRU(Cell):
    """The real-gated linear recurrent unit: a learned decay for each unit, which a gate can slow down.

    With ``a = W_x x + b`` for each gate::

        r, i = σ(a_r), σ(a_i)         k = σ(decay) ^ (8 r)
        h' = k ⊙ h + sqrt(1 - k²) ⊙ i ⊙ a_n

    There are no recurrent weights. The factor ``sqrt(1 - k²)`` keeps the size of h as it is, whatever k. The decays
    start so that ``σ(decay)^8`` is evenly spread from 0.9 to 0.999. a_n stands for the input itself, and gates are
    full matrices.

    Shapes:
        x (B, 3·H) in the order r, i, n; r (B, 0); decay (H); the state is ``h`` (B, H).

    Examples:
        A closed gate r stops the clock: the state stays, nothing comes in:

        >>> import torch
        >>> x, own = torch.tensor([[-20.0, 20.0, 1.0]]), RGLRU().own_parameters(1)
        >>> RGLRU().step(x, torch.zeros(1, 0), (torch.full((1, 1), 0.7),), **own)
        (tensor([[0.7000]]),)

    Use: for very long sequences in deep stacks, beside layers of attention in the paper.

    Source: De et al., "Griffin", 2024 (arXiv:2402.19427), section 2.4.
    """

    gate_names = ("r", "i", "n")

    @property
    def stages(self) -> tuple[tuple[str, ...], ...]:
        """No recurrent product."""
        return ()

    def own_parameters(self, hidden_size: int) -> dict[str, Tensor]:
        """``decay`` (H)."""
        start = torch.linspace(0.9, 0.999, hidden_size) ** (1 / _POWER)
        return {"decay": torch.logit(start)}

    def step(self, x: Tensor, r: Tensor, state: CellState, *, decay: Tensor) -> CellState:
        """The new ``h``; the equations are the class's."""
        (h,), (reset, i, n) = state, self.gates(x, r, state, decay=decay).values()
        # In logarithms: σ(decay) is so near to 1 that its power would lose what distinguishes units.
        k = torch.exp(-_POWER * reset * softplus(-decay))
        # The slope of a square root at 0 is infinite, and would meet a gate's of 0.
        return (k * h + torch.sqrt((1 - k * k).clamp(min=_LEAST)) * i * n,)

    def gates(self, x: Tensor, r: Tensor, state: CellState, *, decay: Tensor) -> dict[str, Tensor]:
        """The values of r, i and n."""
        reset, i, n = x.chunk(3, -1)
        return {"r": sigmoid(reset), "i": sigmoid(i), "n": n}
