"""Texts that models write, and what a text costs a language model."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from seqkit.data.inputs.pair_memory import Recalled
from seqkit.data.inputs.tokens import Text


@dataclass(frozen=True)
class Translated:
    """A prediction: the best text, its score, and all that were requested, the best first.

    A text from memory has the score of the best that the network wrote, whose place it takes.
    """

    text: str
    score: float
    n_best: tuple[tuple[str, float], ...]
    recalled: str | None = None
    """The source of the training pair that the text is the target of; None: the network wrote it"""

    @classmethod
    def of(cls, texts: Sequence[str], scores: Sequence[float], recalled: Recalled | None) -> Translated:
        """The prediction from what the network wrote, the best first, and the pair that answers in its place."""
        if recalled is None:
            return cls(texts[0], scores[0], n_best=tuple(zip(texts, scores, strict=True)))
        # The most likely text of the network comes after the one from memory, and the last one leaves the list.
        texts = [recalled.target, *(text for text in texts if text != recalled.target)][: len(texts)]
        return cls(texts[0], scores[0], tuple(zip(texts, scores, strict=False)), recalled.source)

    def to_json(self, name: str) -> dict[str, Any]:
        """Text and score, and those of the others where more than one was requested; ``name`` says what the text is."""
        best = {name: self.text, "score": self.score}
        best |= {} if self.recalled is None else {"recalled": self.recalled}
        candidates = [{name: text, "score": score} for text, score in self.n_best]
        return {**best, "n_best": candidates} if len(candidates) > 1 else best


@dataclass(frozen=True)
class Caption:
    """A prediction: the caption and the log-probability of its tokens."""

    text: str
    tokens: tuple[str, ...]
    log_probability: float

    def formatted(self) -> tuple[str, dict[str, Any]]:
        """The caption, and with it its log-probability as JSON."""
        return self.text, {"caption": self.text, "log_probability": self.log_probability}


@dataclass(frozen=True)
class Scored:
    """A prediction: what a text costs the model, in nats, over how many tokens (how many unknown) and characters."""

    nats: float
    tokens: int
    characters: int
    unknown: int
    pieces: tuple[tuple[float, int], ...] = field(default=(), compare=False, repr=False)
    """Nats and tokens of the pieces that it was read in, of 1024 tokens at most"""

    @classmethod
    def of(cls, text: Text, pieces: Iterable[tuple[float, int]]) -> Scored:
        """What a text costs that was read in these pieces."""
        costs = tuple(pieces)
        total = math.fsum(nats for nats, _ in costs)
        return cls(total, len(text.tokens), text.characters, text.unknown, costs)

    @property
    def bits_per_character(self) -> float:
        """0 for an empty text."""
        return self.nats / math.log(2) / max(1, self.characters)

    def formatted(self) -> tuple[str, dict[str, Any]]:
        """Bits per character, and what they were counted from as JSON."""
        counted = asdict(self)
        del counted["pieces"]
        return f"{self.bits_per_character:.3f}", {"bpc": self.bits_per_character, **counted}
