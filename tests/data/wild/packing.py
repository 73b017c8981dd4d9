"""What a text file becomes in other hands: compressed, in an archive, or as a table of columns."""

import bz2
import gzip
import io
import json
import lzma
import struct
import zipfile
from pathlib import Path


def zipped(*members):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in members:
            archive.writestr(name, content)
    return packed.getvalue()


def encrypted(name, content):
    """An archive whose member says that it is encrypted; nobody will get as far as its content."""
    packed = bytearray(zipped((name, content)))
    for signature, place in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        at = packed.index(signature) + place
        struct.pack_into("<H", packed, at, 1)
    return bytes(packed)


def rows_of(path):
    """The rows of a CSV without quotes, or of a JSONL, with their types."""
    lines = path.read_text().splitlines()
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in lines]
    return [dict(zip(lines[0].split(","), line.split(","), strict=True)) for line in lines[1:]]


def columnar(path, form):
    import pyarrow
    from pyarrow import feather, parquet

    table, packed = pyarrow.Table.from_pylist(rows_of(path)), io.BytesIO()
    if form == "parquet":
        parquet.write_table(table, packed)
    elif form == "feather":
        feather.write_feather(table, packed)
    else:
        with pyarrow.ipc.new_stream(packed, table.schema) as writer:
            writer.write_table(table)
    return packed.getvalue()


PACKERS = {
    "as it is": Path.read_bytes,
    "gzip": lambda path: gzip.compress(path.read_bytes(), mtime=0),
    "cut gzip": lambda path: gzip.compress(path.read_bytes(), mtime=0)[:-12],
    "bzip2": lambda path: bz2.compress(path.read_bytes()),
    "xz": lambda path: lzma.compress(path.read_bytes()),
    "zstandard": lambda path: __import__("zstandard").compress(path.read_bytes()),
    "zip": lambda path: zipped((path.name, path.read_bytes())),
    "empty zip": lambda path: zipped(),
    "zip of two": lambda path: zipped((path.name, path.read_bytes()), ("b.csv", "text,label\n")),
    "zip of a mac": lambda path: zipped((path.name, path.read_bytes()), (f"__MACOSX/._{path.name}", b"\0\5")),
    "zip in a zip": lambda path: zipped(("inner.zip", zipped((path.name, path.read_bytes())))),
    "encrypted zip": lambda path: encrypted(path.name, path.read_bytes()),
    "parquet": lambda path: columnar(path, "parquet"),
    "parquet, gzip": lambda path: gzip.compress(columnar(path, "parquet"), mtime=0),
    "feather": lambda path: columnar(path, "feather"),
    "arrow": lambda path: columnar(path, "arrow"),
}
