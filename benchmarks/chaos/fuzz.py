"""Files that are changed at random, over and over: each reader reads them or raises an error that says what is wrong.

What is kept to be changed further are the files that were read: they come past the first checks.
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import random
import signal
import traceback
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.chaos.children import call
from benchmarks.chaos.kills import Tally
from benchmarks.chaos.subjects import DATA, TASKS, data_of
from seqkit.config import make_config, read_toml
from seqkit.data import read_lines, read_records
from seqkit.data.frames.arrays import read_array
from seqkit.data.pictures.picture import read_picture
from seqkit.data.vectors import vector_size
from seqkit.errors import SeqkitError
from seqkit.runs import find_task
from seqkit.training.checkpoint import read_tensors

Read = Callable[[Path], object]
_LONGEST = 300
"""Seconds after which a file counts as one that hangs its reader"""
_KEPT = 200
_PIECES = [b"\0", b"\xff", b"\r", b"\n\n", b"\t", b",", b'"', b"{", b"[", b"}", b"]", b"null", b"NaN", b"1e999", b"-1"]
_PIECES += [b"\xef\xbb\xbf", b"\xff\xfe", b"\xed\xa0\x80", "\u202e\u2028\x1b[2J".encode(), b"9" * 30, b"a" * 3000]
_PICTURES = ("png", "jpeg", "gif", "bmp", "webp")


def fuzz(name: str, scratch: Path, files: int, generator: random.Random) -> Tally:
    """Has a reader read files that were changed at random."""
    tally, notes = Tally(), scratch / "notes"
    scratch.mkdir(parents=True)
    seed = generator.random()
    while tally.disturbed < files:
        first = tally.disturbed
        done = call(
            lambda first=first: _carry_out(name, scratch, random.Random(f"{seed} {first}"), files - first), scratch
        )
        lines = notes.read_text("utf-8").splitlines()
        notes.unlink()
        tally.finished += sum(line == "read" for line in lines)
        tally.disturbed += len(lines)
        tally.dead_ends += [line for line in lines if line not in ("read", "refused")]
        if done.code:
            tally.disturbed += 1
            tally.dead_ends.append(f"signal {-done.code} {done.said}")
    tally.dead_ends = [*dict.fromkeys(tally.dead_ends)]
    return tally


def _carry_out(name: str, scratch: Path, generator: random.Random, files: int) -> None:
    ending, seeds, read = READERS[name]()
    pool, path = [*seeds], scratch / f"file{ending}"
    with (scratch / "notes").open("w", encoding="utf-8") as notes:
        for _ in range(files):
            content = _changed(generator.choice(pool), generator.choice(pool), generator)
            path.write_bytes(content)
            signal.alarm(_LONGEST)
            found = _read(read, path)
            signal.alarm(0)
            if found == "read" and len(pool) < _KEPT:
                pool.append(content)
            print(found, file=notes, flush=True)


def _read(read: Read, path: Path) -> str:
    try:
        read(path)
    except SeqkitError as error:
        return "refused" if "\n" not in str(error) else f"two lines: {error!r:.200}"
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__} {str(error).splitlines()[:1]} at {Path(place.filename).name}:{place.lineno}"
    return "read"


def _changed(content: bytes, other: bytes, generator: random.Random) -> bytes:
    for _ in range(generator.choice([1, 1, 2, 4, 8])):
        content = _change(content, other, generator)[: 1 << 18]
    return content


def _change(content: bytes, other: bytes, generator: random.Random) -> bytes:
    one, two = sorted(generator.randrange(len(content) + 1) for _ in range(2))
    ways = (
        content[:one] + bytes([generator.randrange(256)]) + content[one + 1 :],
        content[:one] + generator.choice(_PIECES) + content[one:],
        content[:one] + content[two:],
        content[:two] + content[one:two] + content[two:],
        content[:one] + other[generator.randrange(len(other) + 1) :],
    )
    return generator.choice(ways)


def _table(ending: str, pack: Callable[[bytes], bytes] = bytes) -> Callable[[], tuple[str, list[bytes], Read]]:
    rows = [{"text": f"a film {n}, “naïve”", "label": ("good", "bad")[n % 2]} for n in range(12)]
    texts = {
        ".csv": "text,label\n" + "".join(f'"{row["text"]}",{row["label"]}\n' for row in rows),
        ".tsv": "text\tlabel\n" + "".join(f"{row['text']}\t{row['label']}\n" for row in rows),
        ".jsonl": "".join(json.dumps(row) + "\n" for row in rows),
        ".json": json.dumps(rows, indent=1),
    }
    kind = next(kind for kind in texts if ending.startswith(kind) and not (kind == ".json" and "jsonl" in ending))
    return lambda: (ending, [pack(texts[kind].encode())], lambda path: [*read_records(path)])


def _task(task: str) -> Callable[[], tuple[str, list[bytes], Read]]:
    """Everything that a task does with its data before it trains."""

    def prepared() -> tuple[str, list[bytes], Read]:
        kind, data = find_task(task), data_of(task)
        path = data if data.is_file() else next(each for each in sorted(data.rglob("*")) if each.suffix != ".png")
        return (
            path.suffix,
            [path.read_bytes()],
            lambda file: kind.read(make_config(kind.config, {"data": str(file)}), []),
        )

    return prepared


def _pictures() -> tuple[str, list[bytes], Read]:
    from PIL import Image

    image = Image.open(next(iter(sorted((DATA / "data/pictures").glob("*.png")))))
    seeds = []
    for kind in _PICTURES:
        image.convert("RGB").save(content := io.BytesIO(), kind)
        seeds.append(content.getvalue())
    return ".png", seeds, lambda path: read_picture(path, 16, False)


def _arrays(ending: str) -> Callable[[], tuple[str, list[bytes], Read]]:
    def prepared() -> tuple[str, list[bytes], Read]:
        content, values = io.BytesIO(), np.arange(12, dtype=np.float32).reshape(4, 3)
        if ending == ".npy":
            np.save(content, values)
        else:
            np.savez_compressed(content, features=values, labels=np.array(["a", "b", "a", "b"]))
        return ending, [content.getvalue()], lambda path: read_array(path, None)

    return prepared


def _vectors() -> tuple[str, list[bytes], Read]:
    return ".txt", [b"2 3\nfilm 1 2 3\nplot 2 3 4\n", b"film 1 2 3\nplot 2 3 4\n"], vector_size


def _tensors() -> tuple[str, list[bytes], Read]:
    return ".safetensors", [(DATA / "digit/model.safetensors").read_bytes()], read_tensors


def _settings() -> tuple[str, list[bytes], Read]:
    seeds = [(DATA / task / "config.toml").read_bytes() for task in TASKS]
    config = find_task("digit").config
    return ".toml", seeds, lambda path: make_config(config, read_toml(path), str(path))


def _lines() -> tuple[str, list[bytes], Read]:
    texts = ["a film\nnaïve\n", "one\r\ntwo\r\n", "one\rtwo\r"]
    seeds = [text.encode(encoding) for text in texts for encoding in ("utf-8", "utf-16", "utf-32", "cp1252")]
    return ".txt", seeds, lambda path: [*read_lines(path)]


READERS: dict[str, Callable[[], tuple[str, list[bytes], Read]]] = {
    **{f"table {ending}": _table(ending) for ending in (".csv", ".tsv", ".jsonl", ".json")},
    "table .csv.gz": _table(".csv.gz", gzip.compress),
    "table .csv.bz2": _table(".csv.bz2", bz2.compress),
    "table .csv.xz": _table(".csv.xz", lzma.compress),
    "lines": _lines,
    "pictures": _pictures,
    "array .npy": _arrays(".npy"),
    "array .npz": _arrays(".npz"),
    "vectors": _vectors,
    "tensors": _tensors,
    "settings": _settings,
    **{f"task {task}": _task(task) for task in TASKS},
}
