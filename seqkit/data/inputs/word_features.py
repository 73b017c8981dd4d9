"""Indicator features of words and their neighbours: what a linear tagger is made of, beside the recurrent layer.

T words of a sentence, F features known.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from seqkit.data.readers import DataError

_AFFIX = 5
"""Letters of the longest prefix and suffix"""
_GRAMS = (3, 4, 5)
"""Letters of the n-grams inside a word, its ends included. Names in 2,000 and in 4,100 German sentences had F1 0.509
and 0.577 in a linear CRF without them, 0.541 and 0.600 with them and fewer features of the neighbours."""
_LONGEST = 32
"""Letters of a word that are looked at"""
_NEIGHBOURS = (-2, -1, 1, 2)
_FEWEST = 2
"""A feature that is seen once says nothing that another word could use."""
_WEIGHTS = 4_000_000
"""Weights of all features at most, 16 MB: the most frequent features are kept."""
_HELD = 2_000_000
"""Features counted at a time, at most"""
_CACHED = 65_536
"""Words whose features are kept at hand"""
_RUNS = re.compile(r"(.)\1+")


class WordFeatures:
    """The features that training has seen, and which of them a word has in its sentence.

    Of a word: itself, as written and in lower case, its shape (``Xxx9-``), its prefixes and suffixes of up to five
    letters, and the letter n-grams inside it. Of the two words on either side: the word, its shape and the end of it.
    And pairs of neighbouring words, and the shapes of three.

    Args:
        names: the features, F of them, each once.

    Source: the features of the taggers of Ratnaparkhi, 1996 (W96-0213), and Finkel et al., 2005 (P05-1045).
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._rows = {name: row for row, name in enumerate(self.names)}
        self._at_hand: dict[tuple[int, str], tuple[int, ...]] = {}

    @classmethod
    def learn(cls, sentences: Iterable[Sequence[str]], labels: int) -> WordFeatures:
        """Of sentences as words: what is seen twice, as much of it as there may be weights for this many labels."""
        counts, placed = Counter[str](), Counter[tuple[int, str]]()
        for words in sentences:
            placed.update(_placed(words))
            counts.update(_joint(words))
            if len(counts) > _HELD:
                counts = Counter(dict(counts.most_common(_HELD // 2)))
        for (offset, word), count in placed.items():
            for name in _alone(offset, word):
                counts[name] += count
        often = [name for name, count in counts.items() if count >= _FEWEST]
        # In one order, whatever Python's seed of hashes: sums of floats depend on it.
        return cls(sorted(often, key=lambda name: (-counts[name], name))[: _WEIGHTS // max(1, labels)])

    def __len__(self) -> int:
        return len(self.names)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, WordFeatures) and self.names == other.names

    def __hash__(self) -> int:
        return hash(self.names)

    def rows_of(self, words: Sequence[str]) -> list[list[int]]:
        """The rows of the features of each word of a sentence, (T)."""
        own: list[list[int]] = [[] for _ in words]
        for place, key in _places(words):
            own[place].extend(self._known(key))
        for rows, names in zip(own, _joint_of_each(words), strict=True):
            rows.extend(self._rows[name] for name in names if name in self._rows)
        return own

    def to_json(self) -> dict[str, Any]:
        """All of it."""
        return {"features": list(self.names)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any], file: str) -> WordFeatures:
        """What :meth:`to_json` described; raises :class:`DataError` naming the file for anything else."""
        names = value.get("features") if isinstance(value, Mapping) else None
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise DataError(f"{file} must hold a list of texts 'features'; restore it from a backup")
        if len(set(names)) < len(names):
            raise DataError(f"{file} lists a feature twice; restore it from a backup")
        return cls(names)

    def _known(self, key: tuple[int, str]) -> tuple[int, ...]:
        """The rows of what a word at an offset is by itself."""
        found = self._at_hand.get(key)
        if found is None:
            if len(self._at_hand) >= _CACHED:
                self._at_hand.clear()
            rows = map(self._rows.get, _alone(*key))
            found = self._at_hand[key] = tuple(row for row in rows if row is not None)
        return found


def _places(words: Sequence[str]) -> Iterator[tuple[int, tuple[int, str]]]:
    """For each word, itself and its neighbours with their offsets; nothing, which no word is, beyond the ends."""
    for place, word in enumerate(words):
        yield place, (0, word)
        for offset in _NEIGHBOURS:
            beside = place + offset
            yield place, (offset, words[beside] if 0 <= beside < len(words) else "")


def _placed(words: Sequence[str]) -> Iterator[tuple[int, str]]:
    return (key for _, key in _places(words))


def _joint(words: Sequence[str]) -> Iterator[str]:
    return chain.from_iterable(_joint_of_each(words))


def _joint_of_each(words: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """For each word what it and its neighbours are together."""
    low = ["", "", *(word.lower()[:_LONGEST] for word in words), "", ""]
    shapes = ["", *map(_shape, words), ""]
    for place in range(len(words)):
        before2, before, word, after, after2 = low[place : place + 5]
        yield (
            f"-1,0 {before} {word}",
            f"0,1 {word} {after}",
            f"-1,1 {before} {after}",
            f"-2,-1 {before2} {before}",
            f"1,2 {after} {after2}",
            f"shapes {' '.join(shapes[place : place + 3])}",
        )


def _alone(offset: int, word: str) -> Iterator[str]:
    """What a word at an offset is by itself."""
    kinds = _own_kinds(word) if offset == 0 else _neighbour_kinds(word)
    return (f"{offset} {kind}" for kind in kinds)


def _own_kinds(word: str) -> Iterator[str]:
    word = word if len(word) <= _LONGEST else word[: _LONGEST // 2] + word[-_LONGEST // 2 :]
    lower = word.lower()
    yield from (f"word {word}", f"lower {lower}", f"shape {_outline(word)}", f"short {_shape(word)}")
    for size in range(1, min(_AFFIX, len(word)) + 1):
        yield f"prefix {word[:size]}"
        yield f"suffix {word[-size:]}"
    inside = f"<{lower}>"
    # A gram that is twice in a word counts once.
    yield from dict.fromkeys(
        f"letters {inside[start : start + size]}" for size in _GRAMS for start in range(len(inside) - size + 1)
    )


def _neighbour_kinds(word: str) -> Iterator[str]:
    lower = word.lower()[:_LONGEST]
    yield from (f"lower {lower}", f"short {_shape(word)}", f"suffix {lower[-3:]}")


def _outline(word: str) -> str:
    """``Xxx9-``: a letter for the kind of each character; what is not a letter and no digit stays."""
    return "".join("X" if c.isupper() else "x" if c.isalpha() else "9" if c.isdigit() else c for c in word[:_LONGEST])


def _shape(word: str) -> str:
    """The outline with one character for each run of the same: ``Xx9-``."""
    return _RUNS.sub(r"\1", _outline(word))
