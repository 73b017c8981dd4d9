"""Cells as Triton: their steps are traced once in a process, and what is made of them is handed to Triton."""

from __future__ import annotations

import linecache
from collections.abc import Callable
from functools import cached_property
from hashlib import sha256
from importlib.util import find_spec
from threading import Lock
from typing import TYPE_CHECKING, Any

from seqkit.cells import Cell
from seqkit.errors import SeqkitError
from seqkit.kernels.operators import same_options

if TYPE_CHECKING:
    from seqkit.compiler.triton import Emitted

_PROGRAMS: dict[type[Cell], list[tuple[dict[str, Any], Callable[..., Any], Program | SeqkitError]]] = {}
"""By the class of the cell: its options, its step, and what was made of them, or why nothing was"""
_tracing = Lock()


class Program:
    """The kernels of a cell, which Triton compiles when they are first called."""

    def __init__(self, cell: Cell, emitted: Emitted) -> None:
        self.cell, self.emitted = cell, emitted

    @cached_property
    def kernels(self) -> dict[str, Any]:
        """By name."""
        found = executed(self.emitted.source, type(self.cell).__name__)
        return {key: value for key, value in found.items() if key.startswith(("forward_", "backward_", "scan_"))}


def executed(source: str, title: str) -> dict[str, Any]:
    """What a file of such a source defines."""
    # Triton reads the source of its functions as tracebacks do, from a file or from here.
    name = f"<seqkit {title} {sha256(source.encode()).hexdigest()[:12]}>"
    linecache.cache[name] = len(source), None, source.splitlines(keepends=True), name
    found: dict[str, Any] = {"__name__": "seqkit.kernels.made"}
    exec(compile(source, name, "exec"), found)
    return found


def has_triton() -> bool:
    """Whether Triton is installed, which comes with torch for NVIDIA GPUs on Linux."""
    return find_spec("triton") is not None


def find_program(cell: Cell) -> Program | None:
    """The program of a cell, None if its step cannot be compiled."""
    found = _program(cell)
    return found if isinstance(found, Program) else None


def program_of(cell: Cell) -> Program:
    """The program of a cell; raises :class:`~seqkit.compiler.TraceError` if its step cannot be compiled."""
    found = _program(cell)
    if not isinstance(found, Program):
        raise found
    return found


def _program(cell: Cell) -> Program | SeqkitError:
    kind, options = type(cell), vars(cell)
    with _tracing:
        for known, step, found in _PROGRAMS.get(kind, ()):
            if step is kind.step and same_options(known, options):
                return found
        made = _made(cell)
        _PROGRAMS.setdefault(kind, []).append((dict(options), kind.step, made))
        return made


def _made(cell: Cell) -> Program | SeqkitError:
    # Not before somebody needs it: recording takes a second to import.
    from seqkit.compiler.trace import TraceError, trace
    from seqkit.compiler.triton import triton_source

    try:
        step = trace(cell)
    except TraceError as error:
        return error
    return Program(cell, triton_source(step, [cell.gate_names.index(gate) for gate in cell.recurrent_bias]))
