"""From what size on our kernels are faster than torch's own: below it, what a call costs by itself decides.

Measured in one thread, at 1 to 256 sequences of 1 to 50 steps and 32 to 512 hidden units, as torch's time over ours.
"""

from __future__ import annotations

from typing import NamedTuple

FEWEST_ROWS = 16
"""Sequences from which on a single step may gain"""


class Size(NamedTuple):
    """What decides: a call's number of steps, its rows (steps of all sequences) and its multiplications."""

    steps: int
    rows: int
    products: int


def worth_training(size: Size, fused: bool) -> bool:
    """Whether a layer gains with gradients; ``fused``: torch runs it by one operator, as an LSTM over padded input.

    At the limits the ratio is 0.95 to 1.1 for a fused LSTM and 1.05 to 1.8 elsewhere; a GRU's single step of 32
    sequences has 0.8.
    """
    return size.products >= 2**22 if fused else size.steps >= 8 or size.rows >= 128


def worth_inferring(size: Size, fused: bool) -> bool:
    """Whether a layer gains without gradients: a single step of 8 sequences has 0.8 in an RNN and 1.5 in an LSTM."""
    return fused or size.steps >= 4 or size.rows >= FEWEST_ROWS


def worth_a_step(batch: int, products: int, learns: bool) -> bool:
    """Whether a cell gains in one step: each call looks at the weights, and with gradients packs them."""
    return batch >= 128 and products >= 2**23 if learns else batch >= FEWEST_ROWS and products >= 2**20
