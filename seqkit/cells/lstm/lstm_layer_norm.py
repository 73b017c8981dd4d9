"""The LSTM with layer normalisation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, sigmoid, tanh

from seqkit.cells.base import Cell, CellState, Saved, StepGradients

EPSILON = 1e-5
"""As in torch.nn.LayerNorm"""


class LayerNormLSTM(Cell):
    """Long short-term memory with layer normalisation: pre-activations and cell state are standardised.

    With ``norm(v) = (v - mean v) / sqrt(var v + 1e-5)`` over all gates of all units together::

        a = gain_x ⊙ norm(W_x x + b) + gain_r ⊙ norm(W_h h) + shift
        i, f, o = σ(a_i), σ(a_f), σ(a_o)      g = tanh(a_g)
        c' = f ⊙ c + i ⊙ g                    h' = o ⊙ tanh(gain_c ⊙ norm(c') + shift_c)

    Gains start at 1 and shifts at 0, except the forget gate's shift, which starts at 1, so that a new layer remembers.

    Shapes:
        x, r (B, 4·H) in the order i, f, g, o; ``gain_x``, ``gain_r``, ``shift`` (4·H); ``gain_c``, ``shift_c`` (H); the
        state is ``h`` and ``c``, (B, H) each.

    Examples:
        The scale of the input does not matter:

        >>> import torch
        >>> cell = LayerNormLSTM()
        >>> own = cell.own_parameters(hidden_size=1)
        >>> x, r, state = torch.tensor([[3.0, 1.0, -2.0, -2.0]]), torch.zeros(1, 4), (torch.zeros(1, 1),) * 2
        >>> [round(cell.step(scale * x, r, state, **own)[1].item(), 4) for scale in (1, 10, 100)]
        [-0.5925, -0.5925, -0.5925]

    Use: for long sequences that train unsteadily, and for small batches.

    Source: Ba, Kiros and Hinton, "Layer normalization", 2016 (arXiv:1607.06450), equations 20 to 22.
    """

    gate_names = ("i", "f", "g", "o")
    state_names = ("h", "c")
    initial_bias: ClassVar[Mapping[str, float]] = {}

    def own_parameters(self, hidden_size: int) -> dict[str, Tensor]:
        """``gain_x``, ``gain_r`` and ``shift`` (4·H) each; ``gain_c`` and ``shift_c`` (H)."""
        # The layer's bias goes into a norm that removes part of it again, so the forget gate's start is in the shift.
        shift = torch.zeros(4 * hidden_size)
        shift[hidden_size : 2 * hidden_size] = 1
        return {
            "gain_x": torch.ones(4 * hidden_size),
            "gain_r": torch.ones(4 * hidden_size),
            "shift": shift,
            "gain_c": torch.ones(hidden_size),
            "shift_c": torch.zeros(hidden_size),
        }

    def step(self, x: Tensor, r: Tensor, state: CellState, **own: Tensor) -> CellState:
        """The new ``h`` and ``c``; the equations are the class's."""
        _, c = state
        i, f, g, o = _gates(x, r, own)
        c = f * c + i * g
        return o * tanh(own["gain_c"] * _norm(c).value + own["shift_c"]), c

    def gates(self, x: Tensor, r: Tensor, state: CellState, **own: Tensor) -> dict[str, Tensor]:
        """The values of i, f, g and o."""
        return dict(zip(self.gate_names, _gates(x, r, own), strict=True))

    def kept(self, gates: Mapping[str, Tensor]) -> Tensor:
        """The forget gate."""
        return gates["f"]

    def step_backward(self, grad: CellState, saved: Saved, **own: Tensor) -> StepGradients:
        """The plain LSTM's, with each normalisation's gradient: ``(d - mean d - n mean(d n)) / deviation``."""
        (dh, dc), (_, c) = grad, saved.state
        i, f, g, o = _gates(saved.x, saved.r, own)
        c_norm = _norm(saved.new[1])
        t = tanh(own["gain_c"] * c_norm.value + own["shift_c"])
        dy = dh * o * (1 - t * t)
        dc = dc + _norm_backward(dy * own["gain_c"], c_norm)
        di, df, dg, do = dc * g, dc * c, dc * i, dh * t
        da = torch.cat([di * i * (1 - i), df * f * (1 - f), dg * (1 - g * g), do * o * (1 - o)], -1)
        x_norm, r_norm = _norm(saved.x), _norm(saved.r)
        own_gradients = {
            "gain_x": (da * x_norm.value).sum(0),
            "gain_r": (da * r_norm.value).sum(0),
            "shift": da.sum(0),
            "gain_c": (dy * c_norm.value).sum(0),
            "shift_c": dy.sum(0),
        }
        dx, dr = _norm_backward(da * own["gain_x"], x_norm), _norm_backward(da * own["gain_r"], r_norm)
        return StepGradients(dx, dr, (torch.zeros_like(dh), dc * f), own_gradients)


class _Norm(NamedTuple):
    value: Tensor
    scale: Tensor
    """1 / deviation"""


def _norm(v: Tensor) -> _Norm:
    centred = v - v.mean(-1, keepdim=True)
    scale = (centred.square().mean(-1, keepdim=True) + EPSILON).rsqrt()
    return _Norm(centred * scale, scale)


def _norm_backward(grad: Tensor, norm: _Norm) -> Tensor:
    slope = (grad * norm.value).mean(-1, keepdim=True)
    return norm.scale * (grad - grad.mean(-1, keepdim=True) - norm.value * slope)


def _gates(x: Tensor, r: Tensor, own: Mapping[str, Any]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    a = own["gain_x"] * _norm(x).value + own["gain_r"] * _norm(r).value + own["shift"]
    i, f, g, o = a.chunk(4, -1)
    return sigmoid(i), sigmoid(f), tanh(g), sigmoid(o)
