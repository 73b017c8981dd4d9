"""Beam search, over sentences and hypotheses at once.

A sentences that are not done, K hypotheses of each, V symbols, T tokens written so far.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic

import torch
from torch import Tensor
from torch.nn.functional import pad

from seqkit.answers.searching import check_beam, length_penalty
from seqkit.search.base import Hypothesis, Limits, S, Step, log_probabilities

__all__ = ["beam", "length_penalty"]

Penalty = Callable[[S], Tensor]


@torch.no_grad()
def beam(
    step: Step[S],
    state: S,
    batch: int,
    limits: Limits,
    size: int = 5,
    *,
    alpha: float = 0.0,
    n_best: int = 1,
    penalty: Penalty[S] | None = None,
    device: torch.device | str = "cpu",
) -> list[list[Hypothesis]]:
    """The best sequences of each of ``batch`` rows, the best first.

    A hypothesis that ends takes its place in the beam with it, so that a beam of 1 is greedy search. A sentence is done
    when no place is left, or when none of those left can still end better than the ``n_best`` that have ended.

    Args:
        size: K, the hypotheses of a sentence that are kept.
        alpha: how much longer sequences are favoured: a score is the log-probability over :func:`length_penalty`.
        n_best: sequences wanted for each row, at most K.
        penalty: state after a step to (N) numbers, at most 0, which are added to the score of a hypothesis that ends
            with it, such as a coverage penalty.
        device: where the step computes.

    Raises:
        UsageError: for a beam below 1, and an ``n_best`` that does not fit into it.
    """
    check_beam(size, n_best, alpha)
    search = _Beam(step, limits, size, alpha, n_best, penalty, device, [[] for _ in range(batch)])
    search.run(state, batch)
    return [sorted(ended, key=lambda h: -h.score)[:n_best] for ended in search.ended]


@dataclass
class _Beam(Generic[S]):
    step: Step[S]
    limits: Limits
    size: int
    alpha: float
    n_best: int
    penalty: Penalty[S] | None
    device: torch.device | str
    ended: list[list[Hypothesis]]
    """For each sentence of the batch, the hypotheses that have ended"""
    rows: list[int] = field(default_factory=list)
    """The sentences that are not done, (A)"""

    def run(self, state: S, batch: int) -> None:
        """Fills ``ended``."""
        self.rows, device = list(range(batch)), self.device
        # All hypotheses of a sentence are the same at first, so only one of them may grow.
        scores = torch.full((batch, self.size), -torch.inf, device=device)
        scores[:, 0] = 0
        tokens = torch.empty(batch, self.size, 0, dtype=torch.int64, device=device)
        state = state.select(torch.arange(batch, device=device).repeat_interleave(self.size))
        last = torch.full((batch * self.size,), self.limits.start, device=device)
        while self.rows:
            logits, state = self.step(last, state)
            parents, symbols, scores = self._grow(logits, scores, tokens)
            offsets = torch.arange(len(self.rows), device=device).unsqueeze(1) * self.size
            chosen = (offsets + parents).flatten()
            state = state.select(chosen)
            tokens = torch.cat([tokens.flatten(0, 1)[chosen].view(*parents.shape, -1), symbols.unsqueeze(2)], 2)
            scores = self._collect(tokens, scores, state)
            going = self._going(scores)
            if len(going) < len(self.rows):
                self.rows = [self.rows[number] for number in going.tolist()]
                scores, tokens = scores[going], tokens[going]
                state = state.select(
                    (going.unsqueeze(1) * self.size + torch.arange(self.size, device=device)).flatten()
                )
            last = tokens[:, :, -1].flatten()

    def _grow(self, logits: Tensor, scores: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The best extensions of each sentence: their parents, symbols and log-probabilities, (A, K) each."""
        rows = [row for row in self.rows for _ in range(self.size)]
        allowed = self.limits.apply(log_probabilities(logits), rows, tokens.flatten(0, 1))
        symbols = allowed.shape[1]
        extensions = (scores.unsqueeze(2) + allowed.view(len(self.rows), self.size, symbols)).flatten(1)
        best, places = extensions.topk(min(self.size, extensions.shape[1]), 1)
        if missing := self.size - best.shape[1]:
            best, places = pad(best, [0, missing], value=-torch.inf), pad(places, [0, missing])
        # Those that have ended keep their places in the beam.
        free = torch.tensor([self.size - len(self.ended[row]) for row in self.rows], device=self.device).unsqueeze(1)
        best = best.masked_fill(torch.arange(self.size, device=self.device) >= free, -torch.inf)
        return places // symbols, places % symbols, best

    def _collect(self, tokens: Tensor, scores: Tensor, state: S) -> Tensor:
        """Moves the hypotheses that have just ended from the beam to ``ended``; the scores (A, K) of the others."""
        just_ended = (tokens[:, :, -1] == self.limits.end) & scores.isfinite()
        if not just_ended.any():
            return scores
        penalties = None if self.penalty is None else self.penalty(state).view(scores.shape)
        length = tokens.shape[2]
        for number, place in just_ended.nonzero().tolist():
            log_probability = float(scores[number, place])
            score = log_probability / length_penalty(length, self.alpha)
            score += 0.0 if penalties is None else float(penalties[number, place])
            hypothesis = Hypothesis(tuple(tokens[number, place, :-1].tolist()), score, log_probability)
            self.ended[self.rows[number]].append(hypothesis)
        return scores.masked_fill(just_ended, -torch.inf)

    def _going(self, scores: Tensor) -> Tensor:
        """The numbers of the sentences in which something better may still come."""
        going = []
        for number, (row, best) in enumerate(zip(self.rows, scores.max(1).values.tolist(), strict=True)):
            # No penalty raises a score, and the longest sequence has the mildest length penalty.
            best_possible = best / length_penalty(self.limits.longest(row) + 1, self.alpha)
            ended = sorted((h.score for h in self.ended[row]), reverse=True)
            enough = len(ended) >= self.n_best and ended[self.n_best - 1] >= best_possible
            if best > -torch.inf and not enough:
                going.append(number)
        return torch.tensor(going, dtype=torch.int64, device=self.device)
