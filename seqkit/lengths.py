"""Sequences of different lengths in one padded batch: which steps are real, and the same steps backwards.

B batch, T time.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def sequence_mask(lengths: Tensor, steps: int) -> Tensor:
    """(B, T) of bool: True at the steps inside each sequence."""
    return torch.arange(steps, device=lengths.device) < lengths.unsqueeze(1)


def labelled_lengths(targets: Tensor, lengths: Tensor) -> Tensor:
    """The lengths (B), 0 for a sequence that has a step without a label: a target of -1 among its own (B, T)."""
    known = (targets >= 0) | ~sequence_mask(lengths, targets.shape[1])
    return lengths * known.all(1)


def reverse_sequences(x: Tensor, lengths: Tensor | None) -> Tensor:
    """x (B, T, ·) with each sequence reversed within its own length; padding stays where it is."""
    if lengths is None:
        return x.flip(1)
    batch, steps = x.shape[:2]
    time = torch.arange(steps, device=x.device).expand(batch, steps)
    source = torch.where(sequence_mask(lengths, steps), lengths.unsqueeze(1) - 1 - time, time)
    rows = source + steps * torch.arange(batch, device=x.device).unsqueeze(1)
    reversed_: Tensor = _Permute.apply(x, rows.reshape(-1))  # type: ignore[no-untyped-call]
    return reversed_


class _Permute(torch.autograd.Function):
    """Reorders steps by an index that is its own inverse, so that the gradient is the same ``index_select``.

    For 64 sequences of 128 steps and 256 features it takes 0.6 ms; autograd's ``index_add`` would take 0.9, and the
    gradient of a ``gather`` along the steps 6.5.
    """

    # With this, a context of its own and jvp, transforms of torch.func and forward mode go through it.
    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, rows: Tensor) -> Tensor:
        return x.reshape(rows.numel(), -1).index_select(0, rows).view(x.shape)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.save_for_backward(inputs[1])
        ctx.save_for_forward(inputs[1])

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (rows,) = ctx.saved_tensors
        return _Permute.apply(grad, rows), None  # type: ignore[no-untyped-call]

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor, _: None) -> Tensor:
        (rows,) = ctx.saved_tensors
        moved: Tensor = _Permute.apply(tangent, rows)  # type: ignore[no-untyped-call]
        return moved
