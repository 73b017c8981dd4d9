"""Windows of texts, see :mod:`seqkit.data.inputs.windows`, as tensors.

R rows, T steps of a window.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from seqkit.data.inputs import windows as inputs
from seqkit.data.inputs.windows import STEPS, Row, rows_of

__all__ = ["STEPS", "Row", "Window", "rows_of", "windows"]


class Window(NamedTuple):
    """What all rows read next: tokens (R, T), the targets of each step (R, T), and steps inside each row (R).

    Targets are -1 where nothing is counted.
    """

    tokens: Tensor
    targets: Tensor
    lengths: Tensor


def windows(texts: Sequence[np.ndarray], rows: Sequence[Row], before: int) -> Iterator[Window]:
    """The rows window by window; ``before`` comes before the first token of each text."""
    for window in inputs.windows(texts, rows, before):
        yield Window(*map(torch.from_numpy, window))
