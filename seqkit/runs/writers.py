"""Predictions written in the format that their inputs came in: lines, JSON, or the columns of a table."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from io import BufferedReader, BytesIO
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, TextIO

from seqkit.data import read_lines
from seqkit.data.readers import COLUMNAR, FORMATS, PLAIN, FileForm, Row, delimiter_in, format_ending
from seqkit.runs.answer_columns import as_columns, emptied
from seqkit.runs.answers import AnsweredRow
from seqkit.runs.rows import InputRow

FormatPrediction = Callable[[Any], tuple[str, dict[str, Any]]]
"""``Task.format_prediction``: a prediction as a line of text, and as facts for JSON."""

_BREAKS = re.compile(r"[\t\r\n]")
_LINE_BREAKS = re.compile(r"\r\n|\r|\n")


class Writer:
    """Writes a line for each answer: the prediction, a tab and the input; nothing and a tab for a blank input.

    Args:
        format_prediction: of the task.
        file: written to, and flushed after each group of answers.
    """

    needs_names: ClassVar[bool] = False
    """What is written for a blank input depends on what predictions are made of"""

    def __init__(self, format_prediction: FormatPrediction, file: TextIO) -> None:
        self.format_prediction, self.file = format_prediction, file
        self._blank: dict[str, Any] | None = None
        """The facts of a prediction without their values; None before the first prediction"""
        self._waiting: list[InputRow] = []
        """Blank rows before the first prediction"""
        self._example: InputRow | None = None

    def write(self, answers: Iterable[AnsweredRow]) -> None:
        """Some answers, in order."""
        for row, prediction in answers:
            if prediction is not None:
                line, facts = self.format_prediction(prediction)
                if self._blank is None:
                    self._blank = emptied(facts)
                    self._write_waiting()
                self.write_row(row, line, facts)
            elif self.needs_names and self._blank is None:
                self._waiting.append(row)
            else:
                self.write_blank(row, self._blank or {})
        self.file.flush()

    def expect(self, example: AnsweredRow) -> None:
        """Says before the first answer what rows and predictions are made of, as those of the example are."""
        self._example = example.row
        if example.prediction is not None:
            self._blank = self._blank or emptied(self.format_prediction(example.prediction)[1])

    def finish(self) -> None:
        """Writes what is still owed, after the last answer."""
        self._write_waiting()
        self.file.flush()

    def state(self) -> dict[str, Any] | None:
        """What another writer needs to know to continue in the same file; None while rows are waiting."""
        return None if self._waiting else {"blank": self._blank}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Goes on where a writer with that state has stopped."""
        self._blank = state.get("blank")

    def _write_waiting(self) -> None:
        for row in self._waiting:
            self.write_blank(row, self._blank or {})
        self._waiting.clear()

    def write_row(self, row: InputRow, line: str, facts: dict[str, Any]) -> None:
        """One answer; the subclasses write it in their formats."""
        self.file.write(_one_line(f"{line}\t{_encodable(row.text)}"))

    def write_blank(self, row: InputRow, facts: dict[str, Any]) -> None:
        """A row without anything in it; the facts have no values."""
        self.file.write(_one_line(f"\t{_encodable(row.text)}"))


class NamedWriter(Writer):
    """Writes facts by name: those of a blank input, too, without values."""

    needs_names = True

    def write_blank(self, row: InputRow, facts: dict[str, Any]) -> None:
        """See :class:`Writer`."""
        self.write_row(row, "", facts)


class JsonWriter(NamedWriter):
    """An object on each line: the input, and the facts of the prediction."""

    def write_row(self, row: InputRow, line: str, facts: dict[str, Any]) -> None:
        """See :class:`Writer`."""
        self.file.write(json.dumps({"input": _encodable(row.text), **facts}, ensure_ascii=False) + "\n")


class JsonRowWriter(NamedWriter):
    """An object on each line: the row as it was, and the facts under names that begin with ``predicted_``."""

    def write_row(self, row: InputRow, line: str, facts: dict[str, Any]) -> None:
        """See :class:`Writer`."""
        self.file.write(json.dumps(_with_facts(row, facts), ensure_ascii=False) + "\n")


