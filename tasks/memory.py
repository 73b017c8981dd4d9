"""Many to many, synced: problems that take nothing but memory, tested at lengths never trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any, ClassVar

import numpy as np
import torch

from seqkit.config import option
from seqkit.data import Splits
from seqkit.data.questions import ASKED, asked
from seqkit.data.sources.memory import NOTHING, PROBLEMS, SHORTEST, memory_problem
from seqkit.data.tagged import Sentence
from seqkit.errors import UsageError
from seqkit.scores.labels import LabelScore
from seqkit.scores.resampling import ScoreCounts
from seqkit.tables import Table
from seqkit.topologies.codec import batch_for
from seqkit.topologies.powers import Explanation
from seqkit.topologies.synced.tagging import SyncedTagging, TagCodec, Tagged, TaggingHead, TaggingOptions
from seqkit.topologies.synced.tagging.scores import commonest_label_baseline, tagging_label_scores, tagging_tables

__all__ = ["TASK", "Memory", "MemoryConfig"]

_GENERATED = "generated"
_MOST_LENGTHS = 8
"""Lengths that have a score of their own; of a file with more, none has."""
Pairs = tuple[list[Tagged], list[Sentence]]
"""Predictions and examples, one for one"""


@dataclass(frozen=True, kw_only=True)
class MemoryConfig(TaggingOptions):
    """Defaults of the task."""

    data: str = option(
        _GENERATED,
        f"the data: {_GENERATED}, or a file of tagged sequences, with the tag - where nothing is asked",
        path=True,
    )
    problem: str = option("adding", "what has to be remembered", choices=lambda: tuple(PROBLEMS), reads=True)
    length: int = option(100, "steps of the longest sequence in training", minimum=SHORTEST, below=5000, reads=True)
    sequences: int = option(4000, "sequences to train on", minimum=10, reads=True)
    tested: int = option(100, "sequences of each length in the test", minimum=1, reads=True)
    normal_form: str = "none"
    lowercase: bool = False
    embedding_size: int = 16
    hidden_size: int = 64
    bidirectional: bool = False
    characters: str = "none"
    features: bool = False
    forgetting: float = 0.0
    dropout: float = 0.0
    embedding_dropout: float = 0.0
    learning_rate: float = 5e-3
    weight_decay: float = option(0.0, "decoupled weight decay", minimum=0, tune="0..0.1")
    schedule: str = "linear"
    epochs: int = 40
    batch_size: int = 16
    patience: int = 0


class Memory(SyncedTagging[MemoryConfig]):
    """Adding, copying, parity, recall, brackets and S3, generated; or any sequences with tags.

    A word ``?`` asks for an answer, and a sequence without one asks at every word. What is said at other words counts
    in neither loss nor score.
    """

    name = "memory"
    summary = "what a cell can remember: adding, copy, parity, recall, brackets, s3"
    config = MemoryConfig
    data_sets = {_GENERATED: "generated sequences; tested at lengths never trained on"}
    validation_options: ClassVar[Mapping[str, Any]] = {}
    steps = "steps"

    def read(self, config: MemoryConfig, notes: list[str]) -> Splits[Sentence]:
        """Sequences of the problem, generated from the seed, or those of a file."""
        if config.data != _GENERATED:
            return super().read(config, notes)
        if config.valid_data or config.test_data:
            raise UsageError("generated sequences have splits of their own; leave out --valid-data and --test-data")
        return memory_problem(config.problem, config.length, config.sequences, config.tested, config.seed_of_splits)

    def scheme_of(self, config: MemoryConfig, train: Sequence[Sentence]) -> str | None:
        """Answers to what is asked; words have blanks between them, whatever they are made of."""
        return ASKED

    def learn_codec(self, config: MemoryConfig, train: Sequence[Sentence]) -> TagCodec:
        """Words and answers of the training split; where nothing is asked there is no label, and so no loss."""
        labels = sorted({tag for sentence in train for tag in sentence.tags} - {NOTHING})
        return TagCodec.learn(train, labels, ASKED, lowercase=config.lowercase, normal_form=config.normal_form)

    def score_counts(self, predictions: Sequence[Tagged], examples: Sequence[Sentence]) -> ScoreCounts:
        """Correct answers and all answers, by length.

        ``accuracy`` is the average over the lengths; each has a score of its own, unless they are many.
        """
        lengths = sorted({len(example.words) for example in examples})
        rows = np.zeros((len(examples), len(lengths), 2))
        answers = zip(*_answers(predictions, examples), strict=True)
        for row, example, (prediction, truth) in zip(rows, examples, answers, strict=True):
            row[lengths.index(len(example.words))] = _correct(prediction, truth), len(truth.tags)
        return ScoreCounts(rows.reshape(len(examples), -1), lambda sums: _scores(sums.reshape(-1, 2), lengths))

    def baseline_name(self, config: MemoryConfig) -> str:
        """In words."""
        return "the most frequent answer to each word"

    def predict_baseline(self, config: MemoryConfig, splits: Splits[Sentence]) -> list[Tagged]:
        """What remembers nothing: each word's most frequent answer."""
        train = [_sentence_at(example, _places(example)) for example in splits.train]
        return commonest_label_baseline(train, splits.test)

    def samples(self, predictions: Sequence[Tagged], examples: Sequence[Sentence]) -> list[Table]:
        """None: random sequences say nothing to a reader."""
        return []

    def tables(self, predictions: Sequence[Tagged], examples: Sequence[Sentence]) -> list[Table]:
        """Scores of each answer, confusions, and frequent mistakes."""
        return tagging_tables(*_answers(predictions, examples))

    def label_scores(self, predictions: Sequence[Tagged], examples: Sequence[Sentence]) -> dict[str, LabelScore]:
        """Precision, recall, F1 and support of each answer."""
        return tagging_label_scores(*_answers(predictions, examples))

    def confidences(self, prediction: Tagged, example: Sentence) -> list[tuple[float, bool]]:
        """The probability of each answer, and whether it is correct."""
        (answers,), (truth,) = _answers([prediction], [example])
        return super().confidences(answers, truth)

    def explain(self, head: TaggingHead, codec: TagCodec, raw: str | Sequence[str]) -> Explanation:
        """The log-probabilities of the answers, summed; and the words."""
        batch = batch_for(head, codec, [codec.encode(raw)])
        (tagged,) = head.predict(batch)
        places = asked(tagged.words)
        best = torch.log_softmax(head(batch)[0, places], 1).amax(1)
        return Explanation(self.format_prediction(tagged)[0], best.sum(), {"encoder.recurrent": tagged.words})


