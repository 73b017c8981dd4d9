"""Heads as graphs that run without torch and without seqkit."""

from seqkit.graphs.decoder import add_start, flatten_state, sizes_of, unflatten_state
from seqkit.graphs.external import ExternalDecoder, ExternalModule, with_modules
from seqkit.graphs.graph import OPSET, Graph, Value
from seqkit.graphs.modules import WordValues, add, crf_symbols
from seqkit.graphs.parts import Answering, Answers, Exported, Part, labelling, sequences, step_part
from seqkit.graphs.recurrent import Operator, operator_of

# Earlier names.

__all__ = [
    "OPSET",
    "Answering",
    "Answers",
    "Exported",
    "ExternalDecoder",
    "ExternalModule",
    "Graph",
    "Operator",
    "Part",
    "Value",
    "WordValues",
    "add",
    "add_start",
    "crf_symbols",
    "flatten_state",
    "labelling",
    "operator_of",
    "sequences",
    "sizes_of",
    "step_part",
    "unflatten_state",
    "with_modules",
]
