"""What is predicted where a text may have several labels."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LabelSet:
    """A prediction: the labels whose probability reaches their threshold, and the probability of each label."""

    labels: tuple[str, ...]
    probabilities: dict[str, float]
