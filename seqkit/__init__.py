"""Train, inspect and ship recurrent sequence models of every topology.

>>> from seqkit import Recurrent
>>> Recurrent("lstm", input_size=3, hidden_size=4).output_size
4
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from seqkit.errors import SeqkitError, UsageError
from seqkit.version import __version__ as __version__

if TYPE_CHECKING:
    from seqkit import plot
    from seqkit.cells import Cell
    from seqkit.estimators import (
        SequenceClassifier,
        SequenceLabeler,
        SequenceMultiLabelClassifier,
        SequenceRegressor,
        SequenceTagger,
        SequenceTranslator,
    )
    from seqkit.inspection.record import record
    from seqkit.layers import CRF, Attention, Decoder, Encoded, Encoder, Head, Loss, Pooling, Recurrent, State
    from seqkit.nn import speed_up
    from seqkit.report.shown import Report
    from seqkit.runs import Model, Predictor, load

__all__ = [
    "CRF",
    "Attention",
    "Cell",
    "Decoder",
    "Encoded",
    "Encoder",
    "Head",
    "Loss",
    "Model",
    "Pooling",
    "Predictor",
    "Recurrent",
    "Report",
    "SeqkitError",
    "SequenceClassifier",
    "SequenceLabeler",
    "SequenceMultiLabelClassifier",
    "SequenceRegressor",
    "SequenceTagger",
    "SequenceTranslator",
    "State",
    "UsageError",
    "load",
    "plot",
    "record",
    "speed_up",
]

_HOMES = {
    "Report": "seqkit.report.shown",
    "record": "seqkit.inspection.record",
    "speed_up": "seqkit.nn",
    "Cell": "seqkit.cells",
    "Model": "seqkit.runs",
    "Predictor": "seqkit.runs",
    "load": "seqkit.runs",
    **dict.fromkeys(
        ("CRF", "Attention", "Decoder", "Encoded", "Encoder", "Head", "Loss", "Pooling", "Recurrent", "State"),
        "seqkit.layers",
    ),
    **dict.fromkeys(
        (
            "SequenceClassifier",
            "SequenceLabeler",
            "SequenceMultiLabelClassifier",
            "SequenceRegressor",
            "SequenceTagger",
            "SequenceTranslator",
        ),
        "seqkit.estimators",
    ),
}


def __getattr__(name: str) -> Any:
    # Torch is imported with the first name that needs it, so that `seqkit --help` answers at once.
    if name == "plot":
        return import_module("seqkit.plot")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'seqkit' has no attribute '{name}'")


def __dir__() -> list[str]:
    # So that names are completed which have not been imported yet, and none that this file only uses.
    own = {name for name, value in globals().items() if name.startswith("__") or isinstance(value, ModuleType)}
    return sorted(own | {*__all__})
