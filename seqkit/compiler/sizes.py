"""One form of a step for any number of hidden units, from recordings for two.

Both recordings have to be the same expressions. A number in them that grows with the units, or falls as they grow, is
what it is for one unit times their number, or divided by it: the divisor of an average over all units for one.
"""

from __future__ import annotations

from typing import NamedTuple

from seqkit.compiler.expressions import (
    COMMUTATIVE,
    Binary,
    Constant,
    Expressions,
    Step,
    Sum,
    Unary,
    Units,
    Where,
    operands,
)

_NEARLY = 1e-12


class Recording(NamedTuple):
    """A step as it was recorded for so many hidden units."""

    step: Step
    units: int


class Differ(Exception):
    """Two recordings are not the same expressions.

    Args:
        number: the expression of the first that is another in the second, though what it is made of may be the same.
    """

    def __init__(self, number: int | None = None) -> None:
        super().__init__(number)
        self.number = number


def for_any_size(first: Recording, second: Recording) -> Step:
    """The step that both recordings are of; raises :class:`Differ`."""
    join = _Join(first, second)
    a, b = first.step, second.step
    fields = ("states", "operands", "grad_inputs", "grad_recurrents", "grad_states", "grad_own")
    found = {name: join.each(getattr(a, name), getattr(b, name)) for name in fields}
    return a.with_numbers(join.all, found)


class _Join:
    def __init__(self, first: Recording, second: Recording) -> None:
        self.all = Expressions()
        self.first, self.second = first, second
        self._known: dict[tuple[int, int], int | None] = {}

    def each(self, first: tuple[int, ...], second: tuple[int, ...]) -> tuple[int, ...]:
        if len(first) != len(second):
            raise Differ
        found = [self.both(a, b) for a, b in zip(first, second, strict=True)]
        for a, b, number in zip(first, second, found, strict=True):
            if number is None:
                raise Differ(self._innermost(a, b))
        return tuple(number for number in found if number is not None)

    def _innermost(self, a: int, b: int) -> int:
        """The expression of the first recording in which two that differ begin to do so."""
        parts = zip(operands(self.first.step.all[a]), operands(self.second.step.all[b]), strict=False)
        inner = (pair for pair in parts if pair in self._known and self._known[pair] is None)
        pair = next((pair for pair in inner if operands(self.first.step.all[pair[0]])), None)
        return a if pair is None else self._innermost(*pair)

    def both(self, a: int, b: int) -> int | None:
        """The expression that a of the first recording and b of the second are; None if they differ."""
        if (a, b) not in self._known:
            self._known[a, b] = self._joined(a, b)
        return self._known[a, b]

    def _joined(self, a: int, b: int) -> int | None:
        first, second = self.first.step.all[a], self.second.step.all[b]
        if type(first) is not type(second):
            return None
        if isinstance(first, Constant) and isinstance(second, Constant):
            return self._constant(first.value, second.value)
        if not operands(first):
            return self.all.add(first) if first == second else None
        if getattr(first, "operator", None) != getattr(second, "operator", None):
            return None
        parts = self._parts(operands(first), operands(second))
        if parts is None and isinstance(first, Binary) and first.operator in COMMUTATIVE:
            parts = self._parts(operands(first), operands(second)[::-1])
        if parts is None:
            return None
        if isinstance(first, Sum):
            return self.all.sum_over_units(*parts)
        if isinstance(first, Unary):
            return self.all.unary(first.operator, *parts)
        if isinstance(first, Where):
            return self.all.where(*parts)
        assert isinstance(first, Binary)
        return self.all.binary(first.operator, *parts)

    def _parts(self, first: tuple[int, ...], second: tuple[int, ...]) -> list[int] | None:
        found = [self.both(a, b) for a, b in zip(first, second, strict=True)]
        return None if None in found else [number for number in found if number is not None]

    def _constant(self, first: float, second: float) -> int | None:
        if first == second or (first != first and second != second):
            return self.all.constant(first)
        units = self.all.add(Units())
        a, b = self.first.units, self.second.units
        if abs(first * b - second * a) <= _NEARLY * abs(first * b):
            return self.all.binary("mul", self.all.constant(first / a), units)
        if abs(first * a - second * b) <= _NEARLY * abs(first * a):
            return self.all.binary("div", self.all.constant(first * a), units)
        return None
