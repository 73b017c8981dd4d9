"""Word vectors from text: what occurs near a word, as the factors of a table of co-occurrences.

V symbols, E values of a vector, P pairs of symbols that occur near each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from seqkit.errors import UsageError

_CHUNK = 1_000_000
"""Tokens whose pairs are counted at a time"""
_MOST = 30_000_000
"""Pairs that are remembered, about: 500 MB. Beyond, the rarest are forgotten."""
_SMOOTHING = 0.75
"""Power of a context's frequency: without it, rare contexts look as if they said most (Levy et al., 2015)."""
_SPARE, _ROUNDS = 16, 5
"""Directions beyond E, and rounds, of the factorization: with them the error is within 1 % of the least possible."""
_SCALE = 0.1
"""Root mean square of the values, as in a new embedding."""


def word_vectors(rows: Iterable[Sequence[int]], symbols: int, size: int, window: int = 5, seed: int = 0) -> Tensor:
    """Vectors (V, E) of symbols, so that the inner product of two says how much more often they meet than by chance.

    ``U √Σ`` of the largest factors ``U Σ W`` of the matrix ``max(0, log p(i, j) / (p(i) p_α(j)))`` over symbols i and
    contexts j at most ``window`` tokens away, nearer ones counted more, ``p_α(j) ∝ count(j)^0.75``. It is what
    skip-gram with negative sampling approximates; solved at once there are no rates and epochs to choose, and the same
    seed gives the same vectors. Symbols that meet no other get the vector 0.

    Args:
        rows: texts as numbers of symbols; negative ones are left out and separate nothing.
        symbols: V.
        size: E.
        window: tokens on each side.
        seed: of where the search for factors starts.

    Raises:
        UsageError: for fewer symbols than values.

    Source: Levy and Goldberg, 2014, NIPS; Levy, Goldberg and Dagan, 2015, Q15-1016; the factors: Halko, Martinsson and
    Tropp, 2011, SIAM Review 53(2).
    """
    if symbols <= size:
        raise UsageError(f"the text has {symbols:,} frequent words, too few for vectors of {size} values; lower --size")
    keys, counts = _near(rows, symbols, window)
    reversed_keys = keys % symbols * symbols + keys // symbols
    keys, counts = _summed(np.concatenate([keys, reversed_keys]), np.tile(counts, 2))
    table = _information(keys // symbols, keys % symbols, counts, symbols)
    vectors = _factors(table, size, torch.Generator().manual_seed(seed))
    scale: Tensor = _SCALE / vectors.square().mean().sqrt().clamp(min=1e-12)
    return vectors * scale


def _near(rows: Iterable[Sequence[int]], symbols: int, window: int) -> tuple[np.ndarray, np.ndarray]:
    """Pairs (P) of symbols ``i V + j``, i before j, and how often they were near, farther ones counted less."""
    keys, counts = np.zeros(0, np.int64), np.zeros(0)
    for tokens, texts in _chunks(rows):
        found, weights = [keys], [counts]
        for distance in range(1, window + 1):
            left, right = tokens[:-distance], tokens[distance:]
            inside = (texts[:-distance] == texts[distance:]) & (left >= 0) & (right >= 0)
            found.append(left[inside] * symbols + right[inside])
            weights.append(np.full(len(found[-1]), 1 - (distance - 1) / window))
        keys, counts = _summed(np.concatenate(found), np.concatenate(weights))
        least = 1.0
        while len(keys) > _MOST:
            keys, counts, least = keys[counts > least], counts[counts > least], 2 * least
    return keys, counts


def _chunks(rows: Iterable[Sequence[int]]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Tokens end to end, a million at a time, and the number of the text that each is of."""
    waiting: list[Sequence[int]] = []
    size = 0
    for row in rows:
        waiting.append(row)
        size += len(row)
        if size >= _CHUNK:
            yield _joined(waiting)
            waiting, size = [], 0
    if waiting:
        yield _joined(waiting)


def _joined(rows: Sequence[Sequence[int]]) -> tuple[np.ndarray, np.ndarray]:
    tokens = np.concatenate([np.asarray(row, np.int64) for row in rows])
    return tokens, np.repeat(np.arange(len(rows)), [len(row) for row in rows])


def _summed(keys: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each key once, with the sum of its counts."""
    order = keys.argsort(kind="stable")
    keys, counts = keys[order], counts[order]
    starts = np.flatnonzero(np.diff(keys, prepend=-1))
    return keys[starts], np.add.reduceat(counts, starts) if len(starts) else counts


def _information(first: np.ndarray, second: np.ndarray, counts: np.ndarray, symbols: int) -> Tensor:
    """``max(0, log p(i, j) / (p(i) p_α(j)))`` as a sparse matrix (V, V)."""
    totals = np.bincount(first, counts, minlength=symbols)
    context = totals**_SMOOTHING
    values = np.log(counts * context.sum() / (totals[first] * context[second]))
    keep = values > 0
    places = torch.from_numpy(np.stack([first[keep], second[keep]]))
    size = (symbols, symbols)
    numbers = torch.from_numpy(values[keep]).float()
    table: Tensor = torch.sparse_coo_tensor(places, numbers, size, check_invariants=False, is_coalesced=True)
    return table


def _factors(table: Tensor, size: int, generator: torch.Generator) -> Tensor:
    """``U √Σ`` of the largest factors, by iteration of a random subspace."""
    symbols = len(table)
    other = table.t().coalesce()
    basis = torch.randn(symbols, min(symbols, size + _SPARE), generator=generator)
    for _ in range(_ROUNDS):
        basis = torch.linalg.qr(torch.sparse.mm(table, basis)).Q
        basis = torch.linalg.qr(torch.sparse.mm(other, basis)).Q
    left, values, _ = torch.linalg.svd(torch.sparse.mm(table, basis), full_matrices=False)
    # The sign of a factor is arbitrary: its largest value is made positive.
    signs = left.gather(0, left.abs().argmax(0, keepdim=True)).sign()
    factors: Tensor = left * signs * values.sqrt()
    return factors[:, :size]
