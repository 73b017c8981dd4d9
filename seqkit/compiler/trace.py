"""Records a cell's step and its gradient, and brings both into the intermediate form.

``make_fx`` records what torch computes for a few hidden units. The same is recorded again for another number of
units and of sequences, and both have to be the same expressions (``sizes.py``).
B batch, H hidden units, G gates.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.fx import GraphModule, Node
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils._pytree import tree_flatten, tree_unflatten

from seqkit.cells import Cell
from seqkit.compiler.elements import Element, Elements, Interpreter, Refused, elements
from seqkit.compiler.expressions import (
    Expression,
    Expressions,
    Gradient,
    Input,
    OperandGradient,
    Parameter,
    Recurrent,
    State,
    Step,
)
from seqkit.compiler.recording import Recorded, line_of
from seqkit.compiler.rules import DECOMPOSITIONS
from seqkit.compiler.sizes import Differ, Recording, for_any_size
from seqkit.errors import SeqkitError

UNITS = 3
"""Of a recording that is drawn, and of the first of two that are compiled"""
_UNITS = (UNITS, 5)


class TraceError(SeqkitError):
    """A cell's step cannot be compiled; the sentence names the operator and the line."""


def trace(cell: Cell) -> Step:
    """The step of a cell, unit by unit, with its gradient.

    Raises:
        TraceError: the step is none that each hidden unit could take for itself.
    """
    try:
        # Wherever a layer is called: where gradients are off, in inference mode, with a default dtype of its own. No
        # number is drawn from anybody's generator.
        with torch.inference_mode(False), torch.enable_grad(), torch.random.fork_rng(devices=[]):
            return _trace(cell)
    except Refused as refusal:
        raise TraceError(f"{type(cell).__name__}.step is not compiled: it {refusal}") from refusal


def _trace(cell: Cell) -> Step:
    tracings = [_Tracing(cell, Expressions(), 1, units) for units in _UNITS]
    first, second = (Recording(tracing.step(), tracing.units) for tracing in tracings)
    if _Tracing(cell, first.step.all, 2, first.units).results() != (*first.step.states, *first.step.operands[1:]):
        raise Refused("gives other expressions for another number of sequences")
    try:
        step = for_any_size(first, second)
    except Differ as difference:
        where = tracings[0].making(difference.number)
        raise Refused(f"gives other expressions for another number of hidden units{where}") from None
    return step


class Forward(NamedTuple):
    """A step without its gradient, for so many units that sums over them can be told from other numbers."""

    all: Expressions
    states: tuple[int, ...]
    """the states after the step"""
    operands: tuple[int, ...]
    """what each recurrent product multiplies"""
    gates: dict[str, int]
    """the values of the gates by name, where the cell gives them"""


def trace_forward(cell: Cell) -> Forward:
    """The step of a cell as it is drawn. Raises :class:`TraceError` as :func:`trace`."""
    try:
        with torch.inference_mode(False), torch.no_grad(), torch.random.fork_rng(devices=[]):
            return _Tracing(cell, Expressions(), 1, UNITS).forward()
    except Refused as refusal:
        raise TraceError(f"{type(cell).__name__}.step is not traced: it {refusal}") from refusal


