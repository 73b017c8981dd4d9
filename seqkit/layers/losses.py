"""Losses over a large vocabulary.

N rows, H features of each, V symbols.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

_LOGITS = 2**22
"""Logits held at a time: 16 MB of float32"""
_ROWS = 128
"""Rows come in multiples of it where products are in bfloat16."""


def linear_cross_entropy(
    features: Tensor,
    weight: Tensor,
    bias: Tensor,
    targets: Tensor,
    label_smoothing: float = 0.0,
    precision: str = "f32",
) -> Tensor:
    """The sum over rows of the cross-entropy (nats) of ``softmax(features W^T + b)``, without all logits at once.

    Rows go through in pieces; the gradient of a piece is made while its logits are there, so that (N, V) never is.
    With ``label_smoothing`` ε, a target is 1 - ε of its symbol and ε of all alike (Szegedy et al., 2016,
    arXiv:1512.00567).

    Args:
        features: (N, H).
        weight, bias: (V, H) and (V).
        targets: (N) of int64; negative ones are padding and count nothing.
        precision: ``"bf16"``: the sides of the three products, and the logits, are rounded to bfloat16 where the
            processor multiplies those; softmax, loss and sums are not.
    """
    bf16 = precision == "bf16" and features.dtype == torch.float32 and has_bf16(features.device)
    if bf16:
        # A product in bfloat16 is compiled, and kept, for each shape that comes: let few come.
        extra = -len(features) % _ROWS
        features, targets = pad(features, [0, 0, 0, extra]), pad(targets, [0, extra], value=-1)
    total: Tensor = _Pieces.apply(features, weight, bias, targets, label_smoothing, bf16)  # type: ignore[no-untyped-call]
    return total


class _Pieces(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        features: Tensor,
        weight: Tensor,
        bias: Tensor,
        targets: Tensor,
        label_smoothing: float,
        bf16: bool,
    ) -> Tensor:
        wanted = any(ctx.needs_input_grad[:3])
        grads = [torch.zeros_like(t) for t in (features, weight, bias)] if wanted else []
        total = features.new_zeros(())
        if bf16:
            features, weight, bias = features.bfloat16(), weight.bfloat16(), bias.bfloat16()
        rows = min(len(features), max(1, _LOGITS // len(weight)))
        # Made once: to get and give back so much memory for each piece would take longer than the sums.
        products = features.new_empty(rows, len(weight))
        chances = total.new_empty(rows, len(weight))
        logits = torch.empty_like(chances) if bf16 else products
        for start in range(0, len(features), rows):
            piece = slice(start, min(start + rows, len(features)))
            size = piece.stop - start
            torch.addmm(bias, features[piece], weight.T, out=products[:size])
            if bf16:
                logits[:size] = products[:size]
            total += _loss(logits[:size], targets[piece], label_smoothing, chances[:size])
            if wanted:
                grad = products[:size].copy_(chances[:size])
                grads[0][piece] = grad @ weight
                grads[2] += chances[:size].sum(0)
                if bf16:
                    grads[1] += grad.T @ features[piece]
                else:
                    grads[1].addmm_(grad.T, features[piece])
        ctx.save_for_backward(*grads)
        return total

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        return *(grad * made for made in ctx.saved_tensors), None, None, None


def has_bf16(device: torch.device) -> bool:
    """Whether a device multiplies bfloat16 in hardware; every accelerator is taken to."""
    return device.type != "cpu" or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _loss(logits: Tensor, targets: Tensor, label_smoothing: float, grad: Tensor) -> Tensor:
    """``Σ_n log Σ_v e^z_nv - (1 - ε) z_nt - ε mean_v z_nv`` over the rows with a target t, and its gradient, written
    into ``grad``: ``softmax(z) - (1 - ε) [v = t] - ε / V``."""
    here = (targets >= 0).unsqueeze(1)
    places = targets.clamp(min=0).unsqueeze(1)
    torch.softmax(logits, 1, out=grad)
    # The likeliest symbol's probability, never below 1 / V, gives the sum of the others' without a second pass.
    normal = logits.amax(1, keepdim=True) - grad.amax(1, keepdim=True).log()
    loss = normal - (1 - label_smoothing) * logits.gather(1, places)
    grad.scatter_add_(1, places, torch.full_like(loss, label_smoothing - 1))
    if label_smoothing:
        loss -= label_smoothing * logits.mean(1, keepdim=True)
        grad -= label_smoothing / logits.shape[1]
    if not bool(here.all()):
        grad *= here
    return (loss * here).sum()
