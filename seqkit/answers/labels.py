"""What is said of a whole input: a label, a set of labels, or numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from seqkit.answers.finite import check_numbers

NONE = "(none)"
"""What a line says where there are no labels"""
SIDES = ("number", "low", "high")
"""What an estimate has, as JSON names it"""


@dataclass(frozen=True)
class Classified:
    """A prediction: a label, the most likely unless there is a threshold, and the probability of each."""

    label: str
    probabilities: dict[str, float]

    @classmethod
    def of(cls, labels: Sequence[str], row: Sequence[float], chosen: int | None = None) -> Classified:
        """The prediction from the probabilities of all labels, in their order: the most likely unless one is chosen."""
        check_numbers(row)
        probabilities = dict(zip(labels, row, strict=True))
        likeliest = max(probabilities, key=probabilities.__getitem__)
        return cls(likeliest if chosen is None else labels[chosen], probabilities)

    @property
    def confidence(self) -> float:
        """The probability of the label."""
        return self.probabilities[self.label]

    def formatted(self) -> tuple[str, dict[str, Any]]:
        """``label  probability``, and the probabilities of all labels as JSON."""
        facts = {"label": self.label, "probabilities": self.probabilities}
        return f"{self.label}\t{self.confidence:.3f}", facts


@dataclass(frozen=True)
class LabelSet:
    """A prediction: the labels whose probability reaches their threshold, and the probability of each label."""

    labels: tuple[str, ...]
    probabilities: dict[str, float]

    def __post_init__(self) -> None:
        check_numbers(self.probabilities.values())

    def formatted(self) -> tuple[str, dict[str, Any]]:
        """``a|b  probabilities``, and the probabilities of all labels as JSON."""
        probabilities = "|".join(f"{self.probabilities[label]:.3f}" for label in self.labels)
        facts = {"labels": list(self.labels), "probabilities": self.probabilities}
        return f"{written(self.labels)}\t{probabilities}", facts


@dataclass(frozen=True)
class Estimate:
    """A prediction: the expected numbers, and the limits of an interval around each."""

    numbers: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    names: tuple[str, ...]
    """Of the numbers: the columns that they were learned from"""

    def __post_init__(self) -> None:
        check_numbers(self.numbers)

    def formatted(self) -> tuple[str, dict[str, Any]]:
        """``number  low to high``, and the same as JSON; of several numbers by their names."""
        limits = (f"{low:.6g} to {high:.6g}" for low, high in zip(self.low, self.high, strict=True))
        sides = (self.numbers, self.low, self.high)
        if len(self.names) == 1:
            facts: dict[str, Any] = {side: values[0] for side, values in zip(SIDES, sides, strict=True)}
        else:
            named = (dict(zip(self.names, values, strict=True)) for values in sides)
            facts = dict(zip(SIDES, named, strict=True))
        return f"{numbers_text(self.numbers)}\t{', '.join(limits)}", facts


def written(labels: Sequence[str]) -> str:
    """Labels as a column of a file has them."""
    return "|".join(labels) or NONE


def numbers_text(numbers: Sequence[float]) -> str:
    """Numbers as a line has them."""
    return ", ".join(f"{number:.6g}" for number in numbers)
