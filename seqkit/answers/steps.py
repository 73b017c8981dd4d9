"""What is said of each step of a sequence: of the words of a sentence, or of frames.

T steps, K labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp
from typing import Any, NamedTuple

from seqkit.answers.finite import check_numbers
from seqkit.answers.labels import written
from seqkit.data.punctuation import MARKED, restored
from seqkit.data.questions import ASKED, asked
from seqkit.data.schemes import spans

_LEAST = -700.0
"""The exponential of what is opposite to a lower logit overflows."""


@dataclass(frozen=True)
class Tagged:
    """A prediction: words with their labels, the probability of each of these labels, and the most likely labellings.

    ``n_best`` has each labelling with the logarithm of its probability, the best first, where more than one was asked
    for; ``probabilities`` (T, K) has those of all labels, if requested; ``scheme`` says what labels mean:
    one of :mod:`seqkit.data.schemes`, ``punctuation``, ``asked``, or None for plain labels.
    """

    words: tuple[str, ...]
    tags: tuple[str, ...]
    confidences: tuple[float, ...]
    scheme: str | None = None
    n_best: tuple[tuple[tuple[str, ...], float], ...] = ()
    probabilities: tuple[tuple[float, ...], ...] = ()

    def __post_init__(self) -> None:
        check_numbers(self.confidences)

    @property
    def text(self) -> str:
        """``word/label word/label``; where labels are marks and capitals, the text that they restore."""
        return tagged_text(self.words, self.tags, self.scheme)

    def formatted(self) -> tuple[str, dict[str, Any]]:
        """The sentence with its labels, and all that is known of it as JSON, spans among it where labels mark them; or
        the answers, in the order in which they are requested.
        """
        if self.scheme == ASKED:
            places = asked(self.words)
            answers, sure = [self.tags[place] for place in places], [self.confidences[place] for place in places]
            return " ".join(answers), {"words": self.words, "answers": answers, "sure": sure}
        facts: dict[str, Any] = {"words": self.words, "tags": self.tags, "sure": self.confidences}
        if self.scheme == MARKED:
            facts = {"text": self.text, **facts}
        elif self.scheme:
            entities = [(span, " ".join(self.words[span.start : span.stop])) for span in spans(self.tags)]
            facts["entities"] = [{"text": text, **span._asdict()} for span, text in entities]
        if self.n_best:
            facts["n_best"] = [{"tags": tags, "log_probability": score} for tags, score in self.n_best]
        return self.text, facts


def tagged_text(words: Sequence[str], tags: Sequence[str], scheme: str | None) -> str:
    """Words and their labels as one text, see :attr:`Tagged.text`."""
    if scheme == MARKED:
        return restored(words, tags)
    return " ".join(f"{word}/{tag}" for word, tag in zip(words, tags, strict=True))


@dataclass(frozen=True)
class Framed:
    """A prediction: the most likely label of each frame, and its probability.

    ``probabilities`` (T, K) has those of all labels, if requested.
    """

    labels: tuple[str, ...]
    confidences: tuple[float, ...]
    probabilities: tuple[tuple[float, ...], ...] = ()

    def __post_init__(self) -> None:
        check_numbers(self.confidences)

    def formatted(self) -> tuple[str, dict[str, Any]]:
        """The labels with a space between, and their probabilities as JSON."""
        return " ".join(self.labels), {"labels": self.labels, "sure": self.confidences}

    def columns(self) -> dict[str, Sequence[Any]]:
        """For a table with a row for each frame: its label, and the probability of that."""
        return {"label": self.labels, "confidence": self.confidences}


class StreamedLabel(NamedTuple):
    """The prediction for one frame of a stream; frames are counted from 1 in each sequence."""

    frame: int
    label: str
    confidence: float

    @classmethod
    def of(cls, frame: int, labels: Sequence[str], logits: Sequence[float]) -> StreamedLabel:
        """The prediction for a frame with these logits (K)."""
        check_numbers(logits)
        # A handful of numbers is quicker in plain Python than in one array after another.
        most = max(logits)
        return cls(frame, labels[logits.index(most)], 1 / sum([exp(value - most) for value in logits]))

    def formatted(self) -> tuple[str, dict[str, Any]]:
        """The label, and all of it as JSON."""
        return self.label, {"frame": self.frame, "label": self.label, "sure": self.confidence}


@dataclass(frozen=True)
class FramedSets:
    """A prediction: the labels of each frame whose probability reaches their threshold.

    ``probabilities`` (T, K) has those of all labels, in the order of the head's outputs.
    """

    labels: tuple[tuple[str, ...], ...]
    probabilities: tuple[tuple[float, ...], ...]
    names: tuple[str, ...]

    @classmethod
    def of(
        cls, names: Sequence[str], probabilities: Sequence[Sequence[float]], thresholds: Sequence[float]
    ) -> FramedSets:
        """The prediction for frames with these probabilities (T, K)."""
        check_numbers(map(sum, probabilities))
        labels = tuple(
            tuple(name for name, p, least in zip(names, row, thresholds, strict=True) if p >= least)
            for row in probabilities
        )
        return cls(labels, tuple(map(tuple, probabilities)), tuple(names))

    def formatted(self) -> tuple[str, dict[str, Any]]:
        """The sets, ``a|b``, with a space between, and all probabilities as JSON."""
        columns = zip(*self.probabilities, strict=True)
        named = {name: list(column) for name, column in zip(self.names, columns, strict=False)}
        return " ".join(map(written, self.labels)), {
            "labels": [list(labels) for labels in self.labels],
            "probabilities": named,
        }

    def columns(self) -> dict[str, Sequence[Any]]:
        """For a table with a row for each frame: its set, ``a|b``, and the probability of each label."""
        columns = zip(*self.probabilities, strict=True)
        named = {f"probabilities.{name}": column for name, column in zip(self.names, columns, strict=False)}
        return {"label": [written(labels) for labels in self.labels], **named}


class StreamedSet(NamedTuple):
    """The prediction for one frame of a stream; frames are counted from 1 in each sequence."""

    frame: int
    labels: tuple[str, ...]
    probabilities: dict[str, float]

    @classmethod
    def of(cls, frame: int, names: Sequence[str], logits: Sequence[float], thresholds: Sequence[float]) -> StreamedSet:
        """The prediction for a frame with these logits (K)."""
        check_numbers(logits)
        probabilities = [1 / (1 + exp(-max(value, _LEAST))) for value in logits]
        labels = FramedSets.of(names, [probabilities], thresholds).labels[0]
        return cls(frame, labels, dict(zip(names, probabilities, strict=True)))

    def formatted(self) -> tuple[str, dict[str, Any]]:
        """The set, and all of it as JSON."""
        return written(self.labels), self._asdict()


def softmax(logits: Sequence[float]) -> list[float]:
    """The probabilities of logits, in plain Python: a handful of numbers is quicker so than in arrays."""
    most = max(logits)
    weights = [exp(value - most) for value in logits]
    total = sum(weights)
    return [weight / total for weight in weights]
