"""Training pairs that are looked up by their source: for a text much like one of them, its target may be better than
anything that a network writes which has seen a few hundred.

N pairs.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

import regex

from seqkit.data.normal_forms import canonical
from seqkit.data.placeholders import is_slot
from seqkit.data.readers import DataError

NEVER = 2.0
"""A similarity that no two texts have."""
_TERM = regex.compile(r"\w+|[^\w\s]")


class Recalled(NamedTuple):
    """The pair whose source is most like a text: their cosine, 0 to 1, and both sides, with slots for placeholders."""

    similarity: float
    source: str
    target: str


class PairMemory:
    """Training pairs, found by the cosine of the TF-IDF of the words and marks of their sources.

    The weight of a term in a source is ``count · (1 + log((1 + N) / (1 + sources with it)))``, scaled to length 1. Only
    those pairs are found whose target has just the placeholders of the text.

    Args:
        sources, targets: of the pairs, with slots for placeholders.
    """

    def __init__(self, sources: Sequence[str], targets: Sequence[str]) -> None:
        self.sources, self.targets = tuple(sources), tuple(targets)

    @classmethod
    def from_json(cls, content: Any) -> PairMemory:
        """The memory that :meth:`to_json` described; raises :class:`DataError` for anything else."""
        try:
            memory = cls(content["sources"], content["targets"])
            valid = len(memory.sources) == len(memory.targets)
            valid = valid and all(isinstance(text, str) for text in (*memory.sources, *memory.targets))
        except (TypeError, KeyError):
            valid = False
        if not valid:
            what = "memory.json must hold as many sources as targets, all of them texts"
            raise DataError(f"{what}; restore it from a backup")
        return memory

    def to_json(self) -> dict[str, list[str]]:
        """Both sides."""
        return {"sources": list(self.sources), "targets": list(self.targets)}

    def nearest(self, text: str) -> Recalled | None:
        """The first of the pairs most like a text with slots; None if none shares a term with it."""
        similarities: dict[int, float] = defaultdict(float)
        for term, weight in self._weights(text).items():
            for number, of_source in self._index.get(term, ()):
                similarities[number] += weight * of_source
        slots = _slots(text)
        for number in sorted(similarities, key=lambda number: (-similarities[number], number)):
            if _slots(self.targets[number]) == slots:
                # Sums of rounded products come out a little above 1.
                return Recalled(min(1.0, similarities[number]), self.sources[number], self.targets[number])
        return None

    def _weights(self, text: str) -> dict[str, float]:
        """Of the terms of a text, those unknown among them, which make it less like any source."""
        counts = Counter(_terms(text))
        rarest = 1 + math.log(1 + len(self.sources))
        weights = {term: count * self._rarity.get(term, rarest) for term, count in counts.items()}
        length = math.sqrt(math.fsum(weight**2 for weight in weights.values())) or 1.0
        return {term: weight / length for term, weight in weights.items()}

    @cached_property
    def _rarity(self) -> dict[str, float]:
        found = Counter(term for source in self.sources for term in set(_terms(source)))
        return {term: 1 + math.log((1 + len(self.sources)) / (1 + count)) for term, count in found.items()}

    @cached_property
    def _index(self) -> dict[str, list[tuple[int, float]]]:
        """Term to the numbers of the sources that have it, with its weight in each."""
        index: dict[str, list[tuple[int, float]]] = defaultdict(list)
        for number, source in enumerate(self.sources):
            for term, weight in self._weights(source).items():
                index[term].append((number, weight))
        return dict(index)


def _terms(text: str) -> list[str]:
    terms: list[str] = _TERM.findall(canonical(text).lower())
    return terms


def _slots(text: str) -> list[str]:
    return sorted(character for character in text if is_slot(character))
