"""Measures our recurrent layers against their peers: interleaved in one process, medians with spread."""

from seqkit.bench.cases import BLOCKS, Case, cases_of
from seqkit.bench.measure import Timing, interleaved
from seqkit.bench.run import Row, run_case

__all__ = ["BLOCKS", "Case", "Row", "Timing", "cases_of", "interleaved", "run_case"]
