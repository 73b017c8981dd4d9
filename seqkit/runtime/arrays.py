"""What numpy lacks: padding, and probabilities of logits.

B rows, T steps of the longest of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seqkit.answers.finite import NOT_FINITE
from seqkit.errors import SeqkitError

Array = np.ndarray


def pad(rows: Sequence[Sequence[int] | Array], value: int = 0) -> tuple[Array, Array]:
    """Rows of different length as tokens (B, T) filled up with ``value``, and lengths (B); T is at least 1."""
    lengths = np.array([len(row) for row in rows], np.int64)
    tokens = np.full((len(rows), max(1, int(lengths.max(initial=0)))), value, np.int64)
    numbers = np.concatenate([np.empty(0, np.int64), *(np.asarray(row, np.int64) for row in rows)])
    tokens[np.arange(tokens.shape[1]) < lengths[:, None]] = numbers
    return tokens, lengths


def log_softmax(logits: Array) -> Array:
    """``log p`` over the last dimension; raises :class:`SeqkitError` for logits that are not numbers."""
    with np.errstate(invalid="ignore", over="ignore"):
        shifted = logits - logits.max(-1, keepdims=True)
        found: Array = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    if np.isnan(found).any():
        raise SeqkitError(NOT_FINITE)
    return found


def softmax(logits: Array) -> Array:
    """Probabilities over the last dimension."""
    weights = np.exp(logits - logits.max(-1, keepdims=True))
    found: Array = weights / weights.sum(-1, keepdims=True)
    return found


def softplus(x: Array) -> Array:
    """``log(1 + exp x)``."""
    found: Array = np.logaddexp(0, x).astype(x.dtype)
    return found
