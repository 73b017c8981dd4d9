"""A recorded graph, carried out on elements, and where in the cell's source each of its operators is called."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.fx import GraphModule, Node
from torch.utils._python_dispatch import TorchDispatchMode

from seqkit.compiler.elements import Elements, Interpreter, Refused
from seqkit.compiler.rules import name_of


class Recorded:
    """A graph that was recorded of a cell's step.

    Args:
        graph: what was recorded.
        record: records it again.
        file: the source of the cell, None if it has none.
        interpreter: what carries operators out.
    """

    def __init__(
        self, graph: GraphModule, record: Callable[[], GraphModule], file: str | None, interpreter: Interpreter
    ) -> None:
        self.graph, self.record, self.file, self.interpreter = graph, record, file, interpreter
        self.values: dict[Node, Any] = {}
        self.made_by: dict[int, Node] = {}
        """the operator that first made an expression, by its number"""

    def result(self, given: list[Elements]) -> Any:
        """What the graph returns for these operands; raises :class:`Refused`."""
        inputs = iter(given)
        for node in self.graph.graph.nodes:
            known = len(self.interpreter.all)
            if node.op == "placeholder":
                self.values[node] = next(inputs)
            elif node.op == "get_attr":
                self.values[node] = getattr(self.graph, str(node.target))
            elif node.op == "call_function":
                self.values[node] = self._called(node)
            else:
                returned = torch.fx.map_arg(node.args[0], self.values.__getitem__)
            self.made_by |= dict.fromkeys(range(known, len(self.interpreter.all)), node)
        return _map_tensors(returned, self.interpreter.of_constant)

    def _called(self, node: Node) -> Any:
        args, kwargs = torch.fx.map_arg((node.args, node.kwargs), self.values.__getitem__)
        try:
            _check_in_place(node)
            value = self.interpreter.call(node.target, tuple(args), dict(kwargs))
            if not isinstance(value, Tensor) and name_of(node.target) not in _COUNTS:
                _check_numbers(node.meta.get("val"))
        except Exception as error:  # an operator may be called in ways that no rule has foreseen
            why = error if isinstance(error, Refused) else f"no rule can read ({type(error).__name__})"
            raise Refused(f"uses {self.place(node)}, which {why}") from error
        return value

    def place(self, node: Node) -> str:
        """An operator and the line that calls it."""
        calls = [each for each in self.graph.graph.nodes if each.target is node.target]
        watch = _Watch(node.target, self.file)
        with watch:
            self.record()
        # What is recorded twice alike has one line for each call; else the first that is known has to do.
        lines = watch.lines if len(watch.lines) == len(calls) else [next(filter(None, watch.lines), 0)] * len(calls)
        line = lines[calls.index(node)]
        return f"{node.target} in line {line} of {Path(str(self.file)).name}" if line else str(node.target)

    def mixing(self, array: Elements) -> str:
        """The operator that first gave a unit or a sequence what is another's, of those that made these elements."""
        node = self._maker(array)
        while node is not None:
            earlier = (n for n in node.all_input_nodes if isinstance(self.values.get(n), np.ndarray))
            before = next((n for n in earlier if _mixed(self.values[n], self.interpreter.units)), None)
            if before is None:
                break
            node = before
        return self.by(node)

    def making(self, array: Elements) -> str:
        """The operator that made these elements."""
        return self.by(self._maker(array))

    def by(self, node: Node | None) -> str:
        """An operator and its line as the end of a sentence, if it is one."""
        return f", by {self.place(node)}" if node is not None and node.op == "call_function" else ""

    def _maker(self, array: Elements) -> Node | None:
        return next((node for node, value in self.values.items() if value is array), None)


def _mixed(array: Elements, units: int) -> bool:
    """Whether elements that lie as those of so many units are those of others, or differ from unit to unit."""
    if not array.size or array.shape[-1] % units:
        return False
    rows = array.reshape(-1, units)
    return any(
        element.unit not in (None, unit) or element.number != row[0].number
        for row in rows
        for unit, element in enumerate(row)
    )


class _Watch(TorchDispatchMode):
    """Notes the line of a file from which an operator is called, each time."""

    def __init__(self, operator: Any, file: str | None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operator, self.file = operator, file
        self.lines: list[int] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is self.operator:
            frame = sys._getframe()
            while frame and frame.f_code.co_filename != self.file:
                frame = frame.f_back  # type: ignore[assignment]
            self.lines.append(frame.f_lineno if frame else 0)
        return func(*args, **(kwargs or {}))


def line_of(error: Exception, file: str | None) -> str:
    """Where in a file an error was raised, in words."""
    trace: TracebackType | None = error.__traceback__
    line = 0
    while trace:
        line = trace.tb_lineno if trace.tb_frame.f_code.co_filename == file else line
        trace = trace.tb_next
    return f" in line {line} of {Path(str(file)).name}" if line else ""


_COUNTS = ("where", "sum")
"""Operators that may give integers, of numbers in the cell and of truth values"""


def _check_in_place(node: Node) -> None:
    """An operator in place is as good as another where nobody else reads what it changes."""
    schema = getattr(node.target, "_schema", None)
    if schema is not None and schema.is_mutable and any(len(each.users) > 1 for each in node.all_input_nodes[:1]):
        raise Refused("changes in place what is read elsewhere")


def _check_numbers(value: Any) -> None:
    if isinstance(value, Tensor) and not (value.is_floating_point() or value.dtype is torch.bool):
        raise Refused(f"gives {str(value.dtype).removeprefix('torch.')}, not real numbers")


def _map_tensors(value: Any, change: Callable[[Tensor], Any]) -> Any:
    if isinstance(value, (list, tuple)):
        return [_map_tensors(each, change) for each in value]
    return change(value) if isinstance(value, Tensor) else value
