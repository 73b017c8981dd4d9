"""Files written so that a crash, or a full disk, leaves the last good one; and JSON read with errors that name it."""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from seqkit.errors import SeqkitError

_TEMPORARY = re.compile(r"\..+\.[0-9a-f]+\.tmp")


def temporary_beside(path: Path) -> Path:
    """A name that nobody else uses, in the same folder: a file cannot be renamed onto another disk."""
    # At random: processes in two containers on one disk can have the same number.
    return path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")


def is_temporary(path: Path) -> bool:
    """Whether a killed writer has left the file, or one is about to rename it."""
    return _TEMPORARY.fullmatch(path.name) is not None


def remove_temporary_files(folder: Path) -> None:
    """Removes what killed writers left in a folder; for whoever knows that no other process writes there now."""
    if folder.is_dir():
        for entry in folder.iterdir():
            if is_temporary(entry):
                entry.unlink(missing_ok=True)


def write_atomic(path: Path, content: bytes, check: Callable[[], None] = lambda: None) -> None:
    """Writes beside the file, flushes to the disk, renames over it; raises :class:`SeqkitError` if any of it fails.

    ``check`` is called between writing and renaming, and may raise: the file is then as it was.
    """
    temporary = temporary_beside(path)
    try:
        with temporary.open("xb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        check()
        temporary.replace(path)
        # The rename itself lies in the folder: without this it may be lost in a power cut, though the content is not.
        _sync_folder(path.parent)
    except OSError as error:
        old_file = "; the one written before is untouched" if path.exists() else ""
        raise SeqkitError(
            f"cannot write {path}: {error.strerror or error}{old_file}; make room or mend the folder"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Writes JSON that people can read, atomically."""
    write_atomic(path, json_bytes(value))


def json_bytes(value: Any) -> bytes:
    """JSON that people can read, in UTF-8."""
    return (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode()


def write_json_lines(path: Path, values: list[dict[str, Any]]) -> None:
    """Writes one JSON object a line, atomically; values that JSON does not know are written as their text."""
    write_atomic(path, json_line_bytes(values))


def json_line_bytes(values: list[dict[str, Any]]) -> bytes:
    """One JSON object a line, in UTF-8; values that JSON does not know are written as their text."""
    return "".join(json.dumps(value, ensure_ascii=False, default=str) + "\n" for value in values).encode()


def read_json(path: Path) -> Any:
    """Reads JSON; raises :class:`SeqkitError` that names the file if it is missing or no JSON."""
    try:
        return json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SeqkitError(f"cannot read {path}: {error.strerror or error}; restore it from a copy") from None
    except (ValueError, RecursionError) as error:
        raise SeqkitError(f"{path} is damaged ({str(error).splitlines()[0]}); restore it from a copy") from None


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
