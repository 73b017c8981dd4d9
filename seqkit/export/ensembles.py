"""An ensemble as one graph: the average of its members' graphs.

M members, B batch, T time, K labels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from seqkit.errors import UsageError
from seqkit.graphs import Exported, Graph, Part, Value
from seqkit.graphs.modules import softmax
from seqkit.runs.model import Model
from seqkit.topologies import EnsembleCodec, Exports
from seqkit.topologies.ensemble import LabelEnsemble


def export_ensemble(model: Model) -> Exported:
    """One part with the inputs of a member: ``logits`` and, where members have them, ``probabilities``.

    Raises :class:`UsageError` for an ensemble that writes, and for members that read the same input differently.
    """
    head, codec, task = model.head, model.codec, model.task
    if not isinstance(head, LabelEnsemble) or not isinstance(task, Exports):
        raise UsageError("an ensemble that writes has no export; export its members one by one")
    if isinstance(codec, EnsembleCodec):
        raise UsageError(
            "the members of this ensemble read their inputs differently, so they make no single graph; export them one "
            "by one, or train them with the same options on the same split"
        )
    parts = [task.export(member, codec).parts[0] for member in head.members]
    decided = task.export(head.decider, codec)
    return Exported([_average_part(head, parts)], decided.symbols, decided.predict, decided.answering)


def _average_part(head: LabelEnsemble, parts: Sequence[Part]) -> Part:
    first = parts[0]
    has_probabilities = "probabilities" in first.outputs

    def compute(**tensors: Tensor) -> Mapping[str, Tensor]:
        logits = head.average([part.compute(**tensors)["logits"] for part in parts])
        return (
            {"logits": logits, "probabilities": torch.softmax(logits, -1)} if has_probabilities else {"logits": logits}
        )

    def build(graph: Graph, values: dict[str, Value]) -> Mapping[str, Value]:
        members = [part.add(graph, values)["logits"] for part in parts]
        if not has_probabilities:
            return {"logits": _mean(graph, members)}
        logits = _add_log_average(graph, members)
        return {"logits": logits, "probabilities": softmax(graph, logits)}

    return Part(first.name, first.inputs, first.outputs, compute, build, first.sample)


def _add_log_average(graph: Graph, logits: Sequence[Value]) -> Value:
    """``log(1/M Σ_m softmax(logits_m))``: the largest goes out of the sum, so that none becomes 0."""
    logs = [graph.add("LogSoftmax", each, axis=-1) for each in logits]
    largest = graph.add("Max", *logs)
    average = _mean(graph, [graph.add("Exp", graph.add("Sub", each, largest)) for each in logs])
    return graph.add("Add", graph.add("Log", average), largest)


def _mean(graph: Graph, values: Sequence[Value]) -> Value:
    return graph.add("Mean", *values)
