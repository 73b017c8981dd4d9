"""The lock of a study's journal and of its proposals: Optuna's, without what killed processes leave behind."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from optuna.storages.journal import JournalFileOpenLock


class JournalLock(JournalFileOpenLock):
    """A file that only one process can create: it holds on network file systems, too.

    Optuna releases it by renaming the file to a random name and removing that; a process killed in between leaves it.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self._path = path

    def acquire(self) -> bool:
        """Waits for the lock, and removes what killed processes have left of it."""
        taken = super().acquire()
        for renamed in self._path.parent.glob(f"{self._path.name}.lock*.rename"):
            renamed.unlink(missing_ok=True)
        return taken

    def release(self) -> None:
        """Gives the lock back, unless another process has taken it, as it does after half a minute of silence."""
        with suppress(RuntimeError):  # also where another process has removed the renamed file first
            super().release()
