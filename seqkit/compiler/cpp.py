"""A cell's step and its gradient as C++: a struct of the form that ``seqkit/kernels/cpp/cells`` has by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from seqkit.compiler.expressions import (
    Binary,
    Constant,
    Expression,
    Gradient,
    Input,
    Parameter,
    Recurrent,
    State,
    Step,
    Sum,
    Unary,
    Units,
    Where,
    operands,
)
from seqkit.compiler.keeping import kept_values

_SIGNS = {
    "add": "+", "sub": "-", "mul": "*", "div": "/", "gt": ">", "ge": ">=", "lt": "<", "le": "<=", "eq": "==",
    "ne": "!=", "and": "&", "or": "|",
}  # fmt: skip
_CALLS = {"maximum": "at::vec::maximum({}, {})", "minimum": "at::vec::minimum({}, {})", "pow": "{}.pow({})"}
_FUNCTIONS = {"sigmoid": "sigmoid({})", "tanh": "tanh({})", "sign": "sign({})", "not": "negation({})",
              "reciprocal": "V(1.f) / {}"}  # fmt: skip
"""Other functions are those of torch's vectors."""


_MOST_STATES = 2
"""As ``kMaxStates`` of the C++ has it; without a recurrent product there may be more"""


def why_not(step: Step) -> str | None:
    """What a step does that the C++ cannot do yet, as the end of a sentence; None if it can be emitted."""
    if step.operands[:1] not in ((), (step.all.add(State(0)),)):
        return "has a recurrent product of something else than h"
    if len(step.stages) > 1:
        return f"has {len(step.stages)} recurrent products in a step, of which one can be compiled"
    if step.stages and step.stages[0] < step.gates:
        return "has a recurrent product for some of its gates only"
    if step.stages and len(step.states) > _MOST_STATES:
        return f"has {len(step.states)} states, of which {_MOST_STATES} can be compiled"
    used = step.all.below([*step.states, *step.gradients])
    if any(isinstance(step.all[number], Sum) for number in used):
        return "sums over its hidden units, which cannot be compiled"
    if any(isinstance(step.all[number], Units) for number in used):
        return "counts its hidden units, which cannot be compiled"
    return None


class Slots(NamedTuple):
    """Where the way back leaves gradients: a gate whose two parts have the same gradient has one slot for both."""

    values: tuple[int, ...]
    """the expression of each slot"""
    first_x: int
    first_r: int
    x_gates: tuple[int, ...]
    """the gate of each slot of the input parts"""


def slots_of(step: Step) -> Slots:
    """Slots in which the input parts lie side by side, and so do the recurrent ones, in the order of the gates."""
    gates, inputs, recurrents = range(step.gates), step.grad_inputs, step.grad_recurrents
    same = [inputs[gate] == recurrents[gate] for gate in gates]
    front = next((n for n in gates if not same[n]), step.gates)
    back = next((n for n in gates if not same[-1 - n]), step.gates)
    shared = [*range(front)] if front >= back else [*range(step.gates - back, step.gates)]
    apart = [gate for gate in gates if gate not in shared]
    if front >= back:
        return Slots((*(inputs[g] for g in apart), *recurrents), 0, len(apart), (*apart, *shared))
    return Slots((*recurrents, *(inputs[g] for g in apart)), len(apart), 0, (*shared, *apart))


class Kept(NamedTuple):
    """What a step forward keeps."""

    values: tuple[int, ...]
    only_h: bool
    """whether that is the new h, and the way back needs no other"""


def kept_by(step: Step) -> Kept:
    """What a step forward keeps: the new h alone where that suffices, since it is there anyhow."""
    h = step.states[0]
    rest = (step.all[number] for number in step.all.below(step.gradients, [h]) if number != h)
    if not any(isinstance(each, (Input, Recurrent, State)) for each in rest):
        return Kept((h,), True)
    return Kept(kept_values(step), False)


def cell_struct(step: Step, biases: Sequence[int] = ()) -> str:
    """The struct, called ``Cell``; ``biases`` are the gates whose recurrent part has a bias of its own."""
    slots, kept = slots_of(step), kept_by(step)
    own = len(biases) + step.own_rows
    facts = {
        "GATES": step.gates, "STATES": len(step.states), "KEPT": len(kept.values), "OWN": own,
        "SLOTS": len(slots.values), "X_SLOT": slots.first_x, "R_SLOT": slots.first_r,
    }  # fmt: skip
    numbers = ", ".join(f"{key} = {value}" for key, value in facts.items())
    gates = ", ".join(map(str, slots.x_gates))
    return "\n".join([
        "struct Cell : Compiled<Cell> {",
        f"    static constexpr int {numbers};",
        f"    static constexpr bool KEEPS_ONLY_H = {str(kept.only_h).lower()};",
        f"    static constexpr int x_gate(int n) {{ return std::array{{{gates}}}[n]; }}",
        "",
        *_forward(step, kept, biases),
        "",
        *_backward(step, kept, slots, biases),
        "};",
    ])  # fmt: skip


def scan_struct(step: Step) -> str:
    """The struct of a cell without a recurrent product, called ``Cell``."""
    names = _leaf_names(step, ())
    forward = _assignments(step, step.states, names, {})
    forward += _taking_turns("s", [_operand(step, number, names) for number in step.states])
    back = _assignments(step, step.gradients, names, {})
    back += [f"da[{n}] = {_operand(step, number, names)};" for n, number in enumerate(step.grad_inputs)]
    back += [f"down[{n}] = {_operand(step, number, names)};" for n, number in enumerate(step.grad_own)]
    back += _taking_turns("ds", [_operand(step, number, names) for number in step.grad_states])
    facts = {"GATES": step.gates, "STATES": len(step.states), "OWN": step.own_rows}
    return "\n".join([
        "struct Cell {",
        f"    static constexpr int {', '.join(f'{key} = {value}' for key, value in facts.items())};",
        "",
        *_function("step(const V* x, V* s, const V* own)", forward),
        "",
        *_function("back(const V* x, const V* s, V* ds, const V* own, V* da, V* down)", back),
        "};",
    ])  # fmt: skip


