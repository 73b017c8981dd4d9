"""A trained model as files that run without seqkit, checked against the model before they are written."""

from __future__ import annotations

import io
import json
import logging
import math
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from seqkit.errors import SeqkitError, UsageError
from seqkit.files import json_bytes, write_atomic
from seqkit.graphs import OPSET, Exported, Part
from seqkit.graphs.graph import check_installed
from seqkit.graphs.recurrent import needed_operator
from seqkit.layers.recurrent import Recurrent
from seqkit.runs.model import Model, load
from seqkit.topologies import Exports, predict_items
from seqkit.version import __version__

FORMATS = ("onnx", "torch")
TOLERANCE = 1e-5
"""The largest difference from the model that is let through, of values beyond 1 in proportion to them."""
_TRIED = (([1], 1), ([7], 7), ([3, 1, 9, 4], 9), ([5, 5], 5), ([0, 2, 33], 33), ([2, 1], 4))
"""Batches that every part is tried on: the lengths, and the steps with padding."""

Run = Callable[..., dict[str, Tensor]]


@dataclass(frozen=True)
class File:
    """One file that was written."""

    path: Path
    size: int
    difference: float | None = None
    """The largest from the model; None where nothing is computed, or where weights were rounded"""


@dataclass(frozen=True)
class Outcome:
    """What an export has made."""

    form: str
    """Format and version"""
    files: Sequence[File]
    batches: int
    """How many every part was tried on"""
    scores: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Of the test part: through the files as they are, and through those of int8"""
    unrounded: Sequence[str] = ()
    """The kinds of recurrent layers that stay float32 in the files of int8"""


def export(run: Path, form: str = "onnx", out: Path | None = None, int8: bool = False) -> Outcome:
    """Writes the best model of a run into the folder ``out``, by default one in the run named after the format.

    Every part is compared with the model on several batches first; if any differs by more than 1e-5, or something
    cannot be said in the format, nothing is written. A file ``out`` that ends in .onnx is possible for a single part.

    Raises :class:`UsageError` for what cannot be exported, :class:`SeqkitError` where the files compute something else.
    """
    if form not in FORMATS:
        raise UsageError(f"unknown format {form!r}; choose one of: {', '.join(FORMATS)}")
    if int8 and form != "onnx":
        raise UsageError("--int8 is for ONNX files; leave it out, or choose --format onnx")
    if form == "onnx":
        check_installed()
    model = load(run)
    if form == "onnx":
        _check_cells(model)
    exported = _exported(model)
    paths = _paths(exported, out or run / form, ".onnx" if form == "onnx" else ".pt2")
    make = _make_onnx if form == "onnx" else _make_torch
    made = {part.name: make(model, part) for part in exported.parts}
    runs = {name: (onnx_run if form == "onnx" else torch_run)(content) for name, content in made.items()}
    differences = {part.name: largest_difference(part, runs[part.name]) for part in exported.parts}
    for name, difference in differences.items():
        _check(name, difference)
    rounded = {name: _rounded(content) for name, content in made.items()} if int8 else {}
    scores = _compared(model, exported, runs, rounded) if int8 else {}
    symbols = {name.removesuffix(".json"): value for name, value in exported.symbols.items()}
    facts = {"task": model.task.name, "seqkit": __version__, **symbols}
    files = [_write(paths[name], content, differences[name]) for name, content in made.items()]
    files += [_write(paths[name].with_suffix(".int8.onnx"), content) for name, content in rounded.items()]
    files.append(_write(paths["symbols"], json_bytes(facts)))
    said = f"ONNX, opset {OPSET}" if form == "onnx" else f"torch.export of torch {torch.__version__}"
    return Outcome(said, files, len(_TRIED), scores, _unrounded(rounded.values()))


def _check_cells(model: Model) -> None:
    for module in model.head.modules():
        if isinstance(module, Recurrent):
            needed_operator(module.cell)


def _exported(model: Model) -> Exported:
    if not isinstance(model.task, Exports):
        raise UsageError(f"a {model.task.name} model has no export; apply it with `seqkit predict`")
    for module in model.head.modules():
        if isinstance(module, Recurrent):
            # What is compared must not round to bfloat16, nor be traced through a kernel of ours.
            module.kernel, module.precision = "torch", "f32"
    return model.task.export(model.head, model.codec)


def _paths(exported: Exported, out: Path, ending: str) -> dict[str, Path]:
    """Where each part and the symbols go."""
    if out.suffix == ending:
        if len(exported.parts) > 1:
            names = " and ".join(part.name + ending for part in exported.parts)
            raise UsageError(f"this model makes several files, {names}; name a folder with --out")
        return {exported.parts[0].name: out, "symbols": out.with_suffix(".json")}
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file; choose a folder with --out")
    return {**{part.name: out / f"{part.name}{ending}" for part in exported.parts}, "symbols": out / "symbols.json"}


def _write(path: Path, content: bytes, difference: float | None = None) -> File:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make {path.parent}: {error.strerror}; choose another folder with --out") from None
    write_atomic(path, content)
    return File(path, len(content), difference)


@torch.no_grad()
def largest_difference(part: Part, run: Run) -> float:
    """How far a function is from a part, on several batches; of values beyond 1 in proportion to them."""
    generator, worst = torch.Generator().manual_seed(0), 0.0
    for lengths, time in _TRIED:
        given = part.sample(generator, torch.tensor(lengths), time)
        found, wanted = run(**given), part.compute(**given)
        for name in part.outputs:
            worst = max(worst, _difference(found[name], wanted[name]))
    return worst


def _difference(found: Tensor, wanted: Tensor) -> float:
    if found.shape != wanted.shape:
        return math.inf
    if not wanted.numel():
        return 0.0
    apart = ((found.double() - wanted.double()).abs() / wanted.double().abs().clamp(min=1)).max()
    return math.inf if apart.isnan() else float(apart)


def _check(name: str, difference: float) -> None:
    if difference > TOLERANCE:
        raise SeqkitError(
            f"the exported {name} differs from the model by {difference:.1e}, more than {TOLERANCE:.0e}, so nothing "
            "was written; please report it"
        )


@torch.no_grad()
def _make_onnx(model: Model, part: Part) -> bytes:
    return part.onnx({"task": model.task.name, "opset": str(OPSET)})


def onnx_run(content: bytes) -> Run:
    """A function that computes what an ONNX file says, on the CPU, from tensors by name to tensors by name."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]

    def run(**tensors: Tensor) -> dict[str, Tensor]:
        found = session.run(names, {name: tensor.contiguous().numpy() for name, tensor in tensors.items()})
        return {name: torch.from_numpy(value) for name, value in zip(names, found, strict=True)}

    return run


