"""A trained model as files that run without seqkit, compared with the model before they are written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import torch

from seqkit.config import answer_schemas
from seqkit.errors import UsageError
from seqkit.export.comparison import BATCHES, Run, check_difference, largest_difference, scores_through
from seqkit.export.ensembles import export_ensemble
from seqkit.export.files import write_export
from seqkit.export.onnx_files import make_onnx, onnx_run, round_to_int8, unrounded_layers
from seqkit.export.torch_files import make_torch, torch_run
from seqkit.files import json_bytes
from seqkit.graphs import OPSET, Exported, Part
from seqkit.graphs.graph import check_installed
from seqkit.graphs.recurrent import in_onnx
from seqkit.layers.recurrent import Recurrent
from seqkit.runs.ensemble import check_test_split
from seqkit.runs.model import Model, load
from seqkit.runs.own_cell import GivenCell
from seqkit.runtime.manifest import MANIFEST, manifest_bytes
from seqkit.topologies import EnsembleHead, Exports
from seqkit.version import __version__


class Format(NamedTuple):
    """A format of files."""

    description: str
    """Its name and version"""
    ending: str
    make: Callable[[Model, Part], bytes]
    run: Callable[[bytes], Run]


FORMATS = {
    "onnx": Format(f"ONNX, opset {OPSET}", ".onnx", make_onnx, onnx_run),
    "torch": Format(f"torch.export of torch {torch.__version__}", ".pt2", make_torch, torch_run),
}


@dataclass(frozen=True)
class ExportedFile:
    """One file that was written."""

    path: Path
    size: int
    difference: float | None = None
    """The largest from the model; None where nothing is computed, or where weights were rounded"""


@dataclass(frozen=True)
class ExportReport:
    """What an export has made."""

    description: str
    """Format and version"""
    files: Sequence[ExportedFile]
    batches: int
    """How many every part was tried on"""
    scores: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Of the test split: through the files as they are, and through those of int8"""
    unrounded: Sequence[str] = ()
    """The kinds of recurrent layers that stay float32 in the files of int8"""
    removed: Sequence[Path] = ()
    """The files of int8 of an earlier export, which may be of another model"""


def export(
    run: Path, format_name: str = "onnx", out: Path | None = None, int8: bool = False, cell: GivenCell = None
) -> ExportReport:
    """Writes the best model of a run into the folder ``out``, by default one in the run named after the format.

    Every part is compared with the model on several batches first; if any differs by more than 1e-5, or something
    cannot be said in the format, nothing is written. A file ``out`` that ends in .onnx is possible for a single part.

    Raises :class:`UsageError` for what cannot be exported, :class:`SeqkitError` where the files compute something else.
    """
    file_format = _checked_format(format_name, int8)
    model = load(run, "cpu", cell)
    if int8:
        check_test_split(run)
    if format_name == "onnx":
        _check_cells(model)
    exported = _fitting(_parts_of(model), out, file_format.ending)
    paths = _paths(exported, out or run / format_name, file_format.ending)
    contents = {part.name: file_format.make(model, part) for part in exported.parts}
    runs = {name: file_format.run(content) for name, content in contents.items()}
    differences = {part.name: largest_difference(part, runs[part.name]) for part in exported.parts}
    for name, difference in differences.items():
        check_difference(name, difference)
    rounded = {name: round_to_int8(content) for name, content in contents.items()} if int8 else {}
    scores: dict[str, dict[str, float]] = {}
    if int8:
        rounded_runs = {name: onnx_run(content) for name, content in rounded.items()}
        scores = scores_through(model, exported, {"float32": runs, "int8": rounded_runs})
    written = _files(model, exported, paths, contents, format_name)
    written |= {paths[name].with_suffix(".int8.onnx"): content for name, content in rounded.items()}
    removed = write_export(written, [paths[name].with_suffix(".int8.onnx") for name in contents])
    compared = {paths[name]: difference for name, difference in differences.items()}
    files = [ExportedFile(path, len(content), compared.get(path)) for path, content in written.items()]
    unrounded = unrounded_layers(rounded.values())
    return ExportReport(file_format.description, files, len(BATCHES), scores, unrounded, removed)


def _checked_format(name: str, int8: bool) -> Format:
    if name not in FORMATS:
        raise UsageError(f"unknown format {name!r}; choose one of: {', '.join([*FORMATS, 'c'])}")
    if int8 and name != "onnx":
        raise UsageError("--int8 is for ONNX and C files; leave it out, or choose --format onnx or c")
    if name == "onnx":
        check_installed()
    return FORMATS[name]


def _check_cells(model: Model) -> None:
    """Raises :class:`UsageError` for a cell that ONNX cannot say, before any work is done."""
    for module in model.head.modules():
        if isinstance(module, Recurrent):
            in_onnx(module.cell)


def _parts_of(model: Model) -> Exported:
    if not isinstance(model.task, Exports):
        raise UsageError(f"a {model.task.name} model has no export; apply it with `seqkit predict`")
    for module in model.head.modules():
        if isinstance(module, Recurrent):
            # What is compared must not round to bfloat16, nor be traced through a kernel of ours.
            module.kernel, module.precision = "torch", "f32"
    return (
        export_ensemble(model) if isinstance(model.head, EnsembleHead) else model.task.export(model.head, model.codec)
    )


def _fitting(exported: Exported, out: Path | None, ending: str) -> Exported:
    """Without the parts that a single file has no room for."""
    if out is None or out.suffix != ending:
        return exported
    return replace(exported, parts=[part for part in exported.parts if not part.optional])


def _paths(exported: Exported, out: Path, ending: str) -> dict[str, Path]:
    """Where each part and the symbols go."""
    if out.suffix == ending:
        if len(exported.parts) > 1:
            names = " and ".join(part.name + ending for part in exported.parts)
            raise UsageError(f"this model makes several files, {names}; choose a folder with --out")
        return {exported.parts[0].name: out, "symbols": out.with_suffix(".json")}
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file; choose a folder with --out")
    beside = {"symbols": out / "symbols.json", "runtime": out / MANIFEST}
    return {**{part.name: out / f"{part.name}{ending}" for part in exported.parts}, **beside}


def _files(
    model: Model, exported: Exported, paths: Mapping[str, Path], contents: Mapping[str, bytes], format_name: str
) -> dict[Path, bytes]:
    """The parts, the symbols, and of ONNX the manifest that the runtime answers by."""
    written = {paths[name]: content for name, content in contents.items()}
    written[paths["symbols"]] = _symbols(model, exported)
    if format_name == "onnx" and exported.answering is not None and "runtime" in paths:
        written[paths["runtime"]] = manifest_bytes(
            model.task.name,
            exported.answering,
            {"batch_tokens": model.config.batch_tokens, "batch_size": model.config.batch_size},
            {path.name: content for path, content in written.items()},
            _about(model),
        )
    return written


def _symbols(model: Model, exported: Exported) -> bytes:
    """What a user of the files must know beside them: task, version, vocabulary, labels."""
    symbols = {name.removesuffix(".json"): value for name, value in exported.symbols.items()}
    return json_bytes({"task": model.task.name, "seqkit": __version__, **symbols})


def _about(model: Model) -> dict[str, Any]:
    """What a service of the export says of it."""
    options = answer_schemas(model.config, model.task.prediction_options)
    return {"topology": model.task.topology, "summary": model.task.summary, "options": options}
