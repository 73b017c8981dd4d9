"""Tables of Parquet and Arrow (Feather), read through pyarrow: rows of texts, as those of JSON are."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from seqkit.data.readers.compressed import DAMAGED, is_compressed, open_bytes
from seqkit.data.readers.json_lines import as_text
from seqkit.data.readers.location import DataError, SourceLocation
from seqkit.errors import SeqkitError, UsageError, missing
from seqkit.files import open_ordinary

PARQUET, ARROW = "parquet", "arrow"
COLUMNAR = (PARQUET, ARROW)
"""Formats of tables that are not text: they have no lines, and a location counts rows."""

_ROWS = 1000
"""Rows that are in memory at a time, about."""
_INDEX = "__index_level_"
"""What the index of a pandas table is called: a column that nobody has written."""
_FILE, _FEATHER = b"ARROW1", b"FEA1"
"""How files of Arrow begin, and those of the first version of Feather; anything else is a stream of Arrow."""


def read_columnar(
    path: Path, kind: str, stream: BinaryIO | None = None
) -> Iterator[tuple[SourceLocation, list[str], list[str | None]]]:
    """The rows of a file with their names and values; None for bytes that are not text, such as those of a picture.

    Values become text as those of JSON do: lists and structures as JSON, nothing for what is missing or not a number;
    dates and times as in ISO 8601. A dictionary (a categorical of pandas) gives its values.

    Args:
        path: the file, which may be compressed as a whole.
        kind: ``parquet`` or ``arrow``.
        stream: where the bytes come from; the path is then only their name.

    Raises:
        UsageError: where pyarrow is not installed, and for a file that can't be opened.
        DataError: for a file that is damaged or no such file, or without rows.
    """
    arrow = _library(path)
    top, row = SourceLocation(str(path), 1), 0
    try:
        with _open(path, stream) as source:
            for batch in _batches(arrow, source, kind):
                kept = [n for n, name in enumerate(batch.schema.names) if not name.startswith(_INDEX)]
                names = [batch.schema.names[n] for n in kept]
                for values in zip(*(batch.column(n).to_pylist() for n in kept), strict=True):
                    row += 1
                    location = SourceLocation(str(path), row)
                    yield location, names, [as_cell(value, location) for value in values]
    except SeqkitError:
        raise
    except (*DAMAGED, arrow.ArrowException, UnicodeDecodeError) as error:
        what = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        place = SourceLocation(str(path), row + 1)
        raise DataError(f"the file cannot be read as {kind.title()} ({what}); write it again", place) from None
    if not row:
        raise DataError("the file has no rows; give one with some", top)


def read_batches(path: Path, kind: str) -> Iterator[Any]:
    """The record batches of a file that :func:`read_columnar` reads, with their types."""
    arrow = _library(path)
    with _open(path, None) as source:
        yield from _batches(arrow, source, kind)


def _library(path: Path) -> Any:
    try:
        import pyarrow
    except ImportError:
        raise missing(path.name, "pyarrow", "arrow") from None
    return pyarrow


def _open(path: Path, stream: BinaryIO | None) -> BinaryIO:
    """The file, in memory where it can't be read from its end, as Parquet asks for."""
    try:
        if stream is None and not is_compressed(path):
            return open_ordinary(path)
        with stream or open_bytes(path) as packed:
            return BytesIO(packed.read())
    except OSError as error:
        reason = error.strerror or error
        raise UsageError(f"cannot read {path}: {reason}; check the path and its permissions") from None


def _batches(arrow: Any, source: BinaryIO, kind: str) -> Iterator[Any]:
    if kind == PARQUET:
        from pyarrow import parquet

        return iter(parquet.ParquetFile(source).iter_batches(_ROWS))
    begins = source.read(len(_FILE))
    source.seek(0)
    if begins.startswith(_FEATHER):
        from pyarrow import feather

        return iter(feather.read_table(source).to_batches(_ROWS))
    if begins == _FILE:
        reader = arrow.ipc.open_file(source)
        return (reader.get_batch(number) for number in range(reader.num_record_batches))
    return iter(arrow.ipc.open_stream(source))


def as_cell(value: Any, location: SourceLocation) -> str | None:
    """A value as text; None for bytes that are none."""
    plain = _as_json(value)
    return None if plain is None and isinstance(value, bytes) else as_text(plain, location)


def _as_json(value: Any) -> Any:
    """A value as JSON could have it: NaN, with which pandas says that there is none, is nothing."""
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return None if math.isnan(value) else value if math.isfinite(value) else str(value)
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return None
    if isinstance(value, Mapping):
        return {str(key): _as_json(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_as_json(entry) for entry in value]
    # Dates, times, decimals, UUIDs.
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
