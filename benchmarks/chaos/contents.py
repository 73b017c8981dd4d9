"""What is in the files of a folder, for comparing: digests, and facts without what time or the machine decides."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from seqkit.files import is_temporary
from seqkit.runs.lock import LOCK_FILE
from seqkit.training.checkpoint import read_tensors

_TIMED = ("second", "memory", "finished")
"""Parts of the names of facts that time or the machine decides"""
_TRIES = ("trial",)
"""How many trials a study has begun, those that were stopped among them"""
_DIGESTS = ("digest", "files")
"""Of files that are compared themselves"""
_NUMBERS = re.compile(rb"(?:[0-9][0-9.,:]*|\bseconds\b|\bminutes?\b|\bh\b|\bmin\b|\bs\b)\s*")
"""With the space behind: ``1 min 5 s`` has more of them than ``59.8 s``"""


def contents(folder: Path) -> dict[str, Any]:
    """What is in each file; of logs, which tell what happened, that they are there."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): _content(path) for path in paths}


def differences(ours: Path, theirs: Path) -> list[str]:
    """The names of the files that differ between two folders."""
    one, other = contents(ours), contents(theirs)
    return [name for name in {**one, **other} if one.get(name) != other.get(name)]


def left_over(folder: Path) -> list[str]:
    """What no finished command leaves: temporary files, locks, markers."""
    # What a file of answers is a part of is noted beside it, hidden, and stays.
    paths = (path for path in folder.rglob("*") if not path.name.endswith(".shard.json"))
    hidden = (path for path in paths if path.name.startswith(".") or path.name == LOCK_FILE)
    return [path.name for path in {*hidden, *(path for path in folder.rglob("*") if is_temporary(path))}]


def _content(path: Path) -> Any:
    if (path.suffix == ".jsonl" and path.name == "journal.jsonl") or path.name == "log.txt":
        return None
    if path.name == "trial.json":
        facts = json.loads(path.read_text("utf-8"))
        return _timeless({name: value for name, value in facts.items() if name not in _TRIES})
    if path.suffix == ".json":
        return _timeless(json.loads(path.read_text("utf-8")))
    if path.name == "last.safetensors":
        tensors, facts = read_tensors(path)
        return _timeless(facts), {name: hashlib.sha256(t.numpy().tobytes()).digest() for name, t in tensors.items()}
    content = path.read_bytes()
    if path.suffix in (".html", ".svg") and path.name != "aligned.svg":
        # Times are among its numbers, all of which come from files that are compared.
        content = _NUMBERS.sub(b"", content)
    return hashlib.sha256(content).hexdigest()


def _timeless(facts: Any) -> Any:
    if isinstance(facts, list):
        return [_timeless(each) for each in facts]
    if not isinstance(facts, dict):
        return facts
    return {n: _timeless(v) for n, v in facts.items() if n not in _DIGESTS and not any(t in n for t in _TIMED)}
