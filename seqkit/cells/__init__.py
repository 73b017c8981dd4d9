"""Recurrent cells: what happens in one time step.

Each file in the folders here, which are families of cells, defines one; no list of them has to be edited.
"""

from __future__ import annotations

from inspect import signature
from types import ModuleType
from typing import Any

from seqkit.cells.base import Cell, CellState, Saved, StepGradients
from seqkit.cells.own import OwnCell, cell_label, is_own, named_cell
from seqkit.errors import UsageError, unknown
from seqkit.plugins import Loader, discover

__all__ = [
    "Cell",
    "CellState",
    "OwnCell",
    "Saved",
    "StepGradients",
    "available_cells",
    "cell_class",
    "cell_label",
    "is_own",
    "make_cell",
    "named_cell",
]


def available_cells() -> dict[str, Loader]:
    """The names of all cells, ours and those of installed packages, each with a function that loads the class."""
    return discover("seqkit.cells", skip=("base", "own"), pick=_cell_in)


def cell_class(name: str) -> type[Cell]:
    """The cell of that name; raises :class:`UsageError` with the nearest name."""
    if isinstance(name, OwnCell):
        return name.kind
    cells = available_cells()
    if name not in cells:
        raise unknown("cell", name, cells)
    loaded: type[Cell] = cells[name]()
    return loaded


def make_cell(cell: str | type[Cell] | Cell, **options: Any) -> Cell:
    """A cell from its name, its class, or itself; options are the arguments of its constructor.

    Raises :class:`UsageError` for a name or an option that does not exist.

    Examples:
        >>> make_cell("gru", reset="before")
        GRU(reset='before')
    """
    if isinstance(cell, Cell):
        if options:
            raise UsageError(
                f"options {sorted(options)} were given beside the cell {cell!r}, which has its own; leave them out"
            )
        return cell
    kind = cell_class(cell) if isinstance(cell, str) else cell
    known = set(signature(kind).parameters)
    for option in options:
        if option not in known:
            raise unknown(f"option of cell {kind.__name__}", option, known or ("none: this cell has no options",))
    options = {name: _number(kind, name, value) for name, value in options.items()}
    try:
        return kind(**options)
    except TypeError as error:
        given = f"with {', '.join(sorted(options))}" if options else "without options"
        raise UsageError(f"{kind.__name__} cannot be made {given}: {error}") from error


def _number(kind: type[Cell], name: str, value: Any) -> Any:
    """An option as the cell takes it: a text, as from the command line, for an option that is a number is read."""
    default = signature(kind).parameters[name].default
    if not isinstance(value, str) or isinstance(default, bool) or not isinstance(default, (int, float)):
        return value
    try:
        return type(default)(value)
    except ValueError:
        kinds = "a whole number" if isinstance(default, int) else "a number"
        raise UsageError(f"option {name} of cell {kind.__name__} must be {kinds}, not {value!r:.40}") from None


def _cell_in(module: ModuleType) -> type[Cell]:
    own_classes = [c for c in vars(module).values() if isinstance(c, type) and c.__module__ == module.__name__]
    cells = [c for c in own_classes if issubclass(c, Cell)]
    if len(cells) != 1:
        raise UsageError(f"{module.__file__} defines {len(cells)} cells; a cell file defines one")
    return cells[0]
