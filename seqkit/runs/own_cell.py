"""A run's cell where it is none of the known ones: whoever opens the run names it, and only then is a file run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seqkit.cells import Cell, OwnCell, cell_label, is_own, named_cell
from seqkit.errors import SeqkitError, UsageError

GivenCell = str | type[Cell] | None
"""What a person names: a class, ``FILE.py:CLASS``, or nothing"""


def with_cell(values: Mapping[str, Any], digest: str | None, given: GivenCell, path: Path) -> dict[str, Any]:
    """The options of a run, with the class of its cell if that is one of a person's own.

    Args:
        values: the options as ``config.toml`` has them, where such a cell is only a name.
        digest: of the cell's source when the run began.
        given: the cell that was named now; a run with a known cell leaves it unused.
        path: the folder of the run.

    Raises:
        UsageError: the run needs a cell and none was given, or another one.
        SeqkitError: the source of the cell is not the one that the run began with.
    """
    recorded = values.get("cell")
    if not is_own(recorded):
        return {**values}
    file, _, name = str(recorded).rpartition(":")
    if given is None:
        raise UsageError(
            f"{path} needs the cell {name} of {file}, which is run only if you name it: give --cell-file "
            f"FILE.py:{name}, or cell={name} in Python"
        )
    cell = named_cell(given)
    if not isinstance(cell, OwnCell) or cell_label(cell) != name:
        raise UsageError(f"{path} needs the cell {name} of {file}, not {cell_label(cell)}; name that one")
    if None not in (cell.digest, digest) and cell.digest != digest:
        raise SeqkitError(
            f"{name} of {cell.rpartition(':')[0]} is not the cell that {path} was trained with: its source has "
            "changed; restore it, or train a new run"
        )
    # The name stays that of the file it was trained with, wherever its source lies now.
    return {**values, "cell": OwnCell(str(recorded), cell.kind, cell.digest)}
