"""Other engines that run ONNX models: ONNX Runtime and OpenVINO, each with as many threads as torch has."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from seqkit.runtime.parts import imported_onnxruntime

Arrays = Mapping[str, np.ndarray]


def installed(*packages: str) -> bool:
    """Whether all of these packages can be imported."""
    return all(importlib.util.find_spec(name) for name in packages)


def onnxruntime_call(model: bytes, feed: Arrays) -> Callable[[], object]:
    """A run of the model by ONNX Runtime on these inputs."""
    onnxruntime = imported_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = torch.get_num_threads(), 1
    # Its threads may spin while it runs, but not for ever after.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, feed)


def openvino_call(model: bytes, feed: Arrays, precision: str) -> Callable[[], object]:
    """The same by OpenVINO, told of the shapes beforehand; ``precision`` ("f32", "bf16") is that of its products."""
    import openvino

    core = openvino.Core()
    network = core.read_model(model)
    network.reshape({name: list(value.shape) for name, value in feed.items()})
    settings: dict[str, Any] = {
        "INFERENCE_PRECISION_HINT": precision,
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "NUM_STREAMS": 1,
        "PERFORMANCE_HINT": "LATENCY",
    }
    request = core.compile_model(network, "CPU", settings).create_infer_request()
    request.infer(dict(feed))  # which keeps the inputs for the calls after it
    return lambda: request.infer()
