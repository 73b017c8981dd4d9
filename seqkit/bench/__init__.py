"""Measures our recurrent layers against their peers: interleaved in one process, medians with spread."""

from seqkit.bench.cases import BLOCKS, Case, cases_of
from seqkit.bench.measurement import Measurement, measure_case
from seqkit.bench.timing import Timing, interleaved

__all__ = ["BLOCKS", "Case", "Measurement", "Timing", "cases_of", "interleaved", "measure_case"]
