"""Finds out how the lines of a file with a word on each are read: what separates columns, and what they hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import regex

from seqkit.data.readers import DataError, SourceLocation, format_ending, shown
from seqkit.data.tagged.layout import Column, Columns, Roles, is_header, is_name_of_words, roles_by_name
from seqkit.data.tagged.lines import Comments, Cut, Line, choose_cut, declared_delimiter, is_blank, trimmed, usual_width
from seqkit.data.tagged.sentence import TaggedSource, about_file
from seqkit.errors import UsageError

_GLOBAL = regex.compile(r"#\s*global\.columns\s*=\s*(.+)")
"""The names of the columns in CoNLL-U Plus."""
_ENOUGH = 10
"""Rows whose tags all mark spans, so that a first line without such a tag is none of them."""


@dataclass(frozen=True)
class ColumnLayout:
    """How the lines of a file are read."""

    cut: Cut
    first: Line
    """The first with as many fields as most"""
    width: int
    roles: Roles
    comments: Comments
    header: str | None
    """The line with the names of the columns"""
    names: Sequence[str]
    group: int | None = None
    """The column of groups, if it was requested"""


class _Sample(NamedTuple):
    """The first lines of a file, cut."""

    cut: Cut
    header: Line | None
    names: Sequence[str]
    blocks: Sequence[Sequence[Line]]
    """Lines of words, those between blank lines together; lines with # are left out, if others are there"""


def find_layout(sample: Sequence[Line], source: TaggedSource) -> ColumnLayout:
    """The layout that the first lines show; raises :class:`UsageError` for columns that are requested in vain."""
    cut, header, names, blocks = _cut_sample(sample, source)
    lines = [line for block in blocks for line in block]
    if not lines:
        raise about_file("the file has a header but no words", sample[0].location)
    width = usual_width([cut.split(line.text) for line in lines])
    # R names no column for the names of rows.
    names = ["", *names] if header and width == len(names) + 1 else names
    width = len(names) if header else width
    cells = {line: trimmed(cut.split(line.text), width) for line in lines}
    first = next((line for line in lines if len(cells[line]) == width), header or lines[0])
    alike = [[cells[line] for line in block if len(cells[line]) == width] for block in blocks]
    rows = [block for block in alike if block]
    if source.tagged and width == 1:
        sign = shown(cut.delimiter) if cut.delimiter else "white space"
        raise about_file(f"one column only; a line is a word and its tag, with {sign} between", first.location)
    if source.columns and len(names) != width:
        raise about_file(f"{width} columns, but --columns names {len(names)}; name each once", first.location)
    names = names if len(names) == width or header else []
    roles = _roles(rows, width, names, source, first.location)
    if header is None and not source.columns and (top := _unknown_header(sample, cut, rows, width, roles.tag)):
        rows = [block for block in ([row for row in block if row != cells[top]] for block in rows) if block]
        header, names = top, cells[top]
        roles = _roles(rows, width, [], source, first.location)
    tag = roles.tag
    comments = Comments(cut, _known(rows, width), tag, _tags_inside(sample, cut, tag))
    group = _index(source.group_column, names, width, "group", first.location)
    return ColumnLayout(cut, first, width, roles, comments, header.text if header else None, names, group)


def _cut_sample(sample: Sequence[Line], source: TaggedSource) -> _Sample:
    is_csv = format_ending(source.path) == ".csv"
    filled = [line for line in sample if not is_blank(line.text)]
    cut = choose_cut(filled, is_csv)
    start = 1 if is_csv and declared_delimiter(filled[0].text) else 0
    top = next((line for line in filled[start:] if not line.text.startswith("#")), None)
    names = trimmed(cut.split(top.text), 1) if top else []
    is_table = format_ending(source.path) in (".csv", ".tsv", ".tab")
    if source.columns and top and [name.strip().lower() for name in names] == [n.lower() for n in source.columns]:
        raise DataError("the first line names the columns itself; leave out --columns", top.location)
    header = (
        None
        if source.columns
        else top
        if top and (is_header(names) or (is_table and is_name_of_words(names)))
        else None
    )
    passed = {*filled[:start], *([header] if header else [])}
    blocks: list[list[Line]] = [[]]
    for line in sample:
        if cut.is_blank(line.text):
            blocks.append([])
        elif line not in passed and (top is None or not line.text.startswith("#")):
            blocks[-1].append(line)
    declared: list[str] = list(source.columns) or next(
        (match[1].lower().split() for line in sample if (match := _GLOBAL.match(line.text))), []
    )
    return _Sample(cut, header, names if header else declared, [block for block in blocks if block])


