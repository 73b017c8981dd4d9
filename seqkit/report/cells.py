"""Facts about a cell, for lists and reports; its docstring is where its equation and its source are written."""

from __future__ import annotations

import inspect
import re
import textwrap
import typing

from seqkit.cells import Cell, available_cells
from seqkit.layers import Recurrent
from seqkit.tables import TERMINAL_WIDTH as WIDTH

_SIZE = 128


def summary(kind: type) -> str:
    """The first line of a docstring, without its full stop."""
    return _documentation(kind).partition("\n")[0].rstrip(".").replace("`", "")


def equation(kind: type) -> list[str]:
    """The blocks that ``::`` begins in a docstring, each after its opening line; nothing where there is none."""
    lines, inside = [], False
    for line in _documentation(kind).splitlines():
        if line.endswith("::"):
            inside = True
            lines.append(line.removesuffix(":").replace("`", ""))
        elif line and not line.startswith(" "):
            inside = False
        elif inside and line:
            lines.append(line.removeprefix("  "))
    return lines


def source(kind: type) -> str:
    """The paragraph of a docstring that begins with ``Source:``, or nothing."""
    return _paragraph(kind, "Source:")


def use(kind: type) -> str:
    """When to use a cell: the paragraph of its docstring that begins with ``Use:``, or nothing."""
    return _paragraph(kind, "Use:")


def options(kind: type[Cell]) -> list[str]:
    """The arguments of a cell: ``reset=after (or before)``."""
    hints = typing.get_type_hints(kind.__init__)
    return [
        f"{name}={parameter.default}{_others(hints.get(name), parameter.default)}"
        for name, parameter in inspect.signature(kind).parameters.items()
    ]


def parameters(kind: type[Cell], size: int = _SIZE) -> int:
    """How many numbers a layer of the cell learns, with so many inputs and as many units."""
    return sum(parameter.numel() for parameter in Recurrent(kind, size, size).parameters())


def describe(name: str, kind: type[Cell]) -> list[str]:
    """The name and all facts, as lines of at most 80 columns."""
    facts = {
        "gates": " ".join(kind.gate_names),
        "states": " ".join(kind.state_names),
        "options": ", ".join(options(kind)),
        "parameters": f"{parameters(kind):,} of a layer with {_SIZE} inputs and {_SIZE} units",
        "use": use(kind),
        "source": source(kind),
    }
    lines = [name, *_wrapped(summary(kind), 2)]
    lines += [line for row in equation(kind) for line in _folded(f"  {row}")]
    for fact, text in facts.items():
        if text:
            first, *others = _wrapped(text, 14)
            lines += [f"  {fact:12}{first.strip()}", *others]
    return lines


def markdown_rows() -> list[str]:
    """One row for each cell of the table in ``docs/cells.md``."""
    cells = {name: load() for name, load in available_cells().items()}
    return [
        f"| `{name}` | {summary(kind).partition(': ')[0]} | {' '.join(kind.state_names)} | {_products(kind)} | "
        f"{use(kind).rstrip('.')} | {source(kind).rstrip('.')} |"
        for name, kind in cells.items()
    ]


def _products(kind: type[Cell]) -> str:
    """The gates of a step by their recurrent products: ``f, then n``, and those without one in parentheses."""
    cell = kind()
    stages = ", then ".join(" ".join(gates) for gates in cell.stages)
    alone = " ".join(kind.gate_names[cell.recurrent_gates :])
    return " ".join(part for part in (stages, f"({alone})" if alone else "") if part)


def _wrapped(text: str, indent: int) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=" " * indent, subsequent_indent=" " * indent)


def _paragraph(kind: type, opening: str) -> str:
    paragraphs = _documentation(kind).split("\n\n")
    found = (text.removeprefix(opening) for text in paragraphs if text.startswith(opening))
    return " ".join(next(found, "").split()).replace("``", "`")


def _documentation(kind: type) -> str:
    return inspect.cleandoc(kind.__doc__ or "")


def _others(hint: object, default: object) -> str:
    others = [str(value) for value in typing.get_args(hint) if value != default]
    return f" (or {', '.join(others)})" if others and typing.get_origin(hint) is typing.Literal else ""


def _folded(line: str) -> list[str]:
    """A line of an equation; where it is too wide, the columns to the right of it go below."""
    if len(line) <= WIDTH:
        return [line]
    indent = " " * (len(line) - len(line.lstrip()) + 4)
    left, *rest = re.split(r"(?<=\S) {3,}", line)
    columns = [left, *(indent + column for column in rest)]
    return [cut for column in columns for cut in textwrap.wrap(column, WIDTH, subsequent_indent=indent)]
