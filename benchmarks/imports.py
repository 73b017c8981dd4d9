"""Who imports whom in this repository, read from the source without running it.

The storeys themselves stand in one place, the table of docs/architecture.md: the tests hold the imports to it, and
``benchmarks.house`` draws it.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/architecture.md"
PACKAGES = {"seqkit": "seqkit", "tasks": "seqkit.tasks"}
"""Folders at the top of the repository, and the names they are imported by."""


class Storey(NamedTuple):
    """A row of the table: its rooms (packages, or modules directly under seqkit/) and what they are for."""

    rooms: tuple[str, ...]
    purpose: str


class Arrow(NamedTuple):
    """``source`` imports ``target``; both are full names of modules."""

    source: str
    target: str
    line: int

    def __str__(self) -> str:
        return f"{self.source}:{self.line} imports {self.target}"


def storeys(page: Path = PAGE) -> list[Storey]:
    """The storeys of the house from the roof to the ground, as the table under "Storeys" has them."""
    section = page.read_text("utf-8").partition("\n## Storeys\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`[^|]*`) \| ([^|]*) \|$", section, re.MULTILINE)
    return [Storey(tuple(re.findall(r"`([^`]+)`", names)), purpose.strip()) for names, purpose in rows]


def modules(root: Path = ROOT) -> dict[str, Path]:
    """Every module of seqkit and of its tasks by its full name; a package goes by the name of its folder."""
    found = {}
    for folder, package in PACKAGES.items():
        for path in sorted((root / folder).rglob("*.py")):
            parts = path.relative_to(root / folder).with_suffix("").parts
            found[".".join((package, *(part for part in parts if part != "__init__")))] = path
    return found


def room_of(module: str) -> str:
    """The room that a module lies in: ``layers`` for ``seqkit.layers.crf``, ``__init__`` for ``seqkit`` itself."""
    return module.split(".")[1] if "." in module else "__init__"


def arrows(found: dict[str, Path]) -> list[Arrow]:
    """Every import between these modules, once.

    Imports inside functions and those for type checkers count: whoever reads the file has to know the other, too. A
    name that a package only passes on leads to the module that it comes from. Plugins found by their presence
    (``seqkit.plugins``) are no arrows: nothing in the source names them.
    """
    named = {module: list(_named(module, path)) for module, path in found.items()}
    passed_on = {
        (module, alias): (origin, name)
        for module, path in found.items()
        if path.name == "__init__.py"
        for origin, name, alias, _ in named[module]
    }
    lines: dict[tuple[str, str], int] = {}
    for module in found:
        for origin, name, _, line in named[module]:
            target = _home(origin, name, passed_on, found)
            if target in found and target != module:
                lines.setdefault((module, target), line)
    return [Arrow(source, target, line) for (source, target), line in lines.items()]


def _named(module: str, path: Path) -> Iterator[tuple[str, str, str, int]]:
    """Every import of a file: the module, the name taken out of it, the name it gets here, the line."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "", alias.asname or alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: 1 - node.level or None] if node.level else []
            origin = ".".join([*above, *filter(None, [node.module])])
            yield from ((origin, alias.name, alias.asname or alias.name, node.lineno) for alias in node.names)


def _home(origin: str, name: str, passed_on: dict[tuple[str, str], tuple[str, str]], found: dict[str, Path]) -> str:
    """The module that a name comes from, through the packages that pass it on."""
    while f"{origin}.{name}" not in found and (origin, name) in passed_on:
        origin, name = passed_on[origin, name]
    return f"{origin}.{name}" if f"{origin}.{name}" in found else origin


def cycles(between: Iterable[Arrow]) -> list[list[str]]:
    """The sets of modules of which each reaches each other one, every set sorted; none in a house without cycles."""
    targets: dict[str, set[str]] = defaultdict(set)
    for source, target, _ in between:
        targets[source].add(target)
    reached = {module: _reached(module, targets) for module in list(targets)}
    found = {
        frozenset(other for other in reached[module] if module in reached.get(other, ()))
        for module in reached
        if module in reached[module]
    }
    return sorted(map(sorted, found))


def _reached(start: str, targets: dict[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    waiting = [*targets[start]]
    while waiting:
        module = waiting.pop()
        if module not in seen:
            seen.add(module)
            waiting.extend(targets.get(module, ()))
    return seen
