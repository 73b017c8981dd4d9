"""A moving average of the weights: steadier than the weights of any one step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class MovingAverage:
    """The moving average ``a_n = (1 - s_n) a_(n-1) + s_n w_n`` of a model's weights, ``s_n = max(1 - d, 4 / (n + 3))``.

    It spans the last quarter of the steps so far, and no more than ``1 / (1 - d)`` of them: the initial weights have no
    share, and a short training is not held back by its beginning. With decay 0 nothing is averaged, and the weights
    themselves are used.

    Source: Polyak and Juditsky, 1992, SIAM J. Control Optim. 30(4); the share while there are few steps is the
    polynomial-decay averaging of Shamir and Zhang, 2013 (arXiv:1212.1824), η = 3.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.weights: dict[str, Tensor] = dict(model.named_parameters()) if decay else {}
        self.averages = {name: weight.detach().clone() for name, weight in self.weights.items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Adds the weights after ``step`` steps, counted from 1, to the average."""
        share = max(1 - self.decay, 4 / (step + 3))
        if self.averages:
            # On a GPU one launch for all of them, not one for each.
            torch._foreach_lerp_([*self.averages.values()], [self.weights[name] for name in self.averages], share)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Inside, the model has the averaged weights; outside, its own."""
        self._exchange()
        try:
            yield
        finally:
            self._exchange()

    def restore(self, averages: Mapping[str, Tensor]) -> None:
        """Restores the ``averages`` of a training that was stopped."""
        for name, average in self.averages.items():
            average.copy_(averages[name])

    @torch.no_grad()
    def _exchange(self) -> None:
        for name, average in self.averages.items():
            weight = self.weights[name].clone()
            self.weights[name].copy_(average)
            average.copy_(weight)
