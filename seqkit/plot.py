"""Plots for notebooks: each returns a figure of matplotlib, to show, change or save.

B batch, T time, H hidden units, S places of a memory.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from seqkit.drawing.figures import literal, new_figure, png
from seqkit.errors import UsageError
from seqkit.files import read_json_lines
from seqkit.inspection.record import Trace
from seqkit.runs.directory import RunDirectory
from seqkit.runs.schemas import EPOCH

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["attention", "confusion", "gates", "learning"]

_UNITS = 48
"""Units that are shown, those that change most"""


def gates(trace: Trace, *, call: int = -1, row: int = 0, words: Sequence[str] = ()) -> Figure:
    """A heat map of each gate and state (H, T) of one recorded call, units as rows and steps as columns.

    Args:
        trace: of :func:`seqkit.record`.
        call: which of ``trace.layers``; the last by default.
        row: of the batch.
        words: what was read at each step, for the ticks.

    Raises:
        UsageError: where nothing was recorded, or matplotlib is not installed.
    """
    if not trace.layers:
        raise UsageError("the trace has no call of a recurrent layer; use the model inside `with seqkit.record(model)`")
    recorded = trace.layers[call]
    length = int(recorded.lengths[row])
    maps = {name: values[row, :length].T for name, values in {**recorded.gates, **recorded.states}.items()}
    changes = next(iter(recorded.states.values()))[row, :length].std(0, correction=0)
    units = changes.topk(min(_UNITS, len(changes))).indices.sort().values
    figure = _shown_figure("a plot of gates", 2.6 * len(maps) + 0.6, 3.6)
    for axes, (name, values) in zip(figure.subplots(1, len(maps), squeeze=False)[0], maps.items(), strict=True):
        _heat(axes, values[units].detach().cpu().numpy(), name, words[:length], [])
    figure.suptitle(literal(f"{recorded.name}, layer {recorded.layer + 1}"), fontsize=10)
    return figure


def attention(
    trace: Trace, *, call: int | None = None, row: int = 0, source: Sequence[str] = (), target: Sequence[str] = ()
) -> Figure:
    """A heat map of the weights (T, S) of a recorded attention: rows look at columns.

    Args:
        trace: of :func:`seqkit.record`.
        call: which of ``trace.attention``; by default the last, or all steps of a decoder that wrote step by step.
        row: of the batch; of a beam search the first is, at each step, the hypothesis that leads.
        source, target: the words of the columns and rows.

    Raises:
        UsageError: where no attention was recorded, or matplotlib is not installed.
    """
    if not trace.attention:
        raise UsageError("the trace has no attention; the model has none, or was not used while it was recorded")
    name, weights = trace.attention[-1 if call is None else call]
    shown = weights[row] if call is not None or weights.shape[1] > 1 else _steps(trace, name, row)
    figure = _shown_figure("a plot of attention", 4.6, 4.0)
    _heat(figure.add_subplot(), shown.detach().cpu().numpy(), name, source, target)
    return figure


def _steps(trace: Trace, name: str, row: int) -> Tensor:
    """The weights (T, S) of all single steps of an attention that looked at as many places as in the last one."""
    calls = [weights for other, weights in trace.attention if other == name]
    steps = [weights[row] for weights in calls if weights.shape[1:] == calls[-1].shape[1:] and row < len(weights)]
    return torch.cat(steps)


def learning(run: str | os.PathLike[str]) -> Figure:
    """The losses of a run's training and validation after each epoch.

    Raises :class:`SeqkitError` for a folder that holds no run.
    """
    directory, _ = RunDirectory.open(Path(run))
    history = read_json_lines(directory.metrics, EPOCH)
    figure = _shown_figure("a plot", 5.0, 3.2)
    axes = figure.add_subplot()
    epochs = [record["epoch"] for record in history]
    axes.plot(epochs, [record["train_loss"] for record in history], marker="o", label="training")
    axes.plot(epochs, [record["loss"] for record in history], marker="s", linestyle="--", label="validation")
    axes.set(xlabel="epoch", ylabel="loss", title=literal(directory.path.absolute().name))
    axes.locator_params(axis="x", integer=True)
    axes.legend(frameon=False)
    return figure


def confusion(truth: Sequence[Any], predicted: Sequence[Any]) -> Figure:
    """How often each true label (rows) got each answer (columns).

    Raises :class:`UsageError` unless there are as many answers as labels.
    """
    from sklearn.metrics import confusion_matrix

    if len(truth) != len(predicted):
        raise UsageError(f"{len(truth)} labels and {len(predicted)} answers; give as many of each")
    labels = sorted({*map(str, truth), *map(str, predicted)})
    counts = confusion_matrix([*map(str, truth)], [*map(str, predicted)], labels=labels)
    figure = _shown_figure("a plot", 1.6 + 0.5 * len(labels), 1.4 + 0.5 * len(labels))
    axes = figure.add_subplot()
    _heat(axes, counts, "", labels, labels)
    for row, of_row in enumerate(counts.tolist()):
        for column, count in enumerate(of_row):
            ink = "white" if count > counts.max() / 2 else "black"
            axes.text(column, row, count, ha="center", va="center", color=ink)
    axes.set(xlabel="answer", ylabel="truth")
    return figure


def _shown_figure(what: str, width: float, height: float) -> Figure:
    """A figure that shows itself at the end of a cell, whether or not the notebook has loaded pyplot."""
    figure = new_figure(what, width, height)
    figure._repr_png_ = partial(png, figure)  # type: ignore[attr-defined]
    return figure


def _heat(axes: Axes, values: np.ndarray, title: str, columns: Sequence[str], rows: Sequence[str]) -> None:
    signed = bool((values < 0).any())
    largest = float(abs(values).max()) or 1.0
    looks: dict[str, Any] = {"cmap": "RdBu_r", "vmin": -largest} if signed else {"cmap": "Blues", "vmin": 0}
    axes.imshow(values, aspect="auto", interpolation="none", vmax=largest, **looks)
    axes.set_title(literal(title), fontsize=10)
    axes.locator_params(integer=True)  # there are no half steps or units
    if columns:
        axes.set_xticks(range(len(columns)), [*map(literal, columns)], rotation=90, fontsize=8)
    if rows:
        axes.set_yticks(range(len(rows)), [*map(literal, rows)], fontsize=8)
