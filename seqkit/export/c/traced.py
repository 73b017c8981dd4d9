"""One step of any cell that can be traced as C: passes over its units, with products and sums between them.

H hidden units. A step is divided into phases, each of which begins with what a recurrent product gave, and a phase into
passes: what one sums up over all units the next can use.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from seqkit.cells import Cell
from seqkit.compiler import Step, TraceError, trace
from seqkit.compiler.expressions import (
    Binary,
    Constant,
    Expression,
    Input,
    Parameter,
    Recurrent,
    State,
    Sum,
    Unary,
    Units,
    operands,
)
from seqkit.compiler.onnx import parameter_rows
from seqkit.compiler.phases import FIRST, Schedule, Turn
from seqkit.errors import UsageError
from seqkit.export.c.products import add_product
from seqkit.export.c.source import Source, number, state_fields
from seqkit.kernels import Weights
from seqkit.kernels.reference import full_recurrent_bias

_SIGNS = {
    "add": "+", "sub": "-", "mul": "*", "div": "/", "gt": ">", "ge": ">=", "lt": "<", "le": "<=", "eq": "==",
    "ne": "!=", "and": "&&", "or": "||",
}  # fmt: skip
_FUNCTIONS = {
    "maximum": "fmaxf({}, {})", "minimum": "fminf({}, {})", "pow": "powf({}, {})", "tanh": "tangent({})",
    "sigmoid": "sigmoid({})", "sign": "(float)(({0} > 0.0f) - ({0} < 0.0f))", "not": "!({})",
    "reciprocal": "1.0f / ({})", "neg": "-({})", "abs": "fabsf({})",
    "round": "rintf({})",
}  # fmt: skip
"""Other functions are those of libm, with an f at their end."""


def traced(cell: Cell) -> Step:
    """The step of a cell; raises :class:`UsageError` for one that cannot be traced."""
    try:
        return trace(cell)
    except TraceError as error:
        raise UsageError(f"there is no C for {cell!r}: {error}; export it with --format torch") from error


def traced_lines(step: Step, source: Source, name: str, cell: Cell, weights: Weights, hidden: int) -> list[str]:
    """One step on the input parts ``a[G * H]`` and the states, which it replaces."""
    for row, values in enumerate(parameter_rows(weights.own, hidden).values()):
        source.floats(f"{name}_own_{row}", values)
    passes, states = _Passes(step, name, hidden), state_fields(cell)
    lines = [f"float next_{n}[{hidden}];" for n in range(len(step.states))] + passes.declarations()
    if rows := hidden * sum(step.stages):
        lines.append(f"float r[{rows}];")
        lines.append(_recurrent_start(source, name, cell, weights))
    for phase in range(len(step.stages) + 1):
        lines += passes.of_phase(phase, states)
        if phase < len(step.stages):
            lines.append(_product(source, name, step, weights, phase, hidden, cell.derives_weights))
    return [*lines, *(f"memcpy({state}, next_{n}, sizeof next_{n});" for n, state in enumerate(states))]


def _recurrent_start(source: Source, name: str, cell: Cell, weights: Weights) -> str:
    bias = full_recurrent_bias(cell, weights)
    if bias is None:
        return "memset(r, 0, sizeof r);"
    source.floats(f"{name}_bias_h", bias)
    return f"memcpy(r, {name}_bias_h, sizeof r);"


def _product(source: Source, name: str, step: Step, weights: Weights, stage: int, hidden: int, exact: bool) -> str:
    """The line that adds the recurrent product of a stage."""
    gates = step.gates_of(stage)
    rows = weights.weight_h[gates.start * hidden : gates.stop * hidden]
    factor = "h" if step.all[step.operands[stage]] == State(0) else f"operand_{stage}"
    return f"{add_product(source, f'{name}_weight_h_{stage}', rows, exact)}{factor}, r + {gates.start * hidden});"


def _when(step: Step) -> Mapping[int, Turn]:
    """The first turn in which the recurrent part of each gate is there."""
    return {gate: Turn(stage + 1, 0) for stage in range(len(step.stages)) for gate in step.gates_of(stage)}


class _Passes:
    """The passes over the units in which a step is computed.

    Args:
        step: the step.
        name: what the names of constants begin with.
        hidden: H.
    """

    def __init__(self, step: Step, name: str, hidden: int) -> None:
        self.step, self.name, self.hidden = step, name, hidden
        when = _when(step)
        self.stores = [(number, f"next_{n}[k]") for n, number in enumerate(step.states)]
        self.factors = [n for n, number in enumerate(step.operands) if step.all[number] != State(0)]
        self.stores += [(step.operands[n], f"operand_{n}[k]") for n in self.factors]
        self.schedule = Schedule(
            step.all,
            [number for number, _ in self.stores],
            lambda leaf: when[leaf.gate] if isinstance(leaf, Recurrent) else FIRST,
            (),
        )

    def declarations(self) -> list[str]:
        """The arrays and sums that one pass leaves to another."""
        arrays = [f"operand_{n}" for n in self.factors] + [f"w{n}" for n in self.schedule.handed_on]
        return [f"float {array}[{self.hidden}];" for array in arrays] + [
            f"float sum{n} = 0.0f;" for n in self.schedule.sums
        ]

    def of_phase(self, phase: int, states: Sequence[str]) -> list[str]:
        """The passes of a phase."""
        turns = sorted({turn for turn in self.schedule.turn.values() if turn.phase == phase})
        return [line for turn in turns for line in self._pass(turn, states)]

    def _pass(self, turn: Turn, states: Sequence[str]) -> list[str]:
        schedule = self.schedule
        computed = [n for n in schedule.computed if schedule.turn[n] == turn]
        sums = {n: operands(self.step.all[n])[0] for n in schedule.sums}
        sums = {n: part for n, part in sums.items() if schedule.turn[part] == turn}
        stores = [(n, place) for n, place in self.stores if schedule.turn[n] == turn]
        if not computed and not sums and not stores:
            return []
        parts = [part for n in computed for part in operands(self.step.all[n])]
        rows = schedule.uniform_below([*parts, *sums.values(), *(n for n, _ in stores)])
        there = {*computed, *rows}
        inside = [self._assignment(n, there, states) for n in computed]
        inside += [f"{place} = {self._term(n, there, states)};" for n, place in stores]
        inside += [f"w{n}[k] = v{n};" for n in computed if n in schedule.handed_on]
        inside += [f"sum{n} += {self._term(part, there, states)};" for n, part in sums.items()]
        before = [self._assignment(n, there, states) for n in rows]
        loop = [f"for (int k = 0; k < {self.hidden}; ++k) {{", *_indented(inside), "}"]
        return ["{", *_indented([*before, *loop]), "}"] if before else loop

    def _assignment(self, n: int, there: Iterable[int], states: Sequence[str]) -> str:
        kind = "int" if self.step.all.is_truth(n) else "float"
        return f"const {kind} v{n} = {self._computed(n, there, states)};"

    def _computed(self, n: int, there: Iterable[int], states: Sequence[str]) -> str:
        found = self.step.all[n]
        parts = [self._term(part, there, states) for part in operands(found)]
        if isinstance(found, Binary) and found.operator in _SIGNS:
            return f"{parts[0]} {_SIGNS[found.operator]} {parts[1]}"
        if isinstance(found, Unary | Binary):
            return _FUNCTIONS.get(found.operator, f"{found.operator}f({{}})").format(*parts)
        return "{} ? {} : {}".format(*parts)

    def _term(self, n: int, there: Iterable[int], states: Sequence[str]) -> str:
        """What stands for an expression where it is used."""
        found = self.step.all[n]
        if isinstance(found, Sum):
            return f"sum{n}"
        if operands(found):
            return f"v{n}" if n in there else f"w{n}[k]"
        return self._leaf(found, states)

    def _leaf(self, found: Expression, states: Sequence[str]) -> str:
        if isinstance(found, Constant):
            return _constant(found.value)
        if isinstance(found, Units):
            return number(self.hidden)
        if isinstance(found, State):
            return f"{states[found.number]}[k]"
        if isinstance(found, Parameter):
            return f"{self.name}_own_{found.row}[k]"
        assert isinstance(found, Input | Recurrent)
        array, start = ("a" if isinstance(found, Input) else "r"), found.gate * self.hidden
        return f"{array}[{start} + k]" if start else f"{array}[k]"


def _constant(value: float) -> str:
    if math.isnan(value):
        return "NAN"
    return ("-INFINITY" if value < 0 else "INFINITY") if math.isinf(value) else number(value)


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"    {line}" for line in lines]
