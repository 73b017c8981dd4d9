"""Writes the C file of a run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from seqkit.errors import UsageError
from seqkit.export.c.frames import write_frames
from seqkit.export.c.language import write_language
from seqkit.export.c.layers import check_layer
from seqkit.export.c.source import Source, identifier
from seqkit.export.c.tagging import write_tags
from seqkit.export.c.texts import write_texts
from seqkit.export.c.vectors import write_vectors
from seqkit.export.files import write_export
from seqkit.graphs import Answering
from seqkit.layers.recurrent import Recurrent
from seqkit.runs.model import Model, load
from seqkit.topologies import EnsembleHead, Exports

_WRITERS: dict[str, Callable[[Model, Answering], Source]] = {
    "frames": write_frames,
    "frame sets": write_frames,
    "label": write_texts,
    "label sets": write_texts,
    "language model": write_language,
    "tags": write_tags,
    "vectors": write_vectors,
}
"""By the kinds of :data:`seqkit.runtime.kinds.KINDS`"""


def export_c(run: Path, out: Path | None = None) -> tuple[Path, int]:
    """Writes the best model of a run as one C file, by default ``RUN/c/NAME.c``; its path and size.

    ``out`` is a folder or a file that ends in .c. Raises :class:`UsageError` for a model that has no C.
    """
    path = _path(run, out)
    content = c_source(load(run, "cpu"), path.stem).encode()
    write_export(path, content)
    return path, len(content)


def c_source(model: Model, name: str) -> str:
    """The C file of a model, whose names begin with ``name``."""
    if isinstance(model.head, EnsembleHead):
        raise UsageError("an ensemble has no export to C; export its members one by one")
    if not isinstance(model.task, Exports):
        raise UsageError(f"a {model.task.name} model has no export; apply it with `seqkit predict`")
    for module in model.head.modules():
        if isinstance(module, Recurrent):
            check_layer(module)
    answering = model.task.export(model.head, model.codec).answering
    if answering is None or answering.kind not in _WRITERS:
        raise UsageError(f"a {model.task.name} model has no export to C; export it with --format onnx")
    return _WRITERS[answering.kind](model, answering).text(identifier(name))


def _path(run: Path, out: Path | None) -> Path:
    if out is not None and out.suffix == ".c":
        return out
    if out is not None and out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file; choose a folder with --out, or a name that ends in .c")
    return (out or run / "c") / f"{identifier(run.resolve().name)}.c"
