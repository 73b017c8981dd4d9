"""A sentence with a tag for each word."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from seqkit.data.readers import DataError, SourceLocation, read_lines, shown
from seqkit.data.splits import Splits, shuffled_splits


@dataclass(frozen=True)
class Sentence:
    """Words, as many tags, and where the first word stands."""

    words: tuple[str, ...]
    tags: tuple[str, ...]
    location: SourceLocation


def split_sentences(
    sentences: Sequence[Sentence], valid_fraction: float, test_fraction: float, seed: int
) -> Splits[Sentence]:
    """Random splits; sentences with the same words stay together. A split with a fraction above 0 is never empty.

    Raises :class:`UsageError` for fractions that leave nothing to train on, and :class:`DataError` for fewer different
    sentences than splits.
    """
    return shuffled_splits(
        sentences,
        lambda sentence: sentence.words,
        valid_fraction,
        test_fraction,
        seed,
        "sentence",
        last_first=True,  # as the first version drew them: its runs can still be resumed
    )


def sentence_of(pairs: Sequence[tuple[str, str]], location: SourceLocation) -> Sentence:
    """The sentence of these words and tags."""
    return Sentence(tuple(word for word, _ in pairs), tuple(tag for _, tag in pairs), location)


def word_and_tag(word: str, tag: str, location: SourceLocation) -> tuple[str, str]:
    """Both stripped; raises :class:`DataError` if either is empty."""
    word, tag = word.strip(), tag.strip()
    if not word or not tag:
        raise DataError(
            f"word {shown(word)} with tag {shown(tag)}: neither may be empty; correct it or take it out", location
        )
    return word, tag


def blocks(path: Path) -> Iterator[list[tuple[SourceLocation, str]]]:
    """The lines between blank lines (or those of ``-DOCSTART-``): a sentence each."""
    for inside, lines in groupby(read_lines(path), lambda line: _is_in_a_sentence(line[1])):
        if inside:
            yield list(lines)


def _is_in_a_sentence(line: str) -> bool:
    return bool(line.strip()) and not line.startswith("-DOCSTART-")
