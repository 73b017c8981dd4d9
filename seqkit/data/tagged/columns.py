"""A word a line with its tags beside it, as in CoNLL's files and in tables, a blank line after each sentence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice, pairwise
from typing import NamedTuple

import regex

from seqkit.data.readers import DataError, Remark, SourceLocation, format_ending, read_lines, shown
from seqkit.data.schemes import marked_type
from seqkit.data.tagged.conllu import is_conllu, read_conllu
from seqkit.data.tagged.layout import Column, Columns, Roles, is_header, is_name_of_words, roles_by_name
from seqkit.data.tagged.lines import (
    Comments,
    Cut,
    Line,
    choose_cut,
    declared_delimiter,
    fields_of,
    is_blank,
    usual_width,
)
from seqkit.data.tagged.sentence import TaggedPassage, TaggedSource, about_file, between, word_and_tag
from seqkit.errors import UsageError

_SAMPLE = 20_000
"""Lines from which the columns follow."""
_ENOUGH = 10
"""Rows whose tags all mark spans, so that a first line without such a tag is none of them."""
_RANGE = regex.compile(r"\d+[-.]\d+")
_GLOBAL = regex.compile(r"#\s*global\.columns\s*=\s*(.+)")
"""The names of the columns in CoNLL-U Plus."""
_ANSWER = "predicted_tag"


def read_columns(source: TaggedSource) -> Iterator[TaggedPassage]:
    """The sentences of a file, whose columns are numbers from either end, or names where the first line has them."""
    lines = (Line(*line) for line in read_lines(source.path, encoding=source.encoding))
    sample = list(islice(lines, _SAMPLE))
    if not any(not is_blank(line.text) for line in sample):
        yield from (between(f"{line.text}\n", line.location) for line in sample)
        return
    asked = (source.word_column, source.tag_column)
    if not any(map(_is_number, asked)) and is_conllu([line.text for line in sample if not line.text.startswith("#")]):
        source.notes.append(Remark(f"{source.path}: read as CoNLL-U, whose ten columns it has"))
        yield from read_conllu(source)
        return
    layout = find_layout(sample, source)
    _note_columns(layout, source)
    yield from _Reader(layout, source).passages(chain(sample, lines))


def _is_number(column: str | None) -> bool:
    return column is not None and column.removeprefix("-").isdigit()


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


class _Sample(NamedTuple):
    """The first lines of a file, cut."""

    cut: Cut
    header: Line | None
    names: Sequence[str]
    blocks: Sequence[Sequence[Line]]
    """Lines of words, those between blank lines together; lines with # are left out, if others are there"""


def find_layout(sample: Sequence[Line], source: TaggedSource) -> ColumnLayout:
    """The layout that the first lines show; raises :class:`UsageError` for columns that are asked for in vain."""
    cut, header, names, blocks = _cut_sample(sample, source)
    lines = [line for block in blocks for line in block]
    if not lines:
        raise about_file("the file has a header but no words", sample[0].location)
    width = usual_width([fields_of(cut, line, len(line.text)) for line in lines])
    cells = {line: fields_of(cut, line, width) for line in lines}
    first = next((line for line in lines if len(cells[line]) == width), lines[0])
    alike = [[cells[line] for line in block if len(cells[line]) == width] for block in blocks]
    rows = [block for block in alike if block]
    if source.tagged and width == 1:
        sign = shown(cut.delimiter) if cut.delimiter else "white space"
        raise about_file(f"one column only; a line is a word and its tag, with {sign} between", first.location)
    names = names if len(names) == width or header else []
    roles = _roles(rows, width, names, source, first.location)
    if header is None and (top := _unknown_header(sample, cut, rows, width, roles.tag)):
        rows = [block for block in ([row for row in block if row != cells[top]] for block in rows) if block]
        header, names = top, cells[top]
        roles = _roles(rows, width, [], source, first.location)
    tag = roles.tag
    comments = Comments(cut, _known(rows, width), tag, _tags_inside(sample, cut, tag))
    return ColumnLayout(cut, first, width, roles, comments, header.text if header else None, names)


