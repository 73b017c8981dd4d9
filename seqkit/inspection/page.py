"""The page of ``seqkit inspect``: one file that needs nothing else and no network."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from torch import Tensor

from seqkit.inspection.gradient_flow import Flows, flow_plots
from seqkit.inspection.inside import AttentionMap, Inside, Unrolled, time_constants
from seqkit.pages import asset, document, safe, section

_UNITS = 48
"""Rows of a heat map: of more units, those that change most are shown."""


class _Maps:
    """The heat maps of a page, numbered as they are drawn."""

    def __init__(self) -> None:
        self.found: list[dict[str, Any]] = []

    def figure(
        self,
        name: str,
        what: str,
        values: Tensor,
        columns: Sequence[str],
        rows: Sequence[int] = (),
        names: Sequence[str] = (),
        signed: bool = False,
    ) -> str:
        """A map of values (rows, columns); the picture itself is drawn by the page.

        The darkest colour is 1, or the largest value if that is more, or if signs or ``names`` of rows matter.
        """
        largest = float(values.abs().max()) if values.numel() else 1.0
        limit = largest if largest > 1 or ((signed or names) and largest > 0) else 1.0
        whole = (values / limit * 1000).round().int().tolist()
        shown: dict[str, Any] = {"name": name, "values": whole, "rows": list(rows)}
        shown["columns"] = [_visible(c) for c in columns]
        shown |= {"limit": limit, "signed": signed, "rowNames": [_visible(n) for n in names] or None}
        self.found.append(shown)
        low = f"−{limit:.3g}" if signed else "0"
        scale = f'{low}<span class="scale"></span>{limit:.3g}'
        label = safe(f"heat map: {name}, {what}")
        return (
            f'<figure data-map="{len(self.found) - 1}"><figcaption><b>{safe(name)}</b> {safe(what)} '
            f'<span class="pale">{scale}</span></figcaption>'
            f'<div class="wide"><canvas role="img" aria-label="{label}"></canvas></div></figure>'
        )

    def script(self) -> str:
        """The numbers and what draws them."""
        numbers = json.dumps(self.found, ensure_ascii=True, separators=(",", ":")).replace("<", "\\u003c")
        return (
            f"<script>const MAPS = {numbers};\n{asset('seqkit.inspection', 'page.js')}</script>" if self.found else ""
        )


def page(title: str, subtitle: str, inside: Inside | None, flows: Flows | None = None) -> str:
    """The page as HTML: what is inside, where an input was given, and the flow of gradients, where it was asked for."""
    maps, parts = _Maps(), []
    if inside is not None:
        parts += [_answer(inside), *(_attention(maps, looking) for looking in inside.looking)]
        parts += [_layer(maps, layer) for layer in inside.layers]
    if flows is not None:
        parts.append(_flows(flows, inside is not None))
    body = "\n".join(parts)
    head = f'<header><h1>{safe(title)}</h1><p class="pale">{safe(subtitle)}</p></header>'
    script = "<noscript><p>The heat maps are drawn by a script inside this page; allow it to see them.</p></noscript>"
    after = f'<div id="tip"></div>{maps.script()}'
    return document(title, f"{head}\n{body}\n{script}", asset("seqkit.inspection", "page.css"), after)


def _answer(inside: Inside) -> str:
    parts = [f"<p><b>{safe(inside.answer)}</b></p>"]
    for name, (steps, worth) in inside.influence.items():
        parts.append(f"<h3>What each step of {safe(name)} is worth</h3>{_tokens(steps, worth.tolist())}")
    if inside.influence:
        parts.append(
            '<p class="pale">Gradient × input: about what the log-probability of the answer would lose if the step\'s '
            "vector were 0. Orange speaks for the answer, blue against it.</p>"
        )
    parts += [f'<p class="pale">{safe(note)}</p>' for note in inside.notes]
    return section("Answer", "".join(parts))


def _tokens(steps: Sequence[str], worth: Sequence[float]) -> str:
    most = max((abs(value) for value in worth), default=0.0) or 1.0
    places = min(6, max(2, 1 - math.floor(math.log10(most))))
    parts = []
    for number, (step, value) in enumerate(zip(steps, worth, strict=True), 1):
        kind = "for" if value >= 0 else "against"
        tip = f"step {number} “{_visible(step)}”: {value:+.{places + 2}f}"
        shown = f"{value:+.{places}f}" if abs(value) >= 0.5 * 10**-places else "0"
        parts.append(
            f'<span class="{kind}" style="--part:{abs(value) / most:.3f}" title="{safe(tip)}">{safe(_visible(step))}'
            f"<small>{shown}</small></span>"
        )
    return f'<div class="tokens">{"".join(parts)}</div>'


def _attention(maps: _Maps, looking: AttentionMap) -> str:
    drawn = maps.figure(
        "attention", "how much each row looks at each column", looking.weights, looking.places,
        names=looking.written,
    )  # fmt: skip
    return section(f"Attention: {looking.name}", f'<div class="maps">{drawn}</div>')


def _layer(maps: _Maps, layer: Unrolled) -> str:
    first = layer.states[layer.cell.state_names[0]]
    units, chosen = first.shape[1], _chosen(first)
    way = "from the end" if layer.backward else "from the start"
    title = f"{layer.name}, layer {layer.layer + 1}, read {way}"
    rows = f"the {len(chosen)} of {units} units whose output changes most" if len(chosen) < units else f"{units} units"
    text = f"{layer.cell!r}. Rows are {rows}, sorted by their mean output; columns are steps."
    drawn = []
    raw = {} if layer.cell.has_gates else {"what": "sum that goes into the gate"}
    for name, values in layer.gates.items():
        if name not in layer.states:
            signed = bool((values < 0).any())
            what = raw.get("what", "candidate" if signed else "gate")
            drawn.append(maps.figure(name, what, values.T[chosen], layer.steps, chosen, signed=signed))
    for name, values in layer.states.items():
        drawn.append(maps.figure(name, "state", values.T[chosen], layer.steps, chosen, signed=True))
    constants = _constants(layer.kept) if layer.kept is not None else ""
    return section(title, f'<p class="pale">{safe(text)}</p><div class="maps">{"".join(drawn)}</div>{constants}')


def _chosen(values: Tensor) -> list[int]:
    """The units (T, H) that change most over time, sorted by their mean."""
    spread = values.std(0, correction=0)
    kept = spread.topk(min(_UNITS, len(spread))).indices.tolist()
    means = values.mean(0).tolist()
    return sorted(kept, key=lambda unit: -means[unit])


def _constants(kept: Tensor) -> str:
    """A bar for each unit, the most forgetful first, on a logarithmic scale of steps."""
    taus = time_constants(kept)
    order = taus.argsort()
    values = [(int(unit), float(taus[unit])) for unit in order]
    low, high = math.floor(math.log10(values[0][1])), math.ceil(math.log10(values[-1][1]) + 1e-9)
    high = max(high, low + 1)

    def up(value: float) -> float:
        return 110 - 100 * (math.log10(value) - low) / (high - low)

    wide = 430 / len(values)
    bars = "".join(
        f'<rect x="{40 + n * wide:.2f}" y="{up(tau):.1f}" width="{max(wide - 0.6, 0.5):.2f}" '
        f'height="{110 - up(tau):.1f}">'
        f"<title>unit {unit}: {tau:.2f} steps</title></rect>"
        for n, (unit, tau) in enumerate(values)
    )
    ticks = "".join(
        f'<line x1="40" x2="470" y1="{up(10.0**e):.1f}" y2="{up(10.0**e):.1f}"/>'
        f'<text x="34" y="{up(10.0**e) + 4:.1f}" text-anchor="end">{10.0**e:g}</text>'
        for e in range(low, high + 1)
    )
    median = values[len(values) // 2][1]
    return (
        f"<h3>How long units remember</h3>"
        f'<svg class="bars" viewBox="0 0 480 118" role="img" aria-label="time constants of {len(values)} units">'
        f"{ticks}{bars}</svg>"
        f'<p class="pale">Time constant −1 / log(mean part of the state that is kept), in steps, of each of the '
        f"{len(values)} units, the most forgetful first; the median is {median:.3g} steps.</p>"
    )


def _flows(flows: Flows, text: bool) -> str:
    """``text``: whether the one example is that which the page shows."""
    plots = "".join(f"<figure>{plot}</figure>" for plot in flow_plots(flows.cells))
    last = min(len(line) for flow in flows.cells for line in (flow.initial, flow.trained) if line) - 1
    left = ", ".join(f"{flow.cell} {flow.initial[last]:.1e}" for flow in flows.cells)
    trained = [flow for flow in flows.cells if flow.trained]
    kept = ", ".join(f"{flow.cell} {(flow.trained or [0.0])[last]:.1e}" for flow in trained)
    loss = (
        "The loss is minus the log-probability of the answer, followed back from the last state alone."
        if flows.asked
        else "The loss is v · h of the last step, the root mean square over 8 random v of length 1."
    )
    many = f"{flows.examples} examples" if flows.examples > 1 else "the beginning"
    what = "the input above" if text else f"{many} of the test part"
    about = (
        "Norm of ∂loss/∂h by how many steps back h lies, in proportion to that of the last step, on a logarithmic "
        f"scale. {loss} A line that falls straight is a gradient that vanishes: what lies far back cannot be learned. "
        f"Lines end at 1e-12. All models read {what}, and the gradient flows through {flows.layer}, with {flows.units} "
        f"units. Trained: {_listed([flow.cell for flow in trained])}."
    )
    numbers = f"Left after {last} steps, at initialisation: {left}; trained: {kept}."
    return section(
        "How far the gradient flows back",
        f'<div class="pair flows">{plots}</div><p>{safe(numbers)}</p><p class="pale">{safe(about)}</p>',
    )


def _listed(names: Sequence[str]) -> str:
    if len(names) == 1:
        return f"only {names[0]}; others stand here with --beside RUN"
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _visible(text: str) -> str:
    """Blanks and line ends as signs; a long token without its end."""
    shown = text.replace("\n", "↵").replace("\t", "⇥").replace(" ", "␣") or "∅"
    return shown if len(shown) <= 24 else shown[:23] + "…"
