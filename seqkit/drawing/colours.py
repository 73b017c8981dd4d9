"""The colours of pages and pictures, light and dark, by name: ``--ink``, ``--pale``, ``--first``, ``--second``…"""

from __future__ import annotations

import re
from importlib.resources import files

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def colours() -> str:
    """The style sheet that gives each name its colour."""
    return files("seqkit.drawing").joinpath("colours.css").read_text("utf-8")


def alone(content: str, width: float, height: float, name: str) -> str:
    """An SVG file with the colours of pages: elements that take them by name, in a box of that size in pixels.

    It follows the reader's preference for light or dark, as a file of its own and as an image of a page. Characters
    that XML cannot hold become question marks.
    """
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="{name}" fill="currentColor" '
        "font-family=\"system-ui, 'Noto Sans', 'DejaVu Sans', sans-serif\">\n"
        f"<style>\n{colours()}svg {{ color: var(--ink); }}\n</style>\n{_NOT_XML.sub('?', content)}</svg>\n"
    )
