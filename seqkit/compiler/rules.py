"""What each operator of torch means for one unit: a rule from its operands' expressions to that of its result."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch._decomp import get_decompositions

from seqkit.compiler.expressions import Constant, Expressions

aten = torch.ops.aten

Rule = Callable[..., int]

MOVES = {
    "view", "_unsafe_view", "reshape", "split", "split_with_sizes", "slice", "select", "narrow", "cat", "stack",
    "unsqueeze", "squeeze", "permute", "transpose", "t", "expand", "clone", "detach", "alias", "unbind", "repeat",
    "slice_backward", "select_backward", "flip", "roll", "slice_scatter", "select_scatter", "lift_fresh_copy",
    "copy", "broadcast_in_dim",
}  # fmt: skip
"""Operators that move values and compute none; what they add are zeros."""

FILLS = {"empty_like", "zeros_like", "ones_like", "full_like", "new_zeros", "new_ones", "new_full"}
"""Operators that take no more than sizes from their operand."""

FOLDS: dict[str, str] = {"sum": "add", "amax": "maximum", "amin": "minimum"}
"""Operators that go over a dimension, and what joins two of its values."""

_ACTIVATIONS = (
    "silu", "softplus", "elu", "leaky_relu", "hardsigmoid", "hardtanh", "hardswish", "gelu", "glu", "mish", "threshold",
    "softshrink", "hardshrink", "_prelu_kernel",
)  # fmt: skip
_NORMS = (
    "native_layer_norm", "native_layer_norm_backward", "_fused_rms_norm", "_fused_rms_norm_backward", "var", "std",
    "var_mean", "std_mean", "linalg_vector_norm", "logsumexp", "_log_softmax", "_log_softmax_backward_data",
)  # fmt: skip
_DECOMPOSED = [
    *_ACTIVATIONS, *(f"{name}_backward" for name in _ACTIVATIONS if name != "threshold"), *_NORMS, "_softmax",
    "_softmax_backward_data", "addcmul", "addcdiv", "lerp", "log_sigmoid_forward", "log_sigmoid_backward", "celu",
    "selu", "logit", "logit_backward", "deg2rad", "rad2deg",
]  # fmt: skip

DECOMPOSITIONS: dict[Any, Callable[..., Any]] = {
    **get_decompositions([getattr(aten, name) for name in _DECOMPOSED if hasattr(aten, name)])
}
"""Operators that torch itself makes of simpler ones."""


def _same(operator: str) -> Rule:
    def rule(e: Expressions, a: int, b: int | None = None) -> int:
        return e.unary(operator, a) if b is None else e.binary(operator, a, b)

    return rule


def _add(e: Expressions, a: int, b: int, alpha: float = 1) -> int:
    return e.binary("add", a, e.binary("mul", b, e.constant(alpha)))


def _sub(e: Expressions, a: int, b: int, alpha: float = 1) -> int:
    return e.binary("sub", a, e.binary("mul", b, e.constant(alpha)))


def _power(e: Expressions, a: int, b: int) -> int:
    exponent = e[b]
    if isinstance(exponent, Constant):
        if exponent.value in (2.0, 3.0):
            square = e.binary("mul", a, a)
            return square if exponent.value == 2 else e.binary("mul", square, a)
        if exponent.value == 0.5:
            return e.unary("sqrt", a)
        if exponent.value == -1:
            return e.unary("reciprocal", a)
    return e.binary("pow", a, b)


def _div(e: Expressions, a: int, b: int, rounding_mode: str | None = None) -> int:
    if rounding_mode is not None:
        return (_truncated if rounding_mode == "trunc" else _floor)(e, _div(e, a, b))
    by = e[b]
    if isinstance(by, Constant) and abs(math.frexp(by.value)[0]) == 0.5:
        return e.binary("mul", a, e.constant(1 / by.value))  # exact for a power of 2
    return e.binary("div", a, b)


def _floor(e: Expressions, a: int) -> int:
    return e.unary("floor", a)


def _ceiling(e: Expressions, a: int) -> int:
    return e.unary("neg", _floor(e, e.unary("neg", a)))


def _truncated(e: Expressions, a: int) -> int:
    return e.binary("mul", e.unary("sign", a), _floor(e, e.unary("abs", a)))


def _remainder(e: Expressions, a: int, b: int) -> int:
    return e.binary("sub", a, e.binary("mul", b, _floor(e, _div(e, a, b))))


def _hypotenuse(e: Expressions, a: int, b: int) -> int:
    return e.unary("sqrt", e.binary("add", e.binary("mul", a, a), e.binary("mul", b, b)))


def _log_of_sum(e: Expressions, a: int, b: int) -> int:
    apart = e.unary("neg", e.unary("abs", e.binary("sub", a, b)))
    return e.binary("add", e.binary("maximum", a, b), e.unary("log1p", e.unary("exp", apart)))


def _inverse_sinh(e: Expressions, a: int) -> int:
    """``sign(a) log(1 + |a| + a² / (1 + sqrt(1 + a²)))``, which is exact near 0."""
    size, square, one = e.unary("abs", a), e.binary("mul", a, a), e.constant(1)
    root = e.binary("add", one, e.unary("sqrt", e.binary("add", one, square)))
    inner = e.binary("add", size, e.binary("div", square, root))
    return e.binary("mul", e.unary("sign", a), e.unary("log1p", inner))


def _inverse_tanh(e: Expressions, a: int) -> int:
    ratio = e.binary("div", e.binary("add", a, a), e.binary("sub", e.constant(1), a))
    return e.binary("mul", e.constant(0.5), e.unary("log1p", ratio))


def _times(operator: str, before: float = 1, after: float = 1) -> Rule:
    def rule(e: Expressions, a: int) -> int:
        inner = e.unary(operator, e.binary("mul", a, e.constant(before)))
        return e.binary("mul", inner, e.constant(after))

    return rule


def _slope(e: Expressions, grad: int, slope: int) -> int:
    return e.binary("mul", grad, slope)


def _sigmoid_backward(e: Expressions, grad: int, y: int) -> int:
    return _slope(e, grad, e.binary("mul", y, e.binary("sub", e.constant(1), y)))


def _tanh_backward(e: Expressions, grad: int, y: int) -> int:
    return _slope(e, grad, e.binary("sub", e.constant(1), e.binary("mul", y, y)))


def _threshold_backward(e: Expressions, grad: int, a: int, threshold: int) -> int:
    return e.where(e.binary("gt", a, threshold), grad, e.constant(0))


def _relu(e: Expressions, a: int) -> int:
    return e.binary("maximum", a, e.constant(0))


def _converted(e: Expressions, a: int, dtype: torch.dtype | None = None) -> int:
    return e.as_truth(a) if dtype is torch.bool else e.as_number(a)


def _clamp(e: Expressions, a: int, least: int | None = None, most: int | None = None) -> int:
    a = a if least is None else e.binary("maximum", a, least)
    return a if most is None else e.binary("minimum", a, most)


def _rules() -> dict[str, Rule]:
    alike = (
        "neg abs sign sigmoid tanh exp expm1 log log1p sqrt reciprocal erf sin cos tan asin acos atan sinh cosh floor "
        "round mul maximum minimum"
    )
    rules = {name: _same(name) for name in [*alike.split(), "gt", "ge", "lt", "le", "eq", "ne"]}
    for name in ("and", "or", "not"):
        rules[f"logical_{name}"] = rules[f"bitwise_{name}"] = rules[f"__{name}__"] = _same(name)
    return rules | {
        "sgn": _same("sign"),
        "ceil": _ceiling,
        "trunc": _truncated,
        "fix": _truncated,
        "frac": lambda e, a: e.binary("sub", a, _truncated(e, a)),
        "remainder": _remainder,
        "fmod": lambda e, a, b: e.binary("sub", a, e.binary("mul", b, _truncated(e, _div(e, a, b)))),
        "floor_divide": lambda e, a, b: _div(e, a, b, "floor"),
        "hypot": _hypotenuse,
        "logaddexp": _log_of_sum,
        "exp2": _times("exp", before=math.log(2)),
        "log2": _times("log", after=1 / math.log(2)),
        "log10": _times("log", after=1 / math.log(10)),
        "asinh": _inverse_sinh,
        "atanh": _inverse_tanh,
        "erfc": lambda e, a: e.binary("sub", e.constant(1), e.unary("erf", a)),
        "isnan": lambda e, a: e.binary("ne", a, a),
        "add": _add,
        "sub": _sub,
        "div": _div,
        "rsub": lambda e, a, b, alpha=1: _sub(e, b, a, alpha),
        "rsqrt": lambda e, a: e.unary("reciprocal", e.unary("sqrt", a)),
        "square": lambda e, a: e.binary("mul", a, a),
        "pow": _power,
        "relu": _relu,
        "clamp": _clamp,
        "clamp_min": lambda e, a, least: _clamp(e, a, least),
        "clamp_max": lambda e, a, most: _clamp(e, a, None, most),
        "where": lambda e, condition, a, b: e.where(condition, a, b),
        "masked_fill": lambda e, a, mask, value: e.where(mask, value, a),
        "_to_copy": _converted,
        "convert_element_type": _converted,
        "sigmoid_backward": _sigmoid_backward,
        "tanh_backward": _tanh_backward,
        "threshold_backward": _threshold_backward,
    }


RULES: dict[str, Rule] = _rules()
"""By the name of the operator, without its overload"""


def name_of(operator: Any) -> str:
    """The name of an operator of torch without its overload: ``mul`` for ``aten.mul.Tensor``."""
    packet = getattr(operator, "overloadpacket", operator)
    return str(getattr(packet, "__name__", packet)).rpartition(".")[2]
