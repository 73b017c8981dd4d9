"""A cell's step and its gradient as C++: a struct of the form that ``seqkit/kernels/cpp/cells`` asks for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from seqkit.compiler.expressions import (
    Expression,
    Gradient,
    Input,
    Parameter,
    Recurrent,
    State,
    Step,
    Sum,
    Units,
)
from seqkit.compiler.keeping import kept_values
from seqkit.compiler.phased import phased_struct
from seqkit.compiler.terms import Terms

_MOST_STATES = 2
"""As ``kMaxStates`` of the C++ has it, of cells with one recurrent product"""


def runs_in_phases(step: Step) -> bool:
    """Whether a step needs a loop of phases: for several products, more states than two, or sums over its units.

    So does a product for some of the gates only, and what depends on the number of units.
    """
    if any(isinstance(step.all[n], (Sum, Units)) for n in step.all.below([*step.states, *step.gradients])):
        return True
    return bool(step.stages) and (step.stages != (step.gates,) or len(step.states) > _MOST_STATES)


def struct_of(step: Step, biases: Sequence[int] = ()) -> str:
    """The struct of a step, called ``Cell``; ``biases`` are the gates whose recurrent part has a bias of its own."""
    if runs_in_phases(step):
        return phased_struct(step, biases)
    return cell_struct(step, biases) if step.stages else scan_struct(step)


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
    terms = Terms(step.all, _leaf_names(step, ()))
    forward = [*terms.assignments(step.states), *_taking_turns("s", map(terms.operand, step.states))]
    back = terms.assignments(step.gradients)
    back += [f"da[{n}] = {terms.operand(number)};" for n, number in enumerate(step.grad_inputs)]
    back += [f"down[{n}] = {terms.operand(number)};" for n, number in enumerate(step.grad_own)]
    back += _taking_turns("ds", map(terms.operand, step.grad_states))
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


_HEADER = """// Made of the step of each cell by {command}; a test holds them equal.
#pragma once

#include "compiled.h"

#include <array>

namespace seqkit {{

{structs}

}}  // namespace seqkit
"""


def header(structs: Mapping[str, str], command: str) -> str:
    """The header of cells that the library of kernels has, each as ``Cell`` in a namespace of its name.

    ``command`` is what makes it again.
    """
    bodies = [f"namespace {name} {{\n{text}\n}}  // namespace {name}" for name, text in structs.items()]
    return _HEADER.format(command=command, structs="\n\n".join(bodies))


_OPERATORS = {" : Compiled<Cell>": "operators_of", " : Phased": "phased_operators_of", " {": "scan_operators_of"}
"""What gives a cell its operators, by what its struct derives from"""


def library(structs: Mapping[str, str]) -> str:
    """A C++ file of cells; the text of each struct, which is called ``Cell``, by the name that its operators take."""
    bodies, entries = [], []
    for number, (name, text) in enumerate(structs.items()):
        bodies.append(f"namespace cell_{number} {{\n{text}\n}}  // namespace cell_{number}")
        kind = next(kind for base, kind in _OPERATORS.items() if text.startswith(f"struct Cell{base}"))
        entries.append(f'    {kind}<cell_{number}::Cell>("{name}"),')
    return _LIBRARY.format(structs="\n\n".join(bodies), entries="\n".join(entries), count=len(structs))


def _forward(step: Step, kept: Kept, biases: Sequence[int]) -> list[str]:
    terms = Terms(step.all, _leaf_names(step, biases))
    body = terms.assignments([*step.states, *kept.values])
    body += [f"kept[{n}] = {terms.operand(number)};" for n, number in enumerate(kept.values)]
    body += _taking_turns("s", map(terms.operand, step.states))
    return _function("step(const V* x, const V* r, V* s, const V* own, V* kept)", body)


def _backward(step: Step, kept: Kept, slots: Slots, biases: Sequence[int]) -> list[str]:
    names = _leaf_names(step, biases)
    names[State(0)] = "h"
    terms = Terms(step.all, names, {number: f"kept[{n}]" for n, number in enumerate(kept.values)})
    body = terms.assignments(step.gradients)
    found = {f"da[{n}]": number for n, number in enumerate(slots.values)}
    found |= {f"down[{n}]": step.grad_recurrents[gate] for n, gate in enumerate(biases)}
    found |= {f"down[{len(biases) + n}]": number for n, number in enumerate(step.grad_own)}
    body += [f"{place} = {terms.operand(number)};" for place, number in found.items()]
    body += _taking_turns("ds", map(terms.operand, step.grad_states))
    return _function("back(const V* kept, V h, V* ds, const V* own, V* da, V* down)", body)


def _taking_turns(array: str, values: Iterable[str]) -> list[str]:
    """Sets an array of states by way of copies: one may become what another was."""
    copies = [f"const V {array}{n} = {value};" for n, value in enumerate(values)]
    return [*copies, *(f"{array}[{n}] = {array}{n};" for n in range(len(copies)))]


def _function(signature: str, body: list[str]) -> list[str]:
    return [f"    static inline void {signature} {{", *(f"        {line}" for line in body), "    }"]


def _leaf_names(step: Step, biases: Sequence[int]) -> dict[Expression, str]:
    names: dict[Expression, str] = {Input(gate): f"x[{gate}]" for gate in range(step.gates)}
    names |= {Recurrent(gate): f"r[{gate}]" for gate in range(step.gates)}
    names |= {Recurrent(gate): f"(r[{gate}] + own[{n}])" for n, gate in enumerate(biases)}
    names |= {State(n): f"s[{n}]" for n in range(len(step.states))}
    names |= {Gradient(n): f"ds[{n}]" for n in range(len(step.states))}
    return names | {Parameter(row): f"own[{len(biases) + row}]" for row in range(step.own_rows)}
