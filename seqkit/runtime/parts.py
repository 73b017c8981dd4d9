"""The parts of an exported model, run by onnxruntime.

B batch.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from seqkit.errors import SeqkitError, UsageError

Arrays = dict[str, np.ndarray]


class Part:
    """One ONNX file: ``part(tokens=…, lengths=…)`` gives its outputs by name.

    Args:
        content: of the file.
        threads: that one call computes with.

    Raises:
        SeqkitError: for what is no ONNX file; :class:`UsageError` where onnxruntime is not installed.
    """

    def __init__(self, content: bytes, threads: int) -> None:
        onnxruntime = imported_onnxruntime()
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = threads
        # Idle threads that spin take the time of others.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # its errors have no common base
            raise SeqkitError(f"onnxruntime cannot open the model ({str(error).splitlines()[0]:.120})") from None
        self._outputs = [output.name for output in self._session.get_outputs()]
        self.inputs = {value.name: value.shape for value in self._session.get_inputs()}
        """The sizes of each input; those that vary are names"""

    def __call__(self, **arrays: np.ndarray) -> Arrays:
        """The outputs by name; batches must have a row."""
        return dict(zip(self._outputs, self._session.run(self._outputs, arrays), strict=True))

    @property
    def attends(self) -> bool:
        """Whether a step gives the weights of attention."""
        return "weights" in self._outputs

    def first_state(self, batch: int, learned: Mapping[str, Any] | None = None) -> Arrays:
        """The state before the first step, of all inputs with three dimensions, layers and units of a known number.

        It is zeros, or for each row of the batch the state that a model has learned, layers of units by name.
        """
        sizes = {name: shape for name, shape in self.inputs.items() if len(shape) == 3}
        if learned is None:
            return {name: np.zeros((batch, *shape[1:]), np.float32) for name, shape in sizes.items()}
        return {name: np.repeat(np.array([learned[name]], np.float32), batch, 0) for name in sizes}


def advance(step: Part, state: Arrays, **inputs: np.ndarray) -> tuple[Arrays, Arrays]:
    """The outputs of one step, and the state after it."""
    outputs = step(**inputs, **state)
    after = {name: outputs.get(f"next_{name}", value) for name, value in state.items()}
    return outputs, after


def select(state: Mapping[str, np.ndarray], rows: np.ndarray) -> Arrays:
    """The rows of a state (N)."""
    return {name: value[rows] for name, value in state.items()}


def imported_onnxruntime() -> Any:
    """The module ``onnxruntime``, which is told to send nothing about its use to its makers.

    It reads the variable when it is imported, gives the machine a number of its own where it is missing, and keeps that
    under the home folder. Whoever sets the variable has the last word. Raises :class:`UsageError` where it is not
    installed.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        import onnxruntime
    except ImportError:
        raise UsageError("an exported model needs onnxruntime; install it with: pip install onnxruntime") from None
    return onnxruntime
