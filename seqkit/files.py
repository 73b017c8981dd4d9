"""Files written so that a crash, or a full disk, leaves the last good one, and ordinary files read.

What is read may come from anybody: a pipe or an endless device is refused before it is opened, and what is held in
memory as a whole is bounded.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import re
import secrets
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

from seqkit.errors import SeqkitError
from seqkit.schema import ANYTHING, Schema, check_schema

_HANDED_OVER = ("/dev/stdin", "/dev/fd/", "/proc/self/fd/")
"""What a shell names where it hands a pipe over: ``--config <(make-config)``"""
LARGEST_JSON = 256 << 20
"""Bytes of a file of JSON; the largest of ours, counts of n-grams, have some megabytes."""

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
"""How JSON writes a half of a surrogate pair; most texts have none, and are not looked at again"""
ABANDONED_AFTER = 6 * 3600.0
"""Seconds without a write after which nobody is still writing a file"""
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


def remove_drafts_of(path: Path) -> None:
    """Removes what killed writers of one file left beside it; for a folder that may have files of others."""
    for entry in path.parent.iterdir() if path.parent.is_dir() else ():
        if is_temporary(entry) and entry.name.startswith(f".{path.name}.") and _is_abandoned(entry):
            entry.unlink(missing_ok=True)


def _is_abandoned(draft: Path) -> bool:
    """Whether no process is writing a file any more; where the system cannot say, whether it is hours old."""
    try:
        with open_ordinary(draft) as stream:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return True
    except (BlockingIOError, FileNotFoundError):
        return False
    except OSError:
        return time.time() - draft.lstat().st_mtime > ABANDONED_AFTER


def write_atomic(path: Path, content: bytes, check: Callable[[], None] = lambda: None) -> None:
    """Writes beside the file, flushes to the disk, renames over it; raises :class:`SeqkitError` if any of it fails.

    ``check`` is called between writing and renaming, and may raise: the file is then as it was.
    """
    write_together({path: content}, check)


def write_together(contents: Mapping[Path, bytes], check: Callable[[], None] = lambda: None) -> None:
    """Writes files as :func:`write_atomic` does one; none of them takes its name before all are on the disk."""
    with ExitStack() as drafts:
        written = {path: drafts.enter_context(_draft(path, content)) for path, content in contents.items()}
        check()
        for path, draft in written.items():
            with _naming(path):
                draft.replace(path)
        for path in {path.parent: path for path in contents}.values():
            # The rename itself lies in the folder: without this it may be lost in a power cut, though the content is
            # not.
            with _naming(path):
                sync_folder(path.parent)


@contextmanager
def _draft(path: Path, content: bytes) -> Iterator[Path]:
    """A file beside another, on the disk; it is gone afterwards, unless it was renamed."""
    temporary = temporary_beside(path)
    try:
        with _naming(path):
            stream = temporary.open("xb")
        with stream:
            with _naming(path):
                with suppress(OSError):  # a file system without locks
                    # Until the end: whoever removes what killed writers left is not to remove this.
                    fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                stream.write(content)
                flush_to_disk(stream)
            yield temporary
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Has an error of the system say which file could not be written."""
    try:
        yield
    except OSError as error:
        old_file = "; the one written before is untouched" if path.exists() else ""
        raise SeqkitError(
            f"cannot write {path}: {error.strerror or error}{old_file}; free some space, or check the folder"
        ) from error


def write_json(path: Path, value: Any) -> None:
    """Writes JSON that people can read, atomically."""
    write_atomic(path, json_bytes(value))


