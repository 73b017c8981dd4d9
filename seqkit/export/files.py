"""How exported files come to where they are wanted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from seqkit.errors import UsageError
from seqkit.files import remove_drafts_of, write_together


def write_export(contents: Mapping[Path, bytes]) -> None:
    """Writes the files of one export, all or none, and makes their folder.

    Raises :class:`UsageError` where it cannot be made, :class:`SeqkitError` where a file cannot be written: those of an
    earlier export are then as they were.
    """
    for path in contents:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"cannot make {path.parent}: {error.strerror}; choose another folder with --out") from None
        remove_drafts_of(path)
    write_together(contents)
