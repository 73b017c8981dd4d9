"""What every page is made of: its skeleton, cards, paragraphs and tables, and text that stays text."""

from __future__ import annotations

import html
from collections.abc import Collection, Sequence
from importlib.resources import files

from seqkit.drawing.colours import colours


def document(title: str, body: str, style: str = "", after: str = "") -> str:
    """A whole page: ``style`` is added to that of every page, ``after`` follows the main part (scripts)."""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{safe(title)}</title><style>\n{stylesheet()}{style}</style></head>\n"
        f"<body><main>\n{body}\n</main>{after}</body></html>\n"
    )


def stylesheet() -> str:
    """The style of every page, with the colours of its pictures."""
    return colours() + asset("seqkit.pages", "page.css")


def asset(package: str, name: str) -> str:
    """The text of a style sheet or script that lies in a package."""
    return files(package).joinpath(name).read_text("utf-8")


def section(title: str, content: str) -> str:
    """A card of a page."""
    return f"<section><h2>{safe(title)}</h2>{content}</section>"


def muted(text: str) -> str:
    """A paragraph in the colour of remarks."""
    return f'<p class="pale">{safe(text)}</p>'


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], numbers: Collection[int] = ()) -> str:
    """A table of texts; ``numbers`` are the columns that are aligned to the right."""

    def cell(tag: str, number: int, text: str) -> str:
        kind = "number" if number in numbers else "text" if len(text) > 40 else ""
        return f"<{tag}{f' class={chr(34)}{kind}{chr(34)}' if kind else ''}>{safe(text)}</{tag}>"

    head = "".join(cell("th", n, column) for n, column in enumerate(columns)) if any(columns) else ""
    lines = "".join(f"<tr>{''.join(cell('td', n, text) for n, text in enumerate(row))}</tr>" for row in rows)
    return f'<div class="wide" tabindex="0"><table>{f"<tr>{head}</tr>" if head else ""}{lines}</table></div>'


def safe(text: str) -> str:
    """The text as text, whatever it is made of; what no UTF-8 file can hold becomes a question mark."""
    return html.escape(str(text).encode("utf-8", "replace").decode())
