"""Searching for sequences, knowing only a step callable and a state."""

from seqkit.search.base import Hypothesis, Limits, SearchState, Step
from seqkit.search.beam import beam, length_penalty
from seqkit.search.greedy import greedy
from seqkit.search.repeats import Repeats
from seqkit.search.sampling import Sampling, choose, sample

__all__ = [
    "Hypothesis",
    "Limits",
    "Repeats",
    "Sampling",
    "SearchState",
    "Step",
    "beam",
    "choose",
    "greedy",
    "length_penalty",
    "sample",
]
