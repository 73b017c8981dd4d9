"""What a step forward keeps for the way back: as few values of each unit as can be, the nearest to where they are used.

The way back knows h before the step, the cell's own parameters and constants anyhow; whatever else it needs of the way
forward, it has to have kept or to compute from what was kept. The fewest values that suffice are a minimum cut between
what comes into the step and what the way back uses. Of several such sets the one nearest to the way back leaves the
least to compute there: a gate's value, not the sum that it is the sigmoid of. A value costs a write and a read of
memory in each step; the little that is computed twice (for an LSTM the tanh of the new cell state) costs less. A
sum over all units is kept in any case: it is one number for a whole row, and another pass over the units to compute.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from seqkit.compiler.expressions import (
    Constant,
    Expressions,
    Input,
    Parameter,
    Recurrent,
    State,
    Step,
    Sum,
    Units,
    depends_on_gradient,
    operands,
)

_MANY = 10**6

Side = str | tuple[int, str]
"""A node of the network: "source", "sink", or the entrance ("in") or exit ("out") of an expression"""


def kept_values(step: Step, known: Iterable[int] = ()) -> tuple[int, ...]:
    """The numbers of the expressions that a step forward keeps; ``known`` are those that the way back has anyhow."""
    late = depends_on_gradient(step.all, step.gradients)
    free = {*known, *(n for n in range(len(step.all)) if _known(step.all, n))}
    return tuple(_minimum_cut(step.all, needed_by(step, late) - free, free))


def kept_sums(step: Step, known: Iterable[int] = ()) -> tuple[int, ...]:
    """The sums over all units that the way back uses, directly or not."""
    needed = needed_by(step, depends_on_gradient(step.all, step.gradients))
    return tuple(n for n in step.all.below(needed, known) if isinstance(step.all[n], Sum))


def needed_by(step: Step, late: set[int]) -> set[int]:
    """What the way back uses of the way forward, though it might compute it."""
    used = {each for number in late for each in operands(step.all[number])} | {*step.gradients}
    return {number for number in used - late if not _known(step.all, number)}


def _known(expressions: Expressions, number: int) -> bool:
    found = expressions[number]
    return isinstance(found, (Constant, Parameter, Units)) or found == State(0)


def _comes_in(expressions: Expressions, number: int) -> bool:
    found = expressions[number]
    return isinstance(found, (Input, Recurrent, State)) and not _known(expressions, number)


class _Flow:
    """A network whose nodes let one unit of flow through; each is an entrance and an exit with an edge between them."""

    def __init__(self) -> None:
        self.capacity: dict[Side, dict[Side, int]] = {}

    def edge(self, a: Side, b: Side, capacity: int) -> None:
        self.capacity.setdefault(a, {})[b] = capacity
        self.capacity.setdefault(b, {}).setdefault(a, 0)

    def fill(self) -> None:
        """Pushes flow from "source" to "sink" until no path is left."""
        while path := self._path():
            for a, b in path:
                self.capacity[a][b] -= 1
                self.capacity[b][a] += 1

    def _path(self) -> list[tuple[Side, Side]]:
        came: dict[Side, Side] = {}
        waiting: deque[Side] = deque(["source"])
        while waiting and "sink" not in came:
            a = waiting.popleft()
            for b, capacity in self.capacity.get(a, {}).items():
                if capacity and b not in came and b != "source":
                    came[b] = a
                    waiting.append(b)
        path: list[tuple[Side, Side]] = []
        at: Side = "sink" if "sink" in came else "source"
        while at != "source":
            path.append((came[at], at))
            at = came[at]
        return path

    def reach_the_sink(self) -> set[Side]:
        """From where the sink could still be reached."""
        found: set[Side] = {"sink"}
        waiting: list[Side] = ["sink"]
        while waiting:
            b = waiting.pop()
            for a in self.capacity.get(b, {}):
                if self.capacity[a][b] and a not in found:
                    found.add(a)
                    waiting.append(a)
        return found


def _minimum_cut(expressions: Expressions, needed: set[int], known: set[int]) -> list[int]:
    flow, all_below = _Flow(), [n for n in expressions.below(needed, known) if n not in known]
    for number in all_below:
        flow.edge((number, "in"), (number, "out"), 1)
        if _comes_in(expressions, number):
            flow.edge("source", (number, "in"), _MANY)
        for part in operands(expressions[number]):
            if part not in known:
                flow.edge((part, "out"), (number, "in"), _MANY)
        if number in needed:
            flow.edge((number, "out"), "sink", _MANY)
    flow.fill()
    reaching = flow.reach_the_sink()
    return [n for n in all_below if (n, "out") in reaching and (n, "in") not in reaching]
