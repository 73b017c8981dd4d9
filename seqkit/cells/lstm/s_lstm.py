"""The LSTM with exponential gates."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, sigmoid, tanh
from torch.nn.functional import softplus

from seqkit.cells.base import Cell, CellState


class SLSTM(Cell):
    """Long short-term memory with exponential gates (sLSTM): a strong input overrides all that was stored before.

    With ``a = W_x x + W_h h + b`` for each gate::

        m' = max(log σ(a_f) + m, a_i)
        i = exp(a_i - m')                 f = exp(log σ(a_f) + m - m')
        g, o = tanh(a_g), σ(a_o)
        c' = f ⊙ c + i ⊙ g                n' = f ⊙ n + i
        h' = o ⊙ c' / n'

    n adds up the gates, so that c / n is a weighted mean of the candidates; m keeps the exponentials from overflowing
    and cancels out of c / n. The recurrent weights are full (one head of the paper's), and the forget gate's bias
    starts at 1. n' is at least 1e-30: a unit into which nothing has ever come gives 0.

    Shapes:
        x, r (B, 4·H) in the order i, f, g, o; the state is ``h``, ``c``, ``n`` and ``m``, (B, H) each.

    Examples:
        After a mean of two equal inputs, one that is e^20 times as strong replaces it, although nothing was forgotten:

        >>> import torch
        >>> cell, state = SLSTM(), (torch.zeros(1, 1),) * 4
        >>> for i, g in ((0.0, 20.0), (0.0, -20.0), (20.0, 20.0)):
        ...     state = cell.step(torch.tensor([[i, 40.0, g, 40.0]]), torch.zeros(1, 4), state)
        ...     print(round(state[0].item(), 4))
        1.0
        0.0
        1.0

    Use: where a memory has to be revised by what comes later.

    Source: Beck et al., "xLSTM: extended long short-term memory", 2024 (arXiv:2405.04517), section 2.2.
    """

    gate_names = ("i", "f", "g", "o")
    state_names = ("h", "c", "n", "m")
    initial_bias: ClassVar[Mapping[str, float]] = {"f": 1.0}
    # c / n of a unit into which nothing has come yet would divide by nothing.
    zero_states = ("c", "n", "m")

    def step(self, x: Tensor, r: Tensor, state: CellState) -> CellState:
        """The new ``h``, ``c``, ``n`` and ``m``; the equations are the class's."""
        (_, c, n, _), (i, f, g, o) = state, self.gates(x, r, state).values()
        c, n = f * c + i * g, f * n + i
        return o * c / n.clamp(min=1e-30), c, n, _logarithms(x + r, state)[2]

    def gates(self, x: Tensor, r: Tensor, state: CellState) -> dict[str, Tensor]:
        """The values of i, f, g and o; i and f relative to the larger of them."""
        log_i, log_f, m = _logarithms(x + r, state)
        _, _, g, o = (x + r).chunk(4, -1)
        return {"i": torch.exp(log_i - m), "f": torch.exp(log_f - m), "g": tanh(g), "o": sigmoid(o)}

    def mix(self, before: CellState, after: CellState, shares: Sequence[Any]) -> CellState:
        """``h`` as in any cell; ``c`` and ``n`` as they would be without the scale ``e^m``, with the share of ``c``."""
        k, share = shares[:2]
        (h, c, n, m), (new_h, new_c, new_n, new_m) = before, after
        old, new = _log(share) + m, _log(1 - share) + new_m
        m = torch.maximum(old, new)
        old, new = torch.exp(old - m), torch.exp(new - m)
        return k * h + (1 - k) * new_h, old * c + new * new_c, old * n + new * new_n, m


def _log(share: Any) -> Any:
    """Of a number or a tensor; of 0 a number so small that its exponential is 0."""
    return share.clamp(min=_TINY).log() if isinstance(share, Tensor) else math.log(max(share, _TINY))


_TINY = 1e-37


def _logarithms(a: Tensor, state: CellState) -> tuple[Tensor, Tensor, Tensor]:
    """Of i, of f with what the state before is scaled by, and the larger of them, the new m."""
    a_i, a_f, _, _ = a.chunk(4, -1)
    log_f = state[3] - softplus(-a_f)
    return a_i, log_f, torch.maximum(log_f, a_i)
