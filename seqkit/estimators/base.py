"""What the estimators share: one training, predictions, and how a fitted estimator is saved."""

from __future__ import annotations

import dataclasses
import json
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted

from seqkit.cells import OwnCell
from seqkit.config import TrainingConfig, make_config
from seqkit.data import Splits
from seqkit.devices import usable_device
from seqkit.errors import UsageError
from seqkit.estimators.arguments import arguments_as_data, objects
from seqkit.estimators.parameters import TaskParameters, plain
from seqkit.files import json_bytes, json_line_bytes, read_json, read_json_lines
from seqkit.runs import Model, RunDirectory, Training, find_task, load
from seqkit.runs.model import check_single
from seqkit.runs.own_cell import GivenCell
from seqkit.runs.schemas import EPOCH
from seqkit.runs.session import create_folder
from seqkit.runs.training import learn_codec
from seqkit.runs.transfer import take
from seqkit.schema import ANYTHING
from seqkit.signs import as_signs
from seqkit.training import Callback, Trainer
from seqkit.training.checkpoint import own_generators
from seqkit.training.trainer import BestWeights

if TYPE_CHECKING:
    from typing_extensions import Self

_FACTS = "sklearn.json"
"""What a folder holds beside a run: the parameters, and what ``fit`` has found out."""


@dataclass(kw_only=True, eq=False, repr=False)
class SequenceEstimator(TaskParameters):
    """An estimator that trains the head of a task, as ``seqkit run`` does, on data in memory.

    Parameters are stored and nothing else until ``fit``. Those that are options of the task and None have its default,
    and ``options`` takes all its others by name.

    Args:
        cell: a cell's name, a class derived from :class:`seqkit.Cell`, or ``"my.py:MyCell"``, a file that is run.
        hidden_size, num_layers: the recurrent layers.
        dropout: what training leaves out at random, between layers and on outputs.
        epochs, learning_rate, batch_size, patience: the training.
        validation_fraction: fraction of X that is not trained on, but tells which epoch is the best.
        options: any other option of the task, by its name.
        random_state: the seed; the same one gives the same weights. None draws a new one for each ``fit``.
        device: where the model is: ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``; None: CUDA where it is there.
        verbose: whether a line is printed for each epoch, and for whatever is odd about the data.
        warm_start: whether ``fit`` starts from the model that the estimator has, if it has one: symbols and labels by
            their names, whatever is new at random.

    Attributes:
        model_: a :class:`seqkit.Model`.
        history_: the scores after each epoch.
    """

    model_: Model = field(init=False)
    history_: list[dict[str, Any]] = field(init=False)

    def save(self, path: str | Path) -> None:
        """Writes the fitted estimator to a new folder, a run that ``seqkit predict`` and ``seqkit.load`` read, too.

        Raises :class:`UsageError` for a folder in use, and for labels that JSON cannot hold.
        """
        check_is_fitted(self)
        out, model = Path(path), self.model_
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise UsageError(f"{out} exists; save to another folder")
        facts = json_bytes({"parameters": self._json_parameters(model.config.seed), **self._fitted_facts()})
        run = create_folder(out, model.task, model.config, model.codec, None, {_FACTS: facts})
        run.write_tensors(run.model, model.head.state_dict(), {})
        run.write(run.metrics, json_line_bytes(self.history_))

    @classmethod
    def load(cls, path: str | Path, device: str | None = None, cell: GivenCell = None) -> Self:
        """The estimator that :meth:`save` wrote, or one made of a run of the same task by ``seqkit run``.

        ``device`` and ``cell`` are those of :func:`seqkit.load`.

        Raises :class:`UsageError` for a folder that is not a run, or of another task.
        """
        with own_generators():
            model, run = load(path, device, cell), RunDirectory(Path(path))
        check_single(Path(path), "loaded as an estimator")
        if model.task.name != cls.task:
            raise UsageError(f"{path} is a run of {model.task.name}, but {cls.__name__} loads runs of {cls.task}")
        facts = read_json(run.path / _FACTS, {str: ANYTHING}) if (run.path / _FACTS).exists() else {}
        estimator = cls(**cls._restored_parameters(facts, model))
        estimator.model_ = model
        estimator.history_ = read_json_lines(run.metrics, EPOCH) if run.metrics.exists() else []
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
        facts = state.get("model_")
        if facts is not None:
            task = find_task(facts["task"])
            config = make_config(task.config, {**facts["config"], "kernel": "auto"})
            codec = task.load_codec(json.loads(json.dumps(facts["codec"])))
            # A new head draws weights, before those of the state take their place.
            with own_generators():
                head = task.build_head(config, codec)
            weights = {name: torch.from_numpy(np.array(array)) for name, array in facts["weights"].items()}
            head.load_state_dict(weights)
            head.to(usable_device(config.device))
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
        """A training split, and a validation split to choose the best epoch by."""

    def _learn(self, examples: Sequence[Any], class_weight: dict[str, float] | str | None = None) -> Self:
        """Trains a new model on these examples, with the weights of labels by their names."""
        if len(examples) < 2:
            raise UsageError(
                f"X has {('no', 'only one')[len(examples)]} sample; give some to train on and some to validate"
            )
        task, notes = self._find_task(), list[str]()
        config = self._config(task)
        with arguments_as_data():
            splits = self._split(examples, config, notes)
            if not splits.valid:
                raise UsageError(f"{len(examples):,} examples leave nothing to validate on; give more")
            config = task.recipe(self._with_class_weight(config, class_weight, splits.train), splits)
            codec = learn_codec(task, config, splits)
            training = Training(task, config, codec, splits)
            training.begin(notes)
            if self.warm_start and "model_" in vars(self):
                notes.extend(take(self.model_, "the fit before", training.head, codec))
        best = BestWeights()
        training.train([best, _Lines(notes)] if self.verbose else [best])
        training.head.load_state_dict(best.weights)
        training.tune()
        self.model_ = Model(task, config, codec, training.head.eval())
        self.history_ = training.trainer.progress.history
        return self

    def _with_class_weight(
        self, config: TrainingConfig, class_weight: dict[str, float] | str | None, train: Sequence[Any]
    ) -> TrainingConfig:
        """The configuration with the weights of those labels that the training split has."""
        return config

    def _predictions(self, inputs: Sequence[Any], **options: Any) -> list[Any]:
        check_is_fitted(self)
        with arguments_as_data():
            return self.model_.answers(inputs, **options)

    @classmethod
    def _restored_parameters(cls, facts: dict[str, Any], model: Model) -> dict[str, Any]:
        """The parameters that were saved, or those that make the configuration of a run of the command line."""
        parameters: dict[str, Any] = facts.get("parameters") or cls._parameters_of(model.config)
        if isinstance(own := getattr(model.config, "cell", None), OwnCell):
            # The file that is recorded would be run by the next fit.
            parameters["cell"] = own.kind
        return parameters

    def _fitted_facts(self) -> dict[str, Any]:
        """What ``fit`` has found out beside the model, for JSON."""
        return {}

    def _restore_facts(self, facts: dict[str, Any]) -> None:
        """Restores what :meth:`_fitted_facts` returned; facts are empty for a run of the command line."""


