"""A cell's step as a graph to be drawn: inputs, products, gates, operations and states, from the recorded step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from seqkit.cells import Cell
from seqkit.compiler.expressions import (
    Binary,
    Constant,
    Input,
    Parameter,
    Recurrent,
    State,
    Sum,
    Unary,
    Where,
    operands,
)
from seqkit.compiler.trace import UNITS, Forward, trace_forward
from seqkit.drawing.norms import Norms

_NAMES = {"sigmoid": "σ", "neg": "−", "abs": "| |", "sqrt": "√", "reciprocal": "1 ÷", "mul": "×", "add": "+",
          "div": "÷", "maximum": "max", "minimum": "min", "pow": "^"}  # fmt: skip
_SIGNS = {"mul": "×", "add": "+", "sub": "−", "div": "÷", "maximum": "max", "minimum": "min", "pow": "^"}


class Node(NamedTuple):
    """Something drawn: ``kind`` is input, before, product, gate, operation or after."""

    kind: str
    text: str
    name: str = ""
    """of a gate, beside it"""


class Edge(NamedTuple):
    """From the number of a node to that of another."""

    start: int
    end: int
    mark: str = ""
    """a gate's name, or how the end takes the value: − or ÷"""


@dataclass
class FlowGraph:
    """The nodes and edges of a step."""

    nodes: list[Node] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)

    def add(self, node: Node, inputs: Iterable[tuple[int, str]] = ()) -> int:
        """The number of a new node, with edges from others."""
        self.nodes.append(node)
        number = len(self.nodes) - 1
        self.edges += [Edge(start, number, mark) for start, mark in dict.fromkeys(inputs)]
        return number


def flow_graph(cell: Cell, most: int = 44) -> FlowGraph:
    """The graph of a cell's step; with more nodes than ``most`` it has products, gates and states alone.

    Raises:
        seqkit.compiler.TraceError: the step cannot be recorded.
    """
    graph = _Builder(cell, trace_forward(cell)).graph
    return graph if len(graph.nodes) <= most else _without_operations(graph)


