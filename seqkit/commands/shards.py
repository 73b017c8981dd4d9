"""Parts of one prediction: ``--shard i/n`` answers part i of n of a file, and a file of the part says of what.

Parts are cut where a prediction of the whole file begins a new group of rows (:func:`seqkit.runs.rows.windows`), so
that their batches, and with them every digit of the answers, are those of the whole.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from seqkit.commands.output import echo
from seqkit.errors import SeqkitError, UsageError
from seqkit.files import json_bytes, read_json, remove_drafts_of, write_atomic
from seqkit.runs.rows import InputRow, windows

_SHAPE = {"part": str, "prediction": str}
_LARGEST = 1_000_000


@dataclass(frozen=True)
class Shard:
    """Part ``number`` of ``count``, counted from 1."""

    number: int
    count: int

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def rows(self, read: Callable[[], Iterable[InputRow]]) -> Callable[[], Iterator[InputRow]]:
        """Reads the rows of this part; ``read`` reads all of them, and is called once here to count them."""
        sizes = [len(window) for window in windows(read())]
        begin, end = (sum(sizes[: len(sizes) * n // self.count]) for n in (self.number - 1, self.number))
        if begin == end:
            echo(
                f"note: shard {self} has no rows: shards are whole groups of rows, of which there are {len(sizes)}",
                err=True,
            )
        return lambda: islice(iter(read()), begin, end)


def parse_shard(text: str) -> Shard:
    """``2/8`` as part 2 of 8; raises :class:`UsageError` for anything that is not a part."""
    found = re.fullmatch(r"([0-9]{1,7})/([0-9]{1,7})", text)
    shard = Shard(*map(int, found.groups())) if found else Shard(0, 0)
    if not 1 <= shard.number <= shard.count <= _LARGEST:
        raise UsageError(f"--shard {text!r:.40} is not a shard; write 1/8 for the first of eight, 8/8 for the last")
    return shard


def is_complete(output: Path, facts: Mapping[str, str]) -> bool:
    """Whether the output is there as these facts say, see :func:`facts_of`.

    Raises :class:`UsageError` for an output that is another part, or a part of another prediction, or none.
    """
    if not output.exists():
        return False
    note = note_of(output)
    mend = f"remove {output}, or choose another --output"
    if not note.exists():
        raise UsageError(f"{output} exists and was not written with --shard; {mend}")
    noted = _read(note, mend)
    if noted["part"] != facts["part"]:
        raise UsageError(f"{output} is shard {noted['part']!s:.20}, not {facts['part']}; {mend}")
    if noted != facts:
        raise UsageError(f"{output} is a shard of another prediction: its run, input or options differ; {mend}")
    return True


def facts_of(shard: Shard, prediction: Sequence[object]) -> dict[str, str]:
    """What is noted of a part; ``prediction`` is all that the answers depend on."""
    return {"part": str(shard), "prediction": hashlib.blake2b(repr(prediction).encode(), digest_size=16).hexdigest()}


def write_note(output: Path, facts: Mapping[str, str]) -> None:
    """Notes what the output, which is about to take its name, is a part of."""
    remove_drafts_of(note_of(output))
    write_atomic(note_of(output), json_bytes(dict(facts)))


def note_of(output: Path) -> Path:
    """The file that says what a part is a part of; readers of folders leave out names that begin with a dot."""
    return output.with_name(f".{output.name}.shard.json")


def _read(note: Path, mend: str) -> Mapping[str, Any]:
    try:
        facts: dict[str, Any] = read_json(note, _SHAPE)
    except SeqkitError as error:
        raise UsageError(f"{error}; {mend}") from None
    return facts