def _unknown_header(
    sample: Sequence[Line], cut: Cut, blocks: Sequence[Sequence[Sequence[str]]], width: int, tag: int | None
) -> Line | None:
    """The first line, if it has no tag of spans where all others have one: names of columns in any language."""
    top = next((line for line in sample if not cut.is_blank(line.text)), None)
    if top is None or tag is None or top.text.startswith("#"):
        return None
    fields = trimmed(cut.split(top.text), width)
    first = Column([[fields[tag].strip()]]) if len(fields) == width else None
    rest = Column([[row[tag].strip() for block in blocks for row in block if row != fields]])
    odd = first is not None and not first.marks and not first.is_outside
    return top if odd and rest.rows >= _ENOUGH and rest.marks and rest.marks_alone else None


def _known(blocks: Sequence[Sequence[Sequence[str]]], width: int) -> list[set[str]]:
    """The values of each column."""
    return [{row[number].strip() for block in blocks for row in block} for number in range(width)]


def _tags_inside(sample: Sequence[Line], cut: Cut, tag: int | None) -> set[str]:
    """The tags of lines with ``#`` that follow the line of a word."""
    tags = set[str]()
    for one, other in pairwise(sample):
        if tag is not None and other.text.startswith("#") and not (one.text.startswith("#") or is_blank(one.text)):
            tags.update(cut.split(other.text)[tag : tag + 1])
    return tags


def _roles(
    blocks: Sequence[Sequence[Sequence[str]]],
    width: int,
    names: Sequence[str],
    source: TaggedSource,
    location: SourceLocation,
) -> Roles:
    """The columns requested, those that names tell, and the others by what they hold."""
    columns = Columns(blocks, width)
    named = roles_by_name(names) or Roles(-1)
    # A file that is to be tagged may lack what training had.
    wanted = source.word_column if source.tagged or _has(source.word_column, names, width) else None
    word = _index(wanted, names, width, "word", location)
    if word is None:
        word = named.word if named.word >= 0 else columns.word() if width > 2 else _word_of_two(columns, source.tagged)
    wanted = source.tag_column if source.tagged or _has(source.tag_column, names, width) else None
    tag = _index(wanted, names, width, "tag", location)
    if tag is None and source.tagged:
        tag = named.tag if named.tag is not None else columns.tag(word)
    elif tag is None:
        tag = columns.tag(word) if width > 1 else None
    if source.tagged and tag is None:
        raise about_file("one column of words and none of tags; write the tag of each word beside it", location)
    if word == tag:
        raise UsageError(f"column {word + 1} cannot be both; name others with --word-column and --tag-column")
    sentence = _index(source.sentence_column, names, width, "sentence", location)
    if sentence is None:
        sentence = named.sentence if named.sentence is not None else columns.sentence(word)
    number = columns.number(word)
    return Roles(word, tag, None if number == sentence else number, sentence)


def _word_of_two(columns: Columns, tagged: bool) -> int:
    """Of two columns, the first, unless it has the tags of spans, as in some data sets, or counts the words."""
    first, *others = columns.columns
    # Words that happen to be 1, 2, 3 with tags beside them are rarer than such numbers, unless there are but a few.
    counts = first.counts and (first.rows >= 10 or not tagged)
    return 1 if others and ((first.marks and not others[0].marks) or counts) else 0


def _has(column: str | None, names: Sequence[str], width: int) -> bool:
    """Whether there is such a column, and one more."""
    return width > 1 and (column in names or (is_number(column) and 1 <= abs(int(column or 0)) <= width))


def _index(column: str | None, names: Sequence[str], width: int, kind: str, location: SourceLocation) -> int | None:
    """A column's name, or its number from either end, as an index from 0."""
    if column is None:
        return None
    if column in names:
        return names.index(column)
    try:
        number = int(column)
    except ValueError:
        number = 0
    if not 1 <= abs(number) <= width:
        there = f"there are {width}" if not names else f"there are {', '.join(names[:20])}"
        raise UsageError(
            f"{location}: no column {shown(column)}, {there}; give its {'name or ' if names else ''}number, from 1, "
            f"or -1 for the last, with --{kind}-column"
        )
    return number % width if number < 0 else number - 1


def is_number(column: str | None) -> bool:
    """Whether it is the number of a column, not a name."""
    return column is not None and column.removeprefix("-").isdecimal()
