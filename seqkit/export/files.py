"""How exported files come to where they are wanted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from seqkit.errors import SeqkitError, UsageError
from seqkit.files import remove_drafts_of, write_together


def write_export(contents: Mapping[Path, bytes], possible: Sequence[Path] = ()) -> list[Path]:
    """Writes the files of one export, all or none, and makes their folder; returns the files that it removed.

    These are ``possible`` files that an earlier export has written and this one has not: they may be of another model.

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
    removed = [path for path in possible if path not in contents and path.is_file()]
    for path in removed:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise SeqkitError(
                f"cannot remove {path}, which is of an earlier export: {error.strerror}; remove it yourself"
            ) from None
    return removed
