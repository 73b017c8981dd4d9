"""One writer at a time in a run's folder: a file that names the process at work, seen in the folder alone.

The file is made by a link, which is there whole or not at all on network file systems, too, and is touched from time to
time. A process of this machine holds the lock as long as it exists, paused or not; one of another machine until it has
been silent for two minutes. Who wakes after that finds another name in the file, and writes nothing more. A damaged
file is nobody's: whoever made it finds no name in it, either.
"""

from __future__ import annotations

import json
import os
import secrets
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from shlex import quote
from types import TracebackType
from typing import Any

from seqkit.errors import SeqkitError, UsageError
from seqkit.files import open_ordinary, signed, temporary_beside, without_digest
from seqkit.machine import check_room_for_thread, has_ended, this_process

LOCK_FILE = "lock.json"
_INTERVAL = 5.0
"""Seconds between two signs of life."""
_SILENT = 120.0
"""Seconds without one after which a process of another machine is given up."""
_LARGEST = 1 << 16
"""Bytes of a lock; ours have some hundred"""
_DAMAGED: Mapping[str, Any] = {"damaged": True}
"""What a lock says that is not as it was written"""
_TRIES = 50
"""Of taking a lock that others let go and take meanwhile."""


class FolderLock:
    """The lock of a folder, as a context manager; whoever has it may enter it again.

    Entering raises :class:`UsageError` naming the process that has it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder, folder / LOCK_FILE
        self.token: str | None = None
        """None where this process does not have the lock"""
        self._entered = 0
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> FolderLock:
        if not self._entered:
            self._take()
        self._entered += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._entered -= 1
        if not self._entered:
            self._let_go()

    def check(self) -> None:
        """Raises :class:`SeqkitError` where another process has taken the lock from this one."""
        holder = _read(self.path)
        if self.token is not None and holder.get("token") != self.token:
            who = f"{_name(holder)} has taken it over"
            if not holder or holder == _DAMAGED:
                who = f"its {LOCK_FILE} is {'damaged' if holder else 'gone'}"
            raise SeqkitError(
                f"{self.folder} no longer belongs to this process: {who}; nothing more is written; resume it with "
                f"`seqkit resume {quote(str(self.folder))}`"
            )

    def _take(self) -> None:
        check_room_for_thread()
        token = secrets.token_hex(8)
        draft = temporary_beside(self.path)
        facts = {**this_process(), "since": time.strftime("%Y-%m-%d %H:%M:%S"), "token": token}
        try:
            with draft.open("xb") as stream:
                stream.write(signed(facts))
                stream.flush()
                os.fsync(stream.fileno())
            self._place(draft)
        except OSError as error:
            raise SeqkitError(
                f"cannot write {self.path}: {error.strerror}; free some space, or check the folder"
            ) from None
        finally:
            draft.unlink(missing_ok=True)
        self.token = token
        self._ended.clear()
        self._thread = threading.Thread(target=self._touch, name="seqkit-lock", daemon=True)
        self._thread.start()

    def _place(self, draft: Path) -> None:
        for _ in range(_TRIES):
            if _linked(draft, self.path):
                return
            holder = _read(self.path)
            if _lives(self.path, draft, holder):
                raise UsageError(f"{self.folder} is in use by {_name(holder)}; wait for it, or stop it first")
            _put_aside(self.path, holder)
        raise UsageError(f"{self.folder} is in use by other processes; wait for them, or stop them first")

    def _let_go(self) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        if _read(self.path).get("token") == self.token:
            self.path.unlink(missing_ok=True)
        self.token = None

    def _touch(self) -> None:
        while not self._ended.wait(_INTERVAL):
            # A folder that is away for a moment is no reason to end a training.
            with suppress(OSError):
                if _read(self.path).get("token") == self.token:
                    os.utime(self.path)


def is_held(folder: Path) -> bool:
    """Whether a process is known to be at work in a folder now."""
    path = folder / LOCK_FILE
    holder = _read(path)
    return bool(holder) and _lives(path, folder, holder)


def _linked(draft: Path, path: Path) -> bool:
    """Gives the draft its name, unless somebody has it."""
    try:
        os.link(draft, path)
    except FileExistsError:
        # A network file system may have done it, and lost the answer.
        return draft.stat().st_nlink == 2
    return True


def _read(path: Path) -> Mapping[str, Any]:
    """Who holds a lock; empty if nobody does, or it cannot be read; :data:`_DAMAGED` for what is no lock of ours."""
    try:
        with open_ordinary(path) as stream:
            content = stream.read(_LARGEST)
    except OSError:
        return {}
    try:
        facts = json.loads(content)
        # Those of 0.2.0 and before have no digest.
        return without_digest(facts, path, needed=False) if isinstance(facts.get("token"), str) else _DAMAGED
    except (ValueError, AttributeError, RecursionError, SeqkitError):
        return _DAMAGED


def _lives(path: Path, draft: Path, holder: Mapping[str, Any]) -> bool:
    """Whether the holder is to be waited for; times are those of the file system, as machines may not agree on them."""
    if holder == _DAMAGED or not path.is_file():
        # It is gone, or a pipe or a device, which nobody holds anything with.
        return False
    try:
        silent = draft.stat().st_mtime - path.stat().st_mtime
    except FileNotFoundError:
        return False
    if holder.get("machine") == this_process()["machine"]:
        return not has_ended(holder)
    return silent < _SILENT


def _put_aside(path: Path, holder: Mapping[str, Any]) -> None:
    """Removes the lock of a holder that is gone, and of no other that has taken it meanwhile."""
    aside = temporary_beside(path)
    with suppress(FileNotFoundError):
        path.rename(aside)
        if _read(aside) != holder:
            _linked(aside, path)
        aside.unlink()


def _name(holder: Mapping[str, Any]) -> str:
    process, host, since = (holder.get(name, "unknown") for name in ("process", "host", "since"))
    return f"process {process} on {host} since {since}"
