"""The product of all inputs of a layer with its input weights, by oneDNN, or in 8-bit integers by our own operator.

torch's own goes to MKL, which on an AMD processor with AVX-512 reaches 108 GFLOP/s on a core, where oneDNN reaches 240.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear

from seqkit.kernels.operators import operator


def input_product(x: Tensor, weight: Tensor, bias: Tensor, precision: str = "f32") -> Tensor:
    """x (..., I), weight (R, I), bias (R), float32 on a CPU, to (..., R); differentiable twice, but for "int8"."""
    if precision == "int8":
        product: Tensor = operator("int8_input_product")(x.reshape(-1, x.shape[-1]), weight, bias)
        return product.view(*x.shape[:-1], len(weight))
    if torch.compiler.is_compiling() or not torch.backends.mkldnn.is_available() or not x.numel():
        return linear(x, weight, bias)
    rows: Tensor = _Product.apply(x.reshape(-1, x.shape[-1]), weight, bias)  # type: ignore[no-untyped-call]
    return rows.view(*x.shape[:-1], len(weight))


def times_transposed(a: Tensor, b: Tensor, bias: Tensor | None = None) -> Tensor:
    """(N, K) times (R, K) turned round, and a bias (R) added."""
    if not torch.backends.mkldnn.is_available() or not a.numel() or not b.numel():
        return linear(a, b, bias)
    product: Tensor = torch.ops.mkldnn._linear_pointwise(a.contiguous(), b.contiguous(), bias, "none", [], "")
    return product


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return times_transposed(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        need_x, need_weight, need_bias = ctx.needs_input_grad
        if torch.is_grad_enabled():
            # These have derivatives of their own.
            return grad @ weight if need_x else None, grad.T @ x if need_weight else None, grad.sum(0)
        return (
            times_transposed(grad, weight.T) if need_x else None,
            times_transposed(grad.T, x.T) if need_weight else None,
            grad.sum(0) if need_bias else None,
        )
