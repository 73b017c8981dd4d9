"""What layers keep from step to step, and shards must not disturb for each other.

Teacher forcing counts the batches that it has seen; batch normalisation averages their statistics.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from seqkit.layers import TeacherForcing


class StepState:
    """The counts and statistics of a module, which every shard of a step starts from."""

    def __init__(self, module: nn.Module) -> None:
        self._forcings = [each for each in module.modules() if isinstance(each, TeacherForcing)]
        self._norms = [each for each in module.modules() if isinstance(each, _BatchNorm) and each.track_running_stats]
        self.remember()

    @property
    def _counters(self) -> list[Tensor]:
        tracked = [norm.num_batches_tracked for norm in self._norms]
        return [*(forcing.step for forcing in self._forcings), *(each for each in tracked if each is not None)]

    @property
    def _running(self) -> list[Tensor]:
        found = [tensor for norm in self._norms for tensor in (norm.running_mean, norm.running_var)]
        return [tensor for tensor in found if tensor is not None]

    def remember(self) -> None:
        """Takes the values of now as those that each shard starts from."""
        self._counts = [int(counter) for counter in self._counters]
        self._before = self.statistics()

    def statistics(self) -> list[Tensor]:
        """Those of batch normalisation now."""
        return [tensor.clone() for tensor in self._running]

    def put_back(self) -> None:
        """Puts back what was remembered."""
        self.finish(0, self._before)

    def count(self, batches: int) -> None:
        """Has the counts continue after this many batches of the step."""
        for counter, before in zip(self._counters, self._counts, strict=True):
            counter.fill_(before + batches)

    @torch.no_grad()
    def finish(self, batches: int, statistics: Sequence[Tensor]) -> None:
        """Leaves the counts after a step of this many batches, and these statistics."""
        self.count(batches)
        for tensor, value in zip(self._running, statistics, strict=True):
            tensor.copy_(value)
