"""The runs of a service by their names, and how a new version of one takes the place of the old."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from seqkit.errors import UsageError, unknown
from seqkit.runtime.manifest import MANIFEST, is_exported
from seqkit.serve.problem import Problem
from seqkit.serve.served import Served

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_EVERY = 1.0
"""Seconds between two looks at the folders"""
log = logging.getLogger("seqkit.serve")

Open = Callable[[Path], Served]
"""Opens what a folder holds"""


def named_runs(arguments: Sequence[str]) -> dict[str, Path]:
    """Runs by name, from paths and ``NAME=PATH``; raises :class:`UsageError` for names that a URL cannot have."""
    runs: dict[str, Path] = {}
    for argument in arguments:
        name, equals, path = argument.partition("=")
        if not equals or not _NAME.fullmatch(name):
            name, path = Path(argument).absolute().name, argument
        if not _NAME.fullmatch(name):
            raise UsageError(f"{name!r:.80} cannot be part of a URL; give the run a name: NAME={path}")
        if name in runs:
            raise UsageError(f"two runs are called {name}; give one another name: NAME={path}")
        runs[name] = Path(path)
    return runs


class Registry:
    """What is served under each name."""

    def __init__(self, paths: Mapping[str, Path], open_run: Open) -> None:
        self.paths, self._open = dict(paths), open_run
        self._seen = {name: _stamps(path) for name, path in paths.items()}
        self.served = {name: open_run(path) for name, path in paths.items()}
        self.reloads = 0

    def find(self, name: str | None) -> tuple[str, Served]:
        """The run of that name, or the only one; raises :class:`Problem`."""
        if name is None:
            if len(self.served) > 1:
                raise Problem(422, f"say which run: {', '.join(self.served)}")
            return next(iter(self.served.items()))
        if name not in self.served:
            raise Problem(404, str(unknown("run", name, self.served)))
        return name, self.served[name]

    async def watch(self) -> None:
        """Puts new versions in the place of old ones, for ever; requests that were taken end with the old one."""
        while True:
            await asyncio.sleep(_EVERY)
            for name in self.paths:
                await self.look(name)

    async def look(self, name: str) -> None:
        """Loads a run again, beside the old one, if its files have changed."""
        path, stamps = self.paths[name], _stamps(self.paths[name])
        if stamps == self._seen[name]:
            return
        try:
            served = await asyncio.to_thread(self._open, path)
        except Exception as error:  # any: a folder that is being written may hold anything
            if stamps is not None and _stamps(path) == stamps:
                # It does not get better by trying again; the old version continues.
                self._seen[name] = stamps
                log.warning("%s was not reloaded, the previous version is still served: %s", name, error)
            return
        self._seen[name] = stamps
        if served.version != self.served[name].version:
            self.served[name] = served
            self.reloads += 1
            log.warning("%s was reloaded: version %s", name, served.version)


def _stamps(path: Path) -> list[tuple[int, int, int]] | None:
    """What changes with the manifests of a run and of its members; None while there is none."""
    try:
        manifest = path / (MANIFEST if is_exported(path) else "run.json")
        files = [manifest, *sorted(path.glob("members/*/run.json"))]
        return [(s.st_mtime_ns, s.st_size, s.st_ino) for s in (file.stat() for file in files)]
    except OSError:
        return None
