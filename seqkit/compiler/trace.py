"""Records a cell's step and its gradient, and brings both into the intermediate form.

``make_fx`` records what torch computes for a few hidden units. The same is recorded once more for another number of
units and of sequences, and both have to be the same expressions (``sizes.py``).
B batch, H hidden units, G gates.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.fx import GraphModule
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils._python_dispatch import TorchDispatchMode
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
from seqkit.compiler.rules import DECOMPOSITIONS
from seqkit.compiler.sizes import Differ, Recording, for_any_size
from seqkit.errors import SeqkitError

_UNITS = (3, 5)
"""Of the two recordings"""


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
    first, second = (Recording(_Tracing(cell, Expressions(), 1, units).step(), units) for units in _UNITS)
    if _Tracing(cell, first.step.all, 2, first.units).results() != (*first.step.states, *first.step.operands[1:]):
        raise Refused("gives other expressions for another number of sequences")
    try:
        step = for_any_size(first, second)
    except Differ:
        raise Refused("gives other expressions for another number of hidden units") from None
    return step


class _Tracing:
    """One recording: of so many sequences and units."""

    def __init__(self, cell: Cell, expressions: Expressions, batch: int, units: int) -> None:
        self.cell, self.all, self.batch, self.units = cell, expressions, batch, units
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
        grads = [*self._part(count, Gradient), *(self._rows(1, OperandGradient, n) for n in range(1, stages))]
        new, back = self._interpret(both, leaves, grads)[:2]
        results = self._results(new)
        first = (self._first_operand(leaves),) if stages else ()
        names = ("an input part", "a recurrent part", *("a state",) * count, *("a parameter",) * len(self.own))
        found = [self._by_gate(value, f"the gradient of {name}") for value, name in zip(back, names, strict=True)]
        grad_states = tuple(number for each in found[2 : 2 + count] for number in each)
        own = tuple(number for each in found[2 + count :] for number in each)
        return Step(
            self.all, gates, tuple(map(len, self.cell.stages)), len(own), results[:count], first + results[count:],
            found[0], found[1], grad_states, own,
        )  # fmt: skip

    def results(self) -> tuple[int, ...]:
        """The new states, then what each recurrent product after the first multiplies."""
        return self._results(self._interpret(self._run, self._leaves()))

    def _results(self, new: Sequence[Elements]) -> tuple[int, ...]:
        count, later = len(self.cell.state_names), max(len(self.cell.stages) - 1, 0)
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
        """The new states, then what each recurrent product after the first multiplies."""
        count = 2 + len(self.cell.state_names)
        own = dict(zip(self.own, tensors[count:], strict=True))
        x, r, state = tensors[0], tensors[1], tuple(tensors[2:count])
        new, known, operands = self.cell.step(x, r, state, **own), 0, []
        for stage, gates in enumerate(self.cell.stages):
            if stage:
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

        try:
            graph = record()
        except Exception as error:  # whatever a step of somebody's own raises when torch records it
            raise Refused(f"cannot be recorded ({type(error).__name__}: {_first_line(error)})") from error
        return _Run(self, graph, record).result(arrays)

    def _by_gate(self, array: Elements, what: str) -> tuple[int, ...]:
        """The expression of each gate, or of each row of a parameter, which has to be the same for all units."""
        rows = array.reshape(-1, self.units) if array.ndim != 2 else array.reshape(array.shape[0], -1, self.units)
        rows = rows.reshape(self.batch, -1, self.units) if array.size else rows.reshape(self.batch, 0, self.units)
        return tuple(self._same(rows[:, n], what) for n in range(rows.shape[1]))

    def _by_unit(self, array: Elements, what: str) -> int:
        if array.shape != (self.batch, self.units):
            raise Refused(f"gives {what} in the shape {array.shape}, not (B, H)")
        return self._same(array, what)

    def _same(self, rows: Elements, what: str) -> int:
        for (row, unit), element in _places(rows):
            if element.unit not in (None, unit):
                raise Refused(f"gives one hidden unit {what} of another")
            if element.row not in (None, row):
                raise Refused(f"gives one sequence {what} of another")
            if element.number != rows[0, 0].number:
                raise Refused(f"computes {what} in another way for some of the hidden units or sequences")
        return self.all.as_number(rows[0, 0].number)


class _Run(NamedTuple):
    """A recorded graph, and what records it."""

    tracing: _Tracing
    graph: GraphModule
    record: Callable[[], GraphModule]

    def result(self, given: list[Elements]) -> Any:
        interpreter, values = Interpreter(self.tracing.all, self.tracing.units), {}
        inputs = iter(given)
        for node in self.graph.graph.nodes:
            if node.op == "placeholder":
                values[node] = next(inputs)
            elif node.op == "get_attr":
                values[node] = getattr(self.graph, node.target)
            elif node.op == "call_function":
                args, kwargs = torch.fx.map_arg((node.args, node.kwargs), values.__getitem__)
                try:
                    values[node] = interpreter.call(node.target, tuple(args), dict(kwargs))
                    if not isinstance(values[node], Tensor):
                        _check_numbers(node.meta.get("val"))
                except Exception as error:  # an operator may be called in ways that no rule has foreseen
                    why = error if isinstance(error, Refused) else f"no rule can read ({type(error).__name__})"
                    raise Refused(f"uses {node.target}{self._where(node.target)}, which {why}") from error
            else:
                returned = torch.fx.map_arg(node.args[0], values.__getitem__)
        return _map_tensors(returned, interpreter.of_constant)

    def _where(self, operator: Any) -> str:
        """The line of the cell's source that calls an operator."""
        code = getattr(type(self.tracing.cell).step, "__code__", None)
        watch = _Watch(operator, getattr(code, "co_filename", None))
        with watch:
            self.record()
        return f" in line {watch.line} of {Path(str(watch.file)).name}" if watch.line else ""


class _Watch(TorchDispatchMode):
    """Notes the line of a file from which an operator is first called."""

    def __init__(self, operator: Any, file: str | None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operator, self.file, self.line = operator, file, 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is self.operator and not self.line:
            frame = sys._getframe()
            while frame and frame.f_code.co_filename != self.file:
                frame = frame.f_back  # type: ignore[assignment]
            self.line = frame.f_lineno if frame else 0
        return func(*args, **(kwargs or {}))


def _check_numbers(value: Any) -> None:
    if isinstance(value, Tensor) and not (value.is_floating_point() or value.dtype is torch.bool):
        raise Refused(f"gives {str(value.dtype).removeprefix('torch.')}, not real numbers")


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or ["no message"])[0][:160]


def _places(rows: Elements) -> list[tuple[tuple[int, int], Element]]:
    return [((row, unit), rows[row, unit]) for row in range(rows.shape[0]) for unit in range(rows.shape[1])]


def _map_tensors(value: Any, change: Callable[[Tensor], Any]) -> Any:
    if isinstance(value, (list, tuple)):
        return [_map_tensors(each, change) for each in value]
    return change(value) if isinstance(value, Tensor) else value
