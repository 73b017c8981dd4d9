"""Many to many, next step: after each token of a text the one that follows it, and so texts of any length."""

from seqkit.answers.written import Scored
from seqkit.topologies.next_step.codec import StreamCodec, Text
from seqkit.topologies.next_step.dynamic import DynamicEvaluation, DynamicOptions
from seqkit.topologies.next_step.gradients import gradient_rms, gradient_sample
from seqkit.topologies.next_step.head import LanguageModelHead
from seqkit.topologies.next_step.options import NextStepOptions
from seqkit.topologies.next_step.task import NextStep

__all__ = [
    "DynamicEvaluation",
    "DynamicOptions",
    "LanguageModelHead",
    "NextStep",
    "NextStepOptions",
    "Scored",
    "StreamCodec",
    "Text",
    "gradient_rms",
    "gradient_sample",
]
