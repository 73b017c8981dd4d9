"""Packed weights: what inference reads of a layer, kept from call to call with a fingerprint of what they are made of.

No stamp of a tensor shows every edit: one through ``.data``, a view of numpy's or another process leaves none. So each
call takes the fingerprint of the weights, and computes again where it is another; only where somebody says that they
stand still does it not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
    fingerprint: Tensor
    packed: Packed


class Hold:
    """Whether somebody says that the weights of a layer stand still; such sayings are numbered."""

    def __init__(self) -> None:
        self._lock, self._holders, self.number = Lock(), 0, 0
        self.active = False
        """Whether the weights stand still now"""

    def begin(self) -> None:
        """From now to :meth:`end` the weights stand still: they are compared in the first call only."""
        with self._lock:
            self.number += self._holders == 0
            self._holders += 1
            self.active = True

    def end(self) -> None:
        """Ends what one :meth:`begin` began."""
        with self._lock:
            self._holders -= 1
            self.active = self._holders > 0


class PackedWeights:
    """The packed weights of one layer, or of a stack in one direction; rebuilt when a weight has changed."""

    def __init__(self, hold: Hold) -> None:
        self.hold = hold
        # One tuple, so that threads that share a layer never see the fingerprint of one packing with another.
        self._kept: _Kept | None = None
        self._verified_in = 0

    def standing(self, bf16: bool) -> Packed | None:
        """The packed weights, if they were verified since the weights stand still."""
        kept, hold = self._kept, self.hold
        trusted = kept is not None and kept.bf16 == bf16 and hold.active and self._verified_in == hold.number
        return kept.packed if trusted and kept is not None else None

    def apply(
        self, name: str, before: tuple[Any, ...], after: tuple[Any, ...], tensors: list[Tensor],
        packing: Callable[[list[Tensor]], Packed], bf16: bool = False,
    ) -> Sequence[Tensor]:  # fmt: skip
        """What an operator gives for the weights as they are now, by those that are kept if they still are.

        Args:
            name: the operator's; there is another, ``NAME_verified``, which also says whether the weights are the same.
            before: arguments before the packed weights.
            after: arguments after them.
            tensors: the weights.
            packing: packs copies of them.
            bf16: whether that rounds.
        """
        standing = self.standing(bf16)
        if standing is None:
            kept, number = self._kept, self.hold.number
            if kept is not None and kept.bf16 == bf16:
                # Not by the call of the operator itself, a function in Python that only hands everything on.
                verify = operator(name + "_verified")._op
                out, h, c, same = verify(*before, *kept.packed, *after, tensors, kept.fingerprint)
                if same:
                    self._verified_in = number
                    return out, h, c
            # From copies: another process may be writing to the weights.
            copies = [tensor.detach().clone(memory_format=torch.contiguous_format) for tensor in tensors]
            standing = packing(copies)
            self._kept = _Kept(bf16, operator("fingerprint")(copies), standing)
            self._verified_in = number
        result: Sequence[Tensor] = operator(name)._op(*before, *standing, *after)
        return result


class PackedStack:
    """The packed weights of a stack of layers; copies and pickles of it start empty."""

    def __init__(self) -> None:
        self.hold = Hold()
        self.kernel_for: dict[tuple[Any, ...], tuple[Kernel, Any]] = {}
        """The kernel for each choice of kernel, precision, dtype and device, with the cell in short"""
        self._layers: list[PackedWeights] = []
        self._joined = PackedWeights(self.hold)

    def layer(self, number: int) -> PackedWeights:
        """Those of one layer."""
        while len(self._layers) <= number:
            self._layers.append(PackedWeights(self.hold))
        return self._layers[number]

    def joined(self, count: int) -> PackedWeights:
        """Those of a stack of so many layers in one direction, one after another."""
        return self._joined if count > 1 else self.layer(0)

    def __reduce__(self) -> tuple[type[PackedStack], tuple[()]]:
        return PackedStack, ()


def tensors_of(weights: Sequence[Weights]) -> list[Tensor]:
    """All tensors of a layer."""
    return [t for w in weights for t in (*w[:4], *w.own.values()) if t is not None]


def _with_tensors(layers: Sequence[Sequence[Weights]], tensors: Sequence[Tensor]) -> list[list[Weights]]:
    """The inverse of :func:`tensors_of` layer by layer, for other tensors in the places of the weights'."""
    following = iter(tensors)
    return [
        [
            Weights(
                next(following),
                next(following),
                next(following),
                None if w.bias_h is None else next(following),
                {name: next(following) for name in w.own},
            )
            for w in weights
        ]
        for weights in layers
    ]


def pack_stack(layers: Sequence[Sequence[Weights]], bf16: bool) -> Packed:
    """The weights of all layers, packed, one after another."""
    parts = [pack(weights, bf16) for weights in layers]
    return parts[0] if len(parts) == 1 else Packed(*(torch.cat(same) for same in zip(*parts, strict=True)))


def packing_of(layers: Callable[[], Sequence[Sequence[Weights]]], bf16: bool) -> Callable[[list[Tensor]], Packed]:
    """What packs the tensors of layers (:func:`tensors_of` of each in turn), given in their order."""
    return lambda tensors: pack_stack(_with_tensors(layers(), tensors), bf16)


def pack(weights: Sequence[Weights], bf16: bool) -> Packed:
    """The weights of all directions of a layer, packed."""
    layer = layer_of(weights)
    directions, _, hidden = layer.weight_h.shape
    vectors = torch.cat([layer.bias.view(directions, -1, hidden), layer.own], 1)
    return Packed(operator("pack")(layer.weight_x, layer.weight_h, bf16), vectors)
