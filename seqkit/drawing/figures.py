"""Figures of matplotlib, which is loaded when the first one is drawn."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING

from seqkit.errors import missing

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def new_figure(what: str, width: float, height: float) -> Figure:
    """An empty figure of that size in inches, outside of any window.

    Raises :class:`UsageError` where matplotlib is not installed; ``what`` names what needs it.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise missing(what, "matplotlib", "plot") from None
    return Figure(figsize=(width, height), layout="constrained")


def png(figure: Figure) -> bytes:
    """The figure as a PNG."""
    content = io.BytesIO()
    with warnings.catch_warnings():
        # A letter that the font lacks is drawn as a box; nobody needs a warning for that.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(content, format="png", dpi=110)
    return content.getvalue()


def literal(text: str) -> str:
    """The text as matplotlib shows it unchanged: a dollar sign would begin a formula."""
    return text.replace("$", r"\$")
