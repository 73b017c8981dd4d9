"""Files written so that a crash, or a full disk, leaves the last good one; and JSON read with errors that name it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from seqkit.errors import SeqkitError


def write_atomic(path: Path, content: bytes) -> None:
    """Writes beside the file, flushes to the disk, renames over it; raises :class:`SeqkitError` if any of it fails."""
    # In the same folder: a file cannot be renamed onto another disk.
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
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
    lines = (json.dumps(value, ensure_ascii=False, default=str) + "\n" for value in values)
    write_atomic(path, "".join(lines).encode())


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
