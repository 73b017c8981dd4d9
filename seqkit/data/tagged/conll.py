"""CoNLL columns: a word a line with its tags beside it, a blank line after each sentence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import regex

from seqkit.data.readers import DataError, SourceLocation, shown
from seqkit.data.tagged.sentence import Sentence, blocks, sentence_of, word_and_tag
from seqkit.errors import UsageError

_SPACES = regex.compile(r"[ \t]+")


def read_conll(path: Path, word_column: str | None, tag_column: str | None) -> Iterator[Sentence]:
    """The sentences of a file; columns are numbers."""
    columns: _Columns | None = None
    for block in blocks(path):
        columns = columns or _Columns.of(*block[0], word_column, tag_column)
        yield sentence_of([columns.pair(location, line) for location, line in block], block[0][0])


@dataclass(frozen=True)
class _Columns:
    """How the lines of a file are read, decided by the first of them."""

    first: SourceLocation
    tabs: bool
    width: int
    word: int
    tag: int

    @classmethod
    def of(cls, location: SourceLocation, line: str, word_column: str | None, tag_column: str | None) -> _Columns:
        tabs = "\t" in line
        width = len(_fields(line, tabs))
        if width == 1:
            raise DataError("one column only; a line is a word and its tag, with white space between", location)
        word = _index(word_column or "1", width, "word", location)
        tag = _index(tag_column or "-1", width, "tag", location)
        if word == tag:
            raise UsageError(f"column {word + 1} cannot be both; name others with --word-column and --tag-column")
        return cls(location, tabs, width, word, tag)

    def pair(self, location: SourceLocation, line: str) -> tuple[str, str]:
        """Word and tag of a line."""
        fields = _fields(line, self.tabs)
        if len(fields) != self.width:
            raise DataError(
                f"{len(fields)} column{'s' if len(fields) != 1 else ''}, but line {self.first.line} has {self.width}; "
                "correct the line",
                location,
            )
        return word_and_tag(fields[self.word], fields[self.tag], location)


def _fields(line: str, tabs: bool) -> list[str]:
    # Without tabs only spaces separate, not other white space: a word may hold a no-break space, as in "10 000".
    return line.split("\t") if tabs else _SPACES.split(line.strip(" \t"))


def _index(column: str, width: int, kind: str, location: SourceLocation) -> int:
    """A column's number, from either end, as an index from 0."""
    try:
        number = int(column)
    except ValueError:
        number = 0
    if not 1 <= abs(number) <= width:
        raise UsageError(
            f"{location}: no column {shown(column)}, there are {width}; give its number, from 1, or -1 for the last, "
            f"with --{kind}-column"
        )
    return number % width if number < 0 else number - 1
