"""What is predicted where a text has a number, or several."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Estimate:
    """A prediction: the expected numbers, and the limits of an interval around each."""

    numbers: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    names: tuple[str, ...]
    """Of the numbers: the columns that they were learned from"""
