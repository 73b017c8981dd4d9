"""Finds cells and tasks by their presence: a file in the package, or an entry point of an installed package."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

Loader = Callable[[], Any]


def discover(package: str, skip: tuple[str, ...], pick: Callable[[ModuleType], Any]) -> dict[str, Loader]:
    """The plugins of a group: name to a function that loads one, so that listing names imports nothing.

    The file ``my_cell.py`` in the package, or in a folder of it, is called ``my-cell``; ``pick`` takes the object out
    of the imported module. Installed packages add theirs through an entry point in the group named like the package,
    and never replace ours.
    """
    loaders = {**_installed(package, tuple((folder, _changed(folder)) for folder in sys.path))}
    for folder in _folders(package):
        for path in [*folder.glob("*.py"), *folder.glob("*/*.py")]:
            if path.stem not in (*skip, "__init__"):
                # After the entry points, so that ours are never replaced.
                module = ".".join((package, *path.relative_to(folder).with_suffix("").parts))
                loaders[path.stem.replace("_", "-")] = _module_loader(module, pick)
    return dict(sorted(loaders.items()))


@lru_cache(maxsize=64)
def _installed(group: str, folders: tuple[tuple[str, int], ...]) -> dict[str, Loader]:
    """The plugins of packages in these folders; reading what all packages say of themselves takes 10 ms."""
    return {entry.name: entry.load for entry in entry_points(group=group)}


def _changed(folder: str) -> int:
    """When a folder was last changed, such as by an installation; 0 where there is none."""
    try:
        return Path(folder).stat().st_mtime_ns
    except OSError:
        return 0


def available_tasks() -> dict[str, Loader]:
    """The names of all tasks, ours and those of installed packages, each with a function that loads it."""
    return discover("seqkit.tasks", skip=(), pick=lambda module: module.TASK)


def source_files(package: str) -> list[Path]:
    """The modules of a package as files, without importing them."""
    return sorted(path for folder in _folders(package) for path in folder.glob("*.py") if path.stem != "__init__")


def _folders(package: str) -> list[Path]:
    spec = find_spec(package)
    return [Path(folder) for folder in (spec.submodule_search_locations or [])] if spec else []


def _module_loader(module: str, pick: Callable[[ModuleType], Any]) -> Loader:
    return lambda: pick(import_module(module))
