"""Packed weights: what inference reads of a layer, kept until a weight changes.

A change shows in the place or version of a tensor, or in an optimizer's step (fused ones leave the version alone); one
that is made through ``.data`` shows in neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.optim.optimizer import register_optimizer_step_post_hook

from seqkit.kernels.base import Weights
from seqkit.kernels.layout import layer_of
from seqkit.kernels.operators import operator


class Packed(NamedTuple):
    """The weights of a layer as inference reads them."""

    weights: Tensor
    """both weights of all directions in the blocks that the C++ side multiplies, float32 or bfloat16"""
    vectors: Tensor
    """(D, G + n, H): biases, then the ``own`` of :class:`~seqkit.kernels.layout.Layer`"""


class OptimizerSteps:
    """Counts the steps of all optimizers of this process, once it is told to."""

    def __init__(self) -> None:
        self.count = 0

    def watch(self) -> None:
        """Counts from now on."""
        register_optimizer_step_post_hook(self._add)

    def _add(self, *_: Any) -> None:
        self.count += 1


OPTIMIZER_STEPS = OptimizerSteps()


def tensors_of(weights: Sequence[Weights]) -> list[Tensor]:
    """All tensors of a layer."""
    return [t for w in weights for t in (*w[:4], *w.own.values()) if t is not None]


def packed_weights(
    weights: Sequence[Weights], tensors: list[Tensor], cache: dict[str, Any] | None, bf16: bool
) -> Packed:
    """The packed weights of a layer, from the cache while ``tensors``, all of its tensors, stay as they are."""
    stamp = None if cache is None or torch.compiler.is_compiling() else stamp_of(tensors)
    if cache is None or stamp is None:
        return _pack(weights, bf16)
    key = (bf16, OPTIMIZER_STEPS.count, stamp)
    if cache.get("key") != key:
        # The tensors are held: another one could otherwise come to lie in the place of one that is gone.
        cache.update(key=key, value=_pack(weights, bf16), held=[t.detach() for t in tensors])
    value: Packed = cache["value"]
    return value


def stamp_of(tensors: list[Tensor]) -> list[tuple[int, int]] | None:
    """Place and version of each; None if one was created in inference mode: asking for its version is an error."""
    try:
        return [(t.data_ptr(), t._version) for t in tensors]
    except RuntimeError:
        return None


def _pack(weights: Sequence[Weights], bf16: bool) -> Packed:
    layer = layer_of(weights)
    directions, _, hidden = layer.weight_h.shape
    vectors = torch.cat([layer.bias.view(directions, -1, hidden), layer.own], 1)
    return Packed(operator("pack")(layer.weight_x, layer.weight_h, bf16), vectors)
