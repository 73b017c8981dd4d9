"""Weights rounded to int8, with a scale for each output: the numbers that a C file of int8 computes with."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seqkit.layers.direction import Direction


def as_int8(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Weights (R, C) as whole numbers from -127 to 127, and the scale (R) that each row of them is multiplied by."""
    values = weight.detach().to(torch.float32)
    scale = values.abs().amax(1) / 127
    return torch.round(values / scale.clamp(min=1e-30)[:, None]).to(torch.int8), scale


@torch.no_grad()
def round_weights(head: nn.Module) -> None:
    """Rounds, in place, what a C file of int8 has in int8: matrices, and vectors of words and characters."""
    for module in head.modules():
        if isinstance(module, nn.Linear | nn.Embedding):
            _round(module.weight)
        elif isinstance(module, nn.Conv1d):
            for place in range(module.weight.shape[2]):
                _round(module.weight[:, :, place])
        elif isinstance(module, Direction) and not module.cell.derives_weights:
            _round(module.weight_x)
            _round(module.weight_h)


def _round(weight: Tensor) -> None:
    if weight.numel():
        rounded, scale = as_int8(weight)
        weight.copy_(rounded.float() * scale[:, None])
