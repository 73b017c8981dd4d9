"""From what size on our kernels are faster than torch's own: below it, what a call costs by itself decides.

Measured in one thread, at 1 to 256 sequences of 1 to 50 steps and 32 to 512 hidden units, as torch's time over ours.
"""

from __future__ import annotations

from typing import NamedTuple

import torch

FEWEST_ROWS = 16
"""Sequences from which on a single step without gradients may gain"""


class Size(NamedTuple):
    """What decides: a call's number of steps, its rows (steps of all sequences) and its multiplications."""

    steps: int
    rows: int
    products: int


def worth_training(size: Size, fused: bool) -> bool:
    """Whether a layer gains with gradients; ``fused``: torch runs it by one operator, as an LSTM over padded input.

    At the limits the ratio is 0.95 to 1.1 for a fused LSTM and 1.05 to 1.8 elsewhere. A single step of a fused LSTM,
    for which torch packs its weights each way, has 1.0 to 5; one of a GRU 0.9 to 1.0 below 64 sequences, then 1.0 to
    1.1.
    """
    if size.steps == 1:
        return fused or size.rows >= 64
    return size.products >= 2**22 if fused else size.steps >= 8 or size.rows >= 128


def worth_inferring(size: Size, fused: bool) -> bool:
    """Whether a layer gains without gradients: a single step of 8 sequences has 0.8 in an RNN and 1.5 in an LSTM."""
    return fused or size.steps >= 4 or size.rows >= FEWEST_ROWS


def worth_a_step(batch: int, weights: int, gates: int, learns: bool) -> bool:
    """Whether a cell gains in one step: each call without gradients looks at the weights.

    With gradients an RNN, which has little besides its products, does not; others have 1.0 to 1.25. Above 2^19
    weights the gradients of both matrices together are more than the allocator keeps, and fresh memory takes what is
    gained.
    """
    if learns:
        return (gates > 1 and weights <= 2**19) or worth_packing(batch, batch * weights)
    return batch >= FEWEST_ROWS and batch * weights >= 2**20


def worth_packing(batch: int, products: int) -> bool:
    """Whether a single step with gradients gains by our own products, for which it packs the weights.

    Where the processor has AVX-512; without it they have three quarters of the speed of torch's.
    """
    return batch >= 128 and products >= 2**23 and torch.backends.cpu.get_cpu_capability() == "AVX512"
