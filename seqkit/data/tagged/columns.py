"""A word a line with its tags beside it, as in CoNLL's files and in tables, a blank line after each sentence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import NamedTuple

import regex

from seqkit.data.readers import DataError, Remark, SourceLocation, read_lines, shown
from seqkit.data.schemes import marked_type
from seqkit.data.tagged.conllu import is_conllu, read_conllu
from seqkit.data.tagged.finding import ColumnLayout, find_layout, is_number
from seqkit.data.tagged.lines import (
    Line,
    declared_delimiter,
    fields_of,
    is_blank,
)
from seqkit.data.tagged.sentence import TaggedPassage, TaggedSource, between, word_and_tag

_SAMPLE = 20_000
"""Lines from which the columns follow."""
_RANGE = regex.compile(r"\d+[-.]\d+")
_ANSWER = "predicted_tag"


def read_columns(source: TaggedSource) -> Iterator[TaggedPassage]:
    """The sentences of a file, whose columns are numbers from either end, or names where the first line has them."""
    lines = (Line(*line) for line in read_lines(source.path, encoding=source.encoding))
    sample = list(islice(lines, _SAMPLE))
    if not any(not is_blank(line.text) for line in sample):
        yield from (between(f"{line.text}\n", line.location) for line in sample)
        return
    asked = (source.word_column, source.tag_column)
    if not any(map(is_number, asked)) and is_conllu([line.text for line in sample if not line.text.startswith("#")]):
        source.notes.append(Remark(f"{source.path}: read as CoNLL-U, whose ten columns it has"))
        yield from read_conllu(source)
        return
    layout = find_layout(sample, source)
    _note_columns(layout, source)
    yield from _Reader(layout, source).passages(chain(sample, lines))


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
    taken += f", sentences are identified by column {sentence + 1}{named[sentence]}" if sentence is not None else ""
    source.notes.append(Remark(f"{source.path}: {taken}{mend}"))


class _Row(NamedTuple):
    """A line inside a sentence: a word with its fields, or a comment without any."""

    line: Line
    fields: Sequence[str] = ()


class _Sentence:
    """The rows of a sentence so far, and what the next row is compared with: no row is looked at again for each."""

    def __init__(self, layout: ColumnLayout) -> None:
        self.rows: list[_Row] = []
        self.last: Sequence[str] = ()
        """The fields of its last word"""
        self.name = ""
        """What the column of sentences said last: some name the sentence on its first line alone"""
        self._column = layout.roles.sentence

    def append(self, row: _Row) -> None:
        self.rows.append(row)
        if row.fields:
            self.last = row.fields
            self.name = self.named_by(row) or self.name

    def named_by(self, row: _Row) -> str:
        """The name of the sentence in a row, if there is one."""
        return "" if self._column is None else "".join(row.fields[self._column : self._column + 1]).strip()


class _Reader:
    """Reads sentences by a layout."""

    def __init__(self, layout: ColumnLayout, source: TaggedSource) -> None:
        self.layout, self.source = layout, source
        self.comments: list[SourceLocation] = []
        self.uneven: list[SourceLocation] = []

    def passages(self, lines: Iterator[Line]) -> Iterator[TaggedPassage]:
        """All of the file."""
        sentence = _Sentence(self.layout)
        top = True
        for line in lines:
            # Headers stand again where files were joined.
            is_header = line.text == self.layout.header
            if self.layout.cut.is_blank(line.text) or is_header or (top and declared_delimiter(line.text)):
                yield from self._close(sentence.rows)
                sentence = _Sentence(self.layout)
                yield between(self._header() if is_header else f"{line.text}\n", line.location)
            else:
                row = self._row(line, bool(sentence.last))
                if self._begins(row, sentence):
                    yield from self._close(sentence.rows)
                    sentence = _Sentence(self.layout)
                sentence.append(row)
            top = False
        yield from self._close(sentence.rows)
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

    def _begins(self, row: _Row, sentence: _Sentence) -> bool:
        """Whether another sentence begins with a row, though there is no blank line."""
        if not sentence.last or not row.fields:
            return False
        _, _, number, column = self.layout.roles
        if column is not None and max(len(sentence.last), len(row.fields)) > column:
            value = sentence.named_by(row)
            return bool(value and sentence.name) and value != sentence.name
        if number is None or number >= min(len(sentence.last), len(row.fields)):
            return False
        one, other = sentence.last[number].strip(), row.fields[number].strip()
        return other in ("0", "1") and one.isdecimal() and int(one) >= int(other)

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
            group=self._group(words),
        )

    def _group(self, words: Sequence[_Row]) -> str:
        """What a sentence belongs to; it may be named on its first line alone."""
        number = self.layout.group
        named = [
            row
            for row in words
            if number is not None and row.fields[number : number + 1] and row.fields[number].strip()
        ]
        values = list(dict.fromkeys(row.fields[number or 0].strip() for row in named))
        if len(values) > 1:
            what = f"the words of a sentence are of two groups, {shown(values[0])} and {shown(values[1])}"
            raise DataError(f"{what}; correct it, or put a blank line between", words[0].line.location)
        return values[0] if values else ""

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
                raise DataError("there is no word; write one, or remove the line", row.line.location)
            return row.fields[word].strip(" \t"), value.strip()
        return word_and_tag(row.fields[word], value, row.line.location)

    def _answered(self, rows: Sequence[_Row], answers: Sequence[str]) -> str:
        """The rows with one more column."""
        waiting, join = iter(answers), self.layout.cut.join
        return "".join(f"{join([*row.fields, next(waiting)]) if row.fields else row.line.text}\n" for row in rows)

    def _add_notes(self) -> None:
        notes = self.source.notes
        if self.comments and self.source.tagged:
            one = len(self.comments) == 1
            many = "1 line that begins with # was" if one else f"{len(self.comments):,} lines that begin with # were"
            notes.append(Remark(f"{many} taken for comments, the first at {self.comments[0]}"))
        if self.uneven:
            many = "1 sentence has" if len(self.uneven) == 1 else f"{len(self.uneven):,} sentences have"
            notes.append(f"{many} more or fewer columns than the others, the first at {self.uneven[0]}; columns are "
                         "counted from the left")  # fmt: skip
