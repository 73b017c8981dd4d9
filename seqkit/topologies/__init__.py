"""Topologies."""

from seqkit.topologies.task import Codec, EncodingReport, Explanation, Stream, Task

__all__ = ["Codec", "EncodingReport", "Explanation", "Stream", "Task"]
