"""How exported files come to where they are wanted."""

from __future__ import annotations

from pathlib import Path

from seqkit.errors import UsageError
from seqkit.files import remove_drafts_of, write_atomic


def write_export(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all, and makes its folder; raises :class:`UsageError` where that cannot be."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make {path.parent}: {error.strerror}; choose another folder with --out") from None
    remove_drafts_of(path)
    write_atomic(path, content)
