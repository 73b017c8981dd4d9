"""The scores of labels that a run and a new head have in common: rows of output layers, moved by the label's name."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seqkit.layers import Head, Recurrent
from seqkit.runs.model import Model
from seqkit.topologies import AnyCodec

_NAMED = 5
"""Labels that a sentence names."""


def same_weights(own: Recurrent, theirs: Recurrent) -> bool:
    """Whether two recurrent layers compute the same, so that what reads the one can read the other."""
    weights, others = own.state_dict(), theirs.state_dict()
    return weights.keys() == others.keys() and all(
        weights[name].shape == others[name].shape and torch.equal(weights[name], others[name]) for name in weights
    )


@torch.no_grad()
def take_scores_of_labels(head: Head, codec: AnyCodec, model: Model) -> list[str]:
    """Copies what the run has learned of each label that both have; returns a sentence for each layer that took some.

    Where all labels are known to the run, what else a head of the same kind has outside its readers comes along.
    """
    notes, theirs = list[str](), model.codec.output_labels()
    for name, labels in codec.output_labels().items():
        own, other = (_submodule(module, name) for module in (head, model.head))
        known = {label: number for number, label in enumerate(theirs.get(name, ()))}
        rows = [(number, known[label]) for number, label in enumerate(labels) if label in known]
        if own is None or other is None or not rows or not _readable(head, model.head, own, other):
            continue
        _copy_labels(own, other, rows, (len(labels), len(known)))
        new = [label for label in labels if label not in known]
        notes.append(f"{name}: the scores of {len(rows):,} of {len(labels):,} labels{_naming(new)}")
        if not new:
            _take_gains(head, model.head)
    return notes


def _submodule(head: nn.Module, name: str) -> nn.Module | None:
    module = dict(head.named_modules()).get(name)
    return module if module is not None and any(True for _ in module.parameters()) else None


def _readable(head: nn.Module, their_head: nn.Module, own: nn.Module, theirs: nn.Module) -> bool:
    """Whether both layers read the same features: as many, and pooled in the same ways."""
    ways, their_ways = (
        [getattr(module, "ways", None) for _, module in side.named_modules()] for side in (head, their_head)
    )
    same_inputs = getattr(own, "in_features", None) == getattr(theirs, "in_features", None)
    return same_inputs and [*filter(None, ways)] == [*filter(None, their_ways)]


def _copy_labels(own: nn.Module, theirs: nn.Module, rows: list[tuple[int, int]], counts: tuple[int, int]) -> None:
    """A linear layer has a row for each label, a CRF a row and a column."""
    parameters = dict(theirs.named_parameters())
    here, there = torch.tensor(rows, dtype=torch.int64).unbind(1)
    for name, tensor in own.named_parameters():
        other = parameters.get(name)
        if other is None or (len(tensor), len(other)) != counts or tensor.dim() != other.dim():
            continue
        if not isinstance(own, nn.Linear) and tensor.dim() == 2:
            tensor[here.unsqueeze(1), here] = other[there.unsqueeze(1), there]
        else:
            tensor[here] = other[there]


def _take_gains(head: nn.Module, theirs: nn.Module) -> None:
    """Numbers that weigh what the head adds up."""
    others: dict[str, Tensor] = dict(theirs.named_parameters())
    for name, tensor in head.named_parameters():
        if tensor.dim() == 0 and name in others and others[name].dim() == 0:
            tensor.copy_(others[name])


def _naming(labels: list[str]) -> str:
    if not labels:
        return ""
    more = f" and {len(labels) - _NAMED:,} more" if len(labels) > _NAMED else ""
    return f", new: {', '.join(map(str, labels[:_NAMED]))}{more}"
