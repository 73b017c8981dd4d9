"""Which way scores improve."""

from __future__ import annotations

from typing import NamedTuple

_LOWER = frozenset({"bits_per_character", "bpc", "cer", "nats_per_character", "per", "ter", "wer"})
_LOWER_WORDS = ("error", "errors", "error_rate", "loss", "mae", "mse", "perplexity", "rmse")
"""A name that is one of them, or ends in one: ``perplexity``, ``dynamic_perplexity``"""


class Criterion(NamedTuple):
    """The score that models are chosen by, and which way it improves."""

    score: str
    higher_is_better: bool


def higher_is_better(score: str) -> bool:
    """Whether a larger value of a score is the better one: not of losses, perplexities and errors, by their names."""
    return score not in _LOWER and not f"_{score}".endswith(tuple(f"_{word}" for word in _LOWER_WORDS))
