"""Plots of how far gradients flow back, one for each cell."""

from __future__ import annotations

from collections.abc import Sequence

from seqkit.drawing.curves import FIRST, INK, PALE, SECOND, svg
from seqkit.drawing.figures import new_figure
from seqkit.inspection.gradient_flow import Flow

_FLOOR = 1e-12
"""Lines end where they fall below: what is left there is rounding."""


def flow_plots(flows: Sequence[Flow]) -> list[str]:
    """An SVG for each cell, on the same scale."""
    norms = [max(norm, _FLOOR) for flow in flows for norm in (*flow.initial, *(flow.trained or ()))]
    low, high = min(norms) / 2, max(norms) * 2
    longest = max(len(flow.initial) for flow in flows)
    return [_plot(flow, (low, high), longest) for flow in flows]


def _plot(flow: Flow, limits: tuple[float, float], longest: int) -> str:
    figure = new_figure("a picture of gradients", 3.6, 3.0)
    axes = figure.add_subplot()
    axes.set(yscale="log", ylim=limits, xlim=(-0.02 * longest, 1.02 * (longest - 1)), xlabel="steps back from the loss")
    axes.set_title(flow.cell, color=INK, fontsize=12, fontweight="bold")
    axes.set_ylabel("norm of the gradient")
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set_color(INK)
    axes.tick_params(colors=INK, which="both")
    axes.grid(axis="y", color=PALE, alpha=0.35, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(PALE)
    for norms, colour, style, name in (
        (flow.initial, SECOND, "--", "at initialisation"),
        (flow.trained, FIRST, "-", "trained"),
    ):
        if norms:
            shown = [norm if norm > _FLOOR else float("nan") for norm in norms]
            axes.plot(shown, color=colour, linestyle=style, label=name)
    axes.legend(frameon=False, labelcolor=INK)
    return svg(figure, f"Norm of the gradient by lag: {flow.cell}")
