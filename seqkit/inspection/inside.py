"""What a model does with one input, step by step: gates, states, attention, and what each step is worth.

B batch, T time, H hidden units, S places of a memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor

from seqkit.cells import Cell, CellState
from seqkit.errors import UsageError
from seqkit.inspection.record import Recorded, Trace, record, replay
from seqkit.layers import Head, Recurrent
from seqkit.layers.recurrent import Direction
from seqkit.layers.state import State
from seqkit.runs import Model
from seqkit.topologies import Explains, Explanation

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


class AttentionMap(NamedTuple):
    """Weights (T, S): how much an attention, named as in the model, looked at each place from each row."""

    name: str
    places: Sequence[str]
    written: Sequence[str]
    weights: Tensor


class Inside(NamedTuple):
    """All that a page shows of one input."""

    answer: str
    layers: list[Unrolled]
    looking: list[AttentionMap]
    influence: dict[str, tuple[Sequence[str], Tensor]]
    """For recurrent layers by name: what each step read, and (T) ``Σ gradient · input`` of it"""
    notes: list[str]


class FinalStep(NamedTuple):
    """What the forward direction of a recurrent layer, the last of several, reads, and what a loss asks of its end."""

    name: str
    direction: Direction
    x: Tensor
    """(T, I)"""
    start: CellState
    """(1, H) each: the state before the first step"""
    asked: CellState | None
    """(1, H) each: the gradient of the answer's log-probability at the last state itself; None where there is none"""


class _Call(NamedTuple):
    """A recurrent layer has read inputs (B, T, I) from a state on."""

    x: Tensor
    steps: int
    """Of the first of the batch"""
    state: State | None
    outputs: Tensor
    final: State


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
    notes = _checked_steps(model, raw)
    with record(model) as trace, _calls(model.head) as calls:
        watched = _watched(model, raw, calls)
    layers = _unrolled(trace, watched, notes)
    influence = _influence(watched, calls)
    if not influence:
        notes.append("No influence is shown: the answer has no gradient at what a recurrent layer read at once.")
    return Inside(watched.answer, layers, _looked(trace, watched), influence, notes)


def ending(model: Model, raw: Any) -> FinalStep | None:
    """The end of an input; None where no layer reads its steps at once.

    What is asked of the last state leaves out all that the answer takes from earlier states on a way of its own, such
    as through a pooling or attention: the gradient that is left flows back through the recurrence alone.
    """
    with _calls(model.head) as calls:
        watched = _watched(model, raw, calls)
    name = next((name for name in watched.steps if name in calls and len(calls[name].x) == 1), None)
    if name is None:
        return None
    call, layer = calls[name], model.head.get_submodule(name)
    assert isinstance(layer, Recurrent)
    place, names = (layer.num_layers - 1) * layer.num_directions, layer.cell.state_names
    x, state = call.x[:, : call.steps].detach(), call.state or layer.initial_state(1, like=call.x)
    if layer.num_layers > 1:
        below = replay(layer, x, None, state)[place - layer.num_directions : place]
        x = torch.cat([part.states[names[0]] for part in below], 2)
    start = tuple(state[each][:, place].detach() for each in names)
    direction = layer.layers[-1][0]  # type: ignore[index]
    return FinalStep(name, direction, x[0].detach(), start, _asked(watched, call, layer, place))


def _asked(watched: Explanation, call: _Call, layer: Recurrent, place: int) -> CellState | None:
    if not watched.score.requires_grad:
        return None
    wanted = [call.outputs, *call.final.values()]
    found = torch.autograd.grad(watched.score, wanted, allow_unused=True)
    gradients = [torch.zeros_like(x) if g is None else g for x, g in zip(wanted, found, strict=True)]
    last = gradients[0][:, call.steps - 1, : layer.hidden_size]
    first, *others = [final[:, place] for final in gradients[1:]]
    return (first + last, *others) if bool((first + last).any()) else None


