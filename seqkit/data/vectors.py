"""Word vectors from a file, for the symbols of a vocabulary; and which words are near each other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from seqkit.data.normal_forms import AS_IT_IS, normal
from seqkit.data.readers import DataError, SourceLocation
from seqkit.data.vector_files import read_vector_rows
from seqkit.data.vocab import Vocabulary
from seqkit.errors import UsageError, unknown


class WordVectors(NamedTuple):
    """Vectors of a vocabulary of V symbols."""

    matrix: Tensor
    """(V, size), 0 for symbols without a vector"""
    has_vector: Tensor
    """(V) of bool: the symbols that have one"""
    notes: list[str]
    """How many have one, and what was skipped"""


def read_vectors(
    path: Path, vocabulary: Vocabulary, size: int | None = None, normal_form: str = AS_IT_IS
) -> WordVectors:
    """Reads the vectors of a vocabulary from a file, see :func:`~seqkit.data.vector_files.read_vector_rows`.

    A word that the vocabulary has only in its ``normal_form`` has a vector if no word of the file is spelled like that.

    Raises :class:`DataError` with the line for a row that is malformed or of another width, and :class:`UsageError` if
    the vectors do not have the ``size`` that is needed.
    """
    rows: dict[int, Sequence[float]] = {}
    others: dict[int, Sequence[float]] = {}
    repeats: list[SourceLocation] = []

    def check_width(width: int, location: SourceLocation) -> None:
        if size is not None and width != size:
            raise UsageError(f"{location}: the vectors have {width} values but the embedding {size}; ask for {width}")

    for location, word, values in read_vector_rows(path, check_width):
        number = vocabulary.index(word)
        if number == vocabulary.unk and not word.isascii():
            others.setdefault(vocabulary.index(normal(word, normal_form)), values)
            continue
        # Only the words of the vocabulary are stored: files of vectors have gigabytes.
        if number == vocabulary.unk:
            continue
        if number in rows:
            repeats.append(location)
        rows.setdefault(number, values)
    others.pop(vocabulary.unk, None)
    rows = {**others, **rows}
    if not rows:
        raise DataError(f"{path} has no vector for any word of the vocabulary; check the file and its language")
    return _assemble(rows, len(vocabulary), len(next(iter(rows.values()))), repeats)


def vector_size(path: Path) -> int:
    """How many values the vectors of a file have."""
    found: list[int] = []
    next(iter(read_vector_rows(path, lambda width, location: found.append(width))), None)
    if not found:
        raise DataError(f"{path} has no vectors in it; check the file")
    return found[0]


def nearest(word: str, words: Sequence[str], matrix: Tensor, count: int = 10) -> list[tuple[str, float]]:
    """The words whose vectors (V, E) point most nearly where that of a word does, with the cosine of the angle.

    Raises :class:`UsageError` for a word without a vector.
    """
    if word not in words:
        raise unknown("word", word, words)
    directions = torch.nn.functional.normalize(matrix, dim=1)
    own = words.index(word)
    cosines = directions @ directions[own]
    cosines[own] = -torch.inf
    best = cosines.topk(min(count, len(words) - 1))
    return [(words[n], value) for n, value in zip(best.indices.tolist(), best.values.tolist(), strict=True)]


def _assemble(rows: dict[int, Sequence[float]], symbols: int, width: int, repeats: list[SourceLocation]) -> WordVectors:
    matrix, has_vector = torch.zeros(symbols, width), torch.zeros(symbols, dtype=torch.bool)
    index = torch.tensor(list(rows))
    matrix[index] = torch.tensor([*rows.values()], dtype=torch.float32)
    has_vector[index] = True
    notes = [f"vectors were found for {len(rows):,} of {symbols:,} symbols"]
    if repeats:
        notes.append(f"{len(repeats)} words had a second vector, which was skipped, the first at {repeats[0]}")
    return WordVectors(matrix, has_vector, notes)
