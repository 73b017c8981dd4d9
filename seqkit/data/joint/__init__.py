"""Sequences that go hand in hand, such as letters and phonemes: aligned symbol by symbol, and counted together."""

from seqkit.data.joint.alignment import Aligner
from seqkit.data.joint.estimation import learn_joint_ngrams

__all__ = ["Aligner", "learn_joint_ngrams"]
