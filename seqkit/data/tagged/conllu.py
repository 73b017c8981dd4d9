"""CoNLL-U: ten named columns with tabs between them (universaldependencies.org/format.html)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import NamedTuple

import regex

from seqkit.data.readers import DataError, SourceLocation, read_lines, shown
from seqkit.data.schemes import OUTSIDE
from seqkit.data.tagged.lines import Line, is_blank
from seqkit.data.tagged.sentence import TaggedPassage, TaggedSource, between, word_and_tag
from seqkit.errors import UsageError

_COLUMNS = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
_MAY_BE_EMPTY = ("feats", "deps", "misc")
"""The columns where ``_`` means that a word has no such features; in the others it means that a value is missing."""
_SKIPPED_ID = regex.compile(r"[0-9]+[-.][0-9]+")
_KEY = regex.compile(r"(?:(?P<column>misc|feats)[:.])?(?P<key>[A-Za-z][\w\[\]-]*)", regex.IGNORECASE)


class _Place(NamedTuple):
    """A column, or a key of the features in it."""

    column: int
    key: str | None = None

    @property
    def name(self) -> str:
        return _COLUMNS[self.column] if self.key is None else f"{self.key} in {_COLUMNS[self.column]}"

    def value(self, fields: Sequence[str]) -> str:
        """What a word has there; without the key, ``O`` in misc, where spans are marked, and ``_`` in feats."""
        if self.key is None:
            return fields[self.column]
        features = dict(_feature(entry) for entry in fields[self.column].split("|"))
        return features.get(self.key, OUTSIDE if _COLUMNS[self.column] == "misc" else "_")

    def is_in(self, fields: Sequence[str]) -> bool:
        """Whether a word has it."""
        return self.key is None or any(_feature(entry)[0] == self.key for entry in fields[self.column].split("|"))

    def replaced(self, fields: Sequence[str], value: str) -> list[str]:
        """The fields with another value there."""
        values = list(fields)
        if self.key is None:
            values[self.column] = value
            return values
        kept = [e for e in values[self.column].split("|") if e not in ("", "_") and _feature(e)[0] != self.key]
        values[self.column] = "|".join(sorted([*kept, f"{self.key}={value}"], key=str.lower))
        return values


def _feature(entry: str) -> tuple[str, str]:
    key, _, value = entry.strip().partition("=")
    return key, value


def is_conllu(lines: Sequence[str]) -> bool:
    """Whether lines have the ten columns: a number, a word, and the number of another as head in the seventh."""
    rows = [line.split("\t") for line in lines if not is_blank(line)]
    good = sum(
        len(row) == len(_COLUMNS) and row[0][:1].isdigit() and (row[6].isdigit() or row[6] == "_") for row in rows
    )
    return bool(rows) and good >= 0.9 * len(rows)


def read_conllu(source: TaggedSource) -> Iterator[TaggedPassage]:
    """The sentences of a file; a block of comments alone is one without words."""
    word = _column(source.word_column or "form", "word")
    tag = _tag_place(source.tag_column or "upos")
    lines = (Line(*line) for line in read_lines(source.path, encoding=source.encoding))
    keys, found, of_group = set[str](), False, ""
    for blank, group in groupby(lines, lambda line: is_blank(line.text)):
        block = list(group)
        if blank:
            yield between("".join(f"{line.text}\n" for line in block), block[0].location)
            continue
        rows = [(line, _fields(line)) for line in block]
        words = _words(rows)
        keys.update(_feature(entry)[0] for _, fields in words for entry in fields[9].split("|") if "=" in entry)
        found = found or any(tag.is_in(fields) for _, fields in words)
        pairs = [_pair(line.location, fields, word, tag, keys, source.tagged) for line, fields in words]
        of_group = _group(block, source.group_column, of_group)
        yield replace(_passage(rows, pairs, tag), group=of_group)
    if source.tagged and tag.key is not None and not found:
        raise UsageError(
            f"{source.path}: no word has {tag.name}{', only ' + ', '.join(sorted(keys)[:20]) if keys else ''}; choose "
            "another with --tag-column"
        )


def _group(block: Sequence[Line], name: str | None, before: str) -> str:
    """What a comment such as ``# newdoc id = a`` says, which holds until the next one."""
    comments = (line.text[1:].partition("=") for line in block if line.text.startswith("#"))
    return next((value.strip() for key, mark, value in comments if mark and key.strip() == name), before)


def _words(rows: Sequence[tuple[Line, Sequence[str]]]) -> list[tuple[Line, Sequence[str]]]:
    words: list[tuple[Line, Sequence[str]]] = []
    for line, fields in rows:
        if fields and _is_word(fields, len(words) + 1, line.location):
            words.append((line, fields))
    return words


def _passage(
    rows: Sequence[tuple[Line, Sequence[str]]], pairs: Sequence[tuple[str, str]], tag: _Place
) -> TaggedPassage:
    def answered(answers: Sequence[str]) -> str:
        waiting = iter(answers)
        lines = (
            "\t".join(tag.replaced(fields, next(waiting))) if fields and fields[0].isdigit() else line.text
            for line, fields in rows
        )
        return "".join(f"{line}\n" for line in lines)

    first = next((line for line, fields in rows if fields), rows[0][0])
    words, tags = tuple(word for word, _ in pairs), tuple(tag for _, tag in pairs)
    return TaggedPassage(words, tags, first.location, answered)


def _fields(line: Line) -> list[str]:
    """The fields of a line, none of a comment."""
    if line.text.startswith("#"):
        return []
    fields = line.text.split("\t")
    while len(fields) > len(_COLUMNS) and not fields[-1].strip():
        fields.pop()
    return fields


def _pair(
    location: SourceLocation, fields: Sequence[str], word: int, tag: _Place, keys: set[str], tagged: bool
) -> tuple[str, str]:
    if not tagged:
        return word_and_tag(fields[word], tag.value(fields) or "_", location)
    pair = word_and_tag(fields[word], tag.value(fields), location)
    _check_tag(fields, tag, keys, location)
    return pair


def _column(name: str, kind: str) -> int:
    if name.lower() not in _COLUMNS:
        raise UsageError(
            f"CoNLL-U has no column {shown(name)}; choose one of {', '.join(_COLUMNS)} with --{kind}-column"
        )
    return _COLUMNS.index(name.lower())


def _tag_place(name: str) -> _Place:
    """A column, or a key in misc or feats: ``NER``, ``misc:NER``, ``feats:Case``."""
    match = _KEY.fullmatch(name)
    if name.lower() in _COLUMNS or match is None:
        return _Place(_column(name, "tag"))
    return _Place(_COLUMNS.index((match["column"] or "misc").lower()), match["key"])


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


def _check_tag(fields: Sequence[str], tag: _Place, keys: set[str], location: SourceLocation) -> None:
    if tag.key is None and fields[tag.column] == "_" != fields[1] and tag.name not in _MAY_BE_EMPTY:
        others = sorted(keys - {"SpaceAfter"})
        hint = f"such as {others[0]}, a key in misc, " if others else ""
        raise DataError(
            f"word {shown(fields[1])} has no {tag.name}, only '_'; give it one, or choose another column {hint}with "
            "--tag-column",
            location,
        )
