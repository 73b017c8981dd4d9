"""``report.html``: one page about a run, that needs nothing else and no network."""

from __future__ import annotations

import base64
import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from seqkit.cells import available_cells
from seqkit.config import TrainingConfig, arguments_of, make_config, options_of, read_toml
from seqkit.drawing.curves import calibration_curve, loss_curves, metric_curve
from seqkit.drawing.topologies import LEGEND, drawing
from seqkit.errors import SeqkitError
from seqkit.files import read_json, write_atomic, write_json
from seqkit.pages import document, muted, safe, section, table
from seqkit.report.cells import equation, source, summary
from seqkit.report.findings import FORMAT, check_finished, gather_again
from seqkit.runs.directory import RunDirectory
from seqkit.runs.model import find_task

_KINDS = {".png": "image/png", ".jpg": "image/jpeg", ".svg": "image/svg+xml"}
_NO_PLOT = "A plot would stand here; it needs matplotlib: pip install 'seqkit[plot]', then make the report again."
_RESULTS = ("task", "metric", "better", "test", "baseline", "best_epoch", "epochs", "seconds", "parameters")


class RunFiles(NamedTuple):
    """What a page is made of: files of a run, read."""

    run: RunDirectory
    facts: dict[str, Any]
    config: TrainingConfig
    results: dict[str, Any]
    history: list[dict[str, Any]]
    findings: dict[str, Any]


def write_report(path: Path) -> Path:
    """Makes ``report.html`` of a finished run from what the folder holds, and returns where it is.

    The data are only read for a run without ``report.json``. Raises :class:`UsageError` for a run that is unfinished,
    :class:`SeqkitError` for one that is damaged.
    """
    run = check_finished(path)
    if not run.findings.exists():
        write_json(run.findings, gather_again(path))
    write_atomic(run.report, page(read_material(path)).encode())
    return run.report


def read_material(path: Path) -> RunFiles:
    """Reads what a page is made of; raises :class:`SeqkitError` naming the file that is damaged."""
    run, facts = RunDirectory.open(path)
    values = read_toml(run.config)
    task = find_task(str(values.pop("task", "")))
    results, findings = read_json(run.results), read_json(run.findings)
    if not isinstance(results, dict) or not all(key in results for key in _RESULTS):
        raise SeqkitError(f"{run.results} is damaged; restore it from a copy")
    if not isinstance(findings, dict) or findings.get("format") != FORMAT:
        raise SeqkitError(f"{run.findings} is damaged or of another version; delete it to have it made again")
    return RunFiles(run, facts, make_config(task.config, values, str(run.config)), results, _history(run), findings)


def page(material: RunFiles) -> str:
    """The page as HTML."""
    parts = (_opening, _scores, _learning, _tables, _calibration, _pictures, _written, _model, _making, _again)
    name = f"{material.results['task']}: {material.run.path.absolute().name}"
    body = "\n".join(filter(None, (part(material) for part in parts)))
    return document(name, body)


def _opening(m: RunFiles) -> str:
    metric, test, baseline = m.results["metric"], m.results["test"], m.results["baseline"]
    found = [(f"{_spaced(metric)}, test part", _number(test[metric]))]
    if metric in baseline:
        found.append(("baseline", _number(baseline[metric])))
    found += [("parameters", _short(m.results["parameters"])), ("training", _duration(m.results["seconds"]))]
    cards = "".join(f'<div><b>{safe(value)}</b><span class="pale">{safe(name)}</span></div>' for name, value in found)
    summary = f"{m.results['task']}: {m.findings['summary']}"
    name = m.run.path.absolute().name
    return f'<header><h1>{safe(name)}</h1><p>{safe(summary)}</p><div class="big">{cards}</div></header>'


