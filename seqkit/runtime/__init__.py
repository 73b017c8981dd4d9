"""Answers of an exported model without torch: numpy, onnxruntime and regex are all that it needs.

``seqkit.runtime.load("runs/my-run/onnx").predict(["a great film"])`` answers as the run does.
"""

from seqkit.runtime.manifest import is_exported
from seqkit.runtime.model import RuntimeModel, load

__all__ = ["RuntimeModel", "is_exported", "load"]
