"""One C file, put together from constants and functions.

Templates write ``$name`` before everything that other files see, and ``$NAME`` before macros.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.resources import files

import regex
import torch
from torch import Tensor

from seqkit.cells import Cell
from seqkit.errors import UsageError

_WIDTH = 100
"""Columns of a table of numbers"""
_KEYWORDS = {"auto", "char", "const", "double", "float", "for", "if", "int", "long", "short", "static", "void", "main"}


def identifier(name: str) -> str:
    """A name of C from the name of a run: ``my-run 2`` is ``my_run_2``."""
    safe: str = regex.sub(r"[^A-Za-z0-9]+", "_", name).strip("_").lower()
    return safe if safe[:1].isalpha() and safe not in _KEYWORDS else f"model_{safe}".rstrip("_")


def quoted(text: str | bytes) -> str:
    """A text as a literal of C, in ASCII; whatever C or a template would read otherwise is written in octal."""
    plain = set(range(32, 127)) - set(map(ord, '"\\?$'))
    content = text.encode() if isinstance(text, str) else text
    return '"' + "".join(chr(byte) if byte in plain else f"\\{byte:03o}" for byte in content) + '"'


def number(value: float) -> str:
    """A float32 as a literal that is read as the same number."""
    text = f"{value:.9g}"
    return (text if {*text} & {*".e"} else text + ".0") + "f"


def state_fields(cell: Cell) -> tuple[str, ...]:
    """The names in C of the states of a cell, whatever its author calls them: h, c, c2, …"""
    return ("h", "c", *(f"c{number}" for number in range(2, len(cell.state_names))))[: len(cell.state_names)]


class Source:
    """Constants and functions in the order in which they are added, each once.

    Args:
        int8: whether matrices are rounded to int8.
    """

    def __init__(self, int8: bool = False) -> None:
        self.int8 = int8
        self._entries: list[str] = []
        self._known: set[str] = set()

    def add(self, text: str) -> None:
        """Adds C, unless it is there already."""
        text = text.strip("\n")
        if text not in self._known:
            self._known.add(text)
            self._entries.append(text)

    def part(self, name: str) -> None:
        """Adds a file of ``parts``."""
        self.add(files("seqkit.export.c").joinpath("parts").joinpath(name).read_text("utf-8"))

    def table(self, kind: str, name: str, values: Iterable[str]) -> None:
        """Adds a constant array; an empty one has a 0 that nobody reads."""
        entries = list(values) or ["0"]
        static = "" if name.startswith("$name") else "static "
        self.add(f"{static}const {kind} {name}[{len(entries)}] = {{\n{_lines(entries)}\n}};")

    def floats(self, name: str, tensor: Tensor) -> None:
        """Adds a tensor, row by row; raises :class:`UsageError` for what is no finite number."""
        values = tensor.detach().to(torch.float32).flatten()
        if not values.isfinite().all():
            raise UsageError("the model has weights that are infinite or no numbers; train it again")
        self.table("float", name, map(number, values.tolist()))

    def integers(self, name: str, values: Iterable[int], kind: str = "int") -> None:
        """Adds an array of whole numbers."""
        self.table(kind, name, map(str, values))

    def strings(self, name: str, values: Iterable[str | bytes]) -> None:
        """Adds an array of texts."""
        self.table("char *const", name, map(quoted, values))

    def text(self, prefix: str) -> str:
        """The whole file, with names that begin with ``prefix``."""
        joined = "\n\n".join(self._entries) + "\n"
        return joined.replace("$name", prefix).replace("$NAME", prefix.upper())


def _lines(entries: Sequence[str]) -> str:
    """Entries with commas between them, in lines of about equal length."""
    lines, line = [], "   "
    for entry in entries:
        if len(line) + len(entry) + 2 > _WIDTH and line.strip():
            lines.append(line)
            line = "   "
        line += f" {entry},"
    return "\n".join([*lines, line])
