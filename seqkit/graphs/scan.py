"""Recurrent layers of any cell that can be traced, as ONNX's Scan: its body is one time step.

What looks at the input alone is computed for all steps before the loop, in as few operators as for one.
B batch, T time, I inputs, H hidden units, G gates.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from seqkit.cells import Cell
from seqkit.graphs.graph import Body, Graph, Value
from seqkit.kernels import Weights
from seqkit.kernels.reference import full_recurrent_bias

if TYPE_CHECKING:
    from seqkit.compiler import Step
    from seqkit.compiler.expressions import Expression


class Scan(NamedTuple):
    """A cell for ONNX's Scan."""

    cell: Cell
    step: Step

    def add(
        self, weights: Weights, graph: Graph, x: Value, mask: Value | None, first: list[Value], backward: bool
    ) -> tuple[Value, list[Value]]:
        """One direction: x (T, B, I) and states (B, H) to outputs (T, B, H) and the states after the last step.

        ``mask`` (T, B, 1) of bool says which steps are real; None: all are. The others hold the state, so that the
        backward direction begins at each sequence's end.
        """
        known = self._before_the_loop(weights, graph, x)
        scanned = [*known.by_step.values()]
        kinds = [torch.bool if self.step.all.is_truth(number) else torch.float32 for number in known.by_step]
        if mask is not None:
            scanned, kinds = [*scanned, mask], [*kinds, torch.bool]
        elif not scanned:
            # A step that looks at no input still happens as often as there are inputs.
            scanned, kinds = [x], [torch.float32]
        inner = graph.inner()
        before, now = inner.names("before", len(first)), inner.names("now", len(scanned))
        values = {**known.fixed, **dict(zip(known.by_step, now, strict=False))}
        after = self._add_step(weights, inner, values, before)
        output = after[0]
        if mask is not None:
            output = inner.add("Where", now[-1], output, torch.tensor(0.0))
            after = [inner.add("Where", now[-1], *pair) for pair in zip(after, before, strict=True)]
        inputs = {**dict.fromkeys(before, torch.float32), **dict(zip(now, kinds, strict=True))}
        ways = {"scan_input_directions": [int(backward)] * len(now), "scan_output_directions": [int(backward)]}
        body = Body(inner, inputs, [*after, output])
        *finals, outputs = graph.add_several(
            len(first) + 1, "Scan", *first, *scanned, body=body, num_scan_inputs=len(now), **ways
        )
        return outputs, finals

    def _before_the_loop(self, weights: Weights, graph: Graph, x: Value) -> _Known:
        from seqkit.compiler.expressions import Input
        from seqkit.compiler.onnx import Emission, of_input, parameter_rows

        part = graph.add("Add", graph.add("MatMul", x, weights.weight_x.T), weights.bias)
        leaves: dict[Expression, Any] = {**parameter_rows(weights.own, _units(weights))}
        gates = _split(graph, part, self.step.gates, axis=2)
        leaves |= {Input(gate): value for gate, value in enumerate(gates)}
        emission = Emission(self.step.all, _units(weights), graph.add, leaves)
        by_step, fixed = of_input(self.step.all, [*self.step.operands, *self.step.states])
        found = dict(zip([*by_step, *fixed], emission.values([*by_step, *fixed]), strict=True))
        return _Known({number: found[number] for number in by_step}, {number: found[number] for number in fixed})

    def _add_step(self, weights: Weights, graph: Graph, known: Mapping[int, Any], before: list[Value]) -> list[Value]:
        """The states after a step, (B, H) each."""
        from seqkit.compiler.expressions import Recurrent, State
        from seqkit.compiler.onnx import Emission, spread

        states: dict[Expression, Any] = {State(number): value for number, value in enumerate(before)}
        emission = Emission(self.step.all, _units(weights), graph.add, states, known)
        products = [(self.step.gates_of(stage), operand) for stage, operand in enumerate(self.step.operands)]
        for gates, operand in ((gates, operand) for gates, operand in products if gates):
            product = self._product(weights, graph, emission.values([operand])[0], gates)
            values = _split(graph, product, len(gates), axis=1)
            emission.leaves |= {Recurrent(gate): value for gate, value in zip(gates, values, strict=True)}
        after = emission.values(self.step.states)
        # A state that looks at nothing but numbers and parameters has another shape.
        full, shape = spread(self.step.all, self.step.states), graph.add("Shape", before[0])
        return [
            value if number in full else graph.add("Expand", value, shape)
            for number, value in zip(self.step.states, after, strict=True)
        ]

    def _product(self, weights: Weights, graph: Graph, operand: Any, gates: range) -> Value:
        """The recurrent parts of some gates, (B, gates · H)."""
        units, bias = _units(weights), full_recurrent_bias(self.cell, weights)
        rows = slice(gates.start * units, gates.stop * units)
        product = graph.add("MatMul", operand, weights.weight_h[rows].T)
        return product if bias is None else graph.add("Add", product, bias[rows])


class _Known(NamedTuple):
    """Values of expressions, by their numbers, that are there before the loop."""

    by_step: dict[int, Value]
    """(T, B, H)"""
    fixed: dict[int, Any]
    """(H)"""


def _units(weights: Weights) -> int:
    return weights.weight_h.shape[1]


def _split(graph: Graph, value: Value, parts: int, axis: int) -> list[Value]:
    return [value] if parts == 1 else graph.add_several(parts, "Split", value, axis=axis)
