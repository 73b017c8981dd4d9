"""The page of ``seqkit inspect``: one file that needs nothing else and no network."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from torch import Tensor

from seqkit.report.flow import Flows, flow_plots
from seqkit.report.html import STYLE, safe, section
from seqkit.report.inside import Inside, Looking, Unrolled, time_constants

_UNITS = 48
"""Rows of a heat map: of more units, those that change most are shown."""

_LOOKS = """
.maps { display: flex; flex-wrap: wrap; gap: 18px 28px; }
.maps figure { max-width: 100%; min-width: 0; }
figcaption { font-size: .85rem; margin-bottom: 4px; }
canvas { display: block; touch-action: pan-x pan-y; }
.scale { display: inline-block; width: 72px; height: 9px; border-radius: 2px; border: 1px solid var(--edge);
  vertical-align: middle; margin: 0 5px; }
.tokens { display: flex; flex-wrap: wrap; gap: 4px; margin: 0 0 12px; }
.tokens span { padding: 2px 6px; border-radius: 4px; border: 1px solid var(--edge); font-size: .92rem;
  max-width: 100%; overflow-wrap: anywhere; }
.tokens small { display: block; font-size: .7rem; opacity: .85; font-variant-numeric: tabular-nums; }
.for { background: rgb(var(--warm) / calc(var(--part) * .6)); }
.against { background: rgb(var(--cold) / calc(var(--part) * .6)); }
:root { --warm: 224 122 31; --cold: 40 112 190; }
#tip { position: fixed; display: none; pointer-events: none; background: var(--ink); color: var(--paper); z-index: 9;
  padding: 3px 8px; border-radius: 5px; font-size: .8rem; max-width: 260px; font-variant-numeric: tabular-nums; }
svg.bars { max-width: 480px; } svg.bars rect { fill: var(--first); }
svg.bars text { fill: var(--pale); font-size: 11px; }
.flows { grid-template-columns: repeat(auto-fit, minmax(min(100%, 260px), 1fr)); }
svg.bars line { stroke: var(--edge); }
"""

_SCRIPT = """
const dark = matchMedia('(prefers-color-scheme: dark)');
const mix = (a, b, p) => `rgb(${a.map((v, i) => Math.round(v + (b[i] - v) * p)).join(' ')})`;
const ends = () => dark.matches
  ? {zero: [30, 34, 42], warm: [255, 166, 77], cold: [92, 172, 250], full: [150, 215, 255]}
  : {zero: [247, 246, 243], warm: [184, 78, 0], cold: [10, 88, 168], full: [8, 62, 122]};
const colour = (v, signed) => { const e = ends();
  return signed ? mix(e.zero, v < 0 ? e.cold : e.warm, Math.abs(v)) : mix(e.zero, e.full, v); };
const tip = document.getElementById('tip');
function draw(figure) {
  const m = figure.map, canvas = figure.querySelector('canvas'), c = canvas.getContext('2d');
  const style = getComputedStyle(document.body), font = `11px ${style.fontFamily}`;
  c.font = font;
  const side = m.rowNames ? Math.ceil(Math.max(...m.rowNames.map(t => c.measureText(t).width))) + 8 : 0;
  const upright = m.columns.every(t => [...t].length < 2);
  const top = upright ? 18 : Math.min(110, Math.ceil(Math.max(...m.columns.map(t => c.measureText(t).width)))) + 8;
  const w = Math.max(14, Math.min(34, Math.floor((340 - side) / m.columns.length)));
  const rows = m.values.length, named = rows > 60 ? 12 : 18;
  const h = m.rowNames ? named : Math.max(5, Math.min(16, Math.floor(230 / rows)));
  const width = side + w * m.columns.length, height = top + h * m.values.length, ratio = devicePixelRatio || 1;
  canvas.width = width * ratio; canvas.height = height * ratio;
  canvas.style.width = width + 'px'; canvas.style.height = height + 'px';
  c.scale(ratio, ratio); c.font = font; c.fillStyle = style.color; c.textBaseline = 'middle';
  if (upright) { c.textAlign = 'center'; m.columns.forEach((t, i) => c.fillText(t, side + w * (i + .5), 9)); }
  else m.columns.forEach((t, i) => { c.save(); c.translate(side + w * (i + .5), top - 4); c.rotate(-Math.PI / 2);
    c.fillText(t, 0, 0, top - 6); c.restore(); });
  c.textAlign = 'start';
  if (m.rowNames) m.rowNames.forEach((t, i) => c.fillText(t, 0, top + h * (i + .5)));
  m.values.forEach((row, y) => row.forEach((v, x) => { c.fillStyle = colour(v / 1000, m.signed);
    c.fillRect(side + x * w, top + y * h, w - 1, h > 8 ? h - 1 : h); }));
  figure.at = (px, py) => { const x = Math.floor((px - side) / w), y = Math.floor((py - top) / h);
    return m.values[y] && m.values[y][x] !== undefined && px >= side ? [x, y] : null; };
  const stops = m.signed ? [-1, -.5, 0, .5, 1] : [0, .5, 1];
  figure.querySelector('.scale').style.background = `linear-gradient(90deg, ${stops.map(v => colour(v, m.signed))})`;
}
function show(figure, event) {
  const box = figure.querySelector('canvas').getBoundingClientRect(), m = figure.map;
  const cell = figure.at(event.clientX - box.left, event.clientY - box.top);
  if (!cell) { tip.style.display = 'none'; return; }
  const [x, y] = cell, value = (m.values[y][x] / 1000 * m.limit).toFixed(3);
  const row = m.rowNames ? m.rowNames[y] : `unit ${m.rows[y]}`;
  tip.textContent = `${row} · step ${x + 1} “${m.columns[x]}” · ${m.name} = ${value}`;
  tip.style.display = 'block';
  tip.style.left = Math.max(4, Math.min(event.clientX + 12, innerWidth - tip.offsetWidth - 6)) + 'px';
  tip.style.top = Math.max(4, event.clientY - tip.offsetHeight - 10) + 'px';
}
const figures = [...document.querySelectorAll('figure[data-map]')];
for (const figure of figures) {
  figure.map = MAPS[figure.dataset.map];
  const canvas = figure.querySelector('canvas');
  for (const kind of ['pointermove', 'pointerdown']) canvas.addEventListener(kind, e => show(figure, e));
  canvas.addEventListener('pointerleave', () => tip.style.display = 'none');
  draw(figure);
}
dark.addEventListener('change', () => figures.forEach(draw));
"""


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
        return f"<script>const MAPS = {numbers};{_SCRIPT}</script>" if self.found else ""


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
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{safe(title)}</title><style>{STYLE}{_LOOKS}</style></head>\n<body><main>\n{head}\n{body}\n{script}"
        f'</main><div id="tip"></div>{maps.script()}</body></html>\n'
    )


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


def _attention(maps: _Maps, looking: Looking) -> str:
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
