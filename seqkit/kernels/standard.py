"""The cells that are compiled into the library of kernels: their C++ is made of their steps, as that of any other cell.

``python -m seqkit.kernels.standard`` writes ``cpp/cells/standard.h``, so that a build needs nothing but a compiler.
"""

from __future__ import annotations

from pathlib import Path

from seqkit.kernels.build import SOURCES
from seqkit.kernels.compiled import struct_of
from seqkit.kernels.operators import CELLS, STANDARD

HEADER = SOURCES / "cells" / "standard.h"
_COMMAND = "python -m seqkit.kernels.standard"
_BY_HAND = ("gru-before", "lstm-layer-norm")
"""Those whose C++ was written by hand

What would be made of them runs in phases, without packed weights that calls share and without single steps through a
whole stack. ``python -m benchmarks.compiled``, processor time on one thread of an EPYC of family 25, inference and
training: it has 0.94 (worst 0.86) and 1.11 of the speed of the GRU, 0.90 (worst 0.77) and 0.98 of that of the LSTM.
"""


def standard_header() -> str:
    """The text of the header."""
    from seqkit.compiler.cpp import header

    structs = {name.replace("-", "_"): struct_of(CELLS[name]) for name in STANDARD if name not in _BY_HAND}
    return header(structs, _COMMAND)


def write(path: Path = HEADER) -> None:
    """Writes it."""
    path.write_text(standard_header(), encoding="utf-8")


if __name__ == "__main__":
    write()
