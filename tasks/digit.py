"""One to one: a label for a vector of numbers, such as the pixels of a digit; no time, no recurrence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from seqkit.config import from_data, option
from seqkit.data import Example
from seqkit.topologies.one_to_one import (
    OneToOne,
    OneToOneOptions,
    VectorBatch,
    VectorCodec,
    VectorHead,
    vector_examples,
)

__all__ = ["TASK", "Digit", "DigitConfig", "VectorBatch", "VectorCodec", "VectorHead"]

_DIGITS = "digits"


@dataclass(frozen=True, kw_only=True)
class DigitConfig(OneToOneOptions):
    """Defaults of the task."""

    data: str = option(_DIGITS, "the data: digits, or a CSV, TSV or JSONL file with columns of numbers", path=True)
    test_fraction: float = 0.2
    noise: float = 0.5
    linear: bool = True
    epochs: int = from_data(80)
    batch_size: int = from_data(32)
    patience: int = 0


class Digit(OneToOne[DigitConfig]):
    """Handwritten digits as pixels; or any columns of numbers with a label."""

    name = "digit"
    summary = "a label for a vector of numbers, such as the pixels of a digit"
    config = DigitConfig
    data_sets = {_DIGITS: "1,797 handwritten digits of 8 × 8 pixels, from scikit-learn"}

    def feature_names(self, config: DigitConfig) -> list[str]:
        """The names of the pixels, or of the columns of a file."""
        return list(_digits().feature_names) if config.data == _DIGITS else super().feature_names(config)

    def read_source(self, config: DigitConfig, notes: list[str]) -> list[Example]:
        """The digits, or the examples of a file."""
        if config.data != _DIGITS:
            return super().read_source(config, notes)
        digits = _digits()
        return vector_examples(digits.data.tolist(), digits.target, _DIGITS)


def _digits() -> Any:
    from sklearn.datasets import load_digits

    return load_digits()


TASK = Digit()
