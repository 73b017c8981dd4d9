"""What the estimators share: parameters to a configuration, one training, predictions, and how they are kept."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import asdict
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from seqkit.config import TrainingConfig, make_config, options_of
from seqkit.data import Splits
from seqkit.errors import UsageError
from seqkit.estimators.arguments import arguments_as_data, objects
from seqkit.files import json_bytes, read_json, write_json_lines
from seqkit.runs import Model, RunDirectory, Training, find_task, load
from seqkit.runs.session import create_folder
from seqkit.topologies import AnyTask
from seqkit.training import Callback, Trainer
from seqkit.training.checkpoint import own_generators, write_tensors

if TYPE_CHECKING:
    from typing_extensions import Self

_IN_MEMORY = "(in memory)"
"""What a configuration says of data that are no file."""
_FACTS = "sklearn.json"
_ELSEWHERE = {"seed": "random_state", "valid_fraction": "validation_fraction"}
_OWN_FILES = ("vectors", "init_from")
"""Options that name a file which is not the data."""


class SequenceEstimator(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """An estimator that trains the head of a task, as ``seqkit run`` does, on data that lie in memory.

    Parameters are stored and nothing else until ``fit``; those that are options of the task and None have its default,
    and ``options`` takes all its others by name. A part of the data is split off inside to tell the best epoch.
    """

    task: ClassVar[str]
    """The name of the task."""

    options: dict[str, Any] | None
    validation_fraction: float
    random_state: int | np.random.RandomState | None
    verbose: bool
    model_: Model
    history_: list[dict[str, Any]]

    def save(self, path: str | Path) -> None:
        """Keeps the fitted estimator in a new folder, a run that ``seqkit predict`` and ``seqkit.load`` read, too.

        Raises :class:`UsageError` for a folder in use, and for labels that JSON cannot hold.
        """
        check_is_fitted(self)
        out, model = Path(path), self.model_
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise UsageError(f"{out} exists; save to another folder")
        facts = json_bytes({"parameters": self._plain_parameters(), **self._fitted_facts()})
        run = create_folder(out, model.task, model.config, model.codec, None, {_FACTS: facts})
        write_tensors(run.model, model.head.state_dict(), {})
        write_json_lines(run.metrics, self.history_)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """What :meth:`save` kept, or a run of the same task that ``seqkit run`` made.

        Raises :class:`UsageError` for a folder that is no run, or of another task.
        """
        with own_generators():
            model, run = load(path), RunDirectory(Path(path))
        if model.task.name != cls.task:
            raise UsageError(f"{path} is a run of {model.task.name}, but {cls.__name__} loads runs of {cls.task}")
        facts = read_json(run.path / _FACTS) if (run.path / _FACTS).exists() else {}
        estimator = cls(**facts.get("parameters") or cls._parameters_of(model.config))
        estimator.model_ = model
        estimator.history_ = [json.loads(line) for line in run.metrics.read_text("utf-8").splitlines()]
        estimator._restore_facts(facts)
        return estimator

    def __getstate__(self) -> dict[str, Any]:
        """Plain data and arrays, no code: a model as its task's name, options, codec and weights."""
        state = dict(super().__getstate__())
        if "model_" in state:
            model: Model = state["model_"]
            state["model_"] = {
                "task": model.task.name,
                "config": asdict(model.config),
                "codec": model.codec.to_json(),
                "weights": {name: tensor.cpu().numpy() for name, tensor in model.head.state_dict().items()},
            }
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        kept = state.get("model_")
        if kept is not None:
            task = find_task(kept["task"])
            config = make_config(task.config, {**kept["config"], "kernel": "auto"})
            codec = task.load_codec(json.loads(json.dumps(kept["codec"])))
            # New weights are drawn before the kept ones take their place.
            with own_generators():
                head = task.build_head(config, codec)
            head.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in kept["weights"].items()})
            state = {**state, "model_": Model(task, config, codec, head.eval())}
        super().__setstate__(state)

    def __sklearn_tags__(self) -> Any:
        """Inputs are no tables of numbers, and y is needed."""
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.target_tags.required = True
        return tags

    @abstractmethod
    def _split(self, examples: Sequence[Any], config: Any, notes: list[str]) -> Splits[Any]:
        """Parts to train on and to choose the best epoch by."""

    def _learn(self, examples: Sequence[Any]) -> Self:
        """Trains a new model on these examples."""
        if len(examples) < 2:
            raise UsageError(
                f"X has {('no', 'only one')[len(examples)]} sample; give some to train on and some to validate"
            )
        task, notes = find_task(self.task), list[str]()
        config = self._config(task)
        with arguments_as_data():
            splits = self._split(examples, config, notes)
            if not splits.valid:
                raise UsageError(f"{len(examples):,} examples leave nothing to validate on; give more")
            codec = task.learn_codec(config, splits.train)
            training = Training(task, config, codec, splits)
            training.begin(notes)
        best = _Best()
        training.train([best, _Lines(notes)] if self.verbose else [best])
        training.head.load_state_dict(best.weights)
        self.model_ = Model(task, config, codec, training.head.eval())
        self.history_ = training.trainer.progress.history
        return self

    def _predictions(self, inputs: Sequence[Any], **options: Any) -> list[Any]:
        check_is_fitted(self)
        with arguments_as_data():
            return self.model_.predict(inputs, **options)

    def _config(self, task: AnyTask) -> TrainingConfig:
        known = options_of(task.config)
        parameters = self.get_params(deep=False).items()
        given = {name: _plain(value) for name, value in parameters if name in known and value is not None}
        further = self._further(known)
        for name, parameter in _ELSEWHERE.items():
            value = self._seed() if name == "seed" else getattr(self, parameter)
            given[name] = known[name].check(_plain(value), parameter)
        config: TrainingConfig = make_config(task.config, {**given, **further, "data": _IN_MEMORY})
        return config

    def _further(self, known: dict[str, Any]) -> dict[str, Any]:
        """The options that are no parameters."""
        if not isinstance(self.options or {}, dict):
            raise UsageError(f"options must be a dict of the task's options, not {self.options!r:.80}")
        parameters = self.get_params(deep=False)
        further: dict[str, Any] = _plain(self.options or {})
        for name in further:
            own = _ELSEWHERE.get(name, name)
            if own in parameters:
                raise UsageError(f"{own} is a parameter of {type(self).__name__}; give it there, not in options")
            if name in known and known[name].limits.get("path") and name not in _OWN_FILES:
                raise UsageError(f"option {name} names a file of data, but the data here are X and y; leave it out")
        return further

    def _seed(self) -> Any:
        if self.random_state is None:
            return int(np.random.SeedSequence().generate_state(1)[0] >> 1)
        if isinstance(self.random_state, np.random.RandomState):
            return int(self.random_state.randint(2**31 - 1))
        return self.random_state

    def _plain_parameters(self) -> dict[str, Any]:
        """The parameters as JSON has them; of a generator, the seed that was drawn from it."""
        values = {name: _plain(value) for name, value in self.get_params(deep=False).items()}
        if isinstance(self.random_state, np.random.RandomState):
            values["random_state"] = self.model_.config.seed
        return values

    @classmethod
    def _parameters_of(cls, config: TrainingConfig) -> dict[str, Any]:
        """The parameters that give this configuration."""
        names, known = list(signature(cls).parameters), options_of(type(config))
        values = {name: getattr(config, name) for name in known}
        further = {
            name: value
            for name, value in values.items()
            if value != known[name].default and name not in (*names, *_ELSEWHERE)
            if not known[name].limits.get("path") or name in _OWN_FILES
        }
        own = {parameter: values[name] for name, parameter in _ELSEWHERE.items()}
        return {**{name: values[name] for name in names if name in values}, **own, "options": further or None}

    def _fitted_facts(self) -> dict[str, Any]:
        """What is known after ``fit`` beside the model, for JSON."""
        return {}

    def _restore_facts(self, facts: dict[str, Any]) -> None:
        """Puts back what :meth:`_fitted_facts` gave; facts are empty for a run of the command line."""


