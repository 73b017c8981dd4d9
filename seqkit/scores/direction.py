"""Which way scores improve."""

from __future__ import annotations

from typing import NamedTuple

_LOWER = frozenset(
    {
        "loss",
        "bits_per_character",
        "bpc",
        "cer",
        "mae",
        "mse",
        "nats_per_character",
        "per",
        "perplexity",
        "rmse",
        "ter",
        "wer",
    }
)
_LOWER_ENDINGS = ("error", "errors", "error_rate", "loss", "mae", "mse", "perplexity", "rmse")


class Criterion(NamedTuple):
    """The score that models are chosen by, and which way it improves."""

    score: str
    higher_is_better: bool


def higher_is_better(score: str) -> bool:
    """Whether a larger value of a score is the better one: not of losses, perplexities and errors, by their names."""
    return score not in _LOWER and not score.endswith(tuple(f"_{ending}" for ending in _LOWER_ENDINGS))
