"""The pages of docs/ about the cells, and the drawings in them, made of docstrings, recorded steps and measurements.

python -m benchmarks.cell_pages docs

Measured is in benchmarks/results/cells.json, by ``python -m benchmarks.every_cell --against lstm --turns 15 --out …``.
"""

from __future__ import annotations

import json
import re
import textwrap
from pathlib import Path
from statistics import geometric_mean
from typing import Any

import click

from seqkit.cells import Cell
from seqkit.drawing.data_flow import data_flow
from seqkit.report import cells

RESULTS = Path(__file__).parent / "results" / "cells.json"
_HOW_TO_READ = (
    "x is the input, and h the output and the state of that name; a prime marks what the step makes. In the drawings, "
    "matrices multiply in the boxes, gates are green, and what a line with − or ÷ brings is subtracted, or divides. "
    "Products are the gates that share a recurrent product, in their order within a step; gates in parentheses look at "
    "the input alone, and at their own unit. I is the number of inputs, H that of hidden units. What all cells have in "
    "common, and how speed was measured, is on [the page of all cells](../cells.md)."
)
_LINKS = {r"arXiv:(\d{4}\.\d{5}|\d{4}\.\d{4})": r"[\g<0>](https://arxiv.org/abs/\1)", r"doi:([^\s),;]+)":
          r"[\g<0>](https://doi.org/\1)"}  # fmt: skip
_DRAWN_WITH = {"lstm-projected": {"memory": 1}}
"""Options of drawings that would be too wide with the usual ones"""
_BEGIN, _END = "<!-- the cells, by python -m benchmarks.cell_pages docs -->", "<!-- end of the cells -->"


def pages(docs: Path) -> dict[Path, str]:
    """All files that are made, with their text; ``cells.md`` is kept but for its tables."""
    measured = json.loads(RESULTS.read_text("utf-8"))
    families = {name: kinds for name, kinds in cells.families().items() if name != "others"}
    overview = docs / "cells.md"
    head, _, rest = overview.read_text("utf-8").partition(_BEGIN)
    tail = rest.partition(_END)[2]
    tables = "\n\n".join(_table(name, kinds, measured) for name, kinds in families.items())
    found = {overview: f"{head}{_BEGIN}\n\n{tables}\n\n{_END}{tail}"}
    for name, kinds in families.items():
        found[docs / "cells" / f"{name}.md"] = _family_page(name, kinds, measured)
        for cell, kind in kinds.items():
            found[docs / "pictures" / "cells" / f"{cell}.svg"] = data_flow(kind(**_DRAWN_WITH.get(cell, {})), cell)
    return found


def _table(name: str, kinds: dict[str, type[Cell]], measured: dict[str, Any]) -> str:
    title, text = cells.family_text(name)
    rows = [
        f"| [`{cell}`](cells/{name}.md#{cell}) | {cells.summary(kind).partition(': ')[0]} | "
        f"{_ratio(measured, cell, 'inference')} | {_ratio(measured, cell, 'training')} |"
        for cell, kind in kinds.items()
    ]
    head = "| cell | what it is | inference | training |\n|---|---|---|---|"
    return f"### {title.partition(':')[0]}\n\n{_opening(title, text)}\n\n{head}\n" + "\n".join(rows)


def _opening(title: str, text: str) -> str:
    about = title.partition(": ")[2]
    return _wrapped(f"{about[:1].upper()}{about[1:]}. {' '.join(text.split())}".strip())


def _wrapped(text: str) -> str:
    return textwrap.fill(text, 120, break_on_hyphens=False, break_long_words=False)


def _family_page(name: str, kinds: dict[str, type[Cell]], measured: dict[str, Any]) -> str:
    title, text = cells.family_text(name)
    parts = [f"# {title.partition(':')[0]}", _opening(title, text)]
    parts.append(_wrapped(_HOW_TO_READ))
    for cell, kind in kinds.items():
        parts += _section(cell, kind, measured)
    return "\n\n".join(parts) + "\n"


def _section(cell: str, kind: type[Cell], measured: dict[str, Any]) -> list[str]:
    equations = [
        f"{opening}\n\n```equation\n" + "\n".join(lines) + "\n```" for opening, lines in cells.equation_paragraphs(kind)
    ]
    picture = f"![The data flow of a step of {cell}](../pictures/cells/{cell}.svg)"
    if cell in _DRAWN_WITH:
        picture += f"\n\nDrawn with {', '.join(f'`{name}={value}`' for name, value in _DRAWN_WITH[cell].items())}."
    return [f"## {cell}", f"{cells.summary(kind)}.", *equations, picture, "\n".join(_facts(cell, kind, measured))]


def _facts(cell: str, kind: type[Cell], measured: dict[str, Any]) -> list[str]:
    speeds = [_ratio(measured, cell, mode) for mode in ("inference", "training")]
    speed = f"{speeds[0]} times that of the LSTM in inference, {speeds[1]} times in training"
    facts = {
        "When to use it": cells.use(kind).rstrip("."),
        "States": " ".join(f"`{name}`" for name in kind.state_names),
        "Products": cells.products(kind),
        "Options": ", ".join(f"`{option}`" for option in cells.options(kind)),
        "Parameters": cells.parameter_formula(kind),
        "Speed": speed if all(speeds) and cell != "lstm" else "",
        "Source": _linked(cells.source(kind).rstrip(".")),
    }
    return [f"- **{name}**: {text}" for name, text in facts.items() if text]


def _linked(text: str) -> str:
    for found, link in _LINKS.items():
        text = re.sub(found, link, text)
    return text


def _ratio(measured: dict[str, Any], cell: str, mode: str) -> str:
    """How many times as fast as the LSTM, as the geometric mean over all shapes; nothing if it was not measured."""
    if cell == "lstm":
        return "1"
    ratios = measured["cells"].get(cell, {}).get(f"{mode} against lstm")
    return f"{geometric_mean(ratios):.1f}" if ratios else ""


@click.command()
@click.argument("docs", type=click.Path(path_type=Path, exists=True))
def main(docs: Path) -> None:
    """Writes them."""
    for path, text in pages(docs).items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        click.echo(path)


if __name__ == "__main__":
    main()
