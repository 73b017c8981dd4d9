"""A picture of a benchmark: the ratio to the best peer, case by case."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from seqkit.bench.run import Row
from seqkit.errors import missing


def plot(rows: Sequence[Row], path: Path, title: str) -> list[Path]:
    """Writes PNG and SVG beside each other; raises :class:`UsageError` if matplotlib is missing."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise missing("a plot", "matplotlib", "plot") from None
    groups = list(dict.fromkeys(map(_group, rows)))
    figure = Figure(figsize=(8, 0.6 + 0.7 * len(groups)), layout="constrained")
    axes = figure.add_subplot()
    for place, group in enumerate(groups):
        ratios = [row.ratio for row in rows if _group(row) == group]
        offsets = [place + 0.5 * (n + 0.5) / len(ratios) - 0.25 for n in range(len(ratios))]
        axes.scatter(ratios, offsets, s=14, alpha=0.7)
    axes.axvline(1, color="black", linewidth=1)
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_yticks(range(len(groups)), groups)
    axes.invert_yaxis()
    axes.set_xlabel("times faster than the best other layer (one dot a shape)")
    axes.set_title(title, fontsize=10)
    axes.grid(axis="x", alpha=0.3)
    written = [path.with_suffix(suffix) for suffix in (".png", ".svg")]
    for file in written:
        figure.savefig(file, dpi=150)
    return written


def _group(row: Row) -> str:
    precision = "" if row.case.precision == "f32" else f" in {row.case.precision}"
    beside = " beside our lstm" if row.best == "our lstm" else ""
    return f"{row.case.cell}{precision}{beside}, {row.case.mode}"
