"""A picture of a benchmark: the ratio to the best peer, case by case."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from seqkit.bench.measurement import Measurement
from seqkit.errors import missing


def plot(measurements: Sequence[Measurement], path: Path, title: str) -> list[Path]:
    """Writes PNG and SVG side by side; raises :class:`UsageError` if matplotlib is missing."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise missing("a plot", "matplotlib", "plot") from None
    groups = list(dict.fromkeys(map(_group, measurements)))
    figure = Figure(figsize=(8, 0.6 + 0.7 * len(groups)), layout="constrained")
    axes = figure.add_subplot()
    for place, group in enumerate(groups):
        ratios = [measured.ratio for measured in measurements if _group(measured) == group]
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


def _group(measured: Measurement) -> str:
    case = measured.case
    precision = "" if case.precision == "f32" else f" in {case.precision}"
    beside = " beside our lstm" if measured.best == "our lstm" else ""
    return f"{case.cell}{precision}{beside}, {case.mode}"
