"""Greedy search: the likeliest token, step by step."""

from __future__ import annotations

import torch

from seqkit.search.base import Hypothesis, Limits, S, Step


@torch.no_grad()
def greedy(step: Step[S], state: S, batch: int, limits: Limits) -> list[Hypothesis]:
    """The greedy sequence of each of ``batch`` rows, scored by its log-probability; ended rows leave the batch."""
    found: list[tuple[int, ...]] = [()] * batch
    total = [0.0] * batch
    rows = list(range(batch))
    last = torch.full((batch,), limits.start)
    tokens = torch.empty(batch, 0, dtype=torch.int64)
    while rows:
        logits, state = step(last, state)
        scores, best = limits.apply(torch.log_softmax(logits, 1), rows, tokens).max(1)
        for number, (row, token, score) in enumerate(zip(rows, best.tolist(), scores.tolist(), strict=True)):
            total[row] += score
            if token == limits.end:
                found[row] = tuple(tokens[number].tolist())
        tokens = torch.cat([tokens, best.unsqueeze(1)], 1)
        going = (best != limits.end).nonzero().squeeze(1)
        if len(going) < len(rows):
            tokens, state = tokens[going], state.select(going)
            rows = [rows[number] for number in going.tolist()]
        last = tokens[:, -1]
    return [Hypothesis(t, score, score) for t, score in zip(found, total, strict=True)]
