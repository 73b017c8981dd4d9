"""Train, inspect and ship recurrent sequence models of every topology.

>>> from seqkit import Recurrent
>>> Recurrent("lstm", input_size=3, hidden_size=4).output_size
4
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from seqkit.errors import SeqkitError, UsageError

if TYPE_CHECKING:
    from seqkit.cells import Cell
    from seqkit.layers import Attention, Decoder, Encoded, Encoder, Head, Loss, Pooling, Recurrent, State
    from seqkit.runs import Model, load

__version__ = "0.1.0"

__all__ = [
    "Attention",
    "Cell",
    "Decoder",
    "Encoded",
    "Encoder",
    "Head",
    "Loss",
    "Model",
    "Pooling",
    "Recurrent",
    "SeqkitError",
    "State",
    "UsageError",
    "load",
]

_HOMES = {
    "Cell": "seqkit.cells",
    "Model": "seqkit.runs",
    "load": "seqkit.runs",
    **dict.fromkeys(
        ("Attention", "Decoder", "Encoded", "Encoder", "Head", "Loss", "Pooling", "Recurrent", "State"), "seqkit.layers"
    ),
}


def __getattr__(name: str) -> Any:
    # Torch is imported with the first name that needs it, so that `seqkit --help` answers at once.
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'seqkit' has no attribute '{name}'")