def _cut_sample(sample: Sequence[Line], source: TaggedSource) -> _Sample:
    is_csv = format_ending(source.path) == ".csv"
    filled = [line for line in sample if not is_blank(line.text)]
    cut = choose_cut(filled, is_csv)
    start = 1 if is_csv and declared_delimiter(filled[0].text) else 0
    top = next((line for line in filled[start:] if not line.text.startswith("#")), None)
    names = fields_of(cut, top, len(cut.split(top.text))) if top else []
    is_table = format_ending(source.path) in (".csv", ".tsv", ".tab")
    header = top if top and (is_header(names) or (is_table and is_name_of_words(names))) else None
    passed = {*filled[:start], *([header] if header else [])}
    blocks: list[list[Line]] = [[]]
    for line in sample:
        if cut.is_blank(line.text):
            blocks.append([])
        elif line not in passed and (top is None or not line.text.startswith("#")):
            blocks[-1].append(line)
    declared: list[str] = next((match[1].lower().split() for line in sample if (match := _GLOBAL.match(line.text))), [])
    return _Sample(cut, header, names if header else declared, [block for block in blocks if block])


def _unknown_header(
    sample: Sequence[Line], cut: Cut, blocks: Sequence[Sequence[Sequence[str]]], width: int, tag: int | None
) -> Line | None:
    """The first line, if it has no tag of spans where all others have one: names of columns in any language."""
    top = next((line for line in sample if not cut.is_blank(line.text)), None)
    if top is None or tag is None or top.text.startswith("#"):
        return None
    fields = fields_of(cut, top, width)
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
    """The columns asked for, those that names tell, and the others by what they hold."""
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
    return width > 1 and (column in names or (_is_number(column) and 1 <= abs(int(column or 0)) <= width))


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


def _note_columns(layout: ColumnLayout, source: TaggedSource) -> None:
    """Says which columns were taken, unless there was no choice."""
    word, tag, _, sentence = layout.roles
    told = bool(source.word_column and source.tag_column) if source.tagged else layout.width == 1 or word == 0
    if told or (layout.width == 2 and word == 0):
        return
    mend = "; choose others with --word-column and --tag-column" if source.tagged else ""
    named = [f" ({name.strip()})" for name in layout.names] or [""] * layout.width
    taken = f"words are column {word + 1}{named[word]} of {layout.width}"
    taken += f", tags column {tag + 1}{named[tag]}" if tag is not None and source.tagged else ""
    taken += f", sentences are told by column {sentence + 1}{named[sentence]}" if sentence is not None else ""
    source.notes.append(Remark(f"{source.path}: {taken}{mend}"))


class _Row(NamedTuple):
    """A line inside a sentence: a word with its fields, or a comment without any."""

    line: Line
    fields: Sequence[str] = ()


