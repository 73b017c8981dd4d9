"""Many to many, synced: a label for each word of a sentence, or for each frame of whatever is measured over time."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from seqkit.config import TrainingConfig
from seqkit.data import SourceLocation, Splits
from seqkit.data.frames import LabelledClip, clip_of, split_clips
from seqkit.data.tagged import Sentence, mended, split_sentences
from seqkit.errors import UsageError
from seqkit.estimators.arguments import (
    check_target,
    class_weight_setting,
    classes_of,
    frames,
    label_lists,
    names_of,
    word_lists,
)
from seqkit.estimators.base import ClassedEstimator
from seqkit.topologies.synced.frames import SyncedFrames
from seqkit.topologies.synced.tagging import SyncedTagging

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclass(kw_only=True, eq=False, repr=False)
class SyncedEstimator(ClassedEstimator):
    """A label for each step of a sequence."""

    def fit(self, X: Any, y: Any) -> Self:
        """Trains on N sequences with as many labels as steps.

        Raises ValueError for what is no such sequence, for another number of labels, and unless there are two classes.
        """
        check_target(self, y)
        inputs = self._inputs(X)
        for number, steps in enumerate(inputs):
            if not len(steps):
                raise UsageError(f"X[{number}] has no steps; leave it out")
        rows = label_lists(y, list(map(len, inputs)))
        classes = classes_of(label for row in rows for label in row)
        self._learn(self._examples(inputs, _named(rows, classes)), class_weight_setting(self.class_weight, classes))
        # Repairing spans can introduce labels that are not in y.
        new = set(self._known_labels()) - set(names_of(classes))
        self.classes_ = classes_of([*classes.tolist(), *new]) if new else classes
        return self

    def predict_proba(self, X: Any) -> list[np.ndarray]:
        """The probabilities (T, classes) of each sequence, in the order of ``classes_``.

        A label that only the validation split had cannot be known: its probability is 0.
        """
        check_is_fitted(self)
        known, names = self._known_labels(), names_of(self.classes_)
        order = [names.index(name) for name in known]
        rows = []
        for prediction in self._predictions(self._known_inputs(X), all_probabilities=True):
            probabilities = np.zeros((len(prediction.probabilities), len(self.classes_)))
            probabilities[:, order] = np.array(prediction.probabilities).reshape(-1, len(known))
            rows.append(probabilities)
        return rows

    def score(self, X: Any, y: Any) -> float:
        """The score that models are compared by, over all steps at once; see the class."""
        check_is_fitted(self)
        inputs = self._known_inputs(X)
        rows = label_lists(y, list(map(len, inputs)))
        examples, task = self._examples(inputs, _named(rows, self.classes_)), self.model_.task
        metric = task.metric_for(self.model_.codec)
        return task.score(self._predictions([task.input_of(example) for example in examples]), examples)[metric]

    def _predicted_names(self, X: Any) -> list[list[str]]:
        """The names of the labels of each step."""
        check_is_fitted(self)
        return [list(self._names(prediction)) for prediction in self._predictions(self._known_inputs(X))]

    def _class_of(self) -> dict[str, Any]:
        """The class that each name of a label stands for."""
        return dict(zip(names_of(self.classes_), self.classes_.tolist(), strict=True))

    def _known_inputs(self, X: Any) -> list[Any]:
        """The sequences, checked to be like those of ``fit``."""
        return self._inputs(X)

    @abstractmethod
    def _inputs(self, X: Any) -> list[Any]:
        """The sequences, checked."""

    @abstractmethod
    def _examples(self, inputs: Sequence[Any], names: Sequence[tuple[str, ...]]) -> list[Any]:
        """Sequences with the names of their labels, as the task has them."""

    @abstractmethod
    def _names(self, prediction: Any) -> tuple[str, ...]:
        """The labels that a prediction has."""


@dataclass(kw_only=True, eq=False, repr=False)
class SequenceTagger(SyncedEstimator):
    """A label for each word, such as its part of speech: the task ``tag``.

    X is a list of N sentences, each a list of words; y has a list of labels for each. Where labels mark spans (``B-PER
    I-PER O``), sequences that break their scheme are repaired before training. Models are compared by accuracy of
    words, or by F1 of the spans where there are any; ``score`` is the same.

    Parameters that are None have the default of the task.

    Args:
        cell, hidden_size, num_layers, bidirectional, embedding_size: the network.
        characters: how characters of words are read: rnn, cnn or none.
        crf: whether labels depend on their neighbours: a conditional random field.
        lowercase, min_count: how words are read.
        dropout, embedding_dropout: what training leaves out at random.
        validation_fraction: fraction of the sentences that are not trained on, but tell which epoch is the best.
        class_weight: ``"balanced"``, or a dict of labels and their weights in the loss; a label that is not named
            weighs 1; without a CRF.
        options: any other option of ``seqkit run tag``, by its name.
        epochs, learning_rate, batch_size, patience, random_state, verbose: as in :class:`SequenceEstimator`.

    Attributes:
        classes_: the labels of y, sorted, in their own type.
        model_: a :class:`seqkit.Model`.
        history_: the scores after each epoch.
    """

    task = "tag"
    topology = SyncedTagging

    bidirectional: bool | None = None
    embedding_size: int | None = None
    characters: str | None = None
    crf: bool | None = None
    lowercase: bool | None = None
    min_count: int | None = None
    embedding_dropout: float | None = None

    def predict(self, X: Any) -> list[list[Any]]:
        """A list of labels for each sentence."""
        rows, class_of = self._predicted_names(X), self._class_of()
        return [[class_of.get(name, name) for name in names] for names in rows]

    def __sklearn_tags__(self) -> Any:
        """Inputs are words."""
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        return tags

    def _inputs(self, X: Any) -> list[tuple[str, ...]]:
        return word_lists(X)

    def _examples(self, inputs: Sequence[Any], names: Sequence[tuple[str, ...]]) -> list[Sentence]:
        pairs = enumerate(zip(inputs, names, strict=True))
        return [Sentence(words, tags, SourceLocation("X", number)) for number, (words, tags) in pairs]

    def _names(self, prediction: Any) -> tuple[str, ...]:
        names: tuple[str, ...] = prediction.tags
        return names

    def _labels_of(self, example: Sentence) -> tuple[str, ...]:
        return example.tags

    def _split(self, examples: Sequence[Sentence], config: TrainingConfig, notes: list[str]) -> Splits[Sentence]:
        return mended(split_sentences(examples, self.validation_fraction, 0.0, config.seed), notes)


@dataclass(kw_only=True, eq=False, repr=False)
class SequenceLabeler(SyncedEstimator):
    """A label for each frame of whatever is measured over time: the task ``frames``.

    X is a list of N arrays (T, F), T of any length and NaN where a feature is missing; y has T labels for each. Models
    are compared by the accuracy of frames, and ``score`` is the same.

    Parameters that are None have the default of the task.

    Args:
        cell, hidden_size, num_layers, bidirectional: the network; one direction labels a stream.
        frame_size: units of a layer applied to each frame first; 0: none.
        delay: one direction only: frames to look ahead before labelling one.
        dropout, feature_dropout: what training leaves out at random.
        validation_fraction: fraction of the sequences that are not trained on, but tell which epoch is the best.
        class_weight: ``"balanced"``, or a dict of labels and their weights in the loss; a label that is not named
            weighs 1.
        options: any other option of ``seqkit run frames``, by its name.
        epochs, learning_rate, batch_size, patience, random_state, verbose: as in :class:`SequenceEstimator`.

    Attributes:
        classes_: the labels of y, sorted, in their own type.
        n_features_in_: F.
        model_: a :class:`seqkit.Model`.
        history_: the scores after each epoch.
    """

    task = "frames"
    topology = SyncedFrames
    n_features_in_: int = field(init=False)

    bidirectional: bool | None = None
    frame_size: int | None = None
    delay: int | None = None
    feature_dropout: float | None = None

    def fit(self, X: Any, y: Any) -> Self:
        """See :meth:`SyncedEstimator.fit`."""
        super().fit(X, y)
        self.n_features_in_ = self._count_features()
        return self

    def predict(self, X: Any) -> list[np.ndarray]:
        """An array (T) of labels for each sequence."""
        rows, class_of = self._predicted_names(X), self._class_of()
        return [np.array([class_of[name] for name in names], self.classes_.dtype) for names in rows]

    def __sklearn_tags__(self) -> Any:
        """Inputs are (T, F) each, and features may be missing."""
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = True
        return tags

    def _inputs(self, X: Any) -> list[np.ndarray]:
        return frames(X)

    def _known_inputs(self, X: Any) -> list[np.ndarray]:
        inputs = frames(X)
        if inputs and inputs[0].shape[1] != self.n_features_in_:
            # The words are scikit-learn's, whose checks look for them.
            what = f"X has {inputs[0].shape[1]} features"
            raise UsageError(f"{what}, but {type(self).__name__} is expecting {self.n_features_in_} features as input")
        return inputs

    def _examples(self, inputs: Sequence[Any], names: Sequence[tuple[str, ...]]) -> list[LabelledClip]:
        pairs = enumerate(zip(inputs, names, strict=True))
        return [LabelledClip(clip_of(f"X[{n}]", array), labels, SourceLocation("y", 1)) for n, (array, labels) in pairs]

    def _names(self, prediction: Any) -> tuple[str, ...]:
        names: tuple[str, ...] = prediction.labels
        return names

    def _labels_of(self, example: LabelledClip) -> tuple[str, ...]:
        return example.labels

    def _split(
        self, examples: Sequence[LabelledClip], config: TrainingConfig, notes: list[str]
    ) -> Splits[LabelledClip]:
        return split_clips(examples, self.validation_fraction, 0.0, config.seed)

    def _restore_facts(self, facts: dict[str, Any]) -> None:
        super()._restore_facts(facts)
        self.n_features_in_ = self._count_features()

    def _count_features(self) -> int:
        size: int = self.model_.codec.layout.size  # type: ignore[attr-defined]  # a codec of frames has a layout
        return size


def _named(rows: Sequence[Sequence[Any]], classes: np.ndarray) -> list[tuple[str, ...]]:
    """The names of the labels' classes; a label that is not a class is named by itself."""
    name = dict(zip(classes.tolist(), names_of(classes), strict=True))
    return [tuple(name.get(label, str(label)) for label in row) for row in rows]
