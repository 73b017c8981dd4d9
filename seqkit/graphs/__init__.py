"""Export: heads as graphs that run without torch and without seqkit."""

from seqkit.graphs.decoder import add_start, flat, sizes_of
from seqkit.graphs.graph import OPSET, Graph, Value
from seqkit.graphs.modules import WordValues, add, crf_symbols
from seqkit.graphs.parts import (
    Exported,
    ExternalDecoder,
    ExternalModule,
    Part,
    labelling,
    sequences,
    step_part,
    with_modules,
)
from seqkit.graphs.recurrent import Operator, operator_of

__all__ = [
    "OPSET",
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
    "flat",
    "labelling",
    "operator_of",
    "sequences",
    "sizes_of",
    "step_part",
    "with_modules",
]
