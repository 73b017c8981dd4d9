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

from seqkit.cells import Cell
from seqkit.kernels.base import Kernel, Weights
from seqkit.kernels.layout import layer_of
from seqkit.kernels.operators import operator


class Packed(NamedTuple):
    """The weights of a layer as inference reads them."""

    weights: Tensor
    """both weights of all directions in the blocks that the C++ side multiplies, float32, bfloat16, or bytes of int8"""
    vectors: Tensor
    """(D, G + n, H): biases, then the ``own`` of :class:`~seqkit.kernels.layout.Layer`"""


class _Kept(NamedTuple):
    precision: str
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

    def standing(self, precision: str) -> Packed | None:
        """The packed weights, if they were verified since the weights stand still."""
        kept, hold = self._kept, self.hold
        trusted = kept is not None and kept.precision == precision and hold.active and self._verified_in == hold.number
        return kept.packed if trusted and kept is not None else None

    def apply(
        self, name: str, before: tuple[Any, ...], after: tuple[Any, ...], tensors: list[Tensor],
        packing: Callable[[Sequence[Tensor]], Packed], precision: str = "f32",
    ) -> Sequence[Tensor]:  # fmt: skip
        """What an operator gives for the weights as they are now, by those that are kept if they still are.

        Args:
            name: the operator's; there is another, ``NAME_verified``, which also says whether the weights are the same.
            before: arguments before the packed weights.
            after: arguments after them.
            tensors: the weights.
            packing: packs copies of them.
            precision: what that rounds them to.
        """
        standing = self.standing(precision)
        if standing is None:
            kept, number = self._kept, self.hold.number
            if kept is not None and kept.precision == precision:
                # Not by the call of the operator itself, a function in Python that only hands everything on.
                verify = operator(name + "_verified")._op
                out, h, c, same = verify(*before, *kept.packed, *after, tensors, kept.fingerprint)
                if same:
                    self._verified_in = number
                    return out, h, c
            # From copies: another process may be writing to the weights.
            copies = [tensor.detach().clone(memory_format=torch.contiguous_format) for tensor in tensors]
            standing = packing(copies)
            self._kept = _Kept(precision, operator("fingerprint")(copies), standing)
            self._verified_in = number
        result: Sequence[Tensor] = operator(name)._op(*before, *standing, *after)
        return result


class PackedStack:
    """The packed weights of a stack of layers; copies and pickles of it start empty."""

    def __init__(self) -> None:
        self.hold = Hold()
        self.kernel_for: dict[tuple[Any, ...], tuple[Kernel, Any, Cell, dict[str, Any]]] = {}
        """For each choice of kernel, precision, dtype and device: the kernel, the cell in short, the cell and its
        options"""
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


def packing_of(layers: int, directions: int, precision: str) -> Callable[[Sequence[Tensor]], Packed]:
    """What packs the tensors of so many layers (:func:`tensors_of` of each in turn), one layer after another."""

    def packing(tensors: Sequence[Tensor]) -> Packed:
        each = len(tensors) // (layers * directions)
        weights = [_weights_of(tensors[at : at + each]) for at in range(0, len(tensors), each)]
        parts = [pack(weights[at : at + directions], precision) for at in range(0, len(weights), directions)]
        return parts[0] if layers == 1 else Packed(*(torch.cat(same) for same in zip(*parts, strict=True)))

    return packing


def _weights_of(tensors: Sequence[Tensor]) -> Weights:
    """Those of a direction, to be packed: for that a recurrent bias is one more parameter of the cell's own."""
    weight_x, weight_h, bias, *others = tensors
    return Weights(weight_x, weight_h, bias, None, {str(number): other for number, other in enumerate(others)})


def pack(weights: Sequence[Weights], precision: str) -> Packed:
    """The weights of all directions of a layer, packed."""
    layer = layer_of(weights)
    directions, _, hidden = layer.weight_h.shape
    vectors = torch.cat([layer.bias.view(directions, -1, hidden), layer.own], 1)
    return Packed(operator("pack")(layer.weight_x, layer.weight_h, precision), vectors)
