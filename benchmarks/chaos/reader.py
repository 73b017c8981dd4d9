"""A reader of files that others may have made, and what becomes of a file."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from seqkit.errors import SeqkitError

Read = Callable[[Path], object]


class Reader(NamedTuple):
    """What reads a kind of file."""

    ending: str
    """Of the names of such files"""
    seeds: Sequence[bytes]
    """Files that are read"""
    read: Read


Make = Callable[[Path], Reader]
"""Makes a reader, which may keep files in the folder"""


def outcome(reader: Reader, path: Path) -> str:
    """What became of a file: ``read``, ``refused``, or what is wrong with how it was refused."""
    try:
        reader.read(path)
    except SeqkitError as error:
        return "refused" if "\n" not in str(error) else f"two lines: {error!r:.200}"
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__} {str(error).splitlines()[:1]} at {Path(place.filename).name}:{place.lineno}"
    return "read"
