"""Facts about a cell, for lists and reports; its docstring is where its equation and its source are written."""

from __future__ import annotations

import inspect
import re
import textwrap
import typing
from importlib import import_module

from seqkit.cells import Cell, available_cells
from seqkit.layers import Recurrent
from seqkit.tables import TERMINAL_WIDTH as WIDTH

_SIZE = 128
FAMILIES = ("rnn", "lstm", "gru", "independent", "dynamical")
"""In the order in which they are shown"""


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


def equation_paragraphs(kind: type) -> list[tuple[str, list[str]]]:
    """The blocks of a docstring that ``::`` opens: the opening line as it is written, and the lines below it."""
    found: list[tuple[str, list[str]]] = []
    for opening, block in re.findall(r"^(\S[^\n]*):\n\n((?: +[^\n]+\n)+)", _documentation(kind) + "\n", re.MULTILINE):
        if opening.endswith(":"):
            found.append((opening.replace("``", "`"), [line.removeprefix("    ") for line in block.splitlines()]))
    return found


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
    """How many numbers a layer of the cell learns, with this many inputs and as many units."""
    return parameters_of(kind, size, size)


def parameters_of(kind: type[Cell], inputs: int, units: int) -> int:
    """The same for this many inputs and units."""
    return sum(parameter.numel() for parameter in Recurrent(kind, inputs, units).parameters())


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


def families() -> dict[str, dict[str, type[Cell]]]:
    """The cells by the names of their families, then by their own; those of installed packages are ``others``."""
    found: dict[str, dict[str, type[Cell]]] = {name: {} for name in FAMILIES}
    for name, load in available_cells().items():
        kind = load()
        found.setdefault(family(kind), {})[name] = kind
    # The cell that a family is named after comes first.
    return {
        name: dict(sorted(cells.items(), key=lambda item: (item[0] != name, item[0])))
        for name, cells in found.items()
        if cells
    }


def family(kind: type[Cell]) -> str:
    """The folder of ``seqkit/cells`` that a cell lies in, or ``others``."""
    package, _, rest = kind.__module__.partition("seqkit.cells.")
    return rest.partition(".")[0] if not package and "." in rest else "others"


def family_text(name: str) -> tuple[str, str]:
    """What a family is: its title, and the text about it, from the docstring of its package."""
    if name == "others":
        return "Others: of installed packages", ""
    title, _, text = inspect.cleandoc(import_module(f"seqkit.cells.{name}").__doc__ or name).partition("\n\n")
    return title.rstrip("."), text


def parameter_formula(kind: type[Cell]) -> str:
    """How many numbers a layer learns, of I inputs and H units: ``4·I·H + 4·H² + 4·H``."""
    one, two, three = (parameters_of(kind, 1, units) for units in (1, 2, 3))
    inputs = parameters_of(kind, 2, 1) - one
    squares = (three - 2 * two + one) // 2
    units = two - one - inputs - 3 * squares
    terms = {"I·H": inputs, "H²": squares, "H": units}
    return " + ".join(f"{count}·{term}" if count > 1 else term for term, count in terms.items() if count)


def products(kind: type[Cell]) -> str:
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
