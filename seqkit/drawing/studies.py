"""The plots of a study: its scores, what mattered, and each option against the score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from seqkit.config import written
from seqkit.drawing.curves import FIRST, INK, PALE, SECOND, new_plot, svg
from seqkit.drawing.figures import literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Scored(NamedTuple):
    """A trial with a score, complete or pruned before its end."""

    number: int
    values: Mapping[str, Any]
    score: float
    complete: bool


def scores_by_trial(trials: Sequence[Scored], best_so_far: Sequence[float | None], score: str) -> str:
    """The score of each trial, and as steps the best until then."""
    figure, axes = new_plot("trial", f"{score.replace('_', ' ')}, validation")
    axes.step([t.number for t in trials], [_float(b) for b in best_so_far], where="post", color=SECOND, label="best")
    _points(axes, [trial.number for trial in trials], trials)
    _focus(axes, trials)
    axes.legend(frameon=False, labelcolor=INK)
    return svg(figure, f"{score} of each trial on the validation split, and the best so far")


def importance_bars(shares: Mapping[str, float]) -> str:
    """The share of each option in what moved the score."""
    from matplotlib.ticker import MaxNLocator

    figure, axes = new_plot("share of what moved the score", "")
    # Bars stand on each other: the first is the lowest.
    names, values = [literal(name.replace("_", "-")) for name in shares][::-1], [*shares.values()][::-1]
    axes.barh(names, values, color=FIRST, height=0.6)
    axes.set(xlim=(0, max(shares.values(), default=1) * 1.05))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5))
    return svg(figure, "How much each option mattered")


def option_against_score(name: str, trials: Sequence[Scored], score: str, log: bool, categories: Sequence[str]) -> str:
    """The score of the trials over the values of one option; ``categories`` are its values where they are some."""
    from matplotlib.ticker import AutoLocator

    figure, axes = new_plot(name.replace("_", "-"), score.replace("_", " "))
    if categories:
        places: list[Any] = [categories.index(written(trial.values[name])) for trial in trials]
        axes.set_xlim(-0.5, len(categories) - 0.5)
        axes.set_xticks(range(len(categories)), [literal(category) for category in categories])
    else:
        places = [trial.values[name] for trial in trials]
        axes.xaxis.set_major_locator(AutoLocator())
        if log:
            axes.set_xscale("log")
    _points(axes, places, trials)
    _focus(axes, trials)
    return svg(figure, f"{score} over {name}")


def _points(axes: Axes, places: Sequence[Any], trials: Sequence[Scored]) -> None:
    """Dots for complete trials, crosses for those that were pruned."""
    for complete, marker, colour, label in ((True, "o", FIRST, "complete"), (False, "x", PALE, "pruned")):
        chosen = [(place, t.score) for place, t in zip(places, trials, strict=True) if t.complete is complete]
        if chosen:
            xs, ys = zip(*chosen, strict=True)
            axes.scatter(xs, ys, s=22, marker=marker, color=colour, linewidths=1.2, label=label, zorder=3)


def _focus(axes: Axes, trials: Sequence[Scored]) -> None:
    """The range of the complete trials: one that was pruned early can be so bad that the others look the same."""
    scores = [trial.score for trial in trials if trial.complete]
    if len(scores) > 1 and min(scores) < max(scores):
        margin = 0.15 * (max(scores) - min(scores))
        axes.set_ylim(min(scores) - margin, max(scores) + margin)


def _float(value: float | None) -> float:
    return float("nan") if value is None else value