class _Reader:
    """Reads sentences by a layout."""

    def __init__(self, layout: ColumnLayout, source: TaggedSource) -> None:
        self.layout, self.source = layout, source
        self.comments: list[SourceLocation] = []
        self.uneven: list[SourceLocation] = []

    def passages(self, lines: Iterator[Line]) -> Iterator[TaggedPassage]:
        """All of the file."""
        rows: list[_Row] = []
        top = True
        for line in lines:
            # Headers stand again where files were joined.
            is_header = line.text == self.layout.header
            if self.layout.cut.is_blank(line.text) or is_header or (top and declared_delimiter(line.text)):
                yield from self._close(rows)
                rows = []
                yield between(self._header() if is_header else f"{line.text}\n", line.location)
            else:
                row = self._row(line, any(row.fields for row in rows))
                if self._begins(row, rows):
                    yield from self._close(rows)
                    rows = []
                rows.append(row)
            top = False
        yield from self._close(rows)
        self._add_notes()

    def _header(self) -> str:
        return self.layout.cut.join([*self.layout.names, _ANSWER]) + "\n"

    def _row(self, line: Line, inside: bool) -> _Row:
        if self.layout.comments.has(line, inside):
            self.comments.append(line.location)
            return _Row(line)
        fields = fields_of(self.layout.cut, line, self.layout.width)
        number = self.layout.roles.number
        # Ranges of words, 3-4, and empty nodes, 8.1, are no words.
        is_range = number is not None and number < len(fields) and _RANGE.fullmatch(fields[number].strip())
        return _Row(line) if is_range else _Row(line, fields)

    def _begins(self, row: _Row, rows: Sequence[_Row]) -> bool:
        """Whether another sentence begins with a row, though there is no blank line."""
        before = next((other.fields for other in reversed(rows) if other.fields), None)
        if before is None or not row.fields:
            return False
        _, _, number, sentence = self.layout.roles
        if sentence is not None and max(len(before), len(row.fields)) > sentence:
            # Some name the sentence on its first line alone.
            named = [other.fields[sentence].strip() for other in rows if len(other.fields) > sentence]
            value = row.fields[sentence].strip() if len(row.fields) > sentence else ""
            return bool(value) and value != next((name for name in reversed(named) if name), value)
        if number is None or number >= min(len(before), len(row.fields)):
            return False
        one, other = before[number].strip(), row.fields[number].strip()
        return other in ("0", "1") and one.isdigit() and int(one) >= int(other)

    def _close(self, rows: Sequence[_Row]) -> Iterator[TaggedPassage]:
        words = [row for row in rows if row.fields]
        if not words:
            yield from (between(f"{row.line.text}\n", row.line.location) for row in rows)
            return
        self._check_widths(words)
        pairs = [self._pair(row) for row in words]
        tags = tuple(tag for _, tag in pairs) if self.layout.roles.tag is not None else ()
        kept = tuple(rows)
        yield TaggedPassage(
            tuple(word for word, _ in pairs),
            tags,
            words[0].line.location,
            lambda answers: self._answered(kept, answers),
        )

    def _check_widths(self, rows: Sequence[_Row]) -> None:
        """Raises for a row with another number of fields, unless all of its sentence have it and known tags."""
        layout = self.layout
        odd = next((row for row in rows if len(row.fields) != layout.width), None)
        if odd is None:
            return
        tag, word = layout.roles.tag, layout.roles.word
        same = len({len(row.fields) for row in rows}) == 1 and len(odd.fields) > max(word, tag or 0)
        tags = [row.fields[tag].strip() for row in rows] if same and tag is not None else []
        if not tags or not all(value in layout.comments.tags or marked_type(value) for value in tags):
            raise DataError(
                f"{len(odd.fields)} column{'s' if len(odd.fields) != 1 else ''}, but line {layout.first.location.line} "
                f"has {layout.width}; correct the line",
                odd.line.location,
            )
        self.uneven.append(odd.line.location)

    def _pair(self, row: _Row) -> tuple[str, str]:
        word, tag = self.layout.roles.word, self.layout.roles.tag
        value = row.fields[tag] if tag is not None else ""
        if not self.source.tagged:
            if not row.fields[word].strip(" \t"):
                raise DataError("there is no word; write one, or take the line out", row.line.location)
            return row.fields[word].strip(" \t"), value.strip()
        return word_and_tag(row.fields[word], value, row.line.location)

    def _answered(self, rows: Sequence[_Row], answers: Sequence[str]) -> str:
        """The rows with one more column."""
        waiting, join = iter(answers), self.layout.cut.join
        return "".join(f"{join([*row.fields, next(waiting)]) if row.fields else row.line.text}\n" for row in rows)

    def _add_notes(self) -> None:
        notes = self.source.notes
        if self.comments and self.source.tagged:
            many = "1 line that begins" if len(self.comments) == 1 else f"{len(self.comments):,} lines that begin"
            notes.append(Remark(f"{many} with # were taken for comments, the first at {self.comments[0]}"))
        if self.uneven:
            many = "1 sentence has" if len(self.uneven) == 1 else f"{len(self.uneven):,} sentences have"
            notes.append(f"{many} more or fewer columns than the others, the first at {self.uneven[0]}; columns are "
                         "counted from the left")  # fmt: skip
