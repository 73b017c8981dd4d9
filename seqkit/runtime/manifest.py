"""``runtime.json`` of an exported folder: how it answers, and its files with a digest of each."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from seqkit.errors import SeqkitError, UsageError
from seqkit.files import digest_of, json_value, read_json, read_ordinary, signed, without_digest
from seqkit.schema import ANYTHING, FileName, Whole, check_schema
from seqkit.version import __version__

MANIFEST = "runtime.json"
FORMAT = 1
"""Counts up when an older runtime could not read the folder."""
_SYMBOLS = "symbols.json"
_LARGEST = 2**40
_SCHEMA = {
    "format": Whole(1, 1000),
    "seqkit": str,
    "task": str,
    "kind": str,
    "codec": [str],
    "settings": {str: ANYTHING},
    "batches": {"batch_tokens": Whole(1, _LARGEST), "batch_size": Whole(1, _LARGEST)},
    "digests": {str: str},
    "about?": {"topology": str, "summary": str, "options": {str: {"type": str}}},
}
_UNSAID = {"topology": "", "summary": "", "options": {}}
"""What exports of older versions do not say of themselves"""


class Described(Protocol):
    """What an export says of how it answers, see :class:`seqkit.graphs.Answering`."""

    @property
    def kind(self) -> str:
        """Which family of models it is of."""
        ...

    @property
    def codec(self) -> Mapping[str, Any]:
        """The files of the codec."""
        ...

    @property
    def settings(self) -> Mapping[str, Any]:
        """What decides the answers beside them."""
        ...


class Opened(NamedTuple):
    """An exported folder, read and checked."""

    path: Path
    task: str
    kind: str
    codec: dict[str, Any]
    """The files of the codec, by name"""
    settings: dict[str, Any]
    batches: dict[str, int]
    parts: dict[str, bytes]
    """The ONNX files, by the names of their parts"""
    about: dict[str, Any]
    """The topology and the summary of its task, and the JSON schemas of the options that an answer takes"""


def manifest_bytes(
    task: str,
    answering: Described,
    batches: Mapping[str, int],
    files: Mapping[str, bytes],
    about: Mapping[str, Any],
) -> bytes:
    """The manifest of files, by their names, of a model of that task; ``about`` is that of :class:`Opened`."""
    settings = {**answering.settings}
    digests = {name: digest_of(content) for name, content in files.items()}
    names = [name.removesuffix(".json") for name in answering.codec]
    facts = {"format": FORMAT, "seqkit": __version__, "task": task, "kind": answering.kind, "codec": names}
    facts |= {"about": dict(about), "settings": settings, "batches": dict(batches), "digests": digests}
    return signed(facts)


def is_exported(path: Path) -> bool:
    """Whether a folder is one that :func:`open_folder` opens, as far as its files' names say."""
    return (path / MANIFEST).is_file()


def open_folder(path: Path) -> Opened:
    """Reads a folder that ``seqkit export`` has written.

    Raises :class:`UsageError` for a folder that it has not written, :class:`SeqkitError` for files that were changed,
    and for those of a newer seqkit.
    """
    manifest = path / MANIFEST
    if not is_exported(path):
        hint = ""
        if is_exported(path / "onnx"):
            hint = f"; its export is {path / 'onnx'}"
        elif (path / "run.json").is_file():
            hint = f"; write one with `seqkit export {path}`"
        raise UsageError(f"{path} is not an exported model: it has no {MANIFEST}{hint}")
    facts = read_json(manifest, {"format": Whole(1, 1000)})
    if facts["format"] > FORMAT:
        newer = facts.get("seqkit", "unknown")
        raise SeqkitError(f"{path} was exported by a newer seqkit ({newer}, this is {__version__}); upgrade")
    facts = without_digest(facts, manifest)
    check_schema(facts, _SCHEMA, manifest)
    contents = {name: _content(path, name, digest) for name, digest in facts["digests"].items()}
    parts = {name.removesuffix(".onnx"): content for name, content in contents.items() if name.endswith(".onnx")}
    symbols = _symbols(path, contents.get(_SYMBOLS, b""))
    missing = [name for name in facts["codec"] if name not in symbols]
    if missing or not parts:
        raise SeqkitError(f"{path} is incomplete: {missing[0] if missing else 'a model'} is missing; export it again")
    codec = {f"{name}.json": symbols[name] for name in facts["codec"]}
    settings, about = facts["settings"], facts.get("about", _UNSAID)
    return Opened(path, facts["task"], facts["kind"], codec, settings, facts["batches"], parts, about)


def _content(path: Path, name: str, digest: str) -> bytes:
    check_schema(name, FileName(), path / MANIFEST)
    try:
        content = read_ordinary(path / name)
    except OSError as error:
        raise SeqkitError(f"cannot read {path / name}: {error.strerror}; export the run again") from None
    if digest_of(content) != digest:
        raise SeqkitError(f"{path / name} was changed after it was exported; export the run again")
    return content


def _symbols(path: Path, content: bytes) -> dict[str, Any]:
    try:
        symbols = json_value(content.decode())
    except (ValueError, RecursionError):
        symbols = None
    if not isinstance(symbols, dict):
        raise SeqkitError(f"{path / _SYMBOLS} is damaged; export the run again")
    return symbols
