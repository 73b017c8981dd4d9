"""Sections of a report: tables of answers, whether confidence is justified, pictures, what a model writes."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from seqkit.drawing.curves import calibration_curve
from seqkit.pages import muted, safe, section, table
from seqkit.report.numbers import number
from seqkit.report.results import figure_of
from seqkit.report.run_files import RunFiles
from seqkit.scores.calibration import Bin

_MEDIA_TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".svg": "image/svg+xml"}
_CAPTIONS = {
    "attention.svg": "Attention: rows are tokens that were written, columns those that were read",
    "captions.png": "Pictures of the test split, each with its caption; below a wrong one is the truth",
    "mistakes.png": "Vectors that the model labels wrongly, the most confident first",
    "strips.png": "True and predicted labels over time",
}
"""What is said of the pictures that tasks draw; any other has the name of its file."""


def tables(files: RunFiles) -> str:
    """The task's tables of the test split, such as a confusion matrix and the worst mistakes."""
    filled = [entry for entry in files.findings["tables"] if entry["rows"]]
    content = "".join(f"<div><h3>{safe(entry['title'])}</h3>{_task_table(entry)}</div>" for entry in filled)
    content = f'<div class="spread">{content}</div>' if content else ""
    return section("Correct and wrong answers", content) if content else ""


def _task_table(entry: Mapping[str, Any]) -> str:
    columns, rows = entry["columns"], entry["rows"]
    numbers = {n for n in range(len(columns)) if all(isinstance(row[n], (int, float)) for row in rows)}
    # A square of numbers whose rows are named like its columns.
    if columns[1:] and [row[0] for row in rows] == columns[1:] and numbers == {*range(1, len(columns))}:
        return _confusion_matrix(columns, rows)
    return table(columns, [[number(value) for value in row] for row in rows], numbers)


def _confusion_matrix(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Each cell is as dark as its share of the row; those on the diagonal have a hue of their own."""
    lines = []
    for place, row in enumerate(rows):
        total = max(1, sum(row[1:]))
        cells = "".join(
            f'<td class="number {"hit" if column == place else "miss"}" style="--share:{v / total:.3f}">{v:,}</td>'
            for column, v in enumerate(row[1:])
        )
        lines.append(f"<tr><th>{safe(row[0])}</th>{cells}</tr>")
    heads = "".join(f'<th class="number">{safe(column)}</th>' for column in columns[1:])
    how = muted("Blue: correct; orange: confused. The stronger the colour, the larger the share of the row.")
    content = f'<table class="shaded"><tr><th></th>{heads}</tr>{"".join(lines)}</table>'
    return f'<div class="wide" tabindex="0">{content}</div>{how}'


def calibration(files: RunFiles) -> str:
    """How often labels are correct, by the confidence of the model."""
    facts = files.findings["calibration"]
    if not facts or not facts["bins"]:
        return ""
    text = (
        f"Expected calibration error {facts['error']:.3f}, of {facts['answers']:,} answers in ten bins: the average "
        "distance between the model's confidence and the fraction of its answers that is correct. Above the dotted "
        "line the model is more often correct than it claims, below it less often."
    )
    bins = [
        Bin(entry["low"], entry["high"], entry["answers"], entry["sure"], entry["right"]) for entry in facts["bins"]
    ]
    plot = figure_of(lambda: calibration_curve(bins))
    return section("Is its confidence justified?", f'<div class="pair">{plot}<p>{safe(text)}</p></div>')


def pictures(files: RunFiles) -> str:
    """The pictures that the run has drawn, inside the page."""
    paths = [files.run.path / Path(name).name for name in files.findings["pictures"]]
    content = "".join(_picture(path) for path in paths if path.is_file() and not path.is_symlink())
    return section("Pictures", content) if content else ""


def _picture(path: Path) -> str:
    name, content = safe(path.name), base64.b64encode(path.read_bytes()).decode()
    caption = safe(_CAPTIONS.get(path.name, path.name))
    image = f'<img alt="{name}" src="data:{_MEDIA_TYPES[path.suffix]};base64,{content}">'
    picture = f'<div class="wide" tabindex="0">{image}</div>'
    return f'<figure><figcaption class="pale">{caption}</figcaption>{picture}</figure>'


def written(files: RunFiles) -> str:
    """A text that the model has written without a prompt."""
    text = files.findings["written"]
    return section("What it writes", f'<pre class="fold">{safe(text)}</pre>') if text else ""
