"""Greedy search: the likeliest token, step by step."""

from __future__ import annotations

import torch

from seqkit.search.base import Hypothesis, Limits, S, Step


@torch.no_grad()
def greedy(step: Step[S], state: S, batch: int, limits: Limits) -> list[Hypothesis]:
    """The greedy sequence of each of ``batch`` rows, scored by its log-probability; ended rows leave the batch."""
    tokens: list[list[int]] = [[] for _ in range(batch)]
    total = [0.0] * batch
    rows = list(range(batch))
    last = torch.full((batch,), limits.start)
    position = 0
    while rows:
        logits, state = step(last, state)
        scores, best = limits.apply(torch.log_softmax(logits, 1), position, rows).max(1)
        for row, token, score in zip(rows, best.tolist(), scores.tolist(), strict=True):
            total[row] += score
            if token != limits.end:
                tokens[row].append(token)
        going = (best != limits.end).nonzero().squeeze(1)
        last, state = best[going], state.select(going)
        rows = [rows[number] for number in going.tolist()]
        position += 1
    return [Hypothesis(tuple(t), score, score) for t, score in zip(tokens, total, strict=True)]
