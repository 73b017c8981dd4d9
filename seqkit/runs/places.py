"""Where a run can be made: a folder that is free, or in which a killed process was about to make one."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from shlex import quote

from seqkit.errors import UsageError
from seqkit.files import is_temporary
from seqkit.runs.lock import LOCK_FILE

UNFINISHED = ".creating"
"""In a folder that becomes a run; one that was killed on the way is started again, and nothing of it is lost."""


def check_free(path: Path) -> None:
    """Raises :class:`UsageError` unless a new run can be made there."""
    if path.is_dir() and not _is_unfinished(path):
        # An ensemble is not trained, so nothing of it is left to do.
        resumes = (path / "run.json").exists() and not (path / "members").exists()
        mend = f"resume it with `seqkit resume {quote(str(path))}`, or choose" if resumes else "choose"
        raise UsageError(f"{path} exists and is not empty; {mend} another folder with --out")
    if path.exists() and not path.is_dir():
        raise UsageError(f"{path} is a file; choose a folder with --out")
    above = path.absolute()
    while not above.exists():
        above = above.parent
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        raise UsageError(f"cannot write in {above}; choose another folder with --out")


def _is_unfinished(path: Path) -> bool:
    """Whether there is only what a killed process left that was about to make a run."""
    names = {entry.name for entry in path.iterdir() if not is_temporary(entry)}
    return "run.json" not in names and (UNFINISHED in names or names <= {LOCK_FILE})


def next_free(base: Path, name: str) -> Path:
    """``base/name-1``, or the one with the first number that is not taken."""
    number = 1
    while (base / f"{name}-{number}").exists():
        number += 1
    return base / f"{name}-{number}"


def empty(path: Path) -> None:
    """Empties a folder that is not a run yet, but for the lock."""
    for entry in path.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        elif entry.name != LOCK_FILE:
            entry.unlink()
