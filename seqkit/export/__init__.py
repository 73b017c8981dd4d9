"""Export: heads as graphs that run without torch and without seqkit."""

from seqkit.export.decoder import add_start, flat, sizes_of
from seqkit.export.graph import OPSET, Graph, Value
from seqkit.export.modules import WordValues, add, crf_symbols
from seqkit.export.parts import Elsewhere, Exported, Part, Stepped, labelling, sequences, step_part, with_modules
from seqkit.export.recurrent import Operator, operator_of

__all__ = [
    "OPSET",
    "Elsewhere",
    "Exported",
    "Graph",
    "Operator",
    "Part",
    "Stepped",
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
