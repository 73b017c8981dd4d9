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
}  # fmt: skip
"""Operators that move values and compute none; what they add are zeros."""

FILLS = {"empty_like", "zeros_like", "ones_like", "full_like", "new_zeros", "new_ones", "new_full"}
"""Operators that take no more than sizes from their operand."""

FOLDS: dict[str, str] = {"sum": "add", "amax": "maximum", "amin": "minimum"}
"""Operators that go over a dimension, and what joins two of its values."""

_ACTIVATIONS = ("silu", "softplus", "elu", "leaky_relu", "hardsigmoid", "hardtanh", "hardswish", "gelu")
_DECOMPOSED = [
    *_ACTIVATIONS, *(f"{name}_backward" for name in _ACTIVATIONS), "mish", "_softmax", "_softmax_backward_data",
    "addcmul", "addcdiv", "lerp", "log_sigmoid_forward", "log_sigmoid_backward", "celu",
]  # fmt: skip

DECOMPOSITIONS: dict[Any, Callable[..., Any]] = {**get_decompositions([getattr(aten, name) for name in _DECOMPOSED])}
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


def _div(e: Expressions, a: int, b: int) -> int:
    by = e[b]
    if isinstance(by, Constant) and abs(math.frexp(by.value)[0]) == 0.5:
        return e.binary("mul", a, e.constant(1 / by.value))  # exact for a power of 2
    return e.binary("div", a, b)


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
    alike = "neg abs sign sigmoid tanh exp expm1 log log1p sqrt reciprocal erf sin cos mul maximum minimum"
    rules = {name: _same(name) for name in [*alike.split(), "gt", "ge", "lt", "le", "eq", "ne"]}
    for name in ("and", "or", "not"):
        rules[f"logical_{name}"] = rules[f"bitwise_{name}"] = rules[f"__{name}__"] = _same(name)
    return rules | {
        "sgn": _same("sign"),
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
