"""Losses over a large vocabulary.

N rows, H features of each, V symbols.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, linear, pad

from seqkit.kernels import transformed

_LOGITS = 2**22
"""Logits computed at a time: 16 MB of float32. Of 8,000 symbols and 1,500 rows on one core the loss and its gradient
then take 0.2 s, of all logits at once 0.3 s and 100 MB more."""
_FEW_LOGITS = 2**25
"""On a GPU so many, 128 MB, are computed at once: there the number of operators decides, and a piece takes thirty."""
_ROWS = 128
"""Products in bfloat16 have a multiple of so many rows."""


def linear_cross_entropy(
    features: Tensor,
    weight: Tensor,
    bias: Tensor,
    targets: Tensor,
    label_smoothing: float = 0.0,
    precision: str = "f32",
) -> Tensor:
    """The sum over rows of the cross-entropy (nats) of ``softmax(features W^T + b)``, without all logits at once.

    Rows are computed in pieces, the gradient of each together with its logits, so that no tensor of (N, V) is needed;
    on a GPU only where there are many. A transform of ``torch.func`` sees the logits, which it can transform.
    With ``label_smoothing`` ε, the target distribution is 1 - ε for the target and ε divided equally among all symbols.

    Args:
        features: (N, H).
        weight, bias: (V, H) and (V).
        targets: (N) of int64; negative ones are padding and do not count.
        label_smoothing: ε.
        precision: ``"bf16"``: the sides of the three products, and the logits, are rounded to bfloat16 where the
            processor multiplies those; softmax, loss and sums are not.

    Source: label smoothing: Szegedy et al., 2016 (arXiv:1512.00567).
    """
    followed = transformed()
    bf16 = precision == "bf16" and not followed and features.dtype == torch.float32 and multiplies_bf16(features.device)
    if bf16:
        # oneDNN compiles and caches a product in bfloat16 for each shape: with ragged batches that would be hundreds.
        extra = -len(features) % _ROWS
        features, targets = pad(features, [0, 0, 0, extra]), pad(targets, [0, extra], value=-1)
    elif followed or (not features.is_cpu and len(features) * len(weight) <= _FEW_LOGITS):
        logits = linear(features, weight, bias)
        return cross_entropy(
            logits, targets.clamp(min=-1), ignore_index=-1, reduction="sum", label_smoothing=label_smoothing
        )
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
        train = any(ctx.needs_input_grad[:3])
        grads = [torch.zeros_like(t) for t in (features, weight, bias)] if train else []
        total = features.new_zeros(())
        if bf16:
            features, weight, bias = features.bfloat16(), weight.bfloat16(), bias.bfloat16()
        rows = min(len(features), max(1, _LOGITS // len(weight)))
        # Allocated once: the system takes longer to hand out and clear so much memory than the sums take.
        products = features.new_empty(rows, len(weight))
        grad_logits = total.new_empty(rows, len(weight))
        logits = torch.empty_like(grad_logits) if bf16 else products
        for start in range(0, len(features), rows):
            piece = slice(start, min(start + rows, len(features)))
            size = piece.stop - start
            torch.addmm(bias, features[piece], weight.T, out=products[:size])
            if bf16:
                logits[:size] = products[:size]
            total += _loss(logits[:size], targets[piece], label_smoothing, grad_logits[:size])
            if train:
                # The products are no longer needed: their memory takes the gradient, rounded if they were.
                grad = products[:size].copy_(grad_logits[:size])
                grads[0][piece] = grad @ weight
                grads[2] += grad_logits[:size].sum(0)
                if bf16:
                    grads[1] += grad.T @ features[piece]
                else:
                    grads[1].addmm_(grad.T, features[piece])
        ctx.save_for_backward(*grads)
        return total

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        return *(grad * saved for saved in ctx.saved_tensors), None, None, None


def multiplies_bf16(device: torch.device) -> bool:
    """Whether a device multiplies bfloat16 in hardware; assumed of everything but a CPU."""
    return device.type != "cpu" or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _loss(logits: Tensor, targets: Tensor, label_smoothing: float, grad: Tensor) -> Tensor:
    """``Σ_n log Σ_v e^z_nv - (1 - ε) z_nt - ε mean_v z_nv`` over the rows with a target t, and its gradient, written
    into ``grad``: ``softmax(z) - (1 - ε) [v = t] - ε / V``."""
    counts = (targets >= 0).unsqueeze(1)
    index = targets.clamp(min=0).unsqueeze(1)
    torch.softmax(logits, 1, out=grad)
    # log Σ e^z without a second pass: the probability of the most likely symbol is at least 1 / V, so its logarithm is
    # exact enough.
    normal = logits.amax(1, keepdim=True) - grad.amax(1, keepdim=True).log()
    loss = normal - (1 - label_smoothing) * logits.gather(1, index)
    grad.scatter_add_(1, index, torch.full_like(loss, label_smoothing - 1))
    if label_smoothing:
        loss -= label_smoothing * logits.mean(1, keepdim=True)
        grad -= label_smoothing / logits.shape[1]
    # A GPU would end all its work before it knows whether there is padding.
    if not grad.is_cpu or not bool(counts.all()):
        grad *= counts
    return (loss * counts).sum()