_LIBRARY = """// Made of the step of each cell by seqkit.compiler.
#include "cell_operators.h"
#include "cells/compiled.h"

#include <array>
#include <limits>

namespace seqkit {{

{structs}

constexpr CellOperators kCells[] = {{
{entries}
}};
CellTable table{{kCells, {count}}};

}}  // namespace seqkit

extern "C" __attribute__((visibility("default"))) void* seqkit_cells() {{ return &seqkit::table; }}
"""


def library(structs: Mapping[str, str]) -> str:
    """A C++ file of cells; the text of each struct, which is called ``Cell``, by the name that its operators take."""
    bodies, entries = [], []
    for number, (name, text) in enumerate(structs.items()):
        bodies.append(f"namespace cell_{number} {{\n{text}\n}}  // namespace cell_{number}")
        kind = "operators_of" if ": Compiled<Cell>" in text else "scan_operators_of"
        entries.append(f'    {kind}<cell_{number}::Cell>("{name}"),')
    return _LIBRARY.format(structs="\n\n".join(bodies), entries="\n".join(entries), count=len(structs))


def _forward(step: Step, kept: Kept, biases: Sequence[int]) -> list[str]:
    names = _leaf_names(step, biases)
    body = _assignments(step, [*step.states, *kept.values], names, {})
    body += [f"kept[{n}] = {_operand(step, number, names)};" for n, number in enumerate(kept.values)]
    body += _taking_turns("s", [_operand(step, number, names) for number in step.states])
    return _function("step(const V* x, const V* r, V* s, const V* own, V* kept)", body)


def _backward(step: Step, kept: Kept, slots: Slots, biases: Sequence[int]) -> list[str]:
    names = _leaf_names(step, biases)
    names[State(0)] = "h"
    known = {number: f"kept[{n}]" for n, number in enumerate(kept.values)}
    body = _assignments(step, step.gradients, names, known)
    found = {f"da[{n}]": number for n, number in enumerate(slots.values)}
    found |= {f"down[{n}]": step.grad_recurrents[gate] for n, gate in enumerate(biases)}
    found |= {f"down[{len(biases) + n}]": number for n, number in enumerate(step.grad_own)}
    body += [f"{place} = {_operand(step, number, names, known)};" for place, number in found.items()]
    body += _taking_turns("ds", [_operand(step, number, names, known) for number in step.grad_states])
    return _function("back(const V* kept, V h, V* ds, const V* own, V* da, V* down)", body)


def _taking_turns(array: str, values: Sequence[str]) -> list[str]:
    """Sets an array of states by way of copies: one may become what another was."""
    copies = [f"const V {array}{n} = {value};" for n, value in enumerate(values)]
    return [*copies, *(f"{array}[{n}] = {array}{n};" for n in range(len(values)))]


def _function(signature: str, body: list[str]) -> list[str]:
    return [f"    static inline void {signature} {{", *(f"        {line}" for line in body), "    }"]


def _leaf_names(step: Step, biases: Sequence[int]) -> dict[Expression, str]:
    names: dict[Expression, str] = {Input(gate): f"x[{gate}]" for gate in range(step.gates)}
    names |= {Recurrent(gate): f"r[{gate}]" for gate in range(step.gates)}
    names |= {Recurrent(gate): f"(r[{gate}] + own[{n}])" for n, gate in enumerate(biases)}
    names |= {State(n): f"s[{n}]" for n in range(len(step.states))}
    names |= {Gradient(n): f"ds[{n}]" for n in range(len(step.states))}
    return names | {Parameter(row): f"own[{len(biases) + row}]" for row in range(step.own_rows)}


def _assignments(
    step: Step, roots: Sequence[int], names: Mapping[Expression, str], known: Mapping[int, str]
) -> list[str]:
    """One constant for each expression below the roots; those already known have their names."""
    lines = []
    for number in step.all.below(roots, known):
        if number not in known and operands(step.all[number]):
            lines.append(f"const V v{number} = {_computed(step, number, names, known)};")
    return lines


def _computed(step: Step, number: int, names: Mapping[Expression, str], known: Mapping[int, str]) -> str:
    found = step.all[number]
    parts = [_operand(step, part, names, known) for part in operands(found)]
    if isinstance(found, Unary):
        if found.operator == "neg":
            return f"{parts[0]}.neg()"
        return _FUNCTIONS.get(found.operator, f"{{}}.{found.operator}()").format(*parts)
    if isinstance(found, Binary):
        sign = _SIGNS.get(found.operator)
        return f"{parts[0]} {sign} {parts[1]}" if sign else _CALLS[found.operator].format(*parts)
    assert isinstance(found, Where)
    return f"where({', '.join(parts)})"


def _operand(step: Step, number: int, names: Mapping[Expression, str], known: Mapping[int, str] | None = None) -> str:
    if known and number in known:
        return known[number]
    found = step.all[number]
    if isinstance(found, Constant):
        return f"V({_float(found.value)})"
    return names.get(found, f"v{number}")


def _float(value: float) -> str:
    rounded = np.float32(value)
    if np.isnan(rounded):
        return "std::numeric_limits<float>::quiet_NaN()"
    if np.isinf(rounded):
        return f"{'-' if rounded < 0 else ''}std::numeric_limits<float>::infinity()"
    return f"{float(str(rounded))!r}f"
