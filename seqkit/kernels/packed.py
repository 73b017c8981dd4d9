"""Packed weights: what inference reads of a layer, kept from call to call with a copy of the weights they are made of.

No stamp of a tensor shows every edit: one through ``.data``, a view of numpy's or another process leaves none. So each
call compares the weights with the copy, bit by bit; only where somebody says that they stand still does it not.
"""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from typing import NamedTuple

import torch
from torch import Tensor

from seqkit.kernels.base import Weights
from seqkit.kernels.layout import layer_of
from seqkit.kernels.operators import operator


class Packed(NamedTuple):
    """The weights of a layer as inference reads them."""

    weights: Tensor
    """both weights of all directions in the blocks that the C++ side multiplies, float32 or bfloat16"""
    vectors: Tensor
    """(D, G + n, H): biases, then the ``own`` of :class:`~seqkit.kernels.layout.Layer`"""


class _Kept(NamedTuple):
    bf16: bool
    copies: list[Tensor]
    packed: Packed


class PackedWeights:
    """The packed weights of one layer, made anew when a weight has changed; copies and pickles of it start empty."""

    def __init__(self) -> None:
        # One tuple, so that threads that share a layer never see the copies of one packing with the result of another.
        self._kept: _Kept | None = None
        self._lock, self._holders = Lock(), 0
        self._hold = self._compared_in = 0  # numbers of holds: the last one, and that of the last comparison

    def of(self, weights: Sequence[Weights], bf16: bool) -> Packed:
        """The weights, which must not require gradients here, packed as they are now."""
        kept, hold, tensors = self._kept, self._hold, tensors_of(weights)
        stand_still = self._holders > 0 and self._compared_in == hold
        if kept is None or kept.bf16 != bf16 or not (stand_still or operator("same")(tensors, kept.copies)):
            # Packed from the copies: another process may be writing to the weights.
            copies = [tensor.detach().clone(memory_format=torch.contiguous_format) for tensor in tensors]
            kept = self._kept = _Kept(bf16, copies, pack(_with_tensors(weights, copies), bf16))
        self._compared_in = hold
        return kept.packed

    def hold(self) -> None:
        """From now to :meth:`release` the weights stand still: they are compared in the first call only."""
        with self._lock:
            self._hold += self._holders == 0
            self._holders += 1

    def release(self) -> None:
        """Ends one :meth:`hold`."""
        with self._lock:
            self._holders -= 1

    def __reduce__(self) -> tuple[type[PackedWeights], tuple[()]]:
        return PackedWeights, ()


class PackedStack:
    """The packed weights of a stack of layers; copies and pickles of it start empty."""

    def __init__(self) -> None:
        self.layers: list[PackedWeights] = []
        self._joined: tuple[list[Packed], Packed] | None = None

    def layer(self, number: int) -> PackedWeights:
        """Those of one layer."""
        while len(self.layers) <= number:
            self.layers.append(PackedWeights())
        return self.layers[number]

    def joined(self, weights: Sequence[Weights], bf16: bool) -> Packed:
        """Those of a stack in one direction, one layer after another."""
        parts = [self.layer(number).of([own], bf16) for number, own in enumerate(weights)]
        if len(parts) == 1:
            return parts[0]
        joined = self._joined
        if joined is None or len(joined[0]) != len(parts) or any(a is not b for a, b in zip(joined[0], parts)):  # noqa: B905
            joined = self._joined = parts, Packed(*(torch.cat(same) for same in zip(*parts, strict=True)))
        return joined[1]

    def __reduce__(self) -> tuple[type[PackedStack], tuple[()]]:
        return PackedStack, ()


def tensors_of(weights: Sequence[Weights]) -> list[Tensor]:
    """All tensors of a layer."""
    return [t for w in weights for t in (*w[:4], *w.own.values()) if t is not None]


def _with_tensors(weights: Sequence[Weights], tensors: Sequence[Tensor]) -> list[Weights]:
    """The inverse of :func:`tensors_of`, for other tensors in the places of the weights'."""
    following = iter(tensors)
    return [
        Weights(
            next(following),
            next(following),
            next(following),
            None if w.bias_h is None else next(following),
            {name: next(following) for name in w.own},
        )
        for w in weights
    ]


def pack(weights: Sequence[Weights], bf16: bool) -> Packed:
    """The weights of all directions of a layer, packed."""
    layer = layer_of(weights)
    directions, _, hidden = layer.weight_h.shape
    vectors = torch.cat([layer.bias.view(directions, -1, hidden), layer.own], 1)
    return Packed(operator("pack")(layer.weight_x, layer.weight_h, bf16), vectors)