class _Builder:
    def __init__(self, cell: Cell, step: Forward) -> None:
        self.cell, self.step, self.all, self.graph = cell, step, step.all, FlowGraph()
        self.roots = [*step.states, *step.operands]
        below = self.all.below(self.roots)
        self.uses = Counter(part for n in below for part in operands(self.all[n]))
        self.uses.update(self.roots)
        self.gate_of = {number: name for name, number in reversed(step.gates.items()) if number in below}
        self.parameters = _parameter_names(cell)
        self.norms = Norms(self.all, self.roots)
        self.found = dict[int, int]()
        self.boxes = dict[tuple[int, bool], int]()
        self.x = self.graph.add(Node("input", "x"))
        self.before = [self.graph.add(Node("before", name)) for name in cell.state_names]
        ends = [self._part(number) for number in step.states]
        for name, end in zip(cell.state_names, ends, strict=True):
            self.graph.add(Node("after", f"{name}′"), [end])

    def _part(self, number: int) -> tuple[int, str]:
        """The node of an expression, and the mark of an edge from it."""
        leaf = self.all[number]
        if isinstance(leaf, State):
            return self.before[leaf.number], ""
        if isinstance(leaf, Input):
            return self._box(-1, False), self._gate_name(leaf.gate)
        if isinstance(leaf, Recurrent):
            return self._box(self._stage(leaf.gate), False), self._recurrent_name(leaf.gate)
        merged = self._merged(self._terms(number))
        if len(merged) == 1 and isinstance(merged[0], int):
            return self._box(self._stage(merged[0]), True), self._gate_name(merged[0])
        if number in self.norms:
            return self._norm(number)
        if number not in self.found:
            self.found[number] = self._operation(number)
        return self.found[number], ""

    def _norm(self, number: int) -> tuple[int, str]:
        """The one node of all values that are normalised together."""
        norm = self.norms[number]
        parts = [self._part(value) for value in norm.values]
        if norm.scale not in self.found:
            self.found[norm.scale] = self.graph.add(Node("operation", norm.text), [(start, "") for start, _ in parts])
        return self.found[norm.scale], parts[norm.place][1]

    def _operation(self, number: int) -> int:
        name = self.gate_of.get(number, "")
        text, inputs = self._text_and_inputs(number)
        kind = "gate" if name else "operation"
        marks = [(start, "" if mark == name or len(mark) > 2 else mark) for start, mark in inputs]
        return self.graph.add(Node(kind, text, name), marks)

    def _text_and_inputs(self, number: int) -> tuple[str, list[tuple[int, str]]]:
        found = self.all[number]
        if self._is_fixed(number):
            return self._written(number), []
        if isinstance(found, Unary):
            return _NAMES.get(found.operator, found.operator), [self._part(found.a)]
        if isinstance(found, Sum):
            return "Σ", [self._part(found.a)]
        if isinstance(found, Where):
            return self._choice(found)
        assert isinstance(found, Binary)
        if found.operator in ("add", "sub"):
            return self._sum(number)
        return self._binary(found)

    def _choice(self, found: Where) -> tuple[str, list[tuple[int, str]]]:
        parts = [part for part in dict.fromkeys(operands(found)) if not self._is_fixed(part)]
        return "if", [self._part(part) for part in parts]

    def _binary(self, found: Binary) -> tuple[str, list[tuple[int, str]]]:
        first, second = found.a, found.b
        sign = _NAMES.get(found.operator, _SIGNS.get(found.operator, found.operator))
        if self._is_fixed(second) or self._is_fixed(first):
            fixed, other = (first, second) if self._is_fixed(first) else (second, first)
            after = fixed == second or found.operator in ("mul", "maximum", "minimum")
            if isinstance(self.all[other], Sum) and self._is_share(found, fixed):
                return "mean", [self._part(operands(self.all[other])[0])]
            text = f"{sign} {self._written(fixed)}" if after else f"{self._written(fixed)} {sign}"
            return ("relu" if text == "max 0" else text), [self._part(other)]
        if found.operator == "div":
            return "÷", [self._part(first), (self._part(second)[0], "÷")]
        if found.operator == "mul" and first == second:
            return "²", [self._part(first)]
        return sign, [self._part(part) for part in self._factors(found)]

    def _factors(self, found: Binary) -> list[int]:
        if found.operator != "mul":
            return [found.a, found.b]
        parts = []
        for part in (found.a, found.b):
            each = self.all[part]
            chained = isinstance(each, Binary) and each.operator == "mul" and self._is_once(part)
            chained = chained and part not in self.norms
            fixed = chained and any(self._is_fixed(n) for n in operands(each))
            parts += self._factors(each) if chained and not fixed and isinstance(each, Binary) else [part]
        return parts

    def _sum(self, number: int) -> tuple[str, list[tuple[int, str]]]:
        terms = self._terms(number)
        fixed = [(sign, part) for sign, part in terms if self._is_fixed(part)]
        parts = self._merged([term for term in terms if term not in fixed])
        inputs = []
        for each in parts:
            if isinstance(each, int):
                inputs.append((self._box(self._stage(each), True), self._gate_name(each)))
            else:
                start, mark = self._part(each[1])
                inputs.append((start, "−" if each[0] < 0 and (len(parts) > 1) else mark))
        texts = [("+ " if sign > 0 else "− ") + self._written(part) for sign, part in fixed]
        if len(parts) == 1 and isinstance(parts[0], tuple) and parts[0][0] < 0:
            return f"{' '.join(texts).removeprefix('+ ')} −", [self._part(parts[0][1])]
        return " ".join(texts) if len(parts) == 1 else " ".join(["+", *texts]).replace("+ +", "+"), inputs

    def _terms(self, number: int, sign: int = 1, top: bool = True) -> list[tuple[int, int]]:
        """What is added, each with its sign."""
        found = self.all[number]
        inner = top or (self._is_once(number) and number not in self.gate_of)
        if isinstance(found, Binary) and found.operator in ("add", "sub") and inner and not self._is_fixed(number):
            other = -sign if found.operator == "sub" else sign
            return [*self._terms(found.a, sign, False), *self._terms(found.b, other, False)]
        return [(sign, number)]

    def _merged(self, terms: list[tuple[int, int]]) -> list[int | tuple[int, int]]:
        """The terms, where both parts of a gate that nothing else reads become the number of the gate."""
        leaves = {self.all[part]: (sign, part) for sign, part in terms if sign > 0 and self._is_once(part)}
        gates = [leaf.gate for leaf in leaves if isinstance(leaf, Recurrent) and Input(leaf.gate) in leaves]
        gates = [gate for gate in gates if self._recurrent_name(gate) == self._gate_name(gate)]
        gone = {leaves[kind(gate)] for gate in gates for kind in (Input, Recurrent)}
        return [*gates, *(term for term in terms if term not in gone)]

    def _box(self, stage: int, with_input: bool) -> int:
        """The node of a product of a stage, with the input's product in it or not; stage −1 is the input's alone."""
        key = (stage, with_input)
        if key not in self.boxes:
            inputs = [(self.x, "")] if stage < 0 or with_input else []
            inputs += [self._part(self.step.operands[stage])] if stage >= 0 else []
            weight = "W x" if stage < 0 else self._product(stage)
            self.boxes[key] = self.graph.add(Node("product", f"W x + {weight}" if with_input else weight), inputs)
        return self.boxes[key]

    def _product(self, stage: int) -> str:
        """A product as text: with what it multiplies where that is a state."""
        number = f"U{_below(stage) if len(self.step.operands) > 1 else ''}"
        operand, states = self.step.operands[stage], self.cell.state_names
        multiplied = self.all[operand]
        if isinstance(multiplied, State):
            return f"{number} {states[multiplied.number]}"
        return f"{number} {states[self.step.states.index(operand)]}′" if operand in self.step.states else f"{number} ·"

    def _stage(self, gate: int) -> int:
        """The number of the product that a row of recurrent parts is of."""
        for stage, gates in enumerate(self.cell.stages):
            gate -= len(gates)
            if gate < 0:
                return stage
        raise AssertionError("a recurrent part of no product")

    def _gate_name(self, gate: int) -> str:
        return self.cell.gate_names[gate]

    def _recurrent_name(self, gate: int) -> str:
        return [name for gates in self.cell.stages for name in gates][gate]

    def _is_once(self, number: int) -> bool:
        return self.uses[number] == 1

    def _is_fixed(self, number: int) -> bool:
        """Whether an expression is made of numbers and parameters alone."""
        return all(
            isinstance(self.all[n], (Constant, Parameter)) or operands(self.all[n]) for n in self.all.below([number])
        )

    def _is_share(self, found: Binary, number: int) -> bool:
        """Whether a sum over the units becomes an average."""
        share = self.all[number]
        return found.operator == "div" and isinstance(share, Constant) and share.value == UNITS

    def _written(self, number: int) -> str:
        """An expression of numbers and parameters as text."""
        found = self.all[number]
        if isinstance(found, Constant):
            return f"{found.value:.4g}".replace("-", "−")
        if isinstance(found, Parameter):
            return self.parameters[found.row]
        parts = [self._written(part) for part in operands(found)]
        if isinstance(found, Binary):
            return f" {_SIGNS.get(found.operator, found.operator)} ".join(parts)
        operator = found.operator if isinstance(found, Unary) else "f"
        return f"{_NAMES.get(operator, operator)}({', '.join(parts)})"


