"""One expression as C++ on vectors of hidden units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from seqkit.compiler.expressions import Binary, Constant, Expression, Expressions, Unary, Where, operands

_SIGNS = {
    "add": "+", "sub": "-", "mul": "*", "div": "/", "gt": ">", "ge": ">=", "lt": "<", "le": "<=", "eq": "==",
    "ne": "!=", "and": "&", "or": "|",
}  # fmt: skip
_CALLS = {"maximum": "at::vec::maximum({}, {})", "minimum": "at::vec::minimum({}, {})", "pow": "{}.pow({})"}
_FUNCTIONS = {"sigmoid": "sigmoid({})", "tanh": "tanh({})", "sign": "sign({})", "not": "negation({})",
              "reciprocal": "V(1.f) / {}", "neg": "{}.neg()"}  # fmt: skip
"""Other functions are those of torch's vectors."""


class Terms:
    """The text of expressions.

    Args:
        expressions: those of a step.
        names: what stands for the leaves.
        known: what stands for expressions that are there already, by their numbers.
    """

    def __init__(
        self, expressions: Expressions, names: Mapping[Expression, str], known: Mapping[int, str] | None = None
    ) -> None:
        self.all, self.names, self.known = expressions, names, dict(known or {})

    def assignments(self, roots: Sequence[int]) -> list[str]:
        """One constant for each expression below the roots; those already known have their names."""
        needed = self.all.below(roots, self.known)
        return [self.assignment(n) for n in needed if n not in self.known and operands(self.all[n])]

    def assignment(self, number: int) -> str:
        """A constant that is worth an expression."""
        return f"const V v{number} = {self._computed(number)};"

    def operand(self, number: int) -> str:
        """What stands for an expression once it is computed."""
        if number in self.known:
            return self.known[number]
        found = self.all[number]
        if isinstance(found, Constant):
            return f"V({_float(found.value)})"
        return self.names.get(found, f"v{number}")

    def _computed(self, number: int) -> str:
        found = self.all[number]
        parts = [self.operand(part) for part in operands(found)]
        if isinstance(found, Unary):
            return _FUNCTIONS.get(found.operator, f"{{}}.{found.operator}()").format(*parts)
        if isinstance(found, Binary):
            sign = _SIGNS.get(found.operator)
            return f"{parts[0]} {sign} {parts[1]}" if sign else _CALLS[found.operator].format(*parts)
        assert isinstance(found, Where)
        return f"where({', '.join(parts)})"


def _float(value: float) -> str:
    rounded = np.float32(value)
    if np.isnan(rounded):
        return "std::numeric_limits<float>::quiet_NaN()"
    if np.isinf(rounded):
        return f"{'-' if rounded < 0 else ''}std::numeric_limits<float>::infinity()"
    return f"{float(str(rounded))!r}f"
