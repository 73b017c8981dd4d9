"""How texts are sampled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from seqkit.errors import UsageError

COLDEST = 1e-30
"""Logits divided by less may overflow; long before, all but the most likely symbol have probability 0."""
HOTTEST = 1e30
"""A larger temperature may be infinite in float32; long before, all symbols are equally likely."""


@dataclass(frozen=True)
class Sampling:
    """How a text is drawn: ``length`` tokens (0: without end), the arguments of
    :func:`seqkit.search.choose`, and a seed.

    Args:
        no_repeat_ngram: n-grams of this many tokens come once, the prompt's too; 0: as often as they are drawn.
        stop: a text, or several, before the first of which the drawn text ends.

    Raises:
        UsageError: for values that nothing can be drawn with, a negative length, seed or size of n-grams, and an empty
            text to stop at.
    """

    length: int = 500
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    seed: int = 0
    no_repeat_ngram: int = 0
    stop: str | Sequence[str] = ()

    @property
    def stops(self) -> tuple[str, ...]:
        """The texts to stop at."""
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop)

    def __post_init__(self) -> None:
        check_drawing(self.temperature, self.top_k, self.top_p)
        check_size(self.no_repeat_ngram)
        if "" in self.stops:
            raise UsageError("the text to stop at is empty; give one with a character, or leave it out")
        if self.length < 0 or not 0 <= self.seed < 2**63:
            raise UsageError(f"length and seed must be whole numbers from 0, not {self.length} and {self.seed}")


def check_drawing(temperature: float, top_k: int, top_p: float) -> None:
    """Raises :class:`UsageError` for values that nothing can be drawn with."""
    if not 0 <= temperature < float("inf") or top_k < 0 or not 0 < top_p <= 1:
        raise UsageError(
            f"sampling needs temperature >= 0, top_k >= 0 and 0 < top_p <= 1, not {temperature}, {top_k} and {top_p}"
        )


def check_size(size: int) -> None:
    """Raises :class:`UsageError` for a negative size of n-grams."""
    if size < 0:
        raise UsageError(f"no_repeat_ngram must be the size of an n-gram, or 0 for none, not {size}")
