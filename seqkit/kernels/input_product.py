"""The product of all inputs of a layer with its input weights, by oneDNN or MKL, or rounded by our own operator.

torch's own goes to MKL, which on an AMD processor with AVX-512 reaches 108 GFLOP/s on a core, where oneDNN reaches 240.
Without AVX-512 (EPYC of family 25) it is MKL that is faster, 84 to 77, and for the gradient of a weight 82 to 60, since
it multiplies transposed matrices without a copy of them.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear

from seqkit.kernels.operators import operator

_ONEDNN = torch.backends.mkldnn.is_available() and torch.backends.cpu.get_cpu_capability() == "AVX512"
"""Whether it is oneDNN that multiplies here"""
FEW_ROWS = 8
"""Of a batch and its steps, as ``kFewRows`` of the C++ has it: to round weights takes longer than so few rows save."""


def input_product(x: Tensor, weight: Tensor, bias: Tensor, precision: str = "f32") -> Tensor:
    """x (..., I), weight (R, I), bias (R), float32 on a CPU, to (..., R); differentiable twice, but for "int8"."""
    rows = x.reshape(-1, x.shape[-1])
    if precision != "f32" and len(rows) > FEW_ROWS and not torch.compiler.is_compiling():
        product = rounded_product(rows, weight, bias, precision)
    elif torch.compiler.is_compiling() or not _ONEDNN or not x.numel():
        return linear(x, weight, bias)
    else:
        product = _Product.apply(rows, weight, bias, "f32")  # type: ignore[no-untyped-call]
    return product.view(*x.shape[:-1], len(weight))


def rounded_product(x: Tensor, weight: Tensor, bias: Tensor | None, precision: str) -> Tensor:
    """(N, I), (R, I) and (R) to (N, R), both sides rounded to "bf16", whose derivative is as rounded, or to "int8"."""
    if precision == "bf16":
        rounded: Tensor = _Product.apply(x, weight, bias, precision)  # type: ignore[no-untyped-call]
        return rounded
    return multiplied(x, weight, bias, precision)


def multiplied(a: Tensor, b: Tensor, bias: Tensor | None, precision: str) -> Tensor:
    """(N, K) times (R, K) turned round, and a bias (R) added, both sides rounded unless it is "f32"; no derivative."""
    if precision == "f32":
        return times_transposed(a, b, bias)
    added = a.new_zeros(len(b)) if bias is None else bias
    product: Tensor = operator("rounded_product")(a, b, added, precision)
    return product


def times_transposed(a: Tensor, b: Tensor, bias: Tensor | None = None) -> Tensor:
    """(N, K) times (R, K) turned round, and a bias (R) added."""
    if not _ONEDNN or not a.numel() or not b.numel():
        return linear(a, b, bias)
    product: Tensor = torch.ops.mkldnn._linear_pointwise(a.contiguous(), b.contiguous(), bias, "none", [], "")
    return product


class _Product(torch.autograd.Function):
    """The product and its gradients, all of them in one precision."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, precision: str) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.precision = precision
        return multiplied(x, weight, bias, precision)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        need_x, need_weight, need_bias, _ = ctx.needs_input_grad
        grad_bias = grad.sum(0) if need_bias else None
        if torch.is_grad_enabled():
            # These have derivatives of their own.
            return grad @ weight if need_x else None, grad.T @ x if need_weight else None, grad_bias, None
        return (
            multiplied(grad, weight.T, None, ctx.precision) if need_x else None,
            multiplied(grad.T, x.T, None, ctx.precision) if need_weight else None,
            grad_bias,
            None,
        )
