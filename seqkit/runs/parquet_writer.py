"""Predictions as a Parquet file: the rows of any table, and a typed column for each thing predicted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TextIO

from seqkit.data.readers import COLUMNAR, FORMATS, as_text, format_ending
from seqkit.data.readers.columnar import read_batches
from seqkit.runs.answer_columns import arrow_arrays, arrow_library, arrow_schema
from seqkit.runs.answers import AnsweredRow
from seqkit.runs.rows import InputRow
from seqkit.runs.writers import FormatPrediction, NamedWriter

ENDINGS = (".parquet", ".pq")


class ParquetWriter(NamedWriter):
    """Rows of Parquet and Arrow keep their types, others are texts; the file is whole after :meth:`finish`.

    Args:
        format_prediction, file: as of a :class:`Writer`; the bytes go to the file's buffer.
        source: the file that rows come from, None for texts: of Parquet and Arrow it is read again.
    """

    def __init__(self, format_prediction: FormatPrediction, file: TextIO, source: Path | None = None) -> None:
        super().__init__(format_prediction, file)
        self._arrow = arrow_library("an output in Parquet")
        kind = None if source is None else FORMATS.get(format_ending(source))
        self._typed = TypedRows(self._arrow, source, kind) if source and kind in COLUMNAR else None
        self._pending: list[tuple[InputRow, dict[str, Any] | None]] = []
        self._file: Any = None
        self._schema: Any = None
        """Of the columns that are added"""
        self._names: list[str] = []
        """Of the columns of texts"""

    def state(self) -> None:
        """None: the end of the file says where its rows are, and nothing can be added behind it."""

    def write(self, answers: Iterable[AnsweredRow]) -> None:
        """See :class:`Writer`; they make a group of rows."""
        super().write(answers)
        self._write_pending()

    def write_row(self, row: InputRow, line: str, facts: dict[str, Any]) -> None:
        """See :class:`Writer`."""
        self._pending.append((row, facts))

    def write_blank(self, row: InputRow, facts: dict[str, Any]) -> None:
        """See :class:`Writer`; it has nulls."""
        self._pending.append((row, None))

    def finish(self) -> None:
        """See :class:`Writer`."""
        super().finish()
        self._write_pending()
        if self._file is None and self._example is not None:
            self._write_table(self._table([(self._example, None)]).slice(0, 0))
        if self._file is not None:
            self._file.close()
        self.file.flush()

    def expect(self, example: AnsweredRow) -> None:
        """See :class:`Writer`."""
        super().expect(example)
        if example.prediction is not None:
            self._schema = arrow_schema(self._arrow, self.format_prediction(example.prediction)[1])

    def _write_pending(self) -> None:
        if self._pending:
            self._write_table(self._table(self._pending))
            self._pending.clear()

    def _table(self, pending: list[tuple[InputRow, dict[str, Any] | None]]) -> Any:
        """Rows with what was predicted, as a table of Arrow."""
        rows, facts = [row for row, _ in pending], [each for _, each in pending]
        if self._schema is None:
            self._schema = arrow_schema(self._arrow, next(filter(None, facts), {}))
        table = self._typed.take(rows) if self._typed else self._texts(rows)
        for field, column in zip(self._schema, arrow_arrays(self._arrow, self._schema, facts), strict=True):
            table = table.append_column(field, column)
        return table

    def _texts(self, rows: list[InputRow]) -> Any:
        names = self._names = self._names or list(rows[0].values or ["input"])
        values = [{"input": row.text} if row.values is None else row.values for row in rows]
        columns = {name: [_cell(row, each.get(name)) for row, each in zip(rows, values, strict=True)] for name in names}
        return self._arrow.table(columns, self._arrow.schema([(name, self._arrow.string()) for name in names]))

    def _write_table(self, table: Any) -> None:
        from pyarrow import parquet

        if self._file is None:
            buffer: Any = self.file.buffer
            self._file = parquet.ParquetWriter(buffer, table.schema)
        self._file.write_table(table)


class TypedRows:
    """The rows of a file of Parquet or Arrow by their numbers, which only rise."""

    def __init__(self, arrow: Any, path: Path, kind: str | None) -> None:
        self._arrow, self._numbered = arrow, _numbered(read_batches(path, kind or ""))
        self._first, self._batch = next(self._numbered)

    def take(self, rows: list[InputRow]) -> Any:
        """Rows that follow each other, as a table."""
        number, pieces = rows[0].location.line - 1 if rows[0].location else 0, []
        left = len(rows)
        while left:
            while number >= self._first + self._batch.num_rows:
                self._first, self._batch = next(self._numbered)
            piece = self._batch.slice(number - self._first, left)
            pieces.append(piece)
            number, left = number + piece.num_rows, left - piece.num_rows
        return self._arrow.Table.from_batches(pieces)


def _numbered(batches: Iterator[Any]) -> Iterator[tuple[int, Any]]:
    """Batches with the number of their first row, from 0."""
    first = 0
    for batch in batches:
        yield first, batch
        first += batch.num_rows


def _cell(row: InputRow, value: Any) -> str | None:
    # Rows without a place are arguments, which are texts.
    return None if value is None else value if isinstance(value, str) else as_text(value, row.location)  # type: ignore[arg-type]
