"""Recurrent weights that a new layer takes from a trained one, direction by direction.

E embedding size.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from seqkit.layers import Recurrent


def take_layers(own: Recurrent, theirs: Recurrent, width: int, ways: Mapping[str, str], bridge: Tensor | None) -> str:
    """Copies what fits; returns what that was.

    Args:
        own, theirs: the new layer and the trained one.
        width: the values that are a symbol's vector, at the front of what the first layer reads; 0: all.
        ways: which direction takes from which: 0 reads forward, 1 from the end.
        bridge: (E, E) from vectors of the new layer to those that the trained one has read; None: they are the same.
    """
    if repr(own.cell) != repr(theirs.cell) or own.hidden_size != theirs.hidden_size:
        kind, their_kind = (f"{layer.cell!r} with {layer.hidden_size} units" for layer in (own, theirs))
        return f"its recurrent layer is new: it is {kind}, the run's {their_kind}"
    taken = []
    for number, layer in own.layers.named_children():
        for way, direction in layer.named_children():
            try:
                their_direction = theirs.layers.get_submodule(f"{number}.{ways[way]}")
            except (AttributeError, KeyError):
                continue
            first = number == "0"
            _copy_direction(direction, their_direction, width if first else 0, bridge if first else None)
            taken.append(spoken(f"layers.{number}.{way}"))
    if taken:
        _copy_state(own, theirs, ways)
    if not taken:
        return "its recurrent layer is new: it reads forward, the run from the end"
    return f"recurrent {', '.join(taken)}{'' if bridge is None else ', fitted to these vectors'}"


def _copy_state(own: Recurrent, theirs: Recurrent, ways: Mapping[str, str]) -> None:
    """The learned initial states of the directions that were taken, where both have such."""
    if own.initial is None or theirs.initial is None:
        return
    parameters = dict(theirs.initial.named_parameters())
    for name, value in own.initial.named_parameters():
        rows, other = (
            each.unflatten(0, (layer.num_layers, -1)) for each, layer in ((value, own), (parameters[name], theirs))
        )
        layers = min(len(rows), len(other))
        for way, their_way in ways.items():
            if int(way) < rows.shape[1] and int(their_way) < other.shape[1]:
                rows[:layers, int(way)] = other[:layers, int(their_way)]


def _copy_direction(own: nn.Module, theirs: nn.Module, width: int, bridge: Tensor | None) -> None:
    parameters = dict(theirs.named_parameters())
    for name, weight in own.named_parameters():
        other = parameters[name]
        if name != "weight_x":
            weight.copy_(other)
            continue
        columns = width or min(weight.shape[1], other.shape[1])
        if weight.shape == other.shape:
            columns = weight.shape[1]
        weight[:, :columns] = other[:, :columns]
        if bridge is not None:
            weight[:, :width] = other[:, :width] @ bridge


def fitted(own: Tensor, theirs: Tensor, pairs: list[tuple[int, int]]) -> Tensor:
    """The matrix M (E, E) with ``M own_s`` near ``theirs_s`` for the symbols s of both, frequent ones first of all.

    ``argmin_M Σ_s (1 / rank_s) |M own_s - theirs_s|² + λ |M - 1|²``, solved exactly. Source: Mikolov, Le and Sutskever,
    2013 (arXiv:1309.4168), for vectors of two languages.
    """
    rows, their_rows = torch.tensor(pairs, dtype=torch.int64).view(-1, 2).unbind(1)
    a, b = own[rows].double(), theirs[their_rows].double()
    if torch.equal(a, b):
        return torch.eye(own.shape[1])
    # Words are in the order of their frequency, which falls with the rank.
    weighted = a.T / (rows + 1.0)
    penalty = _RIDGE * torch.eye(own.shape[1], dtype=torch.float64) * (weighted @ a).diagonal().mean()
    identity = torch.eye(own.shape[1], dtype=torch.float64)
    difference: Tensor = torch.linalg.solve(weighted @ a + penalty, weighted @ (b - a))
    return (identity + difference).T.float()


_RIDGE = 1e-3
"""Of the mean square of a vector's values: enough to solve for fewer symbols than values."""
_LAYER = re.compile(r"layers\.(\d+)\.([01])")


def spoken(name: str) -> str:
    """A name such as ``layers.0.1`` in words: layer 1 backward."""
    return _LAYER.sub(_spoken, name)


def _spoken(match: re.Match[str]) -> str:
    return f"layer {int(match[1]) + 1} {('forward', 'backward')[int(match[2])]}"
