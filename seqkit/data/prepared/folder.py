"""The folder of a prepared data set: a manifest, and a file of examples for each split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqkit.data.prepared.examples import PreparedExamples, read_all
from seqkit.data.prepared.forms import ExampleForms
from seqkit.data.prepared.rows import Rows
from seqkit.data.splits import SPLIT_NAMES, Splits
from seqkit.errors import SeqkitError
from seqkit.files import read_json, without_digest
from seqkit.schema import ANYTHING, FileName, Whole

MANIFEST = "prepared.json"
FORMAT = 1
"""Counts up when a folder cannot be read by the versions before."""
_MANY = 2**62
_SPLIT = {
    "file": FileName(),
    "examples": Whole(0, _MANY),
    "bytes": Whole(0, _MANY),
    "size": Whole(0, _MANY),
    "digest": str,
    "amount": Whole(0, _MANY),
    "unit": str,
}
_SCHEMA = {
    "task": str,
    "version": str,
    "kinds": [str],
    "files": [str],
    "options": {str: ANYTHING},
    "splits": dict.fromkeys(SPLIT_NAMES, _SPLIT),
    "fingerprint": str,
    "firsts": [Whole(0, _MANY)],
    "notes": [str],
    "asked?": {str: ANYTHING},
    "sources": [{"path": str, "size": int, "modified": int}],
}
WHOLE = 64 << 20
"""Bytes of training examples that are read into memory as a whole; a run then has the bits of one on the file."""
SAMPLE = 24 << 20
"""Bytes of a larger training split that vocabulary, n-grams and baseline are learned from."""


def is_prepared(path: str | Path | None) -> bool:
    """Whether the path is a prepared data set."""
    return bool(path) and (Path(str(path)) / MANIFEST).is_file()


@dataclass(frozen=True)
class PreparedFolder:
    """A prepared data set: its folder, and what the manifest says."""

    path: Path
    facts: Mapping[str, Any]

    def splits(self, kinds: Sequence[type[Any]], seed: int) -> Splits[Any]:
        """The three splits; training is a :class:`StoredExamples` if it is too large for memory.

        Args:
            kinds: the dataclasses that the examples may be of.
            seed: draws the sample of a large training split.

        Raises :class:`SeqkitError` for files that are missing or damaged.
        """
        known = {kind.__name__: kind for kind in kinds}
        if missing := [name for name in self.facts["kinds"] if name not in known]:
            raise SeqkitError(f"{self.path / MANIFEST} has examples of an unknown kind, {missing[0]}; {_AGAIN}")
        forms = ExampleForms([known[name] for name in self.facts["kinds"]], list(self.facts["files"]))
        train: Any = self._stored(forms, seed) if self.facts["splits"]["train"]["bytes"] > WHOLE else None
        if train is None:
            train = read_all(self._rows("train"), forms)
        return Splits(train, *(read_all(self._rows(name), forms) for name in ("valid", "test")))

    def _stored(self, forms: ExampleForms, seed: int) -> PreparedExamples[Any]:
        of = self.facts["splits"]["train"]
        size, fingerprint = (of["amount"], of["unit"]), self.facts["fingerprint"]
        return PreparedExamples(self._rows("train"), forms, fingerprint, size, self.facts["firsts"], SAMPLE, seed)

    def _rows(self, split: str) -> Rows:
        facts = self.facts["splits"][split]
        return Rows(self.path / facts["file"], facts["examples"], facts["size"], facts["digest"])

    def check_files(self) -> None:
        """Raises :class:`SeqkitError` for a file that is missing or of another size."""
        for name in SPLIT_NAMES:
            self._rows(name)

    def changed_sources(self) -> list[str]:
        """The files that were prepared and are not as they were; one that is no longer there has not changed."""
        there = [source for source in self.facts["sources"] if Path(source["path"]).exists()]
        return [source["path"] for source in there if state_of(Path(source["path"])) != source]


def state_of(path: Path) -> dict[str, Any]:
    """What tells whether a file has changed since; of a folder, the size of all its files, and the latest change."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    states = [file.stat() for file in files]
    modified = max((state.st_mtime_ns for state in states), default=0)
    return {"path": str(path), "size": sum(state.st_size for state in states), "modified": modified}


def open_prepared(path: Path, task: str) -> PreparedFolder:
    """A prepared data set; raises :class:`SeqkitError` for one that is damaged, of another task or a newer version."""
    facts = read_json(path / MANIFEST, {"format": int})
    if facts["format"] != FORMAT:
        raise SeqkitError(
            f"{path} was prepared by seqkit {facts.get('version', '?')} in format {facts['format']}, and this version "
            f"reads format {FORMAT}; {_AGAIN}"
        )
    facts = read_json(path / MANIFEST, _SCHEMA)
    without_digest(facts, path / MANIFEST)
    if facts["task"] != task:
        raise SeqkitError(
            f"{path} was prepared for task '{facts['task']}', not '{task}'; run that, or choose another folder"
        )
    return PreparedFolder(path, facts)


_AGAIN = "remove the folder, and prepare the data again"
