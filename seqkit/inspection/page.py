"""The page of ``seqkit inspect``: one file that needs nothing else and no network."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from seqkit.cells import Cell
from seqkit.drawing.heat import heat_map
from seqkit.inspection.flow_plots import overlaid_flows
from seqkit.inspection.gradient_flow import Flows
from seqkit.inspection.heat_maps import HeatMaps, visible
from seqkit.inspection.inside import AttentionMap, Inside
from seqkit.inspection.names import axes, gate, place, state, the_place
from seqkit.inspection.signals import signal_strip
from seqkit.inspection.time_constants import time_constant_bars
from seqkit.inspection.unrolled import Unrolled
from seqkit.pages import asset, document, muted, safe, section
from seqkit.topologies.powers import Signals

_AT_FIRST = (
    "New layers of all cells lose some: an RNN begins with a rotation, which tanh dampens; an LSTM keeps "
    "σ(1) = 0.73 of its cell state in each step, a GRU σ(0) = 0.5 of its state, so that it may begin with less than "
    "the RNN. What gates add is that training can open them, and --chrono opens them from the start."
)
_SURE = 1e-3
"""Contributions of less than this are too small to matter, and are not drawn as if they did."""
_ANSWERS = 20
"""Possible answers whose probabilities are shown, the most likely."""
_MOST_DRAWN = 2500
"""Weights of an attention up to which each is an element of the page."""
_UNITS = 48
"""Rows of a heat map: of more units, those that change most are shown."""
_LayerKey = tuple[str, int, bool]
"""A direction of a layer: the name of its module, its number, and whether it reads backward"""


def page(title: str, subtitle: str, insides: Mapping[str, Inside], flows: Flows | None = None) -> str:
    """The page as HTML: what happens inside, beside each other for several inputs, and how gradients flow.

    Args:
        title, subtitle: of the page.
        insides: what happens inside, by the text of the input.
        flows: how gradients flow, if that was measured.
    """
    maps, units = HeatMaps(), _common_units([*insides.values()])
    columns = [_sections(maps, inside, units) for inside in insides.values()]
    content = _beside([*insides], columns) if len(columns) > 1 else [part for column in columns for part in column]
    if flows is not None:
        content.append(_gradient_flow(flows, len(columns)))
    header = f"<header><h1>{safe(title)}</h1>{muted(subtitle)}</header>"
    script = "<noscript><p>The heat maps are drawn by a script inside this page; allow it to see them.</p></noscript>"
    body = "\n".join([header, *content, script])
    return document(title, body, asset("seqkit.inspection", "page.css"), f'<div id="tip"></div>{maps.script()}')


def _sections(maps: HeatMaps, inside: Inside, units: Mapping[_LayerKey, Sequence[int]]) -> list[str]:
    attention = [_attention(maps, attention) for attention in inside.attention]
    return [_answer(inside), *attention, *(_layer(maps, layer, units[_key(layer)]) for layer in inside.layers)]


def _beside(texts: Sequence[str], columns: Sequence[Sequence[str]]) -> list[str]:
    """A column for each input, whose sections begin at the same heights as those of the others."""
    rows = 1 + max(map(len, columns))
    articles = (
        f'<article style="grid-row: span {rows}"><h2>{safe(text)}</h2>{"".join(column)}</article>'
        for text, column in zip(texts, columns, strict=True)
    )
    return [f'<div class="beside">{"".join(articles)}</div>']


def _key(layer: Unrolled) -> _LayerKey:
    return layer.name, layer.layer, layer.backward


def _common_units(insides: Sequence[Inside]) -> dict[_LayerKey, list[int]]:
    """The units of each layer that are shown: the same for all inputs, or they could not be compared."""
    outputs: dict[_LayerKey, list[Tensor]] = {}
    for layer in (layer for inside in insides for layer in inside.layers):
        outputs.setdefault(_key(layer), []).append(layer.states[layer.cell.state_names[0]])
    return {key: _most_changing(torch.cat(of_layer)) for key, of_layer in outputs.items()}


def _answer(inside: Inside) -> str:
    parts = [f"<p><b>{safe(inside.answer)}</b></p>", _probabilities(inside.probabilities)]
    if inside.signals is not None:
        parts = [_signals(inside.signals, inside), f"<p>{safe(inside.answer)}</p>"]
    elif inside.influence:
        for name, (steps, worth) in inside.influence.items():
            heading = f"How much each step of {the_place(name)} contributes"
            parts.append(f"<h3>{safe(heading)}</h3>{_tokens(steps, worth.tolist())}")
        if all(worth.abs().max() < _SURE for _, worth in inside.influence.values()):
            parts.append(muted("No single step changes this answer noticeably."))
        parts.append(
            muted(
                "Gradient × input: about what the log-probability of the answer would lose if the step's vector were "
                "0. Orange supports the answer, blue opposes it."
            )
        )
    return section("Answer", "".join([*parts, *map(muted, inside.notes)]))


def _probabilities(probabilities: Mapping[str, float]) -> str:
    """A bar for each possible answer, the most likely first."""
    rows = "".join(
        f'<span>{safe(visible(name))}</span><i style="--share:{value:.4f}"></i><span>{value:.3f}</span>'
        for name, value in sorted(probabilities.items(), key=lambda entry: -entry[1])[:_ANSWERS]
    )
    left_out = len(probabilities) - _ANSWERS
    more = muted(f"The {left_out:,} least likely answers are not shown.") if left_out > 0 else ""
    return f'<div class="probabilities">{rows}</div>{more}' if rows else ""


def _signals(signals: Signals, inside: Inside) -> str:
    """The frames with their labels; a model with a delay has steps after the last frame, which have no signal."""
    worth = next((values.tolist() for _, values in inside.influence.values()), [])[: len(signals.labels)]
    shown = len(worth) or len(signals.labels)
    return signal_strip(signals.values[:shown], signals.labels[:shown], worth, signals.names)


def _tokens(steps: Sequence[str], contributions: Sequence[float]) -> str:
    most = max((abs(value) for value in contributions), default=0.0) or 1.0
    places = min(6, max(2, 1 - math.floor(math.log10(most))))
    parts = []
    for number, (step, value) in enumerate(zip(steps, contributions, strict=True), 1):
        side = "for" if value >= 0 else "against"
        tip = f"step {number} “{visible(step)}”: {value:+.{places + 2}f}"
        shown = f"{value:+.{places}f}" if abs(value) >= 0.5 * 10**-places else "0"
        share = abs(value) / max(most, _SURE)
        parts.append(
            f'<span class="{side}" style="--share:{share:.3f}" title="{safe(tip)}">{safe(visible(step))}'
            f"<small>{shown}</small></span>"
        )
    return f'<div class="tokens">{"".join(parts)}</div>'


def _attention(maps: HeatMaps, attention: AttentionMap) -> str:
    """The weights as a drawing, and where those would be too many, as a map that the script draws."""
    across, down = axes(attention.name)
    if attention.weights.numel() <= _MOST_DRAWN:
        columns, rows = ([*map(visible, texts)] for texts in (attention.places, attention.written))
        name = f"attention: {place(attention.name)}"
        drawn = heat_map(attention.weights.tolist(), columns, rows, name, across=across, down=down, full=0)
    else:
        what = f"Columns: {across}; rows: {down}"
        figure = maps.figure("attention", what, attention.weights, attention.places, row_names=attention.written)
        drawn = f'<div class="maps">{figure}</div>'
    about = muted("How much each row looked at each column; the weights of a row add up to 1.")
    return section(f"Attention: {place(attention.name)}", about + drawn)


def _layer(maps: HeatMaps, layer: Unrolled, units: Sequence[int]) -> str:
    count = layer.states[layer.cell.state_names[0]].shape[1]
    way = "reads backward" if layer.backward else "reads forward"
    title = f"{place(layer.name)}, layer {layer.layer + 1}, {way}"
    rows = f"the {len(units)} of {count} units whose output changes most" if len(units) < count else f"{count} units"
    text = f"{_cell(layer.cell)}. Rows are {rows}, sorted by their average output; columns are steps."
    drawn = []
    for name, values in layer.gates.items():
        # Some states are gates, too, such as the h of a plain RNN: shown once, as a state.
        if name not in layer.states:
            signed = bool((values < 0).any())
            what = gate(name, signed) if layer.cell.has_gates else "sum that goes into the gate"
            drawn.append(maps.figure(name, what, values.T[units], layer.steps, units, signed=signed))
    for name, values in layer.states.items():
        drawn.append(maps.figure(name, state(name), values.T[units], layer.steps, units, signed=True))
    bars = "" if layer.kept is None else time_constant_bars(layer.kept)
    return section(title, f'{muted(text)}<div class="maps">{"".join(drawn)}</div>{bars}')


def _cell(cell: Cell) -> str:
    """The name of a cell, with the options that it has: ``GRU, reset after``."""
    options = (f", {key.replace('_', ' ')} {str(value).lower()}" for key, value in cell.options.items())
    return type(cell).__name__ + "".join(options)


def _most_changing(values: Tensor) -> list[int]:
    """The units of values (T, H) that change most over time, sorted by their average."""
    deviations = values.std(0, correction=0)
    units = deviations.topk(min(_UNITS, len(deviations))).indices.tolist()
    averages = values.mean(0).tolist()
    return sorted(units, key=lambda unit: -averages[unit])


def _gradient_flow(flows: Flows, inputs: int) -> str:
    """``inputs``: how many the page shows; without any, the examples are those of the test split."""
    plot = f"<figure>{overlaid_flows(flows.cells)}</figure>"
    texts = f"<p>{safe(_what_is_left(flows))}</p>{muted(_about_flows(flows, inputs))}"
    return section("How far the gradient flows back", f'<div class="pair">{plot}<div>{texts}</div></div>')


def _what_is_left(flows: Flows) -> str:
    """The norms at the last lag that all lines have."""
    last = min(len(norms) for flow in flows.cells for norms in (flow.initial, flow.trained) if norms) - 1
    initial = ", ".join(f"{flow.cell} {flow.initial[last]:.2g}" for flow in flows.cells)
    trained = ", ".join(f"{flow.cell} {flow.trained[last]:.2g}" for flow in flows.cells if flow.trained)
    return f"Left after {last} steps, at initialisation: {initial}; trained: {trained}."


def _about_flows(flows: Flows, inputs: int) -> str:
    loss = (
        "The loss is minus the log-probability of the answer, followed back from the last state alone."
        if flows.from_answer
        else "The loss is v · h of the last step, the root mean square over 8 random v of length 1."
    )
    examples = f"{flows.examples} examples" if flows.examples > 1 else "the beginning"
    above = "the input above" if inputs == 1 else f"the {inputs} inputs above"
    read = above if inputs else f"{examples} of the test split"
    trained = [flow.cell for flow in flows.cells if flow.trained]
    return (
        "Norm of ∂loss/∂h by how many steps back h is, relative to that of the last step, on a log scale. "
        f"{loss} A line that falls straight is a gradient that vanishes by the same factor in each step. {_AT_FIRST} "
        f"Lines end at 1e-12. All models read {read}, and the gradient flows through "
        f"{the_place(flows.layer)}, with {flows.units} units. {_trained(trained)}"
    )


def _trained(names: Sequence[str]) -> str:
    if len(names) == 1:
        return f"Only {names[0]} is trained; add other runs with --beside RUN."
    return f"Trained: {', '.join(names[:-1])} and {names[-1]}."
