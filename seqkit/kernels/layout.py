"""The weights of a layer as the native operators take them, and the way back.

B batch, I inputs, H hidden units, G gates, D directions, n vectors of the cell's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

from seqkit.cells import Cell
from seqkit.kernels.base import Weights

_UNIT_MULTIPLE = 16
"""Hidden units are padded to a multiple of this, so that they fill whole vectors of the processor."""


class Layer(NamedTuple):
    """The weights of all directions of a layer as the operators take them; H here is a multiple of 16."""

    weight_x: Tensor
    """(D, G·H, I)"""
    weight_h: Tensor
    """(D, G·H, H)"""
    bias: Tensor
    """(D, G·H)"""
    own: Tensor
    """(D, n, H): biases of recurrent parts and the cell's own parameters"""


def layer_of(weights: Sequence[Weights]) -> Layer:
    """The weights of all directions stacked and padded; differentiable."""
    rows, hidden = weights[0].weight_h.shape
    gates = rows // hidden

    def pad_gates(tensor: Tensor) -> Tensor:
        """(G·H, ·) with padding units in each gate."""
        if hidden % _UNIT_MULTIPLE == 0:
            return tensor
        padded: Tensor = pad(tensor.unflatten(0, (gates, hidden)), [0, 0, 0, -hidden % _UNIT_MULTIPLE])
        return padded.view(-1, tensor.shape[1])

    return Layer(
        stack([pad_gates(w.weight_x) for w in weights]),
        stack([pad_units(pad_gates(w.weight_h), hidden) for w in weights]),
        stack([pad_gates(w.bias.unsqueeze(1)).squeeze(1) for w in weights]),
        stack([pad_units(own_rows(w, hidden), hidden) for w in weights]),
    )


def weights_of(cell: Cell, layer: Layer, units: int) -> list[Weights]:
    """The inverse of :func:`layer_of` for a layer of so many hidden units; differentiable."""
    return [_direction(cell, Layer(*(tensor[d] for tensor in layer)), units) for d in range(len(layer.weight_h))]


def _direction(cell: Cell, layer: Layer, units: int) -> Weights:
    def unpad_gates(tensor: Tensor) -> Tensor:
        # By shapes alone: vmap, which takes gradients of several outputs at once, knows no other way.
        by_gate = tensor.reshape(len(cell.gate_names), -1, *tensor.shape[1:])
        return by_gate[:, :units].reshape(-1, *tensor.shape[1:])

    own = layer.own[:, :units]
    start = len(cell.recurrent_bias)
    bias_h = own[:start].reshape(-1) if start else None
    parameters = {}
    for name, value in cell.own_parameters(units).items():
        rows = value.numel() // units
        parameters[name] = own[start : start + rows].reshape(value.shape)
        start += rows
    weight_h = unpad_gates(layer.weight_h)[:, :units]
    return Weights(unpad_gates(layer.weight_x), weight_h, unpad_gates(layer.bias), bias_h, parameters)


def own_rows(weights: Weights, hidden: int) -> Tensor:
    """(n, H): the recurrent bias, then the cell's own parameters in the order in which it declares them."""
    bias_h = [weights.bias_h] if weights.bias_h is not None else []
    rows = [value.reshape(-1, hidden) for value in (*bias_h, *weights.own.values())]
    return torch.cat(rows) if rows else weights.bias.new_zeros(0, hidden)


def stack(tensors: Sequence[Tensor]) -> Tensor:
    """``torch.stack``, but of a single tensor without a copy."""
    return torch.stack(tuple(tensors)) if len(tensors) > 1 else tensors[0].unsqueeze(0)


def padded(hidden: int) -> int:
    """So many hidden units with those that pad them."""
    return hidden + -hidden % _UNIT_MULTIPLE


def pad_units(tensor: Tensor, hidden: int) -> Tensor:
    """Zeros at the end of the last dimension, so that ``hidden`` units become a multiple of 16."""
    missing = -hidden % _UNIT_MULTIPLE
    return pad(tensor, [0, missing]) if missing else tensor


def unpad_outputs(out: Tensor, directions: int, units: int) -> Tensor:
    """Outputs (..., D·H) without the padding units of each direction."""
    by_direction: Tensor = out.unflatten(-1, (directions, -1))
    return by_direction[..., :units].flatten(-2)
