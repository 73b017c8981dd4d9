"""Trainings beside that of the first process: they compute their share of each step, and write nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from seqkit.config import TrainingConfig
from seqkit.runs.own_cell import GivenCell
from seqkit.runs.session import prepare, reopen, take_teacher
from seqkit.runs.training import Training
from seqkit.topologies import AnyTask
from seqkit.training.distributed import Processes
from seqkit.training.helping import help_first
from seqkit.training.trainer import Callback


class Follower(Training):
    """A training whose run another process keeps; that one reports where it is."""

    def _pretrain(self, callbacks: Sequence[Callback]) -> None:
        """Trains the language models along, if the first process does."""
        if self.processes.share(None):
            plan = self.pretraining or self.plan_pretraining([])
            assert plan is not None
            self.fit_language_models(plan, callbacks)
            self.pretraining = None

    def finish(self) -> None:
        """Helps to score the best model, see :meth:`~seqkit.runs.session.Session.finish`."""
        help_first(self.processes, self._help)


def follow(task: AnyTask, config: TrainingConfig, processes: Processes) -> Follower:
    """The training beside a new run, see :func:`~seqkit.runs.session.start`."""
    splits, further, config, codec = prepare(task, config, [], processes)
    follower = Follower(task, config, codec, splits, further, processes)
    follower.begin([])
    return follower


def follow_again(path: Path, device: str | None, processes: Processes, cell: GivenCell = None) -> Follower:
    """The training beside a run that continues, see :func:`~seqkit.runs.session.resume`; the folder is only read."""
    run, task, config, codec, splits, further = reopen(path, [], device, processes, cell)
    follower = Follower(task, config, codec, splits, further, processes)
    take_teacher(follower, run)
    return follower
