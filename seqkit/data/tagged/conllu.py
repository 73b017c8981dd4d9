"""CoNLL-U: ten named columns with tabs between them (universaldependencies.org/format.html)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import regex

from seqkit.data.readers import DataError, SourceLocation, shown
from seqkit.data.tagged.sentence import Sentence, blocks, sentence_of, word_and_tag
from seqkit.errors import UsageError

_COLUMNS = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
_MAY_BE_EMPTY = ("feats", "deps", "misc")
"""The columns where ``_`` means that a word has no such features; in the others it means that a value is missing."""
_SKIPPED_ID = regex.compile(r"[0-9]+[-.][0-9]+")


def read_conllu(path: Path, word_column: str | None, tag_column: str | None) -> Iterator[Sentence]:
    """The sentences of a file; a block of comments alone is one without words."""
    word, tag = _column(word_column or "form", "word"), _column(tag_column or "upos", "tag")
    for block in blocks(path):
        rows = [(location, line.split("\t")) for location, line in block if not line.startswith("#")]
        pairs: list[tuple[str, str]] = []
        for location, fields in rows:
            if _is_word(fields, len(pairs) + 1, location):
                pairs.append(word_and_tag(fields[word], fields[tag], location))
                _check_tag(fields, tag, location)
        yield sentence_of(pairs, rows[0][0] if rows else block[0][0])


def _column(name: str, kind: str) -> int:
    if name.lower() not in _COLUMNS:
        raise UsageError(
            f"CoNLL-U has no column {shown(name)}; choose one of {', '.join(_COLUMNS)} with --{kind}-column"
        )
    return _COLUMNS.index(name.lower())


def _is_word(fields: Sequence[str], number: int, location: SourceLocation) -> bool:
    """Whether the row is a word, and not a range of words or an empty node."""
    if len(fields) != len(_COLUMNS):
        raise DataError(
            f"{len(fields)} column{'s' if len(fields) != 1 else ''}, but CoNLL-U has 10 with a tab between; correct "
            "the line, or give the file the ending .conll if it is of another kind",
            location,
        )
    if _SKIPPED_ID.fullmatch(fields[0]):
        return False
    if fields[0] != str(number):
        raise DataError(
            f"the word's number is {shown(fields[0])}, but {number} is next; correct it, or put a blank line between "
            "sentences",
            location,
        )
    return True


def _check_tag(fields: Sequence[str], tag: int, location: SourceLocation) -> None:
    if fields[tag] == "_" != fields[1] and _COLUMNS[tag] not in _MAY_BE_EMPTY:
        raise DataError(
            f"word {shown(fields[1])} has no {_COLUMNS[tag]}, only '_'; give it one, or choose another column with "
            "--tag-column",
            location,
        )
