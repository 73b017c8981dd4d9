"""A run directory: one trained model and everything about it, in a folder that can be copied anywhere."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from torch import Tensor

from seqkit.errors import SeqkitError, UsageError
from seqkit.files import digest_of, json_bytes, read_ordinary, remove_temporary_files, signed, write_atomic
from seqkit.runs.lock import FolderLock
from seqkit.runs.manifest import FORMAT, read_manifest
from seqkit.runs.places import UNFINISHED, check_free, empty
from seqkit.training.checkpoint import read_bytes, tensor_bytes, tensors_of
from seqkit.version import __version__

PRETRAINED = ".pretraining"
"""The folder of language models that are finished, until it is deleted"""


class RunDirectory:
    """The files of a run.

    ``run.json`` says what made it and has the digests of all files: under ``digests`` of those that never change, under
    ``files`` of what a finished run has found. It has one of itself, too. ``identity`` is a digest of all that decides
    what the run trains; it is in every file of tensors, so that none can be taken for that of another run.
    """

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
        self.card = path / "card.md"
        self.log = path / "log.txt"
        self.trace = path / "trace.json"
        self.lock = FolderLock(path)
        self.identity: str | None = None
        """None for a run of 0.2.0 and before, and for one that has not been opened"""

    @classmethod
    def create(
        cls,
        path: Path,
        facts: dict[str, Any],
        files: dict[str, bytes],
        first: Callable[[RunDirectory], None] = lambda run: None,
    ) -> RunDirectory:
        """Makes the folder with the files that never change again; what fails on the way leaves nothing behind.

        Args:
            path: of the folder; raises :class:`UsageError` if it is in use.
            facts: what ``run.json`` says, beside the versions and the digests of the files.
            files: name to content.
            first: writes what a run must have from its first moment; before that, the folder is no run.
        """
        check_free(path)
        existed, run = path.exists(), cls(path)
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"cannot make {path}: {error.strerror}; choose another folder with --out") from None
        try:
            with run.lock:
                run._begin(facts, files, first)
        except BaseException:
            if not existed:
                with suppress(OSError):  # somebody else's files are in it
                    path.rmdir()
            raise
        return run

    def _begin(self, facts: dict[str, Any], files: dict[str, bytes], first: Callable[[RunDirectory], None]) -> None:
        # Another process may have been quicker.
        check_free(self.path)
        empty(self.path)
        try:
            self._fill(facts, files, first)
        except BaseException:
            empty(self.path)
            raise

    def _fill(self, facts: dict[str, Any], files: dict[str, bytes], first: Callable[[RunDirectory], None]) -> None:
        digests = {name: digest_of(content) for name, content in files.items()}
        self.identity = digest_of(json_bytes([facts["task"], facts["data"], digests]))
        (self.path / UNFINISHED).touch()
        for name, content in files.items():
            (self.path / name).parent.mkdir(parents=True, exist_ok=True)
            self.write(self.path / name, content)
        first(self)
        versions = {"format": FORMAT, "seqkit": __version__, "python": platform.python_version()}
        self.write_facts({**versions, **facts, "identity": self.identity, "digests": digests})
        (self.path / UNFINISHED).unlink()

    @classmethod
    def open(cls, path: Path) -> tuple[RunDirectory, dict[str, Any]]:
        """An existing run and its facts.

        Raises :class:`UsageError` for a folder that is not a run, :class:`SeqkitError` for a newer format and for files
        that were edited.
        """
        run = cls(path)
        facts = run.read_facts()
        changing = facts.get("changing", {})
        for name in ("config.toml", *facts.get("codec", [])):
            # Those of an ensemble are its members'.
            if name not in facts["digests"] and not facts.get("members"):
                raise SeqkitError(f"{run.manifest} is damaged: it has no digest of {name}; restore it from a backup")
        for name, digest in facts["digests"].items():
            run._check_file(name, {digest, changing.get(name)})
        run.identity = facts.get("identity")
        return run, facts

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Inside, no other process writes in the folder, and what killed ones left there is gone.

        Raises :class:`UsageError` naming the process that writes there now.
        """
        with self.lock:
            for folder in (self.path, self.checkpoint.parent, self.path / "pretraining"):
                remove_temporary_files(folder)
            shutil.rmtree(self.path / PRETRAINED, ignore_errors=True)
            if self.manifest.exists():
                (self.path / UNFINISHED).unlink(missing_ok=True)
            yield

    def write(self, path: Path, content: bytes) -> None:
        """Writes a file of the run atomically, unless another process has taken the folder over meanwhile."""
        if self.lock.token is None:
            write_atomic(path, content)
        else:
            write_atomic(path, content, self.lock.check)

    def write_tensors(self, path: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
        """Writes tensors and facts (JSON), with the identity of the run."""
        self.write(path, tensor_bytes(tensors, {**facts, "run": self.identity}))

    def read_tensors(self, path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """What :meth:`write_tensors` wrote; raises :class:`SeqkitError` for a file that is damaged or another run's."""
        content = read_bytes(path)
        tensors, facts = tensors_of(path, content)
        if self.identity is not None and facts.get("run") != self.identity:
            raise SeqkitError(f"{path} is of another run than {self.manifest}; restore it from a backup")
        if self.results.exists():
            self._check_found(path, content, self.read_facts())
        return tensors, facts

    def replace_file(self, name: str, content: bytes, facts: dict[str, Any]) -> None:
        """Replaces a file that has a digest in ``run.json``, see :meth:`replace_files`."""
        self.replace_files({name: content}, facts)

    def replace_files(self, contents: Mapping[str, bytes], facts: dict[str, Any]) -> None:
        """Replaces files that have digests in ``run.json``; ``facts`` are those of :meth:`open`, and are written along.

        If it is interrupted, the folder has of each either the old file or the new one, and can be opened with both.
        """
        self._settle(facts)
        digests = {name: digest_of(content) for name, content in contents.items()}
        self.write_facts({**facts, "changing": digests})
        for name, content in contents.items():
            self.write(self.path / name, content)
        for name, digest in digests.items():
            facts["digests" if name in facts["digests"] else "files"][name] = digest
        self.write_facts(facts)

    def _settle(self, facts: dict[str, Any]) -> None:
        """Takes over what an interrupted replacement has written."""
        facts.setdefault("files", {})
        for name, digest in facts.pop("changing", {}).items():
            path = self.path / name
            if path.is_file() and digest_of(path.read_bytes()) == digest:
                facts["digests" if name in facts["digests"] else "files"][name] = digest

    def complete(self, results: bytes, found: Mapping[str, bytes]) -> None:
        """Writes what a run has found; ``results.json`` last, as a run that has it is finished."""
        # A report is of earlier results. The card is rebuilt with it, and keeps what people have filled in.
        for path in (self.results, self.findings, self.report):
            path.unlink(missing_ok=True)
        for name, content in found.items():
            self.write(self.path / name, content)
        there = (path for path in (self.model, self.checkpoint, self.metrics, self.pretraining) if path.exists())
        files = {str(path.relative_to(self.path)): digest_of(path.read_bytes()) for path in there}
        files |= {name: digest_of(content) for name, content in found.items()}
        facts = {**self.read_facts(), "files": {**files, self.results.name: digest_of(results)}}
        facts.pop("changing", None)
        self.write_facts(facts)
        self.write(self.results, results)

    def settle(self) -> None:
        """Ends what a process that was killed has begun to replace, and removes what it left."""
        with self.writing():
            facts = self.read_facts()
            if "changing" in facts:
                self._settle(facts)
                self.write_facts(facts)

    def missing(self, facts: Mapping[str, Any]) -> list[str]:
        """The files that a finished run should have and has not."""
        needed = [*facts.get("files", {}), self.predictions.name, self.findings.name, self.report.name, self.card.name]
        return [name for name in dict.fromkeys(needed) if not (self.path / name).is_file()]

    def check_found(self, facts: Mapping[str, Any], *names: str) -> None:
        """Raises :class:`SeqkitError` where a finished run's file is not what it was; without names, any that is there.

        The card may be changed: people fill it in. Runs of 0.2.0 and before have no digests of what they found.
        """
        for name in names or facts.get("files", {}).keys() - {self.card.name}:
            path = self.path / name
            if self.results.exists() and path.is_file():
                self._check_found(path, path.read_bytes(), facts)

    def _check_found(self, path: Path, content: bytes, facts: Mapping[str, Any]) -> None:
        name = str(path.relative_to(self.path))
        digests = {found[name] for found in (facts.get("files", {}), facts.get("changing", {})) if name in found}
        if digests and digest_of(content) not in digests:
            raise SeqkitError(
                f"{path} was changed after the run was finished; restore it from a backup, or run the task again"
            )

    def write_facts(self, facts: Mapping[str, Any]) -> None:
        """Writes ``run.json`` with a digest of itself."""
        self.write(self.manifest, signed(facts))

    def read_facts(self) -> dict[str, Any]:
        """What ``run.json`` says; raises :class:`UsageError` where there is none, else :class:`SeqkitError`."""
        if self.manifest.is_file():
            return read_manifest(self.manifest)
        if (self.path / UNFINISHED).exists():
            raise UsageError(f"{self.path} was stopped before its run began; start it again with the same --out")
        raise UsageError(f"{self.path} is not a run; give a folder made by `seqkit run`")

    def _check_file(self, name: str, digests: Container[str | None]) -> None:
        path = self.path / name
        try:
            content = read_ordinary(path)
        except OSError as error:
            raise SeqkitError(f"cannot read {path}: {error.strerror}; restore it from a backup") from None
        if digest_of(content) not in digests:
            raise SeqkitError(
                f"{path} was changed after the run was made; restore it, or start a new run with the changed settings"
            )