def _scores(m: RunFiles) -> str:
    intervals = m.findings["intervals"]
    both = (m.results["test"], intervals["limits"]), (m.results["baseline"], m.findings.get("baseline_intervals", {}))
    rows = [[_spaced(name), *(_within(name, *side) for side in both)] for name in m.results["test"]]
    drawn, examples = intervals["resamples"], intervals["examples"]
    if drawn:
        how = (
            f"Below a score is its 95 % interval: {drawn:,} resamples of the {examples:,} examples or pieces of the "
            "test part (bootstrap)."
        )
    elif examples < 10:
        how = "No intervals: the test part has fewer than ten examples or pieces to draw from."
    else:
        how = "No intervals: scoring the test part again and again would take too long."
    better = f"A {m.results['better']} {_spaced(m.results['metric'])} is better."
    content = table(["", "model", "baseline"], rows, numbers={1, 2})
    return section("Scores on the test part", content + muted(f"{how} {better}"))


def _within(name: str, scores: Mapping[str, float], limits: Mapping[str, Sequence[float]]) -> str:
    """A score, and below it its limits."""
    if name not in scores:
        return "–"
    below = f"\n{' to '.join(map(_number, limits[name]))}" if name in limits else ""
    return f"{_number(scores[name])}{below}"


def _learning(m: RunFiles) -> str:
    metric, best = m.results["metric"], m.results["best_epoch"]
    if not m.history:
        return ""
    plots = [_drawn(lambda: loss_curves(m.history, best))]
    if find_spec("matplotlib") and all(metric in record for record in m.history):
        plots.append(_drawn(lambda: metric_curve(m.history, metric, best)))
    text = f"{m.results['epochs']} epochs; the model of epoch {best} is kept."
    return section("Learning", f'<div class="pair">{"".join(plots)}</div>{muted(text)}')


def _tables(m: RunFiles) -> str:
    shown = [table for table in m.findings["tables"] if table["rows"]]
    parts = [f"<h3>{safe(kept['title'])}</h3>{_data_table(kept)}" for kept in shown]
    return section("Answers, right and wrong", "".join(parts)) if parts else ""


def _data_table(found: Mapping[str, Any]) -> str:
    columns, rows = found["columns"], found["rows"]
    numbers = {n for n in range(len(columns)) if all(isinstance(row[n], (int, float)) for row in rows)}
    if columns[1:] and [row[0] for row in rows] == columns[1:] and numbers == {*range(1, len(columns))}:
        return _shaded(columns, rows)
    return table(columns, [[_number(value) for value in row] for row in rows], numbers)


