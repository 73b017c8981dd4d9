"""Studies on a few points in a plane, whose trials take some hundredths of a second."""

import math

import pytest

from seqkit.runs import find_task
from seqkit.tuning.opening import Wanted, open_plan
from seqkit.tuning.search import Budget, Search
from seqkit.tuning.study import Study
from seqkit.tuning.workers import Worker


class Silent:
    """Watches without a word; keeps the trials that have ended."""

    def __init__(self, callbacks=()):
        self.callbacks, self.ended = callbacks, []

    def begin(self, trial):
        return self.callbacks

    def opened(self, session):
        pass

    def end(self, trial):
        self.ended.append(trial)


@pytest.fixture
def opened(points, tmp_path):
    """Opens a study on the points, or another one for the same arguments; gives back what works on it."""
    workers = []

    def open_(searches=(), folder="study", task=None, only=False, **values):
        asked = {"data": str(points), "hidden_size": 8, "epochs": 2, "batch_size": 32, **values}
        path = tmp_path / folder
        plan = open_plan(path, task or find_task("digit"), Wanted(asked, asked, searches, only), [])
        workers.append(Worker(path).__enter__())
        return Study(path, plan, workers[-1])

    yield open_
    for worker in workers:
        worker.__exit__(None, None, None)


@pytest.fixture
def searched():
    """Runs trials of a study until it has as many."""

    def search(study, trials, seconds=math.inf, callbacks=()):
        import time

        watcher = Silent(callbacks)
        running = Search(study, Budget(trials, time.monotonic() + seconds), watcher)
        for callback in callbacks:
            callback.search = running
        running.run()
        return watcher.ended

    return search
