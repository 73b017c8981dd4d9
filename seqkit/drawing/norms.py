"""Values that a step normalises over all hidden units, found among its expressions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from seqkit.compiler.expressions import Binary, Expressions, Parameter, Sum, operands, uniform


class Norm(NamedTuple):
    """One of some values that have one mean and one scale."""

    text: str
    scale: int
    """the expression that all of them are multiplied with, or divided by"""
    values: tuple[int, ...]
    """what is normalised together"""
    place: int
    """which of them it is"""


class Norms:
    """Those of the expressions that are ``(v - mean) scale``, or ``v scale``, where the scale is made of their squares.

    A learned gain is part of the norm that it multiplies.

    Args:
        expressions: those of a step.
        roots: what the step gives.
    """

    def __init__(self, expressions: Expressions, roots: Sequence[int]) -> None:
        self.all = expressions
        self._uniform = uniform(expressions, roots)
        found = {number: self._norm(number) for number in expressions.below(roots)}
        self._found = {number: norm for number, norm in found.items() if norm is not None}
        gains = {number: self._with_gain(number) for number in found if number not in self._found}
        self._found |= {number: norm for number, norm in gains.items() if norm is not None}

    def __contains__(self, number: int) -> bool:
        return number in self._found

    def __getitem__(self, number: int) -> Norm:
        return self._found[number]

    def _norm(self, number: int) -> Norm | None:
        found = self.all[number]
        if not isinstance(found, Binary) or found.operator not in ("mul", "div"):
            return None
        pairs = [(found.a, found.b)] if found.operator == "div" else [(found.a, found.b), (found.b, found.a)]
        value, scale = next((pair for pair in pairs if pair[0] not in self._uniform), pairs[0])
        squared = self._squared(scale) if scale in self._uniform else []
        if value not in squared or None in squared:
            return None
        numbers = [each for each in squared if each is not None]
        centred = [self._centred(each) for each in numbers]
        means = {each[1] for each in centred if each is not None}
        place = numbers.index(value)
        if None in centred or len(means) != 1:
            return Norm("norm", scale, tuple(numbers), place)
        return Norm("layer norm", scale, tuple(each[0] for each in centred if each is not None), place)

    def _with_gain(self, number: int) -> Norm | None:
        found = self.all[number]
        if not isinstance(found, Binary) or found.operator != "mul":
            return None
        pairs = ((found.a, found.b), (found.b, found.a))
        return next((self._found.get(norm) for norm, gain in pairs if isinstance(self.all[gain], Parameter)), None)

    def _squared(self, scale: int) -> list[int | None]:
        """Of what squares a scale has the sums; None for a sum of something else."""
        found, waiting = list[int | None](), [scale]
        while waiting:
            each = self.all[waiting.pop()]
            if isinstance(each, Sum):
                term = self.all[each.a]
                square = isinstance(term, Binary) and term.operator == "mul" and term.a == term.b
                found.append(term.a if square and isinstance(term, Binary) else None)
            else:
                waiting.extend(reversed(operands(each)))
        return found

    def _centred(self, number: int) -> tuple[int, int] | None:
        """A value and the mean that is subtracted from it."""
        found = self.all[number]
        is_difference = isinstance(found, Binary) and found.operator == "sub" and found.b in self._uniform
        return (found.a, found.b) if is_difference and isinstance(found, Binary) else None
