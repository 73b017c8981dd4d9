"""What a model does with one input, step by step: gates, states, attention, and how much each step contributes.

B batch, T time, S places of a memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from torch import Tensor

from seqkit.errors import UsageError
from seqkit.inspection.model_calls import LayerCall, check_has_time, explain, layer_calls
from seqkit.inspection.record import Trace, record
from seqkit.inspection.unrolled import LONGEST, Unrolled, unrolled_layers
from seqkit.runs import Model
from seqkit.topologies import Explanation
from seqkit.topologies.powers import Signals


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
    attention: list[AttentionMap]
    influence: dict[str, tuple[Sequence[str], Tensor]]
    """For recurrent layers by name: what each step read, and (T) ``Σ gradient · input`` of it"""
    notes: list[str]
    probabilities: Mapping[str, float] = MappingProxyType({})
    """Of the possible answers"""
    signals: Signals | None = None
    """Where the input is a sequence of frames"""


def look_inside(model: Model, raw: Any) -> Inside:
    """Runs the model on one input and keeps what happens in it.

    Influence is gradient × input (Denil, Demiraj and de Freitas, 2014, arXiv:1412.6815): to first order, what the score
    of the answer would lose if a step's vector were 0.

    Raises :class:`UsageError` for a model without time, and for an input without steps.
    """
    check_has_time(model)
    notes = _check_input(model, raw)
    with record(model) as trace, layer_calls(model.head) as calls:
        explanation = explain(model, raw, calls)
    notes += explanation.notes
    layers = unrolled_layers(trace, explanation.steps, notes)
    influence = _influence(explanation, calls)
    if not influence:
        notes.append(
            "No contributions are shown: the answer has no gradient at the inputs of one call of a recurrent layer."
        )
    maps, signals = _attention_maps(trace, explanation), explanation.signals
    return Inside(explanation.answer, layers, maps, influence, notes, explanation.probabilities, signals)


def _check_input(model: Model, raw: Any) -> list[str]:
    """Notes about an input; raises :class:`UsageError` for a text without symbols."""
    report = model.codec.encoding_report(raw)
    if report is not None and report.symbols == 0 and isinstance(raw, str):
        raise UsageError("there is nothing to read in the text; give one with a word in it")
    if report is None or not report.cut:
        return []
    return [f"Of the {report.symbols:,} symbols given the model reads the first {report.symbols - report.cut:,}."]


def _influence(explanation: Explanation, calls: dict[str, LayerCall]) -> dict[str, tuple[Sequence[str], Tensor]]:
    inputs = {name: call.x for name, call in calls.items() if name in explanation.steps}
    if not inputs or not explanation.score.requires_grad:
        return {}
    gradients = torch.autograd.grad(explanation.score, list(inputs.values()), allow_unused=True)
    influence = {}
    for (name, x), gradient in zip(inputs.items(), gradients, strict=True):
        steps = explanation.steps[name][:LONGEST]
        if gradient is not None:
            influence[name] = (steps, (gradient * x).sum(2)[0, : len(steps)].detach())
    return influence


def _attention_maps(trace: Trace, explanation: Explanation) -> list[AttentionMap]:
    places, written = explanation.attention
    weights_of: dict[str, list[Tensor]] = {}
    for name, weights in trace.attention if written else []:
        weights_of.setdefault(name, []).append(weights[0])
    maps = []
    for name, calls in weights_of.items():
        # Of single steps the last ones, one after the other; else the last call.
        rows = torch.cat(calls[-len(written) :]) if len(calls[-1]) == 1 else calls[-1]
        shown = rows[:LONGEST, :LONGEST].detach()
        maps.append(AttentionMap(name, places[: shown.shape[1]], written[: len(shown)], shown))
    return maps
