"""The processes that work on a study, on one machine or several: who is alive, seen in the study's folder alone."""

from __future__ import annotations

import json
import os
import threading
import uuid
from pathlib import Path
from types import TracebackType

from seqkit.files import read_ordinary, write_json
from seqkit.machine import check_room_for_thread, has_ended, this_process

_INTERVAL = 5.0
"""Seconds between two signs of life."""
_SILENT = 120.0
"""Seconds without one after which a process is given up; a process of this machine, once it has ended."""


class Worker:
    """This process at work on a study: a file in the folder ``workers``, touched from time to time.

    Times are those of the file system, compared with each other: machines need not agree on the clock.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "workers"
        self.name = uuid.uuid4().hex[:12]
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._touch, name="seqkit-tune", daemon=True)

    def __enter__(self) -> Worker:
        check_room_for_thread()
        self.folder.mkdir(exist_ok=True)
        write_json(self._file(self.name), this_process())
        for path in self.folder.glob("*.json"):
            if not self.lives(path.stem):
                path.unlink(missing_ok=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        self._file(self.name).unlink(missing_ok=True)

    def lives(self, name: str) -> bool:
        """Whether the process of that name still works."""
        try:
            silent = self._file(self.name).stat().st_mtime - self._file(name).stat().st_mtime
            facts = json.loads(read_ordinary(self._file(name)))
        except (OSError, ValueError):
            return False
        return silent < _SILENT and isinstance(facts, dict) and not has_ended(facts)

    def _touch(self) -> None:
        while not self._ended.wait(_INTERVAL):
            # A folder that is away for a moment is no reason to end a training.
            if self._file(self.name).exists():
                os.utime(self._file(self.name))

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}.json"
