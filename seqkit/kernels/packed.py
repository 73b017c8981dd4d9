"""Packed weights: what inference reads of a layer, kept from call to call with a copy of the weights they are made of.

No stamp of a tensor shows every edit: one through ``.data``, a view of numpy's or another process leaves none. So each
call compares the weights with the copy, bit by bit; only where somebody says that they stand still does it not.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import is_not
from threading import Lock
from typing import Any, NamedTuple

import torch
from torch import Tensor

from seqkit.kernels.base import Kernel, Weights
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


class Hold:
    """Whether somebody says that the weights of a layer stand still; such sayings are numbered."""

    def __init__(self) -> None:
        self._lock, self._holders, self.number = Lock(), 0, 0

    @property
    def active(self) -> bool:
        """Whether the weights stand still now."""
        return self._holders > 0

    def begin(self) -> None:
        """From now to :meth:`end` the weights stand still: they are compared in the first call only."""
        with self._lock:
            self.number += self._holders == 0
            self._holders += 1

    def end(self) -> None:
        """Ends what one :meth:`begin` began."""
        with self._lock:
            self._holders -= 1


class PackedWeights:
    """The packed weights of one layer, made anew when a weight has changed."""

    def __init__(self, hold: Hold) -> None:
        # One tuple, so that threads that share a layer never see the copies of one packing with the result of another.
        self._kept: _Kept | None = None
        self._hold, self._compared_in = hold, 0

    def of(self, weights: Sequence[Weights], bf16: bool) -> Packed:
        """The weights, packed as they are now."""
        kept, number, tensors = self._kept, self._hold.number, tensors_of(weights)
        stand_still = self._hold.active and self._compared_in == number
        if kept is None or kept.bf16 != bf16 or not (stand_still or operator("same")(tensors, kept.copies)):
            # Packed from the copies: another process may be writing to the weights.
            copies = [tensor.detach().clone(memory_format=torch.contiguous_format) for tensor in tensors]
            kept = self._kept = _Kept(bf16, copies, pack(_with_tensors(weights, copies), bf16))
        self._compared_in = number
        return kept.packed


class PackedStack:
    """The packed weights of a stack of layers; copies and pickles of it start empty."""

    def __init__(self) -> None:
        self.hold = Hold()
        self.kernel_for: dict[tuple[Any, ...], Kernel] = {}
        """The kernel that a step takes, for each choice of kernel, precision, dtype and device"""
        self._layers: list[PackedWeights] = []
        self._joined: tuple[list[Packed], Packed] | None = None
        self._standing: tuple[int, bool, Packed] | None = None

    def layer(self, number: int) -> PackedWeights:
        """Those of one layer."""
        while len(self._layers) <= number:
            self._layers.append(PackedWeights(self.hold))
        return self._layers[number]

    def standing(self, bf16: bool) -> Packed | None:
        """Those of the stack, if it was compared since its weights stand still."""
        found = self._standing
        return found[2] if found and self.hold.active and found[:2] == (self.hold.number, bf16) else None

    def joined(self, weights: Sequence[Weights], bf16: bool) -> Packed:
        """Those of a stack in one direction, one layer after another."""
        number = self.hold.number
        parts = [self.layer(place).of([own], bf16) for place, own in enumerate(weights)]
        joined = self._joined
        if joined is None or len(joined[0]) != len(parts) or any(map(is_not, joined[0], parts)):
            whole = parts[0] if len(parts) == 1 else Packed(*(torch.cat(same) for same in zip(*parts, strict=True)))
            joined = self._joined = parts, whole
        self._standing = number, bf16, joined[1]
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
