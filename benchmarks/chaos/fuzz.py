"""Files that are changed at random, over and over: each reader reads them or raises an error that says what is wrong.

What is kept to be changed further are the files that were read: they come past the first checks.
"""

from __future__ import annotations

import random
import signal
from pathlib import Path

from benchmarks.chaos.children import call
from benchmarks.chaos.kills import Tally
from benchmarks.chaos.reader import outcome
from benchmarks.chaos.readers import READERS

_LONGEST = 300
"""Seconds after which a file counts as one that hangs its reader"""
_KEPT = 200
_PIECES = [b"\0", b"\xff", b"\r", b"\n\n", b"\t", b",", b'"', b"{", b"[", b"}", b"]", b"null", b"NaN", b"1e999", b"-1"]
_PIECES += [b"\xef\xbb\xbf", b"\xff\xfe", b"\xed\xa0\x80", "\u202e\u2028\x1b[2J".encode(), b"9" * 30, b"a" * 3000]


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
    reader = READERS[name](scratch)
    pool, path = [*reader.seeds], scratch / f"file{reader.ending}"
    with (scratch / "notes").open("w", encoding="utf-8") as notes:
        for _ in range(files):
            content = _changed(generator.choice(pool), generator.choice(pool), generator)
            path.write_bytes(content)
            signal.alarm(_LONGEST)
            found = outcome(reader, path)
            signal.alarm(0)
            if found == "read" and len(pool) < _KEPT:
                pool.append(content)
            print(found, file=notes, flush=True)


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
