"""A cell that a person names on the command line: by its name, or by a file of theirs and the class in it."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from seqkit.cells import Cell, make_cell
from seqkit.errors import UsageError, unknown


def cell_named(text: str) -> Cell:
    """The cell ``gru`` or ``my.py:MyCell``; the file is run, so that only who names it may have it run.

    Raises:
        UsageError: there is no such cell, file or class, or it cannot be made without options.
    """
    file, colon, name = text.rpartition(":")
    if not colon or not file.endswith(".py"):
        return make_cell(text)
    classes = _classes_of(Path(file))
    if name not in classes:
        raise unknown(f"class of a cell in {file}", name, classes or ("none: it defines no cell",))
    try:
        return classes[name]()
    except TypeError as error:
        raise UsageError(f"{name} of {file} cannot be made without options: {error}") from error


def _classes_of(path: Path) -> dict[str, type[Cell]]:
    if not path.is_file():
        raise UsageError(f"there is no file {path}; give it as FILE.py:CLASS")
    spec = spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    # What its classes look up in their own module has to find it, and what it imports may lie beside it.
    sys.modules.setdefault(path.stem, module)
    sys.path.append(str(path.parent))
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise UsageError(f"{path} cannot be run ({type(error).__name__}: {error}); correct it first") from error
    found = vars(module).items()
    return {name: value for name, value in found if isinstance(value, type) and issubclass(value, Cell)}