class _Tracing:
    """One recording: of so many sequences and units."""

    def __init__(self, cell: Cell, expressions: Expressions, batch: int, units: int) -> None:
        self.cell, self.all, self.batch, self.units = cell, expressions, batch, units
        self.made_by: dict[int, tuple[Recorded, Node]] = {}
        self.lead = 0
        """1 where the first product multiplies something else than h: a product for no gate stands before it"""
        self.own = cell.own_parameters(units)
        for name, value in self.own.items():
            if value.numel() % units:
                raise Refused(f"has the parameter '{name}' of shape {tuple(value.shape)}, not of n·H numbers")

    def step(self) -> Step:
        gates, count, stages = len(self.cell.gate_names), len(self.cell.state_names), len(self.cell.stages)

        def both(tensors: list[Tensor], grads: list[Tensor]) -> tuple[Any, Any]:
            new, back, *_ = torch.func.vjp(self._run, tensors)
            return new, back(tuple(grads))[0]

        leaves = self._leaves()
        self.results()  # says what is wrong with them, where their gradient would only fail
        later = range(1, stages + self.lead)
        grads = [*self._part(count, Gradient), *(self._rows(1, OperandGradient, n) for n in later)]
        new, back = self._interpret(both, leaves, grads)[:2]
        results = self._results(new)
        first = (self.all.add(State(0)),) if stages else ()
        names = ("an input part", "a recurrent part", *("a state",) * count, *("a parameter",) * len(self.own))
        found = [self._by_gate(value, f"the gradient of {name}") for value, name in zip(back, names, strict=True)]
        grad_states = tuple(number for each in found[2 : 2 + count] for number in each)
        own = tuple(number for each in found[2 + count :] for number in each)
        return Step(
            self.all, gates, (0,) * self.lead + tuple(map(len, self.cell.stages)), len(own), results[:count],
            first + results[count:],
            found[0], found[1], grad_states, own,
        )  # fmt: skip

    def forward(self) -> Forward:
        found, count, leaves = self.results(), len(self.cell.state_names), self._leaves()
        first = (self._first_operand(leaves),) if self.cell.stages and not self.lead else ()
        return Forward(self.all, found[:count], first + found[count:], self._gates(leaves))

    def _gates(self, leaves: list[Elements]) -> dict[str, int]:
        if not self.cell.has_gates:
            return {}
        count, names = 2 + len(self.cell.state_names), list[str]()

        def gates(tensors: list[Tensor]) -> list[Tensor]:
            own = dict(zip(self.own, tensors[count:], strict=True))
            found = self.cell.gates(tensors[0], tensors[1], tuple(tensors[2:count]), **own)
            names[:] = found
            return [*found.values()]

        values = self._interpret(gates, leaves)
        return {name: self._by_unit(value, "a gate") for name, value in zip(names, values, strict=True)}

    def results(self) -> tuple[int, ...]:
        """The new states, then what each recurrent product multiplies, but for a first one of h."""
        leaves = self._leaves()
        if self.cell.stages:
            self.lead = int(self.all[self._first_operand(leaves)] != State(0))
        return self._results(self._interpret(self._run, leaves))

    def _results(self, new: Sequence[Elements]) -> tuple[int, ...]:
        count, later = len(self.cell.state_names), max(len(self.cell.stages) - 1 + self.lead, 0)
        if len(new) != count + later:
            raise Refused(f"gives {len(new) - later} states, not the {count} in its state_names")
        names = ["the new state"] * count + ["what a recurrent product multiplies"] * later
        return tuple(self._by_unit(value, name) for value, name in zip(new, names, strict=True))

    def _first_operand(self, leaves: list[Elements]) -> int:
        count = len(self.cell.state_names)

        def operand(x: Any, state: list[Tensor]) -> Tensor:
            return self.cell.operand(0, x, x[..., :0], tuple(state))

        return self._by_unit(self._interpret(operand, leaves[0], leaves[2 : 2 + count]), "what a product multiplies")

    def _run(self, tensors: list[Tensor]) -> tuple[Tensor, ...]:
        """The new states, then what each recurrent product multiplies, but for a first one of h."""
        count = 2 + len(self.cell.state_names)
        own = dict(zip(self.own, tensors[count:], strict=True))
        x, r, state = tensors[0], tensors[1], tuple(tensors[2:count])
        new, known, operands = self.cell.step(x, r, state, **own), 0, []
        for stage, gates in enumerate(self.cell.stages):
            if stage or self.lead:
                operands.append(self.cell.operand(stage, x, r[..., : known * self.units], state))
            known += len(gates)
        return (*new, *operands)

    def _leaves(self) -> list[Elements]:
        gates, count = len(self.cell.gate_names), len(self.cell.state_names)
        x, r = self._rows(gates, Input), self._rows(self.cell.recurrent_gates, Recurrent)
        own, row = [], 0
        for value in self.own.values():
            rows = value.numel() // self.units
            kinds = [self.all.add(Parameter(row + n)) for n in range(rows)]
            found = [Element(kinds[n // self.units], n % self.units, None) for n in range(value.numel())]
            own.append(elements(found, value.shape))
            row += rows
        return [x, r, *self._part(count, State), *own]

    def _part(self, count: int, kind: Callable[[int], Expression]) -> list[Elements]:
        return [self._rows(1, kind, first) for first in range(count)]

    def _rows(self, groups: int, kind: Callable[[int], Expression], first: int = 0) -> Elements:
        """(B, groups·H)"""
        numbers = [self.all.add(kind(first + n)) for n in range(groups)]
        found = [Element(n, u, b) for b in range(self.batch) for n in numbers for u in range(self.units)]
        return elements(found, (self.batch, groups * self.units))

    def _interpret(self, function: Callable[..., Any], *given: Any) -> Any:
        arrays, shape = tree_flatten(given)
        tensors = [torch.rand(array.shape, dtype=torch.float32, device="cpu") for array in arrays]

        def flat(*tensors: Tensor) -> Any:
            return function(*tree_unflatten(tensors, shape))

        def record() -> GraphModule:
            return make_fx(torch.func.functionalize(flat), decomposition_table=DECOMPOSITIONS)(*tensors)

        code = getattr(type(self.cell).step, "__code__", None)
        file = getattr(code, "co_filename", None)
        try:
            graph = record()
        except Exception as error:  # whatever a step of somebody's own raises when torch records it
            why = f"{type(error).__name__}: {_first_line(error)}"
            raise Refused(f"cannot be recorded{line_of(error, file)} ({why})") from error
        self.recorded = Recorded(graph, record, file, Interpreter(self.all, self.units))
        try:
            return self.recorded.result(arrays)
        finally:
            self.made_by = {n: (self.recorded, node) for n, node in self.recorded.made_by.items()} | self.made_by

    def making(self, number: int | None) -> str:
        """The operator that an expression is of, as the end of a sentence."""
        recorded, node = self.made_by.get(-1 if number is None else number, (None, None))
        return "" if recorded is None else recorded.by(node)

    def _by_gate(self, array: Elements, what: str) -> tuple[int, ...]:
        """The expression of each gate, or of each row of a parameter, which has to be the same for all units."""
        rows = array.reshape(-1, self.units) if array.ndim != 2 else array.reshape(array.shape[0], -1, self.units)
        rows = rows.reshape(self.batch, -1, self.units) if array.size else rows.reshape(self.batch, 0, self.units)
        return tuple(self._same(rows[:, n], array, what) for n in range(rows.shape[1]))

    def _by_unit(self, array: Elements, what: str) -> int:
        if array.shape != (self.batch, self.units):
            where = self.recorded.making(array)
            raise Refused(f"gives {what} in the shape {array.shape}, not (B, H){where}")
        return self._same(array, array, what)

    def _same(self, rows: Elements, array: Elements, what: str) -> int:
        """The one expression of these rows of an array."""
        for (row, unit), element in _places(rows):
            if element.unit not in (None, unit):
                raise Refused(f"gives one hidden unit {what} of another{self.recorded.mixing(array)}")
            if element.row not in (None, row):
                raise Refused(f"gives one sequence {what} of another{self.recorded.mixing(array)}")
            if element.number != rows[0, 0].number:
                where = self.recorded.mixing(array)
                raise Refused(f"computes {what} in another way for some of the hidden units or sequences{where}")
        return self.all.as_number(rows[0, 0].number)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or ["no message"])[0][:160]


def _places(rows: Elements) -> list[tuple[tuple[int, int], Element]]:
    return [((row, unit), rows[row, unit]) for row in range(rows.shape[0]) for unit in range(rows.shape[1])]
