"""Cells that users write as native kernels: their step is compiled once, and found again.

What a cell computes is traced in every process that would run it, and a library is taken only if it was made of the
same expressions: no stamp of a file could show that nothing which its step calls has changed.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any, NamedTuple

from seqkit.cells import Cell
from seqkit.errors import SeqkitError
from seqkit.kernels.build import BuildError, CellSource, any_cell_built, build, built
from seqkit.kernels.library import add_cells, ensure, ready
from seqkit.kernels.operators import CELLS, add_cell, operator_name, same_options

_adding = Lock()
_LOOKED_FOR: dict[type[Cell], list[tuple[dict[str, Any], Callable[..., Any]]]] = {}
"""Cells that were not found: their options and steps, by class"""


class Translated(NamedTuple):
    """Cells as one C++ file, and the name of each in it."""

    cells: tuple[Cell, ...]
    names: tuple[str, ...]
    source: CellSource


def translate(cells: Sequence[Cell]) -> Translated:
    """The C++ of some cells.

    Raises:
        seqkit.compiler.TraceError: a step cannot be compiled.
    """
    # Not before somebody needs it: recording takes a second to import.
    from seqkit.compiler.cpp import library

    structs = [struct_of(cell) for cell in cells]
    names = tuple(f"compiled-{hashlib.sha256(text.encode()).hexdigest()[:16]}" for text in structs)
    title = ", ".join(type(cell).__name__ for cell in cells)
    return Translated(tuple(cells), names, CellSource(title, library(dict(zip(names, structs, strict=True)))))


def struct_of(cell: Cell) -> str:
    """The C++ of one cell, as :func:`seqkit.compiler.cpp.library` takes it; raises as :func:`translate`."""
    from seqkit.compiler import cpp
    from seqkit.compiler.trace import trace

    return cpp.struct_of(trace(cell), [cell.gate_names.index(gate) for gate in cell.recurrent_bias])


def ensure_cells(
    cells: Sequence[Cell], say: Callable[[str], None], complain: Callable[[str], None] | None = None
) -> bool:
    """Compiles cells that have no native kernel yet, and loads them.

    Args:
        cells: any; those that run natively are left alone.
        say: is called with one line that a build begins, which takes about ten seconds.
        complain: is called with one line why a cell cannot be compiled, if so; None: ``say`` is.

    Returns:
        Whether all of them have native kernels now.
    """
    missing = [cell for cell in cells if operator_name(cell) is None]
    if not missing or not ensure(say, complain):
        return not missing
    try:
        return _add(missing, lambda translated: build(say, cell=translated.source))
    except SeqkitError as error:
        (complain or say)(f"{error}; the reference loop is used")
        return False


def find_cell(cell: Cell, build_it: bool = False) -> bool:
    """Whether a cell has a native kernel: it was compiled here before, or is now; asked once for each cell.

    Raises:
        SeqkitError: with ``build_it``, that it cannot be compiled.
    """
    kind, options = type(cell), dict(vars(cell))
    if not build_it:
        if any(step is kind.step and same_options(each, options) for each, step in _LOOKED_FOR.get(kind, ())):
            return False
        _LOOKED_FOR.setdefault(kind, []).append((options, kind.step))
        if not any_cell_built() or not ready():
            return False
    elif not ensure(_print):
        return False
    try:
        return _add([cell], lambda translated: _build_aloud(translated) if build_it else built(cell=translated.source))
    except SeqkitError:
        if build_it:
            raise
        return False


def _add(cells: Sequence[Cell], library: Callable[[Translated], Any]) -> bool:
    translated = translate(cells)
    with _adding:
        if any(name not in CELLS for name in translated.names):
            path = library(translated)
            if path is None:
                return False
            if not add_cells(path):
                raise BuildError("the native kernels of this process are of other sources than the compiled cell")
        for name, cell in zip(translated.names, cells, strict=True):
            add_cell(name, cell)
    return True


def _build_aloud(translated: Translated) -> Any:
    return build(_print, cell=translated.source)


def _print(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