def _parameter_names(cell: Cell, units: int = 3) -> list[str]:
    names = []
    for name, value in cell.own_parameters(units).items():
        rows = value.numel() // units
        names += [name] if rows == 1 else [f"{name}{_below(n)}" for n in range(rows)]
    return names


def _below(number: int) -> str:
    return "".join("₀₁₂₃₄₅₆₇₈₉"[int(digit)] for digit in str(number + 1))


def _without_operations(graph: FlowGraph) -> FlowGraph:
    """The graph in which what lies between products, gates and states is left out, and leads on what led to it."""
    kept = [n for n, node in enumerate(graph.nodes) if node.kind != "operation"]
    numbers = {old: new for new, old in enumerate(kept)}
    sources = _sources(graph, numbers.__contains__)
    edges = [Edge(numbers[start], numbers[end]) for end in kept for start in dict.fromkeys(sources(end))]
    return FlowGraph([graph.nodes[n] for n in kept], edges)


def _sources(graph: FlowGraph, kept: Callable[[int], bool]) -> Callable[[int], list[int]]:
    above: dict[int, list[int]] = {}
    for edge in graph.edges:
        above.setdefault(edge.end, []).append(edge.start)

    def sources(end: int) -> list[int]:
        return [each for start in above.get(end, []) for each in ([start] if kept(start) else sources(start))]

    return sources
