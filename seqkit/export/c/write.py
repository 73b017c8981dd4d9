"""Writes the C file of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from seqkit.errors import UsageError
from seqkit.export.c.frames import write_frames
from seqkit.export.c.language import write_language
from seqkit.export.c.rounding import round_weights
from seqkit.export.c.source import Source, identifier
from seqkit.export.c.tagging import write_tags
from seqkit.export.c.texts import write_texts
from seqkit.export.c.vectors import write_vectors
from seqkit.export.files import write_export
from seqkit.graphs import Answering
from seqkit.runs.ensemble import check_test_split
from seqkit.runs.model import Model, load
from seqkit.runs.own_cell import GivenCell
from seqkit.runs.prepared import read_splits
from seqkit.topologies import EnsembleHead, Exports, predict_items

_WRITERS: dict[str, Callable[[Source, Model, Answering], None]] = {
    "frames": write_frames,
    "frame sets": write_frames,
    "label": write_texts,
    "label sets": write_texts,
    "language model": write_language,
    "tags": write_tags,
    "vectors": write_vectors,
}
"""By the kinds of :data:`seqkit.runtime.kinds.KINDS`"""


class CFile(NamedTuple):
    """A C file that was written."""

    path: Path
    size: int
    scores: Mapping[str, Mapping[str, float]]
    """Of int8: those of the test split, with weights as they are and rounded"""


def export_c(run: Path, out: Path | None = None, int8: bool = False, cell: GivenCell = None) -> CFile:
    """Writes the best model of a run as one C file, by default ``RUN/c/NAME.c``.

    ``out`` is a folder or a file that ends in .c; matrices are rounded to ``int8`` where asked. Raises
    :class:`UsageError` for a model that has no C.
    """
    path, model = _path(run, out), load(run, "cpu", cell)
    if int8:
        check_test_split(run)
    content = c_source(model, path.stem, int8).encode()
    scores = _scores(model) if int8 else {}
    write_export({path: content})
    return CFile(path, len(content), scores)


def _scores(model: Model) -> dict[str, Mapping[str, float]]:
    """The scores of the test split before and after the weights of a model are rounded, which they are then."""
    examples = read_splits(model.task, model.config, []).test

    def score() -> Mapping[str, float]:
        items = model.codec.encode_many([model.task.input_of(example) for example in examples])
        return model.task.score(predict_items(model.head, model.codec, items, model.config).predictions, examples)

    before = score()
    round_weights(model.head)
    return {"float32": before, "int8": score()}


def c_source(model: Model, name: str, int8: bool = False) -> str:
    """The C file of a model, whose names begin with ``name``; its matrices are rounded to int8 where asked."""
    if isinstance(model.head, EnsembleHead):
        raise UsageError("an ensemble has no export to C; export its members one by one")
    if not isinstance(model.task, Exports):
        raise UsageError(f"a {model.task.name} model has no export; apply it with `seqkit predict`")
    answering = model.task.export(model.head, model.codec).answering
    if answering is None or answering.kind not in _WRITERS:
        what = f"a {model.task.name} model" + (" of numbers" if answering and answering.kind == "numbers" else "")
        raise UsageError(f"{what} has no export to C; export it with --format onnx")
    source = Source(int8)
    _WRITERS[answering.kind](source, model, answering)
    return source.text(identifier(name))


def _path(run: Path, out: Path | None) -> Path:
    if out is not None and out.suffix == ".c":
        return out
    if out is not None and out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file; choose a folder with --out, or a name that ends in .c")
    return (out or run / "c") / f"{identifier(run.resolve().name)}.c"
