"""The learning rate as a pure function of how much of a training is done."""

from __future__ import annotations

import math


def learning_rate(schedule: str, peak: float, warmup: float, done: float) -> float:
    """The rate when the fraction ``done`` (0 to 1) of the training is done: a linear rise during ``warmup``, then

    ``constant``: the peak; ``linear``: down to 0 in a straight line; ``cosine``: down to 0 along half a cosine.
    """
    if done < warmup:
        # A hundredth of the peak at least: with a rate of 0 the first step would be wasted.
        return peak * max(done / warmup, 0.01)
    rest = min(1.0, (done - warmup) / (1 - warmup))
    if schedule == "linear":
        return peak * (1 - rest)
    if schedule == "cosine":
        return peak * 0.5 * (1 + math.cos(math.pi * rest))
    return peak
