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
        """One constant for each expression below the roots; those already known have their names.

        Slopes of squashing functions are computed from the functions' values.
        """
        needed = self._below(roots)
        return [f"const V v{n} = {self._slope(n) or self._computed(n)};" for n in needed if operands(self.all[n])]

    def assignment(self, number: int) -> str:
        """A constant that is worth an expression, of those that it is made of."""
        return f"const V v{number} = {self._computed(number)};"

    def operand(self, number: int) -> str:
        """What stands for an expression once it is computed."""
        if number in self.known:
            return self.known[number]
        found = self.all[number]
        if isinstance(found, Constant):
            return f"V({_float(found.value)})"
        return self.names.get(found, f"v{number}")

    def _below(self, roots: Sequence[int]) -> list[int]:
        """As :meth:`Expressions.below`, without the known ones and without what only slopes are made of."""
        found, waiting = set[int](), [*roots]
        while waiting:
            number = waiting.pop()
            if number not in found and number not in self.known:
                found.add(number)
                squashed = self._squashed(number)
                waiting.extend(operands(self.all[number]) if squashed is None else [squashed])
        return sorted(found)

    def _slope(self, number: int) -> str | None:
        squashed = self._squashed(number)
        if squashed is None:
            return None
        function = self.all[squashed]
        assert isinstance(function, Unary)
        return f"slope_of_{function.operator}({self.operand(squashed)})"

    def _squashed(self, number: int) -> int | None:
        """The sigmoid or tanh whose slope an expression is: ``s (1 - s)`` or ``1 - t t``."""
        found = self.all[number]
        if not isinstance(found, Binary):
            return None
        if found.operator == "mul":
            pairs = ((found.a, found.b), (found.b, found.a))
            slopes = (s for s, rest in pairs if self._is(s, "sigmoid") and self._is_rest(rest, s))
            return next(slopes, None)
        square = self.all[found.b]
        squared = isinstance(square, Binary) and square.operator == "mul" and square.a == square.b
        if squared and isinstance(square, Binary) and self._is(square.a, "tanh") and self._is_rest(number, found.b):
            return square.a
        return None

    def _is(self, number: int, function: str) -> bool:
        found = self.all[number]
        return isinstance(found, Unary) and found.operator == function

    def _is_rest(self, number: int, part: int) -> bool:
        """Whether an expression is ``1 - part``."""
        found = self.all[number]
        ends = isinstance(found, Binary) and found.operator == "sub" and found.b == part
        return ends and isinstance(found, Binary) and self.all[found.a] == Constant(1.0)

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
