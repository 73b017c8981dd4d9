"""The closed-form continuous-time network: steps may be apart by any time."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, sigmoid, tanh

from seqkit.cells.base import Cell, CellState, Parameters
from seqkit.errors import UsageError

_HEADS = ("f", "g", "s", "t")


class CfC(Cell):
    """The closed-form continuous-time network (CfC): a state that evolves by as much time as has passed.

    With ``a = W_x x + U h + b`` and the time dt since the step before::

        k = 1.7159 tanh(2/3 a)
        f, g = tanh(V_f k + b_f), tanh(V_g k + b_g)       s, t = V_s k + b_s, V_t k + b_t
        h' = (1 - σ(s dt + t)) ⊙ f + σ(s dt + t) ⊙ g

    Args:
        time: where dt comes from. ``"constant"``: it is 1. ``"last"``: it is the last number of each input, such as
            the last feature of a frame, which nothing else reads; any scale and shift of it will do, as s and t are
            learned.

    Shapes:
        x (B, H), with ``time="last"`` (B, 2·H) with dt behind; r (B, 5·H) in the order k, f, g, s, t; the biases b_f,
        b_g, b_s, b_t (H); the state is ``h`` (B, H).

    Examples:
        The state goes from f to g, here from -1 to 1, the further the longer the time:

        >>> import torch
        >>> cell = CfC(time="last")
        >>> own, r = cell.own_parameters(1), torch.tensor([[0.0, -20.0, 20.0, 1.0, 0.0]])
        >>> for dt in (0.0, 1.0, 5.0):
        ...     print(round(cell.step(torch.tensor([[0.0, dt]]), r, (torch.zeros(1, 1),), **own)[0].item(), 2))
        0.0
        0.46
        0.99

    Use: for measurements at uneven times, with the time since the last one as the last feature.

    Source: Hasani et al., "Closed-form continuous-time neural networks", 2022 (arXiv:2106.13898), with a backbone of
    one layer.
    """

    gate_names = ("k",)
    derives_weights = True

    def __init__(self, time: Literal["constant", "last"] = "constant") -> None:
        if time not in ("constant", "last"):
            raise UsageError(f"time of a CfC is 'constant' or 'last', not {time!r}")
        self.time = time
        if time == "last":
            self.gate_names = ("k", "dt")  # type: ignore[misc,assignment]

    @property
    def options(self) -> dict[str, Any]:
        """``time``."""
        return {"time": self.time}

    @property
    def stages(self) -> tuple[tuple[str, ...], ...]:
        """A product of h, and one of k, which has no input part."""
        return (("k",), _HEADS)

    def own_parameters(self, hidden_size: int) -> dict[str, Tensor]:
        """The biases of f, g, s and t, (H) each."""
        return {f"b_{name}": torch.zeros(hidden_size) for name in _HEADS}

    def derived(self, parameters: Parameters) -> Parameters:
        """With ``time="last"``, weights by which dt is the last input, and k sees all inputs but that one."""
        if self.time == "constant":
            return parameters
        weight, bias = parameters.weight_x, parameters.bias
        hidden, inputs = len(weight) // 2, weight.shape[1]
        of_time = (torch.arange(inputs, device=weight.device) == inputs - 1).to(weight.dtype).expand(hidden, inputs)
        top, zero = weight[:hidden] * (1 - of_time), torch.zeros_like(bias[hidden:])
        return parameters._replace(weight_x=torch.cat([top, of_time]), bias=torch.cat([bias[:hidden], zero]))

    def operand(self, stage: int, x: Tensor, r: Tensor, state: CellState) -> Tensor:
        """``h``, then ``k``."""
        return state[0] if stage == 0 else _backbone(x, r, state[0].shape[-1])

    def step(self, x: Tensor, r: Tensor, state: CellState, **own: Tensor) -> CellState:
        """The new ``h``; the equations are the class's."""
        hidden = state[0].shape[-1]
        f, g, s, t = (part + own[f"b_{n}"] for n, part in zip(_HEADS, r[..., hidden:].chunk(4, -1), strict=True))
        share = sigmoid(s + t if self.time == "constant" else s * x[..., hidden:] + t)
        return ((1 - share) * tanh(f) + share * tanh(g),)


def _backbone(x: Tensor, r: Tensor, hidden: int) -> Tensor:
    # The tanh of LeCun et al., "Efficient backprop", 1998.
    return 1.7159 * tanh((x[..., :hidden] + r[..., :hidden]) * (2 / 3))
