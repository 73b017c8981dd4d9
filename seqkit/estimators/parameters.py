"""The parameters that every estimator has, and the configuration of a task that they make.

A constructor of scikit-learn names its parameters, stores them and does nothing else, which is what a dataclass does:
an estimator adds fields of its own. ``eq`` and ``repr`` are off, for scikit-learn has its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from inspect import signature
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator

from seqkit.cells import Cell, OwnCell, named_cell
from seqkit.config import TrainingConfig, make_config, options_of
from seqkit.config.options import Option
from seqkit.config.shared import IN_MEMORY
from seqkit.errors import UsageError
from seqkit.runs import find_task
from seqkit.runs.transfer import with_sizes_from_outside
from seqkit.topologies import AnyTask, Task

_RENAMED = {"seed": "random_state", "valid_fraction": "validation_fraction"}
"""Options that have another name here: scikit-learn's."""
_FILES = ("vectors", "init_from", "pretrain", "teacher")
"""Options that name a file which is not the data."""
_NO_OPTIONS = ("class_weight", "validation_fraction", "options", "random_state", "verbose", "warm_start")
"""Parameters that are not options of a task, or not by this name, or not in this form."""


@dataclass(kw_only=True, eq=False, repr=False)
class TaskParameters(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """The parameters that every estimator has; see :class:`~seqkit.estimators.base.SequenceEstimator`."""

    task: ClassVar[str]
    """The name of the task that is trained; a subclass may name another one of the same topology."""
    topology: ClassVar[type[Any]] = Task
    """The base class of such tasks."""

    cell: str | type[Cell] | None = None
    hidden_size: int | None = None
    num_layers: int | None = None
    dropout: float | None = None
    epochs: int | None = None
    learning_rate: float | None = None
    batch_size: int | None = None
    patience: int | None = None
    validation_fraction: float = 0.1
    options: dict[str, Any] | None = None
    random_state: int | np.random.RandomState | None = 0
    device: str | None = None
    verbose: bool = False
    warm_start: bool = False

    @classmethod
    def _find_task(cls) -> AnyTask:
        task = find_task(cls.task)
        suits = isinstance(task, cls.topology)
        if not suits:
            raise UsageError(
                f"{cls.__name__} trains tasks that inherit from {cls.topology.__name__}, but {task.name} does not "
                f"({task.topology}); name another task"
            )
        return task

    def _config(self, task: AnyTask) -> TrainingConfig:
        """The configuration of the task; raises :class:`UsageError` for a value that cannot be."""
        known = options_of(task.config)
        values = with_sizes_from_outside({**self._own_options(known, task), **self._extra_options(known)}, task)
        for name, parameter in _RENAMED.items():
            value = self._draw_seed() if name == "seed" else getattr(self, parameter)
            values[name] = known[name].check(plain(value), parameter)
        config: TrainingConfig = make_config(task.config, {**values, "data": IN_MEMORY})
        return config

    def _own_options(self, known: dict[str, Option], task: AnyTask) -> dict[str, Any]:
        """The options that are parameters, but for those that are None."""
        parameters = self.get_params(deep=False).items()
        values = {name: plain(value) for name, value in parameters if name not in _NO_OPTIONS and value is not None}
        for name in values:
            if name not in known:
                raise UsageError(f"{task.name} has no option {name}; leave the parameter None")
        if self.cell is not None:
            values["cell"] = named_cell(self.cell)
        return values

    def _extra_options(self, known: dict[str, Option]) -> dict[str, Any]:
        """The options that are not parameters."""
        if not isinstance(self.options or {}, dict):
            raise UsageError(f"options must be a dict of the task's options, not {self.options!r:.80}")
        parameters = self.get_params(deep=False)
        extra: dict[str, Any] = plain(self.options or {})
        for name in extra:
            own = _RENAMED.get(name, name)
            if own in parameters:
                raise UsageError(f"{own} is a parameter of {type(self).__name__}; give it there, not in options")
            if name in known and known[name].limits.get("path") and name not in _FILES:
                raise UsageError(f"option {name} names a file of data, but the data here are X and y; leave it out")
        return extra

    def _draw_seed(self) -> Any:
        if self.random_state is None:
            return int(np.random.SeedSequence().generate_state(1)[0] >> 1)
        if isinstance(self.random_state, np.random.RandomState):
            return int(self.random_state.randint(2**31 - 1))
        return self.random_state

    def _json_parameters(self, seed: int) -> dict[str, Any]:
        """The parameters as JSON has them; for a generator, the seed that was drawn from it."""
        values = {name: plain(value) for name, value in self.get_params(deep=False).items()}
        if isinstance(self.random_state, np.random.RandomState):
            values["random_state"] = seed
        if self.cell is not None:
            values["cell"] = str(named_cell(self.cell))
        return values

    @classmethod
    def _parameters_of(cls, config: TrainingConfig) -> dict[str, Any]:
        """The parameters that make this configuration."""
        names, known = list(signature(cls).parameters), options_of(type(config))
        values = {name: getattr(config, name) for name in known}
        if isinstance(values.get("cell"), OwnCell):
            values["cell"] = values["cell"].kind
        extra = {
            name: value
            for name, value in values.items()
            if value != known[name].default and name not in (*names, *_RENAMED)
            if not known[name].limits.get("path") or name in _FILES
        }
        renamed = {parameter: values[name] for name, parameter in _RENAMED.items()}
        return {**{name: values[name] for name in names if name in values}, **renamed, "options": extra or None}


def plain(value: Any) -> Any:
    """A number of numpy, as grids have them, as Python's; those in a dict, too."""
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items()}
    return value.item() if isinstance(value, np.generic) else value
