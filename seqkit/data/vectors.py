"""Word vectors from a text file, as GloVe and word2vec write them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from seqkit.data.readers import DataError, SourceLocation, read_lines, shown
from seqkit.data.vocab import Vocabulary
from seqkit.errors import UsageError

_LARGEST = torch.finfo(torch.float32).max


class WordVectors(NamedTuple):
    """Vectors of a vocabulary of V symbols."""

    matrix: Tensor
    """(V, size), 0 for symbols without a vector"""
    has_vector: Tensor
    """(V) of bool: the symbols that have one"""
    notes: list[str]
    """How many have one, and what was skipped"""


def read_vectors(path: Path, vocabulary: Vocabulary, size: int | None = None) -> WordVectors:
    """Reads the vectors of a vocabulary from a file of lines ``word v1 v2 …``, line by line.

    word2vec's first line ``count size`` is skipped. Raises :class:`DataError` with the line for a row that is malformed
    or of another width, and :class:`UsageError` if the vectors do not have the ``size`` that is needed.
    """
    rows: dict[int, list[float]] = {}
    repeats: list[SourceLocation] = []
    width: int | None = None
    for location, line in read_lines(path):
        if not line.strip():
            continue
        fields = line.rstrip().split(" ")
        if location.line == 1 and len(fields) == 2 and all(field.isdecimal() and len(field) < 12 for field in fields):
            width = _check_width(int(fields[1]), size, location)
            continue
        if width is None:
            width = _check_width(len(fields) - 1, size, location)
        word, values = _parse(fields, width, location)
        number = vocabulary.index(word)
        # Only the words of the vocabulary are stored: files of vectors have gigabytes.
        if number == vocabulary.unk:
            continue
        if number in rows:
            repeats.append(location)
        rows.setdefault(number, values)
    if width is None or not rows:
        raise DataError(f"{path} has no vector for any word of the vocabulary; check the file and its language")
    return _assemble(rows, len(vocabulary), width, repeats)


def _check_width(width: int, size: int | None, location: SourceLocation) -> int:
    if width < 1:
        raise DataError("no numbers after the word; write: word v1 v2 …", location)
    if size is not None and width != size:
        raise UsageError(f"{location}: the vectors have {width} values but the embedding {size}; ask for {width}")
    return width


def _parse(fields: list[str], width: int, location: SourceLocation) -> tuple[str, list[float]]:
    if len(fields) < width + 1:
        raise DataError(f"the row has {len(fields) - 1} values, expected {width}; correct it or take it out", location)
    # Some files have words with spaces inside, so the values are counted from the end.
    word = " ".join(fields[:-width])
    try:
        if len(fields) > width + 1 and _is_number(fields[-width - 1]):
            raise DataError(
                f"the row has {len(fields) - 1} values, expected {width}; correct it or take it out", location
            )
        values = [float(field) for field in fields[-width:]]
    except ValueError:
        wrong = next(field for field in fields[-width:] if not _is_number(field))
        raise DataError(
            f"{shown(wrong)} is not a number, and a vector is made of numbers; correct the row", location
        ) from None
    if not word or not all(abs(number) <= _LARGEST for number in values):
        raise DataError("the row lacks a word or has a value that is not finite; correct it or take it out", location)
    return word, values


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _assemble(rows: dict[int, list[float]], symbols: int, width: int, repeats: list[SourceLocation]) -> WordVectors:
    matrix, has_vector = torch.zeros(symbols, width), torch.zeros(symbols, dtype=torch.bool)
    index = torch.tensor(list(rows))
    matrix[index] = torch.tensor(list(rows.values()), dtype=torch.float32)
    has_vector[index] = True
    notes = [f"vectors were found for {len(rows):,} of {symbols:,} symbols"]
    if repeats:
        notes.append(f"{len(repeats)} words had a second vector, which was skipped, the first at {repeats[0]}")
    return WordVectors(matrix, has_vector, notes)
