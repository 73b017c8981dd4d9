"""A run directory: one trained model and everything about it, in a folder that can be copied anywhere."""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Callable, Container
from pathlib import Path
from typing import Any

from seqkit.errors import SeqkitError, UsageError
from seqkit.files import read_json, read_ordinary, write_atomic, write_json
from seqkit.runs.schemas import RUN
from seqkit.schema import FileName, check_schema
from seqkit.version import __version__

FORMAT = 1
"""Of an ordinary run. Counts up when an older seqkit could not read the folder."""
ENSEMBLE_FORMAT = 2
"""Of an ensemble; the newest that this seqkit reads"""


class RunDirectory:
    """The files of a run. ``run.json`` says what made it and guards the files that never change."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.manifest = path / "run.json"
        self.config = path / "config.toml"
        self.model = path / "model.safetensors"
        self.checkpoint = path / "checkpoint" / "last.safetensors"
        self.metrics = path / "metrics.jsonl"
        self.results = path / "results.json"
        self.pretraining = path / "pretraining.json"
        self.predictions = path / "predictions.jsonl"
        self.findings = path / "report.json"
        self.report = path / "report.html"
        self.log = path / "log.txt"

    @classmethod
    def create(
        cls,
        path: Path,
        facts: dict[str, Any],
        files: dict[str, bytes],
        first: Callable[[], None] = lambda: None,
    ) -> RunDirectory:
        """Makes the folder with the files that never change again.

        Args:
            path: of the folder; raises :class:`UsageError` if it is in use.
            facts: what ``run.json`` says, beside the versions and the digests of the files.
            files: name to content.
            first: writes what a run must have from its first moment; before that, the folder is no run.
        """
        check_free(path)
        try:
            for name in files:
                (path / name).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"cannot make {path}: {error.strerror}; choose another folder with --out") from None
        run = cls(path)
        for name, content in files.items():
            write_atomic(path / name, content)
        first()
        digests = {name: _digest(content) for name, content in files.items()}
        versions = {"format": FORMAT, "seqkit": __version__, "python": platform.python_version()}
        write_json(run.manifest, {**versions, **facts, "digests": digests})
        return run

    @classmethod
    def open(cls, path: Path) -> tuple[RunDirectory, dict[str, Any]]:
        """An existing run and its facts.

        Raises :class:`UsageError` for a folder that is no run, :class:`SeqkitError` for a newer format and for files
        that were edited.
        """
        run = cls(path)
        facts = run.read_facts()
        if facts["format"] > ENSEMBLE_FORMAT:
            raise SeqkitError(
                f"{path} was made by a newer seqkit ({facts.get('seqkit', 'unknown')}, this is {__version__}); "
                "upgrade: pip install -U seqkit"
            )
        changing = facts.get("changing", {})
        for name, digest in facts["digests"].items():
            run._check_file(name, {digest, changing.get(name)})
        return run, facts

    def replace_file(self, name: str, content: bytes, facts: dict[str, Any]) -> None:
        """Replaces a file that is guarded; ``facts`` are those of :meth:`open`, and are written along.

        If it is interrupted, the folder has either the old file or the new one, and can be opened with both.
        """
        write_json(self.manifest, {**facts, "changing": {name: _digest(content)}})
        write_atomic(self.path / name, content)
        facts["digests"][name] = _digest(content)
        write_json(self.manifest, {key: value for key, value in facts.items() if key != "changing"})

    def read_facts(self) -> dict[str, Any]:
        """What ``run.json`` says; raises :class:`UsageError` where there is none, else :class:`SeqkitError`."""
        if not self.manifest.is_file():
            raise UsageError(f"{self.path} is no run; name a folder that `seqkit run` has made")
        facts: dict[str, Any] = read_json(self.manifest, RUN)
        for name in facts["digests"]:
            check_schema(name, FileName(), self.manifest)
        return facts

    def _check_file(self, name: str, digests: Container[str | None]) -> None:
        path = self.path / name
        try:
            content = read_ordinary(path)
        except OSError as error:
            raise SeqkitError(f"cannot read {path}: {error.strerror}; restore it from a copy") from None
        if _digest(content) not in digests:
            raise SeqkitError(
                f"{path} was changed after the run was made; restore it, or start a new run with the changed settings"
            )


def check_free(path: Path) -> None:
    """Raises :class:`UsageError` unless a new run can be made there."""
    if path.is_dir() and any(path.iterdir()):
        is_run = (path / "run.json").exists()
        mend = f"go on with `seqkit resume {path}`, or choose" if is_run else "choose"
        raise UsageError(f"{path} exists and is not empty; {mend} another folder with --out")
    if path.exists() and not path.is_dir():
        raise UsageError(f"{path} is a file; choose a folder with --out")
    above = path.absolute()
    while not above.exists():
        above = above.parent
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        raise UsageError(f"cannot write in {above}; choose another folder with --out")


def next_free(base: Path, name: str) -> Path:
    """``base/name-1``, or the one with the first number that is not taken."""
    number = 1
    while (base / f"{name}-{number}").exists():
        number += 1
    return base / f"{name}-{number}"


def _digest(content: bytes) -> str:
    """Against accidents and edits that were forgotten, not against forgery: who edits a file can edit this, too."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()
