"""Recurrent layers over all steps of one input: their gates, their states, and what they keep.

T time, H hidden units.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from seqkit.cells import Cell
from seqkit.inspection.names import the_place
from seqkit.inspection.record import Recorded, Trace

LONGEST = 300
"""Steps that are shown; a page of more would be too large to look at."""


class Unrolled(NamedTuple):
    """One direction of one layer: gates, states and the kept fraction of the state, (T, H) each."""

    name: str
    layer: int
    backward: bool
    cell: Cell
    steps: Sequence[str]
    gates: dict[str, Tensor]
    states: dict[str, Tensor]
    kept: Tensor | None
    """None where no gate of the cell says it"""


def unrolled_layers(trace: Trace, steps: Mapping[str, Sequence[str]], notes: list[str]) -> list[Unrolled]:
    """The layers whose steps are known by name, in the order of their calls.

    Sentences about those that are skipped, or cut, are added to ``notes``.
    """
    calls: dict[tuple[str, int, bool], list[Recorded]] = {}
    for call in trace.layers:
        calls.setdefault((call.name, call.layer, call.backward), []).append(call)
    left_out = sorted({name for name, _, _ in calls if name not in steps})
    notes += [f"Not shown: {the_place(name)}, which reads no step of the input itself." for name in left_out]
    for name, names in steps.items():
        if len(names) > LONGEST:
            notes.append(f"Of the {len(names):,} steps of {the_place(name)} the first {LONGEST} are shown.")
    return [_unroll(of_layer, steps[key[0]]) for key, of_layer in calls.items() if key[0] in steps]


def _unroll(calls: Sequence[Recorded], steps: Sequence[str]) -> Unrolled:
    """The last call of a layer; where it is a single step, the last steps one after the other."""
    last = calls[-1]
    length = last.states[last.cell.state_names[0]].shape[1]
    shown = calls[-len(steps) :] if length == 1 else [last]

    def joined(tensors: Sequence[Tensor]) -> Tensor:
        return torch.cat([tensor[0] for tensor in tensors])[: min(len(steps), LONGEST)].detach()

    gates = {name: joined([call.gates[name] for call in shown]) for name in last.gates}
    states = {name: joined([call.states[name] for call in shown]) for name in last.states}
    kept = last.cell.kept(gates) if last.cell.has_gates else None
    return Unrolled(last.name, last.layer, last.backward, last.cell, steps[:LONGEST], gates, states, kept)