def _shaded(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A confusion matrix: a cell is as dark as its part of the row."""
    lines = []
    for row in rows:
        total = max(1, sum(row[1:]))
        cells = "".join(f'<td class="number" style="--part:{v / total:.3f}">{v:,}</td>' for v in row[1:])
        lines.append(f"<tr><th>{safe(row[0])}</th>{cells}</tr>")
    heads = "".join(f'<th class="number">{safe(column)}</th>' for column in columns[1:])
    return f'<div class="wide"><table class="shaded"><tr><th></th>{heads}</tr>{"".join(lines)}</table></div>'


def _calibration(m: RunFiles) -> str:
    found = m.findings["calibration"]
    if not found or not found["bins"]:
        return ""
    text = (
        f"Expected calibration error {found['error']:.3f}, of {found['answers']:,} answers in ten bins: so far, on the "
        "mean, the part that is right lies from how sure the model is. Above the dotted line it is too modest, below "
        "it too sure."
    )
    plot = _drawn(lambda: calibration_curve(found["bins"]))
    return section("Is it as right as it is sure?", f'<div class="pair">{plot}<p>{safe(text)}</p></div>')


def _pictures(m: RunFiles) -> str:
    parts = []
    for name in m.findings["pictures"]:
        path = m.run.path / Path(name).name
        if path.is_file():
            content = base64.b64encode(path.read_bytes()).decode()
            picture = f'<img alt="{safe(name)}" src="data:{_KINDS[path.suffix]};base64,{content}">'
            parts.append(
                f'<figure><div class="wide">{picture}</div><figcaption class="pale">{safe(name)}</figcaption></figure>'
            )
    return section("Pictures", "".join(parts)) if parts else ""


def _written(m: RunFiles) -> str:
    text = m.findings["written"]
    return section("What it writes", f'<pre class="fold">{safe(text)}</pre>') if text else ""


def _model(m: RunFiles) -> str:
    topology, name = m.findings["topology"], getattr(m.config, "cell", None)
    left = f"<h3>{safe(topology)}</h3>"
    if drawing(topology):
        left += f"<pre>{safe(chr(10).join(drawing(topology)))}</pre>{muted(LEGEND)}"
    right = ""
    if name in available_cells():
        kind = available_cells()[name]()
        right = f"<h3>{safe(name)}: {safe(summary(kind))}</h3>"
        if lines := equation(kind):
            right += f'<pre class="equation">{safe(chr(10).join(lines))}</pre>'
        if source(kind):
            right += muted(f"Source: {source(kind)}")
    return section("The model", f'<div class="model"><div>{left}</div><div>{right}</div></div>')


def _making(m: RunFiles) -> str:
    f, results = m.findings, m.results
    parts = {"train": "to train", "valid": "to validate", "test": "to test"}
    data = str(getattr(m.config, "data", "") or "")
    speed = next(
        (f"{v:,.0f} {k.removesuffix('_per_second')} a second" for k, v in results.items() if "_per_second" in k), ""
    )
    found = {
        "data": f"{data} ({f['data']})" if f["data"] else data,
        "parts": ", ".join(f"{f['parts'][key][0]:,} {f['parts'][key][1]} {text}" for key, text in parts.items()),
        "digest of the data": m.facts.get("data", ""),
        "seed": str(m.config.seed),
        "training": f"{_duration(results['seconds'])}{', ' + speed if speed else ''}",
        "memory": f"{results['peak_memory_mb']:,.0f} MB at most" if "peak_memory_mb" in results else "",
        "versions": ", ".join(f"{name} {version}" for name, version in f["versions"].items()),
        "machine": f"{f['machine']}; {m.facts.get('machine', '')}",
        "finished": f["finished"],
        "notes": " · ".join(f["notes"]),
    }
    items = "".join(f"<dt>{safe(name)}</dt><dd>{safe(text)}</dd>" for name, text in found.items() if text)
    return section("How it was made", f"<dl>{items}</dl>")


def _again(m: RunFiles) -> str:
    task = m.results["task"]
    line = shlex.join(["seqkit", "run", task, *arguments_of(m.config)])
    file = shlex.join(["seqkit", "run", task, "--config", str(m.run.config)])
    rows = [[name, _value(getattr(m.config, name)), entry.help] for name, entry in options_of(type(m.config)).items()]
    options = table(["option", "value", "what it is"], rows)
    return section(
        "To do it again",
        f'<pre class="fold">{safe(line)}</pre>{muted("or, with every option as it was:")}'
        f'<pre class="fold">{safe(file)}</pre><details><summary>All options</summary>{options}</details>',
    )


def _drawn(plot: Callable[[], str]) -> str:
    return f"<figure>{plot()}</figure>" if find_spec("matplotlib") else muted(_NO_PLOT)


def _history(run: RunDirectory) -> list[dict[str, Any]]:
    if not run.metrics.exists():
        return []
    try:
        found = [json.loads(line) for line in run.metrics.read_text("utf-8").splitlines()]
    except ValueError as error:
        raise SeqkitError(f"{run.metrics} is damaged ({error}); restore it from a copy") from None
    return [record for record in found if {"epoch", "loss", "train_loss"} <= record.keys()]


def _number(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4f}" if abs(value) < 10 else f"{value:,.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _value(value: Any) -> str:
    return "–" if value is None else json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)


def _short(count: int) -> str:
    return f"{count / 1e6:.2f} M" if count >= 1_000_000 else f"{count:,}"


def _spaced(name: str) -> str:
    return name.replace("_", " ")


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"
