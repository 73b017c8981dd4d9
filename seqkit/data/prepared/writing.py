"""Writes a prepared data set: in a folder beside the one it will be, which it becomes when it is complete."""

from __future__ import annotations

import fcntl
import glob
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any

from seqkit.data.prepared.folder import FORMAT, MANIFEST
from seqkit.data.prepared.forms import ExampleForms
from seqkit.data.prepared.rows import RowWriter
from seqkit.data.splits import SPLIT_NAMES
from seqkit.errors import SeqkitError, UsageError
from seqkit.files import (
    ABANDONED_AFTER,
    is_temporary,
    json_bytes,
    read_json,
    signed,
    sync_folder,
    temporary_beside,
    write_atomic,
)
from seqkit.machine import has_ended, is_at_work, this_process

_WRITER = "writer.json"
"""In a draft: who writes it"""


class FolderWriter:
    """A prepared data set under way; one that is not completed leaves nothing.

    Args:
        path: the folder, which must not exist, or be empty.
        kinds: the dataclasses that the examples may be of.
        about: what the manifest says of where the examples are from.

    Raises :class:`UsageError` for a folder in use, :class:`SeqkitError` where nothing can be written.
    """

    def __init__(self, path: Path, kinds: Sequence[type[Any]], about: Mapping[str, Any] = MappingProxyType({})) -> None:
        check_new(path)
        self.path, self.kinds, self.about = path, kinds, about
        self.files: list[str] = []
        self.forms = ExampleForms(kinds, self.files)
        self._draft = temporary_beside(path.absolute())
        _remove_drafts(path.absolute())
        try:
            self._draft.mkdir(parents=True)
            # Held until this process ends, however it does: what others may not remove.
            self._handle = _held(self._draft)
            (self._draft / _WRITER).write_bytes(json_bytes(this_process()))
            self._writers = {name: RowWriter(self._draft / f"{name}.safetensors") for name in SPLIT_NAMES}
        except OSError as error:
            shutil.rmtree(self._draft, ignore_errors=True)
            raise self._cannot(error) from None
        self._check_alone()

    def _check_alone(self) -> None:
        """Raises :class:`UsageError` where another process is preparing the same folder, which only one can become."""
        for draft in _drafts(self.path.absolute()):
            if draft != self._draft and (writer := _writer_of(draft)) and is_at_work(writer):
                self.__exit__(None, None, None)
                process, host = writer["process"], writer.get("host")
                raise UsageError(
                    f"process {process} on {host} is preparing {self.path}; wait for it, or choose another folder with "
                    "--out"
                )

    def __enter__(self) -> FolderWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        for writer in self._writers.values():
            writer.abandon()
        shutil.rmtree(self._draft, ignore_errors=True)
        if self._handle is not None:
            os.close(self._handle)
        if isinstance(error, OSError):
            raise self._cannot(error) from error

    def add(self, split: str, example: Any) -> int:
        """Writes one more example of a split; returns its number there."""
        writer = self._writers[split]
        writer.add(self.forms.write(example))
        return writer.count - 1

    def count(self, split: str) -> int:
        """How many examples a split has so far."""
        return self._writers[split].count

    def complete(self, facts: Mapping[str, Any], amounts: Mapping[str, tuple[int, str]]) -> dict[str, Any]:
        """Gives the folder its name.

        Args:
            facts: what the manifest says of the data set beside what is known here; without ``fingerprint``, that is
                the digests of the splits.
            amounts: how much each split has, and of what.
        """
        splits = {}
        for name, writer in self._writers.items():
            amount, unit = amounts[name]
            splits[name] = {"file": writer.path.name, **writer.close(), "amount": amount, "unit": unit}
        manifest = {
            "format": FORMAT,
            "fingerprint": ".".join(splits[name]["digest"] for name in SPLIT_NAMES),
            **self.about,
            **facts,
            "kinds": [kind.__name__ for kind in self.kinds],
            "files": self.files,
            "splits": splits,
        }
        write_atomic(self._draft / MANIFEST, signed(manifest))
        (self._draft / _WRITER).unlink()
        # Another process, of another machine, may have been quicker.
        check_new(self.path)
        if self.path.is_dir():
            self.path.rmdir()
        self._draft.rename(self.path)
        sync_folder(self.path.absolute().parent)
        return manifest

    def _cannot(self, error: OSError) -> SeqkitError:
        return SeqkitError(f"cannot write {self.path}: {error.strerror or error}; free some space, or check the folder")


def check_new(path: Path) -> None:
    """Raises :class:`UsageError` for a folder that has something in it."""
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise UsageError(f"{path} exists already; choose another folder with --out, or remove it")


def _drafts(path: Path) -> list[Path]:
    found = path.parent.glob(f".{glob.escape(path.name)}.*.tmp")
    return [draft for draft in found if is_temporary(draft) and draft.is_dir()]


def _remove_drafts(path: Path) -> None:
    """Removes what killed processes left of the folder, which may be as large as the data."""
    for draft in _drafts(path):
        if _is_abandoned(draft):
            shutil.rmtree(draft, ignore_errors=True)


def _is_abandoned(draft: Path) -> bool:
    """Whether the process that wrote a draft has ended; one that was killed at its start or end has left no name.

    A process of another machine, or of this one before it was last started, is known only by its silence.
    """
    writer = _writer_of(draft)
    if writer and (is_at_work(writer) or has_ended(writer)):
        return has_ended(writer)
    if writer and time.time() - _last_written(draft) < ABANDONED_AFTER:
        return False
    handle = _held(draft)
    if handle is not None:
        os.close(handle)
    return handle is not None


def _last_written(draft: Path) -> float:
    """The latest time at which a draft or a file in it was written; 0 for one that is gone."""
    try:
        return max(path.lstat().st_mtime for path in (draft, *draft.iterdir()))
    except FileNotFoundError:
        return 0.0


def _writer_of(draft: Path) -> dict[str, Any] | None:
    """What names the process that writes a draft, where it has left its name."""
    try:
        facts: dict[str, Any] = read_json(draft / _WRITER, {"process": int})
    except SeqkitError:
        return None
    return facts


def _held(folder: Path) -> int | None:
    """A handle with the lock of a folder; None where another process has it, or the file system has no locks."""
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:  # another process has removed it
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return handle
