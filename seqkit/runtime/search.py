"""Greedy and beam search over arrays, which find what :mod:`seqkit.search` finds.

N rows, A sentences that are not done, K hypotheses of each, V symbols, T tokens written so far.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np

from seqkit.answers.searching import Hypothesis, SearchLimits, check_beam, length_penalty
from seqkit.runtime.arrays import Array, log_softmax
from seqkit.runtime.parts import Arrays, select

Step = Callable[[Array, Arrays], tuple[Array, Arrays]]
"""The last tokens (N) and the state before them to logits (N, V) and the state after them."""
Penalty = Callable[[Arrays], Array]
"""The state after a step to numbers (N), at most 0, that are added to the score of a hypothesis that ends with it."""


class Limits(SearchLimits):
    """Which tokens may come next, see :class:`~seqkit.answers.searching.SearchLimits`; without prefixes."""

    def apply(self, log_probabilities: Array, rows: Sequence[int], written: Array) -> Array:
        """Log-probabilities (N, V) with -inf at tokens that may not come, after those written (N, T) in these rows."""
        position, allowed = written.shape[1], np.array(log_probabilities)
        allowed[:, list(self.banned)] = -np.inf
        if position < self.min_length:
            allowed[:, self.end] = -np.inf
        if self.reserved:
            self._ask_for_required(allowed, rows, written)
        if self.no_repeat_ngram:
            allowed = _block_repeats(allowed, written, self.no_repeat_ngram, (self.end, *self.reserved))
        full = np.array([position >= self.longest(row) for row in rows])
        if full.any():
            ends = log_probabilities[full, self.end]
            allowed[full] = -np.inf
            allowed[full, self.end] = ends
        return allowed

    def _ask_for_required(self, allowed: Array, rows: Sequence[int], written: Array) -> None:
        """Bans reserved symbols that are not required any more, the end while some are missing, and all other symbols
        once there is only just room for the missing ones."""
        reserved = np.array(self.reserved)
        missing = self._required_counts[list(rows)] - (written[:, :, None] == reserved).sum(1)
        total = missing.clip(min=0).sum(1)
        room = np.array([self.longest(row) for row in rows]) - written.shape[1]
        allowed[:, reserved] = np.where(missing <= 0, -np.inf, allowed[:, reserved])
        allowed[total > 0, self.end] = -np.inf
        free = np.ones(allowed.shape[1], bool)
        free[reserved] = False
        allowed[((total > 0) & (total >= room))[:, None] & free] = -np.inf

    @cached_property
    def _required_counts(self) -> Array:
        return np.array([[symbols.count(symbol) for symbol in self.reserved] for symbols in self.required or ()])


def _block_repeats(allowed: Array, written: Array, size: int, free: Sequence[int]) -> Array:
    """With -inf where a symbol would complete an n-gram that was written; a row with nothing left stays as it is."""
    blocked = allowed.copy()
    for row, tokens in enumerate(written.tolist()):
        begun = tokens[len(tokens) - size + 1 :]
        for start in range(len(tokens) - size + 1):
            if tokens[start : start + size - 1] == begun:
                blocked[row, tokens[start + size - 1]] = -np.inf
    blocked[:, list(free)] = allowed[:, list(free)]
    stuck = np.isneginf(blocked).all(1, keepdims=True)
    return np.where(stuck, allowed, blocked)


def greedy(step: Step, state: Arrays, batch: int, limits: Limits) -> list[Hypothesis]:
    """The greedy sequence of each of ``batch`` rows, scored by its log-probability."""
    sequences: list[tuple[int, ...]] = [()] * batch
    totals, rows = [0.0] * batch, list(range(batch))
    last, tokens = np.full(batch, limits.start), np.empty((batch, 0), np.int64)
    while rows:
        logits, state = step(last, state)
        allowed = limits.apply(log_softmax(logits), rows, tokens)
        best = allowed.argmax(1)
        scores = allowed[np.arange(len(best)), best]
        for number, (row, token) in enumerate(zip(rows, best.tolist(), strict=True)):
            totals[row] += float(scores[number])
            if token == limits.end:
                sequences[row] = tuple(tokens[number].tolist())
        going = np.flatnonzero(best != limits.end)
        tokens = np.concatenate([tokens, best[:, None]], 1)[going]
        if len(going) < len(rows):
            state, rows = select(state, going), [rows[number] for number in going.tolist()]
        last = best[going]
    return [Hypothesis(sequence, total, total) for sequence, total in zip(sequences, totals, strict=True)]


def beam(
    step: Step,
    state: Arrays,
    batch: int,
    limits: Limits,
    size: int,
    *,
    alpha: float = 0.0,
    n_best: int = 1,
    penalty: Penalty | None = None,
) -> list[list[Hypothesis]]:
    """The best sequences of each of ``batch`` rows, the best first; arguments as of :func:`seqkit.search.beam`."""
    check_beam(size, n_best, alpha)
    search = _Beam(step, limits, size, alpha, n_best, penalty, batch)
    search.run(state)
    return [sorted(ended, key=lambda h: -h.score)[:n_best] for ended in search.ended]


class _Beam:
    """A search under way; ``ended`` has the hypotheses of each sentence that have ended."""

    def __init__(
        self,
        step: Step,
        limits: Limits,
        size: int,
        alpha: float,
        n_best: int,
        penalty: Penalty | None,
        batch: int,
    ) -> None:
        self.step, self.limits, self.size, self.alpha = step, limits, size, alpha
        self.n_best, self.penalty = n_best, penalty
        self.ended: list[list[Hypothesis]] = [[] for _ in range(batch)]
        self.rows = list(range(batch))

    def run(self, state: Arrays) -> None:
        """Fills ``ended``."""
        size, batch = self.size, len(self.rows)
        # All hypotheses of a sentence are the same at first, so only one of them may grow.
        scores = np.full((batch, size), -np.inf, np.float32)
        scores[:, 0] = 0
        tokens = np.empty((batch, size, 0), np.int64)
        state = select(state, np.arange(batch).repeat(size))
        last = np.full(batch * size, self.limits.start)
        while self.rows:
            logits, state = self.step(last, state)
            parents, symbols, scores = self._grow(logits, scores, tokens)
            chosen = (np.arange(len(self.rows))[:, None] * size + parents).ravel()
            state = select(state, chosen)
            before = tokens.reshape(len(chosen), -1)[chosen].reshape(*parents.shape, -1)
            tokens = np.concatenate([before, symbols[:, :, None]], 2)
            scores = self._collect(tokens, scores, state)
            going = self._going(scores)
            if len(going) < len(self.rows):
                self.rows = [self.rows[number] for number in going.tolist()]
                scores, tokens = scores[going], tokens[going]
                state = select(state, (going[:, None] * size + np.arange(size)).ravel())
            last = tokens[:, :, -1].ravel()

    def _grow(self, logits: Array, scores: Array, tokens: Array) -> tuple[Array, Array, Array]:
        """The best extensions of each sentence: their parents, symbols and log-probabilities, (A, K) each."""
        rows = [row for row in self.rows for _ in range(self.size)]
        allowed = self.limits.apply(log_softmax(logits), rows, tokens.reshape(len(rows), tokens.shape[2]))
        symbols = allowed.shape[1]
        extensions = (scores.reshape(-1, 1) + allowed).reshape(len(self.rows), -1)
        places = _largest(extensions, self.size)
        best = np.take_along_axis(extensions, places, 1)
        # Those that have ended keep their places in the beam.
        free = np.array([self.size - len(self.ended[row]) for row in self.rows])[:, None]
        best = np.where(np.arange(self.size) >= free, np.float32(-np.inf), best)
        return places // symbols, places % symbols, best

    def _collect(self, tokens: Array, scores: Array, state: Arrays) -> Array:
        """Moves the hypotheses that have just ended from the beam to ``ended``; the scores (A, K) of the others."""
        just_ended = (tokens[:, :, -1] == self.limits.end) & np.isfinite(scores)
        if not just_ended.any():
            return scores
        penalties = np.zeros(scores.shape) if self.penalty is None else self.penalty(state).reshape(scores.shape)
        length = tokens.shape[2]
        for number, place in np.argwhere(just_ended).tolist():
            log_probability = float(scores[number, place])
            score = log_probability / length_penalty(length, self.alpha) + float(penalties[number, place])
            hypothesis = Hypothesis(tuple(tokens[number, place, :-1].tolist()), score, log_probability)
            self.ended[self.rows[number]].append(hypothesis)
        return np.where(just_ended, np.float32(-np.inf), scores)

    def _going(self, scores: Array) -> Array:
        """The numbers of the sentences in which something better may still come."""
        going = []
        for number, (row, best) in enumerate(zip(self.rows, scores.max(1).tolist(), strict=True)):
            # No penalty raises a score, and the longest sequence has the mildest length penalty.
            best_possible = best / length_penalty(self.limits.longest(row) + 1, self.alpha)
            ended = sorted((h.score for h in self.ended[row]), reverse=True)
            enough = len(ended) >= self.n_best and ended[self.n_best - 1] >= best_possible
            if best > -np.inf and not enough:
                going.append(number)
        return np.array(going, np.int64)


def _largest(values: Array, count: int) -> Array:
    """The places of the largest values of each row (N, V), the largest first."""
    negative = -values
    if count < values.shape[1]:
        places = np.argpartition(negative, count - 1, 1)[:, :count]
    else:
        places = np.broadcast_to(np.arange(values.shape[1]), values.shape)
    order = np.argsort(np.take_along_axis(negative, places, 1), 1, kind="stable")
    found: Array = np.take_along_axis(places, order, 1)
    return found
