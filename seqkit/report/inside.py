"""What a model does with one input, step by step: gates, states, attention, and what each step is worth.

B batch, T time, H hidden units, S places of a memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor

from seqkit.cells import Cell
from seqkit.errors import UsageError
from seqkit.layers import Head, Recurrent
from seqkit.layers.record import Recorded, Trace, record
from seqkit.runs import Model
from seqkit.training import Watched

_LONGEST = 300
"""Steps that are shown; a page of more would be too large to look at."""


class Unrolled(NamedTuple):
    """One direction of one layer over all steps of one input: gates, states and what is kept, (T, H) each."""

    name: str
    layer: int
    backward: bool
    cell: Cell
    steps: Sequence[str]
    gates: dict[str, Tensor]
    states: dict[str, Tensor]
    kept: Tensor | None


class Looking(NamedTuple):
    """Weights (T, S): how much each thing written looked at each place."""

    places: Sequence[str]
    written: Sequence[str]
    weights: Tensor


class Inside(NamedTuple):
    """All that a page shows of one input."""

    answer: str
    layers: list[Unrolled]
    looking: list[Looking]
    influence: dict[str, tuple[Sequence[str], Tensor]]
    """For recurrent layers by name: what each step read, and (T) ``Σ gradient · input`` of it"""
    inputs: dict[str, Tensor]
    """What these layers read (T, I)"""
    notes: list[str]


def check_time(model: Model) -> None:
    """Raises :class:`UsageError` for a model without a recurrent layer."""
    if not any(isinstance(module, Recurrent) for module in model.head.modules()):
        raise UsageError(
            f"a {model.task.name} model is {model.task.topology}: it has no time, so no gates and no gradient that "
            "flows through it; inspect a model with a recurrent layer"
        )


def look_inside(model: Model, raw: Any) -> Inside:
    """Runs the model on one input and keeps what happens in it.

    Influence is gradient × input (Denil, Demiraj and de Freitas, 2014, arXiv:1412.6815): to first order, what the score
    of the answer would lose if a step's vector were 0.

    Raises :class:`UsageError` for a model without time, and for an input without steps.
    """
    check_time(model)
    _check_steps(model, raw)
    with record(model) as trace, _inputs(model.head) as inputs:
        watched = _watched(model, raw, trace)
    notes: list[str] = []
    layers = _unrolled(trace, watched, notes)
    influence = _influence(watched, inputs)
    if not influence:
        notes.append("No influence is shown: the answer has no gradient at what a recurrent layer read at once.")
    shown = {name: values[0].detach() for name, values in inputs.items() if name in watched.steps}
    return Inside(watched.answer, layers, _looked(trace, watched), influence, shown, notes)


def _check_steps(model: Model, raw: Any) -> None:
    account = model.codec.account(raw)
    if account is not None and account.symbols == 0 and isinstance(raw, str):
        raise UsageError("there is nothing to read in the text; give one with a word in it")


def _watched(model: Model, raw: Any, trace: Trace) -> Watched:
    model.head.eval()
    if model.task.watch is not None:
        with torch.enable_grad():
            return model.task.watch(model.head, model.codec, raw)
    (prediction,) = model.predict([raw])
    sizes = {found.name: int(found.lengths[0]) for found in trace.layers if len(found.lengths) == 1}
    steps = {name: [str(number + 1) for number in range(size)] for name, size in sizes.items()}
    return Watched(model.task.show(prediction)[0], torch.zeros(()), steps)


@contextmanager
def _inputs(head: Head) -> Iterator[dict[str, Tensor]]:
    """The last thing that each recurrent layer reads as a whole, (1, T, I), with a gradient."""
    found: dict[str, Tensor] = {}

    def keep(name: str) -> Any:
        def hook(_: Any, given: tuple[Any, ...]) -> tuple[Any, ...]:
            x = given[0]
            if torch.is_grad_enabled():
                x = x if x.requires_grad else x.detach().requires_grad_()
                found[name] = x
            return (x, *given[1:])

        return hook

    modules = [(name, module) for name, module in head.named_modules() if isinstance(module, Recurrent)]
    handles = [module.register_forward_pre_hook(keep(name)) for name, module in modules]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


def _influence(watched: Watched, inputs: dict[str, Tensor]) -> dict[str, tuple[Sequence[str], Tensor]]:
    wanted = {name: x for name, x in inputs.items() if name in watched.steps}
    if not wanted or not watched.score.requires_grad:
        return {}
    gradients = torch.autograd.grad(watched.score, list(wanted.values()), allow_unused=True)
    found = {}
    for (name, x), gradient in zip(wanted.items(), gradients, strict=True):
        steps = watched.steps[name][:_LONGEST]
        if gradient is not None:
            found[name] = (steps, (gradient * x).sum(2)[0, : len(steps)].detach())
    return found


def _unrolled(trace: Trace, watched: Watched, notes: list[str]) -> list[Unrolled]:
    calls: dict[tuple[str, int, bool], list[Recorded]] = {}
    for call in trace.layers:
        calls.setdefault((call.name, call.layer, call.backward), []).append(call)
    left_out = sorted({name for name, _, _ in calls if name not in watched.steps})
    notes += [f"Not shown: {name}, which reads no step of the input itself." for name in left_out]
    for name, steps in watched.steps.items():
        if len(steps) > _LONGEST:
            notes.append(f"Of the {len(steps):,} steps of {name} the first {_LONGEST} are shown.")
    return [_joined(several, watched.steps[key[0]]) for key, several in calls.items() if key[0] in watched.steps]


def _joined(calls: Sequence[Recorded], steps: Sequence[str]) -> Unrolled:
    """The last call; where it is a single step, the last steps one after the other."""
    last = calls[-1]
    length = last.states[last.cell.state_names[0]].shape[1]
    several = calls[-len(steps) :] if length == 1 else [last]

    def whole(parts: Sequence[Tensor]) -> Tensor:
        return torch.cat([part[0] for part in parts])[: min(len(steps), _LONGEST)].detach()

    gates = {name: whole([call.gates[name] for call in several]) for name in last.gates}
    states = {name: whole([call.states[name] for call in several]) for name in last.states}
    kept = last.cell.kept(gates) if last.cell.has_gates else None
    return Unrolled(last.name, last.layer, last.backward, last.cell, steps[:_LONGEST], gates, states, kept)


def _looked(trace: Trace, watched: Watched) -> list[Looking]:
    places, written = watched.looking
    if not trace.attention or not written:
        return []
    weights = [found[0] for _, found in trace.attention]
    last = torch.cat(weights[-len(written) :]) if len(weights[-1]) == 1 else weights[-1]
    shown = last[:_LONGEST, :_LONGEST].detach()
    return [Looking(places[: shown.shape[1]], written[: len(shown)], shown)]


def time_constants(kept: Tensor) -> Tensor:
    """(H): steps after which a unit that keeps the part f of its state has 1/e of it, ``-1 / log f``.

    ``kept`` (T, H) is meant over time first.
    """
    return -1 / kept.double().mean(0).clamp(1e-6, 1 - 1e-6).log()