class JsonArrayWriter(JsonRowWriter):
    """One array of the objects that :class:`JsonRowWriter` writes, each on its line."""

    def __init__(self, format_prediction: FormatPrediction, file: TextIO) -> None:
        super().__init__(format_prediction, file)
        self._written = 0

    def state(self) -> dict[str, Any] | None:
        """See :class:`Writer`."""
        state = super().state()
        return state and {**state, "written": self._written}

    def restore(self, state: Mapping[str, Any]) -> None:
        """See :class:`Writer`."""
        super().restore(state)
        self._written = state.get("written", 0)

    def write_row(self, row: InputRow, line: str, facts: dict[str, Any]) -> None:
        """See :class:`Writer`."""
        self.file.write(",\n" if self._written else "[\n")
        self._written += 1
        self.file.write(json.dumps(_with_facts(row, facts), ensure_ascii=False))

    def finish(self) -> None:
        """See :class:`Writer`."""
        super().finish()
        self.file.write("\n]\n" if self._written else "[]\n")


class TableWriter(NamedWriter):
    """The row as it was and a column for each fact, such as ``predicted_label``; of a mapping, one for each key.

    Lists are written as JSON. Without a delimiter it is a TSV, which has no quotes: tabs and line breaks become spaces.
    ``header``: the table has a line that names its columns.
    """

    def __init__(
        self, format_prediction: FormatPrediction, file: TextIO, delimiter: str | None = None, header: bool = True
    ) -> None:
        super().__init__(format_prediction, file)
        self.delimiter = delimiter
        self._csv = csv.writer(file, delimiter=delimiter or "\t", lineterminator="\n")
        self._columns: list[str] | None = None
        self._header = header

    def state(self) -> dict[str, Any] | None:
        """See :class:`Writer`."""
        state = super().state()
        return state and {**state, "columns": self._columns}

    def restore(self, state: Mapping[str, Any]) -> None:
        """See :class:`Writer`."""
        super().restore(state)
        self._columns = state.get("columns")

    def write_row(self, row: InputRow, line: str, facts: dict[str, Any]) -> None:
        """See :class:`Writer`."""
        values, predicted = row.values or {}, as_columns(facts)
        if self._columns is None:
            self._columns = self._begun(row)
        cells = values.cells if isinstance(values, Row) else values.values()
        self._write_cells([*cells, *[predicted.get(column, "") for column in self._columns]])

    def finish(self) -> None:
        """See :class:`Writer`; a part without rows has the line of names."""
        super().finish()
        if self._columns is None and self._example is not None:
            self._columns = self._begun(self._example)
            self.file.flush()

    def _begun(self, row: InputRow) -> list[str]:
        """The names of the columns that are added, after the line of names was written."""
        columns, values = list(as_columns(self._blank or {})), row.values or {}
        if self._header:
            self._write_cells([*(values.header if isinstance(values, Row) else values), *columns])
        return columns

    def _write_cells(self, cells: Sequence[Any]) -> None:
        if self.delimiter:
            self._csv.writerow(cells)
        else:
            self.file.write("\t".join(_BREAKS.sub(" ", str(cell)) for cell in cells) + "\n")


def writer_for(
    path: Path | None,
    format_prediction: FormatPrediction,
    file: TextIO,
    stream: BinaryIO | None = None,
    form: FileForm = PLAIN,
) -> Writer:
    """The writer for a table of that format, for a folder of texts that of CSV; for None, or any other file, of lines.

    With a ``stream`` the table comes from there, and the path is only its name. ``form`` says how it is written.
    """
    if path is not None and stream is None and path.is_dir():
        return TableWriter(format_prediction, file, ",")
    table_format = None if path is None else FORMATS.get(format_ending(path))
    if path is None or table_format is None:
        return Writer(format_prediction, file)
    if table_format in ("json", "jsonl"):
        return (JsonArrayWriter if table_format == "json" else JsonRowWriter)(format_prediction, file)
    if table_format in COLUMNAR:
        return JsonRowWriter(format_prediction, file)
    delimiter = _delimiter(path, stream, form) if table_format == "csv" else None
    return TableWriter(format_prediction, file, delimiter, not form.columns)


def _delimiter(path: Path, stream: BinaryIO | None, form: FileForm) -> str:
    source: Path | BinaryIO = path
    if stream is not None:
        # What has arrived stays to be read: the line of names, unless somebody writes that in pieces.
        source = BytesIO(stream.peek() if isinstance(stream, BufferedReader) else b"")
    # What cannot be read is reported by who reads all of it.
    return delimiter_in(read_lines(source, str(path), lambda error: None, form.encoding))


def _with_facts(row: InputRow, facts: Mapping[str, Any]) -> dict[str, Any]:
    return {**(row.values or {}), **{f"predicted_{name}": value for name, value in facts.items()}}


def _one_line(answer: str) -> str:
    """A label or a text of several lines must not look like several answers."""
    return _LINE_BREAKS.sub(" ", answer) + "\n"


def _encodable(text: str) -> str:
    """The text, with the stand-ins for bytes of a command line that are no UTF-8 as question marks."""
    return text.encode("utf-8", "replace").decode()
