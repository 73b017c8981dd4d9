"""Expressions as ONNX operators, for all hidden units of a batch at once: values of (B, H), or of (T, B, H).

Nothing here needs the package onnx: operators are added by a function such as ``seqkit.graphs.Graph.add``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from seqkit.compiler.expressions import (
    Binary,
    Constant,
    Expression,
    Expressions,
    Input,
    Parameter,
    Recurrent,
    State,
    Sum,
    Unary,
    Units,
    operands,
    uniform,
)

_UNARY = {
    "neg": "Neg", "abs": "Abs", "sign": "Sign", "not": "Not", "sigmoid": "Sigmoid", "tanh": "Tanh", "exp": "Exp",
    "log": "Log", "sqrt": "Sqrt", "reciprocal": "Reciprocal", "erf": "Erf", "sin": "Sin", "cos": "Cos",
    "tan": "Tan", "asin": "Asin", "acos": "Acos", "atan": "Atan", "sinh": "Sinh", "cosh": "Cosh", "floor": "Floor",
    "round": "Round",
}  # fmt: skip
_BINARY = {
    "add": "Add", "sub": "Sub", "mul": "Mul", "div": "Div", "pow": "Pow", "maximum": "Max", "minimum": "Min",
    "gt": "Greater", "ge": "GreaterOrEqual", "lt": "Less", "le": "LessOrEqual", "eq": "Equal", "and": "And", "or": "Or",
}  # fmt: skip


class Emission:
    """Adds expressions to a graph, each once.

    Args:
        expressions: those of a step.
        units: H.
        add: adds an operator with its operands, and returns the value.
        leaves: the values of what comes in.
        known: values of expressions that are there already, by their numbers.
    """

    def __init__(
        self,
        expressions: Expressions,
        units: int,
        add: Callable[..., Any],
        leaves: Mapping[Expression, Any],
        known: Mapping[int, Any] | None = None,
    ) -> None:
        self.all, self.units, self.add, self.leaves = expressions, units, add, dict(leaves)
        self._values: dict[int, Any] = dict(known or {})

    def values(self, numbers: Sequence[int]) -> list[Any]:
        """The values of the expressions with these numbers."""
        for number in self.all.below(numbers, self._values):
            if number not in self._values:
                self._values[number] = self._value(self.all[number])
        return [self._values[number] for number in numbers]

    def _value(self, found: Expression) -> Any:
        if isinstance(found, Constant):
            return torch.tensor(found.value, dtype=torch.float32)
        if isinstance(found, Units):
            return torch.tensor(float(self.units))
        if not operands(found):
            return self.leaves[found]
        parts = [self._values[each] for each in operands(found)]
        if isinstance(found, Sum):
            return self._sum(found, parts[0])
        if isinstance(found, Unary):
            return self._unary(found.operator, parts[0])
        if isinstance(found, Binary):
            return self._binary(found.operator, *parts)
        return self.add("Where", *parts)

    def _sum(self, found: Sum, a: Any) -> Any:
        if found.a in uniform(self.all, [found.a]):
            return self.add("Mul", a, torch.tensor(float(self.units)))
        return self.add("ReduceSum", a, torch.tensor([-1]), keepdims=1)

    def _unary(self, operator: str, a: Any) -> Any:
        if operator == "expm1":
            return self._expm1(a)
        return self._log1p(a) if operator == "log1p" else self.add(_UNARY[operator], a)

    def _expm1(self, a: Any) -> Any:
        """``tanh(a / 2) (exp(a) + 1)``, which is exact near 0, as ``exp(a) - 1`` is not."""
        half = self.add("Tanh", self.add("Mul", a, torch.tensor(0.5)))
        return self.add("Mul", half, self.add("Add", self.add("Exp", a), torch.tensor(1.0)))

    def _log1p(self, a: Any) -> Any:
        """``a log(u) / (u - 1)`` for ``u = 1 + a``, in which the error of u cancels; a itself where u is 1."""
        one = torch.tensor(1.0)
        u = self.add("Add", a, one)
        ratio = self.add("Div", self.add("Log", u), self.add("Sub", u, one))
        return self.add("Where", self.add("Equal", u, one), a, self.add("Mul", a, ratio))

    def _binary(self, operator: str, a: Any, b: Any) -> Any:
        if operator == "ne":
            return self.add("Not", self.add("Equal", a, b))
        return self.add(_BINARY[operator], a, b)


def of_input(expressions: Expressions, roots: Sequence[int]) -> tuple[list[int], list[int]]:
    """What is known before the first step: expressions of input parts, and those of parameters alone.

    Of each kind those that the roots, or expressions of a step, are made of; not constants.
    """
    below = expressions.below(roots)
    early: dict[int, bool] = {}
    for number in below:
        found, parts = expressions[number], operands(expressions[number])
        if isinstance(found, (Input, Parameter, Constant, Units)) or (parts and all(each in early for each in parts)):
            early[number] = isinstance(found, Input) or any(early[each] for each in parts)
    used = {each for number in below if number not in early for each in operands(expressions[number])} | {*roots}
    wanted = [n for n in below if n in early and n in used and not isinstance(expressions[n], Constant)]
    return [n for n in wanted if early[n]], [n for n in wanted if not early[n]]


def spread(expressions: Expressions, roots: Sequence[int]) -> set[int]:
    """Those of the expressions below the roots that have a value for each unit of each sequence."""
    found: set[int] = set()
    for number in expressions.below(roots):
        each = expressions[number]
        parts = () if isinstance(each, Sum) else operands(each)
        if isinstance(each, (Input, Recurrent, State)) or any(part in found for part in parts):
            found.add(number)
    return found


def parameter_rows(own: Mapping[str, Tensor], units: int) -> dict[Expression, Tensor]:
    """The values of :class:`Parameter`, (H) each."""
    rows = [row for value in own.values() for row in value.detach().reshape(-1, units)]
    return {Parameter(number): row for number, row in enumerate(rows)}