@dataclass(kw_only=True, eq=False, repr=False)
class ClassedEstimator(SequenceEstimator):
    """An estimator whose answers are among classes: ``classes_`` has them in their own type.

    Args:
        class_weight: how much each class counts in the loss: a dict of classes and weights, where a class that is not
            named weighs 1; ``"balanced"``: as much as the others together, whatever its frequency; None: each label 1.
    """

    classes_: np.ndarray = field(init=False)

    class_weight: dict[Any, float] | str | None = None

    def _fitted_facts(self) -> dict[str, Any]:
        values = self.classes_.tolist()
        for value in values:
            if not isinstance(value, (str, bool, int, float)):
                raise UsageError(f"label {value!r:.80} is neither text nor number, which a saved model cannot keep")
        return {"classes": values, "dtype": self.classes_.dtype.str}

    def _restore_facts(self, facts: dict[str, Any]) -> None:
        if not facts:
            self.classes_ = np.array(sorted(self._known_labels()))
        elif np.dtype(facts["dtype"]) == object:
            self.classes_ = objects(facts["classes"])
        else:
            self.classes_ = np.array(facts["classes"], facts["dtype"])

    def _with_class_weight(
        self, config: TrainingConfig, class_weight: dict[str, float] | str | None, train: Sequence[Any]
    ) -> TrainingConfig:
        if isinstance(class_weight, dict):
            known = {label for example in train for label in self._labels_of(example)}
            weights = {label: weight for label, weight in class_weight.items() if label in known}
            class_weight = json.dumps(weights, ensure_ascii=False)
        # The configurations of such tasks have the option.
        return dataclasses.replace(config, class_weight=class_weight)  # type: ignore[call-arg]

    @abstractmethod
    def _labels_of(self, example: Any) -> Iterable[str]:
        """The labels that an example has."""

    def _json_parameters(self, seed: int) -> dict[str, Any]:
        # JSON has no keys but texts, and classes may be numbers.
        values = super()._json_parameters(seed)
        if isinstance(values["class_weight"], dict):
            values["class_weight"] = [[plain(label), weight] for label, weight in values["class_weight"].items()]
        return values

    @classmethod
    def _restored_parameters(cls, facts: dict[str, Any], model: Model) -> dict[str, Any]:
        parameters = super()._restored_parameters(facts, model)
        class_weight, codec = parameters.get("class_weight"), model.codec
        if isinstance(class_weight, list):
            parameters["class_weight"] = dict(class_weight)
        elif class_weight not in (None, "balanced"):
            # A run of the command line took them from a file, which need not be there any more.
            weights = codec.class_weights  # type: ignore[attr-defined]  # a codec of labels has them
            parameters["class_weight"] = dict(zip(codec.labels, weights, strict=True))  # type: ignore[attr-defined]
        return parameters

    def _known_labels(self) -> Sequence[str]:
        """The labels of the training split, as the model names them, in the order of its outputs."""
        labels: Sequence[str] = self.model_.codec.labels  # type: ignore[attr-defined]  # a codec of labels has them
        return labels


class _Lines(Callback):
    """Prints a line for each epoch, as scikit-learn's ``verbose`` does."""

    def __init__(self, notes: Sequence[str]) -> None:
        self.notes = notes

    def on_start(self, trainer: Trainer) -> None:
        """What people should know of their data."""
        for note in self.notes:
            print(f"note: {as_signs(note)}")

    def on_evaluate(self, trainer: Trainer, record: dict[str, Any], better: bool) -> None:
        """The scores."""
        scores = ", ".join(f"{name} {value:.4g}" for name, value in record.items() if name not in ("epoch", "step"))
        print(f"epoch {record['epoch']}: {scores}{' (best)' if better else ''}")
