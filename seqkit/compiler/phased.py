"""A step of several phases as C++: the struct that ``seqkit/kernels/cpp/phased.h`` runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from seqkit.compiler.expressions import (
    Expression,
    Gradient,
    Input,
    OperandGradient,
    Parameter,
    Recurrent,
    State,
    Step,
    Units,
    operands,
    uniform,
)
from seqkit.compiler.keeping import kept_sums, kept_values
from seqkit.compiler.phases import Schedule, Turn, backward_start, forward_start
from seqkit.compiler.terms import Terms


class Store(NamedTuple):
    """A value that leaves the step."""

    number: int
    line: str
    """C++ with a place for the value"""


class Kept(NamedTuple):
    """What a step forward keeps for the way back."""

    vectors: tuple[int, ...]
    """a value of each unit"""
    scalars: tuple[int, ...]
    """one of a whole row"""


def kept_by(step: Step) -> Kept:
    """The fewest values from which the way back can be computed, beside what products multiplied."""
    known = _later_operands(step)
    sums = kept_sums(step, known)
    return Kept(kept_values(step, {*known, *sums}), sums)


def phased_struct(step: Step, biases: Sequence[int] = ()) -> str:
    """The struct, called ``Cell``; ``biases`` are the gates whose recurrent part has a bias of its own."""
    kept, leaves = kept_by(step), _leaves(step, biases)
    forward, back = _Way(step, _forward(step, kept), leaves), _back(step, kept, leaves, biases)
    facts = {
        "GATES": step.gates, "RECURRENT": sum(step.stages), "STATES": len(step.states),
        "OWN": len(biases) + step.own_rows, "STAGES": len(step.stages), "KEPT": len(kept.vectors),
        "KEPT_SCALARS": len(kept.scalars), "VALUES": len(forward.schedule.handed_on),
        "SUMS": len(forward.schedule.sums), "BACK_VALUES": len(back.schedule.handed_on),
        "BACK_SUMS": len(back.schedule.sums),
    }  # fmt: skip
    starts = ", ".join(str(sum(step.stages[:n])) for n in range(len(step.stages) + 1))
    return "\n".join([
        "struct Cell : Phased {",
        *(f"    static constexpr int {key} = {value};" for key, value in facts.items()),
        f"    static constexpr int first_gate(int n) {{ return std::array{{{starts}}}[n]; }}",
        *forward.functions("forward", "ForwardRow"),
        *back.functions("back", "BackwardRow"),
        "};",
    ])  # fmt: skip


class _Stores(NamedTuple):
    """What a way computes, and where it leaves it."""

    vectors: list[Store]
    scalars: list[Store]


def _forward(step: Step, kept: Kept) -> _Stores:
    vectors = [Store(number, f"at.store({{}}, m.next[{n}]);") for n, number in enumerate(step.states)]
    vectors += [Store(number, f"at.store({{}}, m.operand[{n + 1}]);") for n, number in enumerate(step.operands[1:])]
    vectors += [Store(n, f"if (m.kept) at.store({{}}, m.kept + {k} * m.H);") for k, n in enumerate(kept.vectors)]
    return _Stores(vectors, [Store(n, f"if (m.kept) m.scalars[{k}] = first_of({{}});") for k, n in
                             enumerate(kept.scalars)])  # fmt: skip


def _back(step: Step, kept: Kept, leaves: Mapping[Expression, str], biases: Sequence[int]) -> _Way:
    known = {number: f"at.load(m.operand[{n}])" for n, number in enumerate(step.operands) if
             number in _later_operands(step)}  # fmt: skip
    known |= {number: f"at.load(m.kept + {n} * m.H)" for n, number in enumerate(kept.vectors)}
    rows = {number: f"V(m.scalars[{n}])" for n, number in enumerate(kept.scalars)}
    found = [Store(number, f"at.store({{}}, m.da + {n} * m.H);") for n, number in enumerate(step.grad_inputs)]
    found += [Store(number, f"at.store({{}}, m.dr + {n} * m.H);") for n, number in enumerate(step.grad_recurrents)]
    found += [Store(number, f"at.store({{}}, m.before[{n}]);") for n, number in enumerate(step.grad_states)]
    own = [*(step.grad_recurrents[gate] for gate in biases), *step.grad_own]
    found += [Store(number, f"at.add({{}}, m.down + {n} * m.H);") for n, number in enumerate(own)]
    return _Way(step, _Stores(found, []), {**leaves, State(0): "at.load(m.operand[0])"}, known, rows, True)


def _later_operands(step: Step) -> set[int]:
    """What products after the first multiply, where it is one value for each unit: the way back has it."""
    return {*step.operands[1:]} - uniform(step.all, step.operands)


def _leaves(step: Step, biases: Sequence[int]) -> dict[Expression, str]:
    """How each leaf is loaded."""
    found: dict[Expression, str] = {Input(gate): f"at.load(m.x + {gate} * m.H)" for gate in range(step.gates)}
    for gate in range(sum(step.stages)):
        own = f" + at.load(m.own + {biases.index(gate)} * m.H)" if gate in biases else ""
        found[Recurrent(gate)] = f"at.load(m.r + {gate} * m.H){own}"
    for n in range(len(step.states)):
        found |= {State(n): f"at.load(m.s[{n}])", Gradient(n): f"at.load(m.ds[{n}])"}
    found |= {OperandGradient(n): f"at.load(m.grad_operand[{n}])" for n in range(1, len(step.stages))}
    return found | {Parameter(row): f"at.load(m.own + {len(biases) + row} * m.H)" for row in range(step.own_rows)}


class _Way:
    """The way forward or back.

    Args:
        step: the step.
        stores: what it computes.
        leaves: how each leaf is loaded.
        known: how values of each unit that need not be computed are loaded, by their numbers.
        rows: what stands for such values of a whole row.
        backward: whether it is the way back.
    """

    def __init__(
        self, step: Step, stores: _Stores, leaves: Mapping[Expression, str], known: Mapping[int, str] | None = None,
        rows: Mapping[int, str] | None = None, backward: bool = False,
    ) -> None:  # fmt: skip
        self.step, self.stores, self.leaves = step, stores, leaves
        self.known, self.rows = dict(known or {}), dict(rows or {})
        roots = [store.number for store in (*stores.vectors, *stores.scalars)]
        start = backward_start(step) if backward else forward_start(step)
        self.schedule = Schedule(step.all, roots, start, [*self.known, *self.rows])
        self.rows |= {number: f"V(m.sums[{n}])" for n, number in enumerate(self.schedule.sums)}

    def functions(self, name: str, row: str) -> list[str]:
        """One function for each phase."""
        lines = []
        for phase in range(max(len(self.step.stages), 1)):
            turns = sorted({turn for turn in self.schedule.turn.values() if turn.phase == phase})
            body = [line for turn in turns for line in self._turn(turn)]
            lines += ["", f"    static inline void {name}(Phase<{phase}>, const {row}<Cell>& m) {{"]
            lines += [*(f"        {line}" for line in body), "    }"]
        return lines

    def _turn(self, turn: Turn) -> list[str]:
        """A pass over the units, with what is the same for all of them before it, and sums after it."""
        schedule = self.schedule
        computed = [n for n in schedule.computed if schedule.turn[n] == turn]
        sums = {n: self._summed(n) for n in schedule.sums if schedule.turn[self._summed(n)] == turn}
        stores = [store for store in self.stores.vectors if schedule.turn[store.number] == turn]
        scalars = [store for store in self.stores.scalars if schedule.turn[store.number] == turn]
        roots = [*sums.values(), *(store.number for store in stores)]
        parts = [part for n in computed for part in operands(self.step.all[n])]
        names, rows = self._of_a_row([*parts, *roots, *(store.number for store in scalars)])
        loads = self._loads([*parts, *roots], {*computed, *names})
        terms = Terms(self.step.all, {Units(): "V(float(m.H))"}, {**names, **{n: f"l{n}" for n in loads}})
        before = [*rows, *(store.line.format(terms.operand(store.number)) for store in scalars)]
        inside = [f"const V l{n} = {text};" for n, text in loads.items()]
        inside += [terms.assignment(n) for n in computed]
        inside += [store.line.format(terms.operand(store.number)) for store in stores]
        inside += [self._handed_on(n) for n in computed if n in schedule.handed_on]
        inside += [f"sum{n} = sum{n} + at.only({terms.operand(part)});" for n, part in sums.items()]
        if not roots and not computed:
            return ["{", *before, "}"] if before else []
        after = [f"m.sums[{schedule.sums.index(n)}] = total(sum{n});" for n in sums]
        loop = ["each_vector(m.H, [&](const auto at) {", *(f"    {line}" for line in inside), "});"]
        return ["{", *_indented([*before, *(f"V sum{n}(0.f);" for n in sums), *loop, *after]), "}"]

    def _summed(self, number: int) -> int:
        (part,) = operands(self.step.all[number])
        return part

    def _of_a_row(self, used: Iterable[int]) -> tuple[dict[int, str], list[str]]:
        """The names of what is the same for all units, and the lines that compute it."""
        below = self.schedule.uniform_below(used)
        parts = {*used, *(part for n in below for part in operands(self.step.all[n]))}
        names = {n: f"u{n}" for n in self.rows if n in parts}
        terms = Terms(self.step.all, {Units(): "V(float(m.H))"}, names)
        lines = [f"const V u{n} = {self.rows[n]};" for n in names] + [terms.assignment(n) for n in below]
        return {**names, **{n: f"v{n}" for n in below}}, lines

    def _loads(self, used: Iterable[int], there: set[int]) -> dict[int, str]:
        """What has to be loaded, and how: leaves, kept values, and what an earlier turn handed on."""
        found = {}
        for number in used:
            if number in there:
                continue
            if number in self.known:
                found[number] = self.known[number]
            elif number in self.schedule.handed_on:
                found[number] = f"at.load(m.values + {self.schedule.handed_on.index(number)} * m.H)"
            elif self.step.all[number] in self.leaves:
                found[number] = self.leaves[self.step.all[number]]
        return found

    def _handed_on(self, number: int) -> str:
        return f"at.store(v{number}, m.values + {self.schedule.handed_on.index(number)} * m.H);"


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"    {line}" for line in lines]
