"""The pictures of docs/: the topologies, the gates of a small model over time, and how far gradients flow back.

python -m benchmarks.pictures docs/pictures
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
from torch import Tensor

from seqkit.config import make_config
from seqkit.drawing.curves import INK, PALE, svg
from seqkit.drawing.figures import literal, new_figure
from seqkit.drawing.topologies import TOPOLOGIES
from seqkit.drawing.topology_pictures import topology_svg
from seqkit.files import write_atomic
from seqkit.inspection.flow_plots import overlaid_flows
from seqkit.inspection.gradient_flow import gradient_flows
from seqkit.inspection.inside import Inside, look_inside
from seqkit.inspection.unrolled import Unrolled
from seqkit.runs import Model, find_task, load, start

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

_TEXT = "the plot is not dull and the end is great"
_LINE = "#808790"
"""Seen on white and on black."""
_PAGE = {"currentColor": _LINE, "var(--pale)": _LINE, "var(--first)": "#2c8fd0", "var(--second)": "#d9732e"}
_PAGE |= {"var(--third)": "#3f9d4d", "var(--fourth)": "#a95cc4"}
"""A picture that a page only names does not get the page's own colours."""


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def main(folder: Path) -> None:
    """Writes the pictures as SVG into FOLDER; half a minute."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, picture in pictures():
        write_atomic(folder / f"{name}.svg", picture.encode())
        print(f"{folder / name}.svg  {len(picture) / 1024:.1f} kB", flush=True)


def pictures() -> Iterator[tuple[str, str]]:
    """Every picture, by the name of its file."""
    for topology in TOPOLOGIES:
        yield topology.replace(",", "").replace(" ", "-"), topology_svg(topology)
    with tempfile.TemporaryDirectory() as folder:
        models = [_trained(Path(folder), cell) for cell in ("lstm", "rnn", "gru")]
    yield "gates", _coloured(gates_svg(look_inside(models[0], _TEXT)))
    flows = gradient_flows(models, [" and ".join([_TEXT] * 6)]).cells
    yield "gradients", _coloured(overlaid_flows(flows))


def gates_svg(inside: Inside) -> str:
    """Forget gate and memory of the layer that reads from the start: a row for each unit, a column for each word."""
    layer = next(layer for layer in inside.layers if not layer.backward)
    order = layer.states["c"].mean(0).argsort(descending=True)
    figure = new_figure("a picture of gates", 7.2, 3.4)
    left, right = figure.subplots(1, 2)
    for axes, title, values, colours, low in (
        (left, "forget gate f", layer.gates["f"], "viridis", 0.0),
        (right, "memory c", layer.states["c"], "PuOr_r", -float(layer.states["c"].abs().max())),
    ):
        drawn = _map(axes, title, values[:, order].T, layer, (colours, low))
        bar = figure.colorbar(drawn, ax=axes, shrink=0.8)
        bar.ax.tick_params(colors=INK)
        bar.outline.set_edgecolor(PALE)
    return svg(figure, f"Forget gate and memory over time: {_TEXT}")


def _map(axes: Axes, title: str, values: Tensor, layer: Unrolled, looks: tuple[str, float]) -> AxesImage:
    colours, low = looks
    limit = 1.0 if low == 0 else -low
    axes.set_title(title, color=INK, fontsize=11)
    axes.set_xticks(range(len(layer.steps)), [literal(step) for step in layer.steps], rotation=90)
    axes.set_yticks([])
    axes.set_ylabel(f"{len(values)} units", color=INK)
    axes.tick_params(colors=INK)
    for spine in axes.spines.values():
        spine.set_color(PALE)
    return axes.imshow(values.numpy(), aspect="auto", interpolation="nearest", cmap=colours, vmin=low, vmax=limit)


def _trained(folder: Path, cell: str) -> Model:
    """A small model that has learned whether a sentence praises: ``not`` turns the word after it."""
    rows = "".join(f"{text},{label}\n" for text, label in _sentences(random.Random(0), 600))
    (folder / "sentences.csv").write_text(f"text,label\n{rows}")
    task = find_task("sentiment")
    sizes = {"cell": cell, "hidden_size": 24, "embedding_size": 16, "bidirectional": False, "pooling": "last"}
    training = {
        "epochs": 20,
        "batch_size": 16,
        "learning_rate": 5e-3,
        "patience": 0,
        "average": 0.0,
        "data": str(folder / "sentences.csv"),
    }
    dropouts = dict.fromkeys(("dropout", "embedding_dropout", "word_dropout"), 0.0)
    config = make_config(task.config, {**sizes, **training, **dropouts})
    session = start(task, config, folder / cell, [])
    session.train()
    return load(folder / cell)


def _sentences(generator: random.Random, count: int) -> Iterator[tuple[str, str]]:
    things, words = ["plot", "end", "film", "cast"], {"great": 1, "warm": 1, "dull": -1, "awful": -1}
    for _ in range(count):
        one, other = generator.sample(things, 2)
        parts, praise = [], 0
        for thing in (one, other):
            word, turned = generator.choice(list(words)), generator.random() < 0.5
            parts.append(f"the {thing} is {'not ' if turned else ''}{word}")
            praise += -words[word] if turned else words[word]
        if praise:
            yield " and ".join(parts), "good" if praise > 0 else "bad"


def _coloured(plot: str) -> str:
    for name, colour in _PAGE.items():
        plot = plot.replace(name, colour)
    return plot.replace("<svg", '<svg font-family="sans-serif"', 1) + "\n"


if __name__ == "__main__":
    main()
