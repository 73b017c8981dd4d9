"""The n-grams of texts, found by the native library: while it searches, other threads run Python."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np
import torch

from seqkit.kernels.operators import operator


def find_grams(
    levels: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]], symbols: int, rows: int, tokens: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """What ``find_in_arrays`` of :mod:`seqkit.data.inputs.gram_search` finds; the library must be loaded.

    Args:
        levels: keys, begins and rows of each.
        symbols, rows: how many are known.
        tokens: places, sizes, symbols, letters and sizes of letters.

    Returns:
        The rows of all texts, 32 bits, and where each text ends.
    """
    tree = [*map(torch.from_numpy, chain.from_iterable(levels))]
    found, ends = operator("find_grams")(tree, symbols, rows, *map(torch.from_numpy, tokens))
    return found.numpy(), ends.numpy()