def json_bytes(value: Any) -> bytes:
    """JSON that people can read, in UTF-8."""
    return (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode()


def digest_of(content: bytes) -> str:
    """Against accidents and edits that were forgotten, not against forgery: who edits a file can edit this, too."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def signed(facts: Mapping[str, Any]) -> bytes:
    """JSON that people can read, with a digest of itself."""
    content = {name: value for name, value in facts.items() if name != "digest"}
    return json_bytes({**content, "digest": digest_of(json_bytes(content))})


def without_digest(facts: Mapping[str, Any], path: Path, needed: bool = True) -> dict[str, Any]:
    """What :func:`signed` was given; raises :class:`SeqkitError` where it was changed since.

    ``needed``: the digest must be there; files of 0.2.0 and before have none.
    """
    content = {name: value for name, value in facts.items() if name != "digest"}
    digest = facts.get("digest")
    if (digest is not None or needed) and digest != digest_of(json_bytes(content)):
        raise SeqkitError(f"{path} was changed after it was written; restore it from a backup")
    return content


def json_line_bytes(values: list[dict[str, Any]]) -> bytes:
    """One JSON object a line, in UTF-8; values that JSON does not know are written as their text."""
    return "".join(json.dumps(value, ensure_ascii=False, default=str) + "\n" for value in values).encode()


def check_ordinary(path: Path) -> None:
    """Raises :class:`OSError` for what is not an ordinary file: a folder, a pipe, a socket, a device, a link to one.

    A pipe that a shell hands over under its own name is one that somebody requested.
    """
    if str(path).startswith(_HANDED_OVER):
        return
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "it is a pipe or a device, not an ordinary file", str(path))


def open_ordinary(path: Path) -> BinaryIO:
    """An ordinary file for reading; raises :class:`OSError` as ``open`` does, and for a pipe or a device."""
    check_ordinary(path)
    return cast(BinaryIO, path.open("rb"))


def read_ordinary(path: Path, most: int | None = None) -> bytes:
    """The bytes of an ordinary file; raises as :func:`open_ordinary` does, and for more than ``most`` bytes."""
    with open_ordinary(path) as stream:
        if most is None:
            return stream.read()
        content = stream.read(most + 1)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"it has more than {most:,} bytes", str(path))
    return content


def json_value(text: str) -> Any:
    """The value of a text of JSON; raises :class:`ValueError` for none, and for halves of surrogate pairs.

    JSON may hold such a half, which no text of ours has: it can be neither the name of a file nor printed.
    """
    value = json.loads(text)
    if _SURROGATE.search(text):
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            half = error.object[error.start]
            raise ValueError(f"{half!a} is half of a surrogate pair") from None
    return value


def read_json(path: Path, schema: Schema = ANYTHING) -> Any:
    """Reads JSON; raises :class:`SeqkitError` naming the file if it is missing, no JSON, or not as in the schema."""
    try:
        value = json_value(read_ordinary(path, LARGEST_JSON).decode())
    except OSError as error:
        raise SeqkitError(f"cannot read {path}: {error.strerror or error}; restore it from a backup") from None
    except (ValueError, RecursionError) as error:
        raise damaged(path, error) from None
    check_schema(value, schema, path)
    return value


def read_json_lines(path: Path, schema: Schema = ANYTHING) -> list[Any]:
    """Reads one JSON value a line; raises as :func:`read_json` does, naming the line."""
    try:
        lines = read_ordinary(path, LARGEST_JSON).decode().split("\n")
        values = [json_value(line) for line in lines if line]
    except OSError as error:
        raise SeqkitError(f"cannot read {path}: {error.strerror or error}; restore it from a backup") from None
    except (ValueError, RecursionError) as error:
        raise damaged(path, error) from None
    for number, value in enumerate(values, 1):
        check_schema(value, schema, f"{path}:{number}")
    return values


def damaged(path: Path | str, error: Exception) -> SeqkitError:
    """The error for a file that is not what its name says."""
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return SeqkitError(f"{path} is damaged ({reason:.200}); restore it from a backup")


def flush_to_disk(stream: IO[Any]) -> None:
    """Waits until the disk has what was written, so that a power cut after it has been renamed costs nothing of it."""
    stream.flush()
    os.fsync(stream.fileno())


def sync_folder(folder: Path) -> None:
    """Waits until the disk has the names in a folder."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
