"""Sections of a report: what the model is, how it was made, and how to make it again."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from typing import Any

from seqkit.cells import OwnCell, available_cells, cell_class, cell_label
from seqkit.config import arguments_of, options_of
from seqkit.drawing.topology_pictures import topology_svg
from seqkit.pages import muted, safe, section, table
from seqkit.report.cells import equation, source, summary
from seqkit.report.numbers import duration
from seqkit.report.run_files import RunFiles

_LEGEND = "x: input, h: state, y: output; time runs to the right"
_BACKWARD = ". The lower states read backward; an output sees both rows."
_READ_BOTH_WAYS = ("many to one", "many to many, synced", "many to many, delayed")


def model(files: RunFiles) -> str:
    """The drawing of its topology, and the equation of its cell."""
    topology = files.findings["topology"]
    both_ways = bool(getattr(files.config, "bidirectional", False)) and topology in _READ_BOTH_WAYS
    left = f"<h3>{safe(topology)}{', bidirectional' if both_ways else ''}</h3>"
    if drawn := topology_svg(topology, both_ways):
        left += f'<figure class="topology">{drawn}</figure>{muted(_LEGEND + (_BACKWARD if both_ways else "."))}'
    right = _cell(getattr(files.config, "cell", None))
    return section("The model", f'<div class="model"><div>{left}</div><div>{right}</div></div>')


def _cell(name: str | None) -> str:
    if name is None or not (isinstance(name, OwnCell) or name in available_cells()):
        return ""
    kind = cell_class(name)
    content = f"<h3>{safe(cell_label(name))}: {safe(summary(kind))}</h3>"
    if lines := equation(kind):
        content += f'<pre class="equation" tabindex="0">{safe(chr(10).join(map(_unbroken, lines)))}</pre>'
    if source(kind):
        content += muted(f"Source: {source(kind)}")
    return content


def _unbroken(line: str) -> str:
    """The line with no-break spaces inside its equations, so that a narrow page breaks it between two of them."""
    return re.sub(r"(?<=\S) {1,2}(?=\S)", lambda found: "\N{NO-BREAK SPACE}" * len(found[0]), line)


def making(files: RunFiles) -> str:
    """Data, seed, machine, versions, and what the run noted."""
    facts = {
        **_data_facts(files),
        **(_member_facts(files.results) if "members" in files.results else _seed_and_training(files)),
        "versions": ", ".join(f"{name} {version}" for name, version in files.findings["versions"].items()),
        "machine": f"{files.findings['machine']}; {files.facts.get('machine', '')}",
        "finished": files.findings["finished"],
        "notes": " · ".join(files.findings["notes"]),
    }
    items = "".join(f"<dt>{safe(name)}</dt><dd>{safe(text)}</dd>" for name, text in facts.items() if text)
    return section("How it was made", f"<dl>{items}</dl>")


def _data_facts(files: RunFiles) -> dict[str, str]:
    purposes = {"train": "to train", "valid": "to validate", "test": "to test"}
    sizes, about = files.findings["parts"], files.findings["data"]
    data = str(getattr(files.config, "data", "") or "")
    return {
        "data": f"{data} ({about})" if about else data,
        "splits": ", ".join(f"{sizes[name][0]:,} {sizes[name][1]} {purpose}" for name, purpose in purposes.items()),
        "digest of the data": files.facts.get("data") or "",
    }


def _member_facts(results: dict[str, Any]) -> dict[str, str]:
    return {"members": ", ".join(member["name"] for member in results["members"])}


def _seed_and_training(files: RunFiles) -> dict[str, str]:
    return {"seed": str(files.config.seed), **_training_facts(files.results)}


def _training_facts(results: dict[str, Any]) -> dict[str, str]:
    speeds = (
        f", {value:,.0f} {name.removesuffix('_per_second')} a second"
        for name, value in results.items()
        if name.endswith("_per_second")
    )
    return {
        "training": f"{duration(results['seconds'])}{next(speeds, '')}",
        "memory": f"{results['peak_memory_mb']:,.0f} MB at most" if "peak_memory_mb" in results else "",
    }


def repeating(files: RunFiles) -> str:
    """The commands that make the run again, and all of its options."""
    task, config = files.results["task"], files.config
    line = _command(["seqkit", "run", task, *arguments_of(config)])
    cell = ["--cell", config.cell] if isinstance(getattr(config, "cell", None), OwnCell) else []  # type: ignore[attr-defined]
    from_file = _command(["seqkit", "run", task, "--config", str(files.run.config), *cell])
    rows = [
        [name, _option_value(getattr(config, name)), entry.help] for name, entry in options_of(type(config)).items()
    ]
    options = table(["option", "value", "what it is"], rows)
    return section(
        "To repeat the run",
        f'<pre class="fold">{line}</pre>{muted("or, with every option as it was:")}'
        f'<pre class="fold">{from_file}</pre><details><summary>All options</summary>{options}</details>',
    )


def _command(words: Sequence[str]) -> str:
    """A command as HTML; a narrow page does not break options at their hyphens."""
    quoted = (safe(shlex.quote(word)) for word in words)
    return " ".join(f"<span>{word}</span>" if word.startswith("--") else word for word in quoted)


def _option_value(value: Any) -> str:
    return "–" if value is None else json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)
