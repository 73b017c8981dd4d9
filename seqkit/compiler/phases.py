"""When each expression of a step can be computed, where some have to wait for a product or a sum over all units.

A step is divided into phases, each of which begins with what a recurrent product gave, and a phase into turns: each
passes over all hidden units once, and what one sums up over them the next can use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from seqkit.compiler.expressions import (
    Expression,
    Expressions,
    OperandGradient,
    Recurrent,
    Step,
    Sum,
    operands,
    uniform,
)


class Turn(NamedTuple):
    """A pass over the units, in the order of their numbers."""

    phase: int
    turn: int


FIRST = Turn(0, 0)


def forward_start(step: Step) -> Callable[[Expression], Turn]:
    """When a leaf of the way forward is there: a recurrent part when its product is made."""
    phase_of = {gate: stage for stage in range(len(step.stages)) for gate in step.gates_of(stage)}
    return lambda leaf: Turn(phase_of[leaf.gate], 0) if isinstance(leaf, Recurrent) else FIRST


def backward_start(step: Step) -> Callable[[Expression], Turn]:
    """When a leaf of the way back is there: its products are made from the last stage to the first."""
    stages = len(step.stages)
    return lambda leaf: Turn(stages - leaf.stage, 0) if isinstance(leaf, OperandGradient) else FIRST


class Schedule:
    """What is computed in which turn.

    Args:
        expressions: those of a step.
        roots: what is requested.
        start: when a leaf is there.
        known: expressions that need not be computed.
    """

    def __init__(
        self, expressions: Expressions, roots: Iterable[int], start: Callable[[Expression], Turn], known: Iterable[int]
    ) -> None:
        self.all, self.known = expressions, {*known}
        below = expressions.below(roots, self.known)
        self.uniform = uniform(expressions, roots) - self.known
        self.turn: dict[int, Turn] = {}
        for number in below:
            self.turn[number] = self._turn(number, start)
        inside = [n for n in below if n not in self.known]
        self.sums = [n for n in inside if isinstance(expressions[n], Sum)]
        self.computed = [n for n in inside if operands(expressions[n]) and n not in self.uniform]
        """for each unit, in an order in which they can be"""
        self.handed_on = [n for n in self.computed if self._used_later(n, inside)]
        """computed in one turn and used in a later one"""

    def _turn(self, number: int, start: Callable[[Expression], Turn]) -> Turn:
        found = self.all[number]
        if number in self.known:
            return FIRST
        if not operands(found):
            return start(found)
        latest = max(self.turn[part] for part in operands(found))
        return Turn(latest.phase, latest.turn + 1) if isinstance(found, Sum) else latest

    def _used_later(self, number: int, inside: list[int]) -> bool:
        users = (user for user in inside if number in operands(self.all[user]))
        return any(self.turn[user] > self.turn[number] and not isinstance(self.all[user], Sum) for user in users)

    def uniform_below(self, numbers: Iterable[int]) -> list[int]:
        """What is the same for all units of a row and has to be there for these, operands first."""
        wanted = {number for number in numbers if number in self.uniform}
        below = self.all.below(wanted, [*self.known, *self.sums])
        return [n for n in below if n in self.uniform and operands(self.all[n]) and n not in self.sums]
