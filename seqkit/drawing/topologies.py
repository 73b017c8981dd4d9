"""Drawings of the topologies, for a terminal: which steps have an input, and which an output."""

from __future__ import annotations

import unicodedata
from itertools import zip_longest

from seqkit.tables import TERMINAL_WIDTH as WIDTH

LEGEND = "[x] input  [h] state  [y] output; time runs to the right"

_DRAWINGS = {
    "one to one": """
[y]
 ↑
[h]
 ↑
[x]
""",
    "one to many": """
[y] [y] [y] [y]
 ↑   ↑   ↑   ↑
[h]→[h]→[h]→[h]
 ↑
[x]
""",
    "many to one": """
            [y]
             ↑
[h]→[h]→[h]→[h]
 ↑   ↑   ↑   ↑
[x] [x] [x] [x]
""",
    "many to many, delayed": """
            [y] [y] [y]
             ↑   ↑   ↑
[h]→[h]→[h]→[h]→[h]→[h]
 ↑   ↑   ↑
[x] [x] [x]
""",
    "many to many, synced": """
[y] [y] [y] [y]
 ↑   ↑   ↑   ↑
[h]→[h]→[h]→[h]
 ↑   ↑   ↑   ↑
[x] [x] [x] [x]
""",
    "many to many, next step": """
[b] [c] [d] [e]
 ↑   ↑   ↑   ↑
[h]→[h]→[h]→[h]→
 ↑   ↑   ↑   ↑
[a] [b] [c] [d]
""",
}

TOPOLOGIES = tuple(_DRAWINGS)
"""Those with a drawing, the simplest first."""

_LEFT = 28
"""Columns of a drawing and the gap after it."""

BESIDE = WIDTH - _LEFT
"""Columns that a text beside a drawing has."""

_PLAIN = str.maketrans(dict(zip("→↑⊙·×…−", ">^*.x.-", strict=True)) | {"σ": "sigma", "²": "^2", "ᵀ": "^T"})


def drawing(topology: str) -> list[str]:
    """The lines of a topology's drawing; none for one without."""
    return _DRAWINGS.get(topology, "").strip("\n").splitlines()


def beside(topology: str, text: list[str]) -> list[str]:
    """The drawing with the lines of a text to its right; without a drawing, the text alone, further left."""
    drawn = drawing(topology)
    if not drawn:
        return [f"  {line}".rstrip() for line in text]
    return [f"  {left:{_LEFT - 2}}{right}".rstrip() for left, right in zip_longest(drawn, text, fillvalue="")]


def encodable(text: str, encoding: str) -> str:
    """The text for an output in that encoding: arrows and signs that it lacks become ASCII, letters lose accents."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return "".join(_plain(sign, encoding) for sign in text.translate(_PLAIN))
    return text


def _plain(sign: str, encoding: str) -> str:
    try:
        sign.encode(encoding)
    except UnicodeEncodeError:
        return unicodedata.normalize("NFKD", sign).encode(encoding, "ignore").decode(encoding) or "?"
    return sign