def _answers(predictions: Sequence[Tagged], examples: Sequence[Sentence]) -> Pairs:
    """What is left of predictions and examples where something is asked."""
    places = [_places(example) for example in examples]
    return (
        [_tagged_at(prediction, at) for prediction, at in zip(predictions, places, strict=True)],
        [_sentence_at(example, at) for example, at in zip(examples, places, strict=True)],
    )


def _places(example: Sentence) -> list[int]:
    return [place for place, tag in enumerate(example.tags) if tag != NOTHING]


def _tagged_at(prediction: Tagged, places: Sequence[int]) -> Tagged:
    # A baseline is sure of nothing.
    confidences = _at(prediction.confidences, places) if prediction.confidences else ()
    return Tagged(_at(prediction.words, places), _at(prediction.tags, places), confidences)


def _sentence_at(example: Sentence, places: Sequence[int]) -> Sentence:
    return replace(example, words=_at(example.words, places), tags=_at(example.tags, places))


def _at(values: Sequence[Any], places: Sequence[int]) -> tuple[Any, ...]:
    return tuple(values[place] for place in places)


def _correct(prediction: Tagged, truth: Sentence) -> int:
    return sum(one == other for one, other in zip(prediction.tags, truth.tags, strict=True))


def _scores(counts: np.ndarray, lengths: Sequence[int]) -> dict[str, float]:
    """Scores of correct answers and of all answers (L, 2), of the lengths that were drawn."""
    found = [float(correct / total) if total else 0.0 for correct, total in counts]
    drawn = [score for score, (_, total) in zip(found, counts, strict=True) if total]
    by_length = {f"accuracy_{length}": score for length, score in zip(lengths, found, strict=True)}
    return {"accuracy": fmean(drawn) if drawn else 0.0, **(by_length if len(lengths) <= _MOST_LENGTHS else {})}


TASK = Memory()
