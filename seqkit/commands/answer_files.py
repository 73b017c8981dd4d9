"""The file of a prediction's answers: there when it is complete, and continued where a command was stopped.

Answers are written to ``FILE.partial``, which takes the name of the file at the end. ``FILE.partial.json`` says how
many inputs have their answers there, and whose: the same command continues after them, and ends with the same bytes.
"""

from __future__ import annotations

import bz2
import fcntl
import gzip
import hashlib
import lzma
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any, TextIO, TypeVar, cast

from seqkit.commands.output import data_stream, echo
from seqkit.errors import SeqkitError, UsageError
from seqkit.files import json_bytes, read_json, write_atomic
from seqkit.schema import ANYTHING, Whole

T = TypeVar("T")

_JOURNAL: dict[str, Any] = {
    "request": {str: ANYTHING},
    "done": Whole(1, 2**62),
    "read": str,
    "bytes": Whole(1, 2**62),
    "writer": {str: ANYTHING},
}
_TOGETHER = 1024
"""Inputs that are counted at a time"""
_COMPRESSED: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}


class Answers:
    """A file or a stream that answers are written to.

    Args:
        stream: what is written to.
        path: of the unfinished file, for answers that can be continued; None: for others.
        request: what the answers depend on, but for the inputs.
    """

    def __init__(self, stream: TextIO, path: Path | None = None, request: Mapping[str, Any] | None = None) -> None:
        self.stream = stream
        self.writer: Mapping[str, Any] = {}
        """What the writer of earlier answers knew"""
        self._request = request
        self._journal = None if path is None or request is None else journal_of(path)
        self._done, self._read = 0, hashlib.blake2b(digest_size=16)

    def remaining(self, read: Callable[[], Iterable[T]], key: Callable[[T], object]) -> Iterator[T]:
        """The inputs that have no answer yet; ``key`` gives of one what its answer depends on."""
        journal = self._earlier()
        inputs = iter(read())
        if journal is None:
            return inputs
        self._count(map(key, islice(inputs, journal["done"])))
        if (self._done, self._read.hexdigest()) != (journal["done"], journal["read"]):
            # Another input: its answers are started again.
            self._done, self._read = 0, hashlib.blake2b(digest_size=16)
            self._cut(0)
            return iter(read())
        self._cut(journal["bytes"])
        self.writer = journal["writer"]
        echo(f"note: continuing after {self._done:,} inputs answered by an earlier command", err=True)
        return inputs

    def keep(self, keys: Iterable[object], writer: Mapping[str, Any] | None) -> None:
        """Notes that inputs have their answers in the file; ``writer`` None: where the writer still owes some."""
        if self._journal is None:
            return
        self._count(keys)
        if writer is not None:
            self.stream.flush()
            os.fsync(self.stream.fileno())
            size = os.fstat(self.stream.fileno()).st_size
            facts = {"request": self._request, "done": self._done, "read": self._read.hexdigest()}
            write_atomic(self._journal, json_bytes({**facts, "bytes": size, "writer": writer}))

    def _earlier(self) -> dict[str, Any] | None:
        """What an earlier command with the same request has noted; without one, the file is emptied."""
        if self._journal is None:
            return None
        if self._journal.exists():
            with suppress(SeqkitError):  # a damaged journal is none
                facts: dict[str, Any] = read_json(self._journal, _JOURNAL)
                if facts["request"] == self._request and facts["bytes"] <= os.fstat(self.stream.fileno()).st_size:
                    return facts
        self._cut(0)
        return None

    def _count(self, keys: Iterable[object]) -> None:
        keys = iter(keys)
        # Some at a time: memory is bounded, and Python does less for each.
        while some := [*map(repr, islice(keys, _TOGETHER))]:
            self._done += len(some)
            self._read.update("".join(some).encode("utf-8", "surrogatepass"))

    def _cut(self, size: int) -> None:
        self.stream.flush()
        os.truncate(self.stream.fileno(), size)
        self.stream.seek(0, os.SEEK_END)
        if not size and self._journal is not None:
            self._journal.unlink(missing_ok=True)


@contextmanager
def open_answers(output: Path | None, request: Mapping[str, Any] | None = None) -> Iterator[Answers]:
    """Where answers go: the file, which is there when all of them are, or standard output.

    ``request``: what the answers depend on, but for the inputs; None for inputs that cannot be read again.
    """
    if output is None:
        yield Answers(data_stream())
    elif output.exists() and not output.is_file():
        # A pipe or a device cannot be replaced.
        with _naming(output), _opened(output, output, "w") as file:
            yield Answers(file)
    else:
        # A link stays one.
        with _written_beside(output.resolve(), request) as answers:
            yield answers


@contextmanager
def _written_beside(output: Path, request: Mapping[str, Any] | None) -> Iterator[Answers]:
    partial = output.with_name(f"{output.name}.partial")
    resumable = request is not None and output.suffix.lower() not in _COMPRESSED
    with _naming(output), _locked(partial, output) as handle:
        try:
            if not resumable:
                os.truncate(handle, 0)
            with _opened(partial, output, "a") as file:
                yield Answers(file, partial if resumable else None, request)
                file.flush()
            os.fsync(handle)
            if output.exists():
                shutil.copymode(output, partial)
            partial.replace(output)
            journal_of(partial).unlink(missing_ok=True)
        except BaseException:
            _tell(partial, output)
            raise


@contextmanager
def _naming(output: Path) -> Iterator[None]:
    """Has an error of the system say which file could not be written; a reader that has gone is none."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise SeqkitError(
            f"cannot write {output}: {error.strerror or error}; free some space, or choose another file"
        ) from None


@contextmanager
def _locked(partial: Path, output: Path) -> Iterator[int]:
    """Inside, no other process writes to the unfinished file; the lock goes with the process."""
    while True:
        try:
            handle = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise _unwritable(output, error) from None
        try:
            with suppress(OSError):  # a file system without locks
                if not _takes(handle):
                    raise UsageError(f"another command is writing to {output}; wait for it, or choose another file")
            # The one before may just have given it its name.
            if partial.exists() and os.path.samestat(partial.stat(), os.fstat(handle)):
                yield handle
                return
        finally:
            os.close(handle)


def _takes(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _tell(partial: Path, output: Path) -> None:
    """Says where the answers before an error are; without any, nothing is left."""
    if not partial.exists():
        return
    if not partial.stat().st_size:
        partial.unlink()
        return
    mend = "; the same command continues from there" if journal_of(partial).exists() else ""
    echo(f"note: the answers so far are in {partial}; {output} is as it was{mend}", err=True)


def journal_of(partial: Path) -> Path:
    """The file that says what an unfinished one holds."""
    return partial.with_name(f"{partial.name}.json")


def _opened(path: Path, output: Path, mode: str) -> TextIO:
    """A file for writing, compressed if the name of the output says so."""
    ending = output.suffix.lower()
    if ending in (".zip", ".zst"):
        raise UsageError(f"{output} cannot be written compressed; name it without {ending}, or with .gz")
    try:
        return cast(TextIO, _COMPRESSED.get(ending, open)(path, f"{mode}t", encoding="utf-8", newline=""))
    except OSError as error:
        raise _unwritable(output, error) from None


def _unwritable(output: Path, error: OSError) -> UsageError:
    return UsageError(f"cannot write {output}: {error.strerror}; choose another file with --output")
