"""Parts of a model as ONNX files: written, run on the CPU, and rounded to int8."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor

from seqkit.errors import UsageError
from seqkit.export.comparison import Run
from seqkit.graphs import OPSET, Part
from seqkit.runs.model import Model
from seqkit.runtime.parts import imported_onnxruntime


@torch.no_grad()
def make_onnx(model: Model, part: Part) -> bytes:
    """The part as an ONNX file; raises :class:`UsageError` for what ONNX cannot say."""
    return part.onnx({"task": model.task.name, "opset": str(OPSET)})


def onnx_run(content: bytes) -> Run:
    """A function that computes what an ONNX file says, on the CPU; it raises :class:`UsageError` for an empty batch."""
    onnxruntime = imported_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]

    def run(**tensors: Tensor) -> dict[str, Tensor]:
        if any(not len(tensor) for tensor in tensors.values()):
            raise UsageError("the batch is empty, and recurrent layers of onnxruntime end the process; leave it out")
        outputs = session.run(names, {name: tensor.contiguous().numpy() for name, tensor in tensors.items()})
        return {name: torch.from_numpy(value) for name, value in zip(names, outputs, strict=True)}

    return run


def round_to_int8(content: bytes) -> bytes:
    """An ONNX file with int8 weights, activations rounded as they come: onnxruntime's dynamic quantisation."""
    import onnx

    imported_onnxruntime()
    from onnxruntime.quantization import QuantType, quantize_dynamic

    model = onnx.load_from_string(content)
    # The warning advises to preprocess the graph, which is for graphs that others write.
    with tempfile.TemporaryDirectory() as folder, _without_warnings():
        path = Path(folder) / "model.onnx"
        quantize_dynamic(model, path, weight_type=QuantType.QInt8, per_channel=False)
        return path.read_bytes()


def unrounded_layers(contents: Iterable[bytes]) -> list[str]:
    """The kinds of recurrent layers left in files of int8: onnxruntime has int8 operators for LSTM layers alone."""
    if not (files := list(contents)):
        return []
    import onnx

    kinds = {node.op_type for content in files for node in onnx.load_from_string(content).graph.node}
    return sorted(kinds & {"GRU", "LSTM", "RNN", "Scan"})


@contextmanager
def _without_warnings() -> Iterator[None]:
    logger = logging.getLogger()
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)
