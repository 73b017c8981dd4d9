"""Predictions written in the format that their inputs came in: lines, JSON, or the columns of a table."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from seqkit.data import read_lines
from seqkit.data.readers import COLUMNAR, FORMATS, delimiter_of
from seqkit.runs.answers import AnsweredRow
from seqkit.runs.rows import InputRow

FormatPrediction = Callable[[Any], tuple[str, dict[str, Any]]]
"""``Task.format_prediction``: a prediction as a line of text, and as facts for JSON."""

_BREAKS = re.compile(r"[\t\r\n]")


class Writer:
    """Writes a line for each answer: the prediction, a tab and the input.

    Args:
        format_prediction: of the task.
        file: written to, and flushed after each group of answers.
    """

    def __init__(self, format_prediction: FormatPrediction, file: TextIO) -> None:
        self.format_prediction, self.file = format_prediction, file

    def write(self, answers: Iterable[AnsweredRow]) -> None:
        """Some answers, in order."""
        for row, prediction in answers:
            self.write_row(row, *self.format_prediction(prediction))
        self.file.flush()

    def write_row(self, row: InputRow, line: str, facts: dict[str, Any]) -> None:
        """One answer; the subclasses write it in their formats."""
        self.file.write(f"{line}\t{_encodable(row.text)}\n")


class JsonWriter(Writer):
    """An object on each line: the input, and the facts of the prediction."""

    def write_row(self, row: InputRow, line: str, facts: dict[str, Any]) -> None:
        """See :class:`Writer`."""
        self.file.write(json.dumps({"input": _encodable(row.text), **facts}, ensure_ascii=False) + "\n")


class JsonRowWriter(Writer):
    """An object on each line: the row as it was, and the facts under names that begin with ``predicted_``."""

    def write_row(self, row: InputRow, line: str, facts: dict[str, Any]) -> None:
        """See :class:`Writer`."""
        predicted = {f"predicted_{name}": value for name, value in facts.items()}
        self.file.write(json.dumps({**(row.values or {}), **predicted}, ensure_ascii=False) + "\n")


class TableWriter(Writer):
    """The row as it was and a column for each fact, such as ``predicted_label``; of a mapping, one for each key.

    Lists are written as JSON. Without a delimiter it is a TSV, which has no quotes: tabs and line breaks become spaces.
    """

    def __init__(self, format_prediction: FormatPrediction, file: TextIO, delimiter: str | None = None) -> None:
        super().__init__(format_prediction, file)
        self.delimiter = delimiter
        self._csv = csv.writer(file, delimiter=delimiter or "\t", lineterminator="\n")
        self._columns: list[str] = []

    def write_row(self, row: InputRow, line: str, facts: dict[str, Any]) -> None:
        """See :class:`Writer`."""
        values, predicted = row.values or {}, _as_columns(facts)
        if not self._columns:
            self._columns = list(predicted)
            self._write_cells([*values, *self._columns])
        self._write_cells([*values.values(), *(predicted.get(column, "") for column in self._columns)])

    def _write_cells(self, cells: Sequence[Any]) -> None:
        if self.delimiter:
            self._csv.writerow(cells)
        else:
            self.file.write("\t".join(_BREAKS.sub(" ", str(cell)) for cell in cells) + "\n")


def writer_for(
    path: Path | None, format_prediction: FormatPrediction, file: TextIO, stream: BinaryIO | None = None
) -> Writer:
    """The writer for a table of that format; for None, or any other file, the one of lines.

    With a ``stream`` the table comes from there, and the path is only its name.
    """
    table_format = None if path is None else FORMATS.get(path.suffix.lower())
    if path is None or table_format is None:
        return Writer(format_prediction, file)
    if table_format in ("jsonl", *COLUMNAR):
        return JsonRowWriter(format_prediction, file)
    if stream is None:
        header = next(read_lines(path), (None, ""))[1]
    else:
        # What has arrived stays to be read: the line of names, unless somebody writes that in pieces.
        arrived = stream.peek() if isinstance(stream, BufferedReader) else b""
        header = arrived.partition(b"\n")[0].decode("utf-8", "replace")
    return TableWriter(format_prediction, file, delimiter_of(header) if table_format == "csv" else None)


def _as_columns(facts: Mapping[str, Any]) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for name, value in facts.items():
        if isinstance(value, dict):
            columns.update({f"predicted_{name}.{key}": entry for key, entry in value.items()})
        else:
            plain = value is None or isinstance(value, (str, int, float))
            columns[f"predicted_{name}"] = value if plain else json.dumps(value, ensure_ascii=False)
    return columns


def _encodable(text: str) -> str:
    """The text, with the stand-ins for bytes of a command line that are no UTF-8 as question marks."""
    return text.encode("utf-8", "replace").decode()