class ClassedEstimator(SequenceEstimator):
    """An estimator whose answers are among classes: ``classes_`` has them in their own type."""

    classes_: np.ndarray

    def _fitted_facts(self) -> dict[str, Any]:
        values = self.classes_.tolist()
        if not all(isinstance(value, (str, bool, int, float)) for value in values):
            odd = next(value for value in values if not isinstance(value, (str, bool, int, float)))
            raise UsageError(f"label {odd!r:.80} is neither text nor number, which a saved model cannot keep")
        return {"classes": values, "dtype": self.classes_.dtype.str}

    def _restore_facts(self, facts: dict[str, Any]) -> None:
        if not facts:
            self.classes_ = np.array(sorted(self.model_.codec.labels))  # type: ignore[attr-defined]
        elif np.dtype(facts["dtype"]) == object:
            self.classes_ = objects(facts["classes"])
        else:
            self.classes_ = np.array(facts["classes"], facts["dtype"])


class _Best(Callback):
    """Keeps the weights of the best epoch."""

    def __init__(self) -> None:
        self.weights: dict[str, torch.Tensor] = {}

    def on_evaluate(self, trainer: Trainer, record: dict[str, Any], better: bool) -> None:
        """Takes them."""
        if better:
            self.weights = trainer.weights()


class _Lines(Callback):
    """A line for each epoch on standard output, as scikit-learn's ``verbose`` has it."""

    def __init__(self, notes: Sequence[str]) -> None:
        self.notes = notes

    def on_start(self, trainer: Trainer) -> None:
        """What people should know of their data."""
        for note in self.notes:
            print(f"note: {note}")

    def on_evaluate(self, trainer: Trainer, record: dict[str, Any], better: bool) -> None:
        """The scores."""
        scores = ", ".join(f"{name} {value:.4g}" for name, value in record.items() if name not in ("epoch", "step"))
        print(f"epoch {record['epoch']}: {scores}{' (best)' if better else ''}")


def _plain(value: Any) -> Any:
    """A number of numpy, as grids have them, as Python's; those in a dict, too."""
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    return value.item() if isinstance(value, np.generic) else value