def _checked_steps(model: Model, raw: Any) -> list[str]:
    """What is to be said of an input; raises :class:`UsageError` for a text without symbols."""
    account = model.codec.encoding_report(raw)
    if account is not None and account.symbols == 0 and isinstance(raw, str):
        raise UsageError("there is nothing to read in the text; give one with a word in it")
    if account is None or not account.cut:
        return []
    return [f"Of the {account.symbols:,} symbols given the model reads the first {account.symbols - account.cut:,}."]


def _watched(model: Model, raw: Any, calls: dict[str, _Call]) -> Explanation:
    model.head.eval()
    if isinstance(model.task, Explains):
        with torch.enable_grad():
            return model.task.explain(model.head, model.codec, raw)
    (prediction,) = model.predict([raw])
    steps = {name: [str(n + 1) for n in range(call.steps)] for name, call in calls.items() if len(call.x) == 1}
    return Explanation(model.task.format_prediction(prediction)[0], torch.zeros(()), steps)


@contextmanager
def _calls(head: Head) -> Iterator[dict[str, _Call]]:
    """The last call of each recurrent layer for whole sequences, with a gradient at its inputs where there are any."""
    found: dict[str, _Call] = {}

    def before(_: Any, given: tuple[Any, ...]) -> tuple[Any, ...]:
        x = given[0]
        return given if x.requires_grad or not torch.is_grad_enabled() else (x.detach().requires_grad_(), *given[1:])

    def after(name: str) -> Any:
        def hook(_: Any, given: tuple[Any, ...], named: dict[str, Any], result: tuple[Tensor, State]) -> None:
            if torch.is_grad_enabled() or name not in found or not found[name].x.requires_grad:
                known = {**dict(zip(("x", "lengths", "state"), given, strict=False)), **named}
                lengths = known.get("lengths")
                steps = known["x"].shape[1] if lengths is None else int(lengths[0])
                found[name] = _Call(known["x"], steps, known.get("state"), *result)

        return hook

    modules = [(name, module) for name, module in head.named_modules() if isinstance(module, Recurrent)]
    handles = [module.register_forward_pre_hook(before) for _, module in modules]
    handles += [module.register_forward_hook(after(name), with_kwargs=True) for name, module in modules]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


def _influence(watched: Explanation, calls: dict[str, _Call]) -> dict[str, tuple[Sequence[str], Tensor]]:
    wanted = {name: call.x for name, call in calls.items() if name in watched.steps}
    if not wanted or not watched.score.requires_grad:
        return {}
    gradients = torch.autograd.grad(watched.score, list(wanted.values()), allow_unused=True)
    found = {}
    for (name, x), gradient in zip(wanted.items(), gradients, strict=True):
        steps = watched.steps[name][:_LONGEST]
        if gradient is not None:
            found[name] = (steps, (gradient * x).sum(2)[0, : len(steps)].detach())
    return found


def _unrolled(trace: Trace, watched: Explanation, notes: list[str]) -> list[Unrolled]:
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


def _looked(trace: Trace, watched: Explanation) -> list[AttentionMap]:
    places, written = watched.attention
    calls: dict[str, list[Tensor]] = {}
    for name, weights in trace.attention if written else []:
        calls.setdefault(name, []).append(weights[0])
    found = []
    for name, rows in calls.items():
        last = torch.cat(rows[-len(written) :]) if len(rows[-1]) == 1 else rows[-1]
        shown = last[:_LONGEST, :_LONGEST].detach()
        found.append(AttentionMap(name, places[: shown.shape[1]], written[: len(shown)], shown))
    return found


def time_constants(kept: Tensor) -> Tensor:
    """(H): steps after which a unit that keeps the part f of its state has 1/e of it, ``-1 / log f``.

    ``kept`` (T, H) is meant over time first.
    """
    return -1 / kept.double().mean(0).clamp(1e-6, 1 - 1e-6).log()