def _rounded(content: bytes) -> bytes:
    """An ONNX file with int8 weights, activations rounded as they come: onnxruntime's dynamic quantisation."""
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    model = onnx.load_from_string(content)
    # The advice to preprocess is for graphs that others write.
    with tempfile.TemporaryDirectory() as folder, _quiet():
        path = Path(folder) / "model.onnx"
        quantize_dynamic(model, path, weight_type=QuantType.QInt8, per_channel=False)
        return path.read_bytes()


def _unrounded(files: Iterable[bytes]) -> list[str]:
    """onnxruntime has int8 operators for LSTM layers alone."""
    if not (contents := list(files)):
        return []
    import onnx

    kinds = {node.op_type for content in contents for node in onnx.load_from_string(content).graph.node}
    return sorted(kinds & {"GRU", "LSTM", "RNN"})


@contextmanager
def _quiet() -> Iterator[None]:
    logger = logging.getLogger()
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def _compared(
    model: Model, exported: Exported, runs: Mapping[str, Run], rounded: Mapping[str, bytes]
) -> dict[str, dict[str, float]]:
    """The scores of the run's own test part, with and without rounding."""
    examples = model.task.read(model.config, []).test
    small = {name: onnx_run(content) for name, content in rounded.items()}
    return {
        name: model.task.score(predict_through(model, exported, which, examples), examples)
        for name, which in (("float32", runs), ("int8", small))
    }


def predict_through(model: Model, exported: Exported, runs: Mapping[str, Run], examples: Sequence[Any]) -> list[Any]:
    """The predictions for examples, in order, computed by exported parts."""
    items = [model.codec.encode(model.task.input_of(example)) for example in examples]
    predict = partial(exported.predict, runs)
    return predict_items(model.head, model.codec, items, model.config, predict=predict).predictions


class _Computed(nn.Module):
    """A part as a module: its inputs in order to its outputs in order."""

    def __init__(self, part: Part, head: nn.Module) -> None:
        super().__init__()
        self.part, self.head = part, head

    def forward(self, *inputs: Tensor) -> dict[str, Tensor]:
        """The outputs by name."""
        return dict(self.part.compute(**dict(zip(self.part.inputs, inputs, strict=True))))


@torch.no_grad()
def _make_torch(model: Model, part: Part) -> bytes:
    """An archive of torch.export: a zip of JSON and the bytes of the weights."""
    given = part.sample(torch.Generator().manual_seed(0), torch.tensor([7, 2, 5]), 7)
    named = {size for sizes in part.inputs.values() for size in sizes if isinstance(size, str)}
    dims = {name: torch.export.Dim(name) for name in named}
    varying = [
        {place: dims[size] for place, size in enumerate(sizes) if isinstance(size, str)}
        for sizes in part.inputs.values()
    ]
    values = tuple(given[name] for name in part.inputs)
    program = torch.export.export(_Computed(part, model.head), values, dynamic_shapes=(tuple(varying),), strict=False)
    # They would be pickled, the only such part of the archive.
    program.example_inputs = None
    stream = io.BytesIO()
    torch.export.save(program, stream, extra_files={"inputs.json": json.dumps(list(part.inputs))})
    return stream.getvalue()


def torch_run(content: bytes) -> Run:
    """A function that computes what an archive of torch.export says, from tensors by name to tensors by name."""
    files = {"inputs.json": ""}
    module = torch.export.load(io.BytesIO(content), extra_files=files).module()
    names: list[str] = json.loads(files["inputs.json"])

    def run(**tensors: Tensor) -> dict[str, Tensor]:
        found: dict[str, Tensor] = module(*(tensors[name] for name in names))
        return found

    return run
