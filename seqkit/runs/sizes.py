"""How large the data of a configuration are, and whether they are read into memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from seqkit.config import TrainingConfig, options_of
from seqkit.data.indexed import RowHead
from seqkit.data.prepared import is_prepared
from seqkit.data.prepared.folder import state_of
from seqkit.topologies import AnyTask, ReadsOneByOne, ReadsRows

IN_MEMORY = 512 << 20
"""Bytes of data that a run reads into memory; larger ones are read by an index of their rows, or prepared."""
_PACKED = 4
"""How much larger a compressed file is, about, than it looks"""


def data_files(task: AnyTask, config: TrainingConfig) -> Iterator[Path]:
    """The files and folders that a configuration reads."""
    for name, entry in options_of(type(config)).items():
        value = getattr(config, name)
        if (name == "data" or entry.limits.get("reads")) and entry.names_file(value) and value not in task.data_sets:
            yield Path(value)


def unpacked_size(source: Mapping[str, Any]) -> int:
    """About how many bytes a file has, once it is unpacked."""
    packed = Path(source["path"]).suffix.lower() in (".gz", ".bz2", ".xz", ".zst", ".zip", ".parquet", ".feather")
    return int(source["size"]) * (_PACKED if packed else 1)


def exceeds_memory(task: AnyTask, config: TrainingConfig) -> bool:
    """Whether the data of a run are so large that they are not read as a whole."""
    if not isinstance(task, ReadsOneByOne) or is_prepared(getattr(config, "data", None)):
        return False
    return sum(unpacked_size(state_of(path)) for path in data_files(task, config)) > IN_MEMORY


def large_rows(task: AnyTask, config: TrainingConfig) -> tuple[Path, RowHead] | None:
    """The file of data larger than memory, and how its rows are cut; None for data that are smaller, or no such file.

    Raises as its reader does, for its first rows.
    """
    data = getattr(config, "data", None)
    if not isinstance(task, ReadsRows) or not data or not exceeds_memory(task, config):
        return None
    path = Path(data).expanduser().absolute()
    head = task.row_head(config, path) if path.is_file() else None
    return None if head is None else (path, head)
