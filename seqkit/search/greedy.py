"""Greedy search: the most likely token, step by step."""

from __future__ import annotations

import torch

from seqkit.search.base import Hypothesis, Limits, S, Step, log_probabilities


@torch.no_grad()
def greedy(
    step: Step[S], state: S, batch: int, limits: Limits, *, device: torch.device | str = "cpu"
) -> list[Hypothesis]:
    """The greedy sequence of each of ``batch`` rows, scored by its log-probability; the step computes on ``device``.

    Rows that have ended leave the batch, so that a long one does not keep the others at work.
    """
    sequences: list[tuple[int, ...]] = [()] * batch
    totals = [0.0] * batch
    rows = list(range(batch))
    last = torch.full((batch,), limits.start, device=device)
    tokens = torch.empty(batch, 0, dtype=torch.int64, device=device)
    while rows:
        logits, state = step(last, state)
        scores, best = limits.apply(log_probabilities(logits), rows, tokens).max(1)
        for number, (row, token, score) in enumerate(zip(rows, best.tolist(), scores.tolist(), strict=True)):
            totals[row] += score
            if token == limits.end:
                sequences[row] = tuple(tokens[number].tolist())
        tokens = torch.cat([tokens, best.unsqueeze(1)], 1)
        going = (best != limits.end).nonzero().squeeze(1)
        if len(going) < len(rows):
            tokens, state = tokens[going], state.select(going)
            rows = [rows[number] for number in going.tolist()]
        last = tokens[:, -1]
    return [Hypothesis(sequence, total, total) for sequence, total in zip(sequences, totals, strict=True)]
