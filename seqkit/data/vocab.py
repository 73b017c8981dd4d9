"""Symbols and their numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain, pairwise, repeat
from typing import Any

import numpy as np

from seqkit.data.readers import DataError

PAD, UNK = "<pad>", "<unk>"


class Vocabulary:
    """Symbols in rank order: special symbols first, then text symbols from the most to the least frequent.

    A text symbol that is spelled like a special one is a symbol of its own, and is never read as the special one.
    """

    def __init__(self, specials: Sequence[str], symbols: Sequence[str]) -> None:
        self.specials = tuple(specials)
        self.symbols = (*self.specials, *symbols)
        self._special = {symbol: number for number, symbol in enumerate(self.specials)}
        self._index = {symbol: number for number, symbol in enumerate(symbols, len(self.specials))}

    @classmethod
    def build(
        cls,
        token_lists: Iterable[Iterable[str]],
        min_count: int = 1,
        max_size: int | None = None,
        specials: Sequence[str] = (PAD, UNK),
    ) -> Vocabulary:
        """The most frequent tokens, seen ``min_count`` times; at most ``max_size`` symbols, specials included."""
        counts: Counter[str] = Counter()
        for tokens in token_lists:
            counts.update(tokens)
        frequent = [symbol for symbol, count in counts.items() if count >= min_count and symbol not in specials]
        # Ties by the symbol itself, so that the order of the texts does not matter.
        ranked = sorted(frequent, key=lambda symbol: (-counts[symbol], symbol))
        return cls(specials, ranked if max_size is None else ranked[: max(0, max_size - len(specials))])

    def __len__(self) -> int:
        return len(self.symbols)

    def __contains__(self, symbol: str) -> bool:
        return symbol in self._index

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and (self.specials, self.symbols) == (other.specials, other.symbols)

    def __hash__(self) -> int:
        return hash(self.symbols)

    def __repr__(self) -> str:
        return f"Vocabulary({len(self)} symbols)"

    @property
    def pad(self) -> int:
        """The number of padding."""
        return self.special(PAD)

    @property
    def unk(self) -> int:
        """The number of every unknown symbol."""
        return self.special(UNK)

    def special(self, name: str) -> int:
        """The number of a special symbol; raises KeyError for a name that is not one."""
        return self._special[name]

    def index(self, symbol: str) -> int:
        """The number of a text symbol, known or not."""
        return self._index.get(symbol, self.unk)

    def encode(self, tokens: Iterable[str]) -> list[int]:
        """The numbers of these tokens."""
        get, unk = self._index.get, self.unk  # looked up once: a text has thousands of tokens
        return [get(token, unk) for token in tokens]

    def encode_many(self, texts: Sequence[Sequence[str]]) -> list[np.ndarray]:
        """:meth:`encode` of each text, as numbers of 32 bits: parts of one array."""
        numbers = map(self._index.get, chain.from_iterable(texts), repeat(self.unk))
        ends = np.cumsum([0, *map(len, texts)]).tolist()
        every = np.fromiter(numbers, np.int32, ends[-1])
        return [every[begin:end] for begin, end in pairwise(ends)]

    def decode(self, numbers: Iterable[int]) -> list[str]:
        """The symbols of these numbers."""
        return [self.symbols[number] for number in numbers]

    def to_json(self) -> dict[str, list[str]]:
        """All symbols in rank order."""
        return {"specials": list(self.specials), "symbols": list(self.symbols[len(self.specials) :])}

    @classmethod
    def from_json(cls, value: Any, where: str) -> Vocabulary:
        """The vocabulary that :meth:`to_json` wrote; raises :class:`DataError` naming ``where`` for anything else."""
        specials, symbols = (_strings(value, key, where) for key in ("specials", "symbols"))
        if len(set(specials)) < len(specials) or len(set(symbols)) < len(symbols):
            raise DataError(f"{where} lists a symbol twice; restore the file from a backup")
        if not {PAD, UNK} <= set(specials):
            raise DataError(f"{where} lacks {PAD} or {UNK} among its specials; restore the file from a backup")
        return cls(specials, symbols)


def _strings(value: Any, key: str, where: str) -> list[str]:
    strings = value.get(key) if isinstance(value, dict) else None
    if not isinstance(strings, list) or not all(isinstance(symbol, str) for symbol in strings):
        raise DataError(f"{where} is not a vocabulary: it needs a list of strings '{key}'; restore it from a backup")
    return strings
