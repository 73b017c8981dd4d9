"""How often a decoder in training reads the true token rather than one that it has predicted itself."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from seqkit.errors import UsageError, unknown

FORCING_SCHEDULES = ("constant", "linear", "inverse-sigmoid")


class TeacherForcing(nn.Module):
    """The probability of reading the true token, over the steps of a training; with k steps and the floor p:

    - ``constant``: p
    - ``linear``: from 1 down to p in k steps
    - ``inverse-sigmoid``: ``p + (1 - p) k / (k + exp(s / k))`` at step s

    The steps are counted in a buffer, so that a checkpoint of the model includes them and a resumed training continues
    the schedule where it stood.

    Args:
        schedule: one of the above.
        floor: p; 1: always the true token.
        steps: k.

    Raises:
        UsageError: for an unknown schedule, a floor that is not a probability, and fewer steps than 1.

    Source: Bengio et al., 2015, arXiv:1506.03099.
    """

    step: Tensor

    def __init__(self, schedule: str = "constant", floor: float = 1.0, steps: int = 1000) -> None:
        super().__init__()
        if schedule not in FORCING_SCHEDULES:
            raise unknown("schedule of teacher forcing", schedule, FORCING_SCHEDULES)
        if not 0 <= floor <= 1 or steps < 1:
            raise UsageError(f"teacher forcing needs 0 <= floor <= 1 and steps >= 1, not {floor} and {steps}")
        self.schedule, self.floor, self.steps = schedule, floor, steps
        self.register_buffer("step", torch.zeros((), dtype=torch.int64))

    @property
    def probability(self) -> float:
        """That of the next step."""
        step, k = int(self.step), self.steps
        if self.schedule == "constant":
            above_floor = 0.0
        elif self.schedule == "linear":
            above_floor = max(0.0, 1 - step / k)
        else:
            # Beyond 709 the exponential of a double overflows.
            above_floor = k / (k + math.exp(min(step / k, 700.0)))
        return self.floor + (1 - self.floor) * above_floor

    def forward(self) -> float:
        """The probability of this step; counts it."""
        probability = self.probability
        self.step += 1
        return probability
