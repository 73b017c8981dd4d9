"""A plot of how far gradients flow back, with a line for each cell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from seqkit.drawing.curves import FIRST, FOURTH, INK, SECOND, THIRD, dress, svg
from seqkit.drawing.figures import new_figure
from seqkit.inspection.gradient_flow import Flow

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOURS = (FIRST, SECOND, THIRD, FOURTH)
_FLOOR = 1e-12
"""Lines end where they fall below: what is left there is rounding."""


def overlaid_flows(flows: Sequence[Flow]) -> str:
    """One SVG of all cells: a colour for each, dashed at initialisation, solid when trained."""
    figure = new_figure("a picture of gradients", 5.4, 3.8)
    axes = _axes(figure, _limits(flows), _longest(flows))
    for number, flow in enumerate(flows):
        colour = _COLOURS[number % len(_COLOURS)]
        _line(axes, flow.initial, colour, "--", f"{flow.cell}, new")
        _line(axes, flow.trained or (), colour, "-", f"{flow.cell}, trained")
    axes.legend(frameon=False, labelcolor=INK, fontsize=9)
    return svg(figure, f"Norm of the gradient by lag: {', '.join(flow.cell for flow in flows)}")


def _limits(flows: Sequence[Flow]) -> tuple[float, float]:
    norms = [max(norm, _FLOOR) for flow in flows for norm in (*flow.initial, *(flow.trained or ()))]
    return min(norms) / 2, max(norms) * 2


def _longest(flows: Sequence[Flow]) -> int:
    return max(len(flow.initial) for flow in flows)


def _axes(figure: Figure, limits: tuple[float, float], longest: int) -> Axes:
    axes = figure.add_subplot()
    axes.set(yscale="log", ylim=limits, xlim=(-0.02 * longest, 1.02 * (longest - 1)))
    dress(axes, "steps back from the loss", "norm of the gradient")
    axes.tick_params(colors=INK, which="both")
    return axes


def _line(axes: Axes, norms: Sequence[float], colour: str, style: str, name: str) -> None:
    if norms:
        shown = [norm if norm > _FLOOR else float("nan") for norm in norms]
        axes.plot(shown, color=colour, linestyle=style, label=name)
