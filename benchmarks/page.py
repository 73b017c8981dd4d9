"""What the pages of docs/ take from elsewhere: tables of measured figures, drawings, the plot of the kernels.

A page asks for it by a line of its own: ``{{ kernels }}``, ``{{ machine }}``, ``{{ topology: many to one }}``. mkdocs
calls :func:`on_files` and :func:`on_page_markdown` while it builds.
"""

from __future__ import annotations

import html
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from statistics import geometric_mean
from typing import TYPE_CHECKING, Any

from seqkit.drawing.topologies import drawing
from seqkit.pages import equation, from_plain

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

RESULTS = Path(__file__).parent / "results"
PAGES = Path(__file__).parents[1] / "docs"
_BLOCKS = {
    "grid": "T 16, 64, 256; B 1, 8, 32, 64; H 64, 128, 256, 512; all sequences of full length",
    "ragged": "lengths drawn evenly from 1 to T, and those of film reviews",
    "layers": "one and two layers, one and both directions",
    "variants": "cells that torch has not, against our own plain LSTM",
    "bf16": "products in bfloat16; T 64, all sequences of full length",
    "int8": "products of 8-bit integers; T 64, all sequences of full length",
    "step": "one step of one sequence, for streams",
    "small": "T 64; B 1, 32; H 64, 256; with torch.compile, told to unroll the time steps",
}
_PEERS = {
    "torch": ("torch padded", "torch packed", "torch cell"),
    "torch.compile": ("torch compiled",),
    "ONNX Runtime": ("onnxruntime",),
    "OpenVINO": ("openvino f32",),
    "our LSTM": ("our lstm",),
    "our float32": ("our f32",),
    "torch in bfloat16": ("torch bf16",),
    "torch in int8": ("torch int8",),
    "OpenVINO in bfloat16": ("openvino bf16",),
}
_ROLE = re.compile(r":(?:meth|class|func|mod|data):<code>(~?)([^<]*)</code>")
"""What Sphinx would make a link of."""
_INLINED = re.compile(r"!\[[^]]*\]\((?:\.\./)?(pictures/(?:house|cells/[\w-]+)\.svg)\)")
"""These pictures become pieces of the page, to be drawn in the page's own colour and font."""
_EQUATIONS = re.compile(r"^([^\n]+)\n\n```equation\n(.*?)\n```$", re.MULTILINE | re.DOTALL)
"""The line before equations, and they"""
_ASKED = re.compile(r"^\{\{ (\w+)(?:: ([^}]+))? \}\}$", re.MULTILINE)

Row = Mapping[str, Any]


def machine(results: Mapping[str, Any]) -> str:
    """A sentence on where the figures were measured."""
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    limit = results["product_limit_gflops"]
    return f"{results['machine']}, {results['threads']} threads, {versions}; fastest product {limit:.0f} GFLOP/s."


def kernels(rows: Iterable[Row]) -> str:
    """A table for each block: how many times faster ours is, geometric mean and worst shape, for each cell."""
    blocks: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        blocks[row["block"]].append(row)
    return "\n\n".join(_block(name, blocks[name]) for name in _BLOCKS if name in blocks)


def _block(name: str, rows: list[Row]) -> str:
    there = {peer: names for peer, names in _PEERS.items() if any(_ratio(row, names) for row in rows)}
    modes = [(mode, training) for mode, training in (("training", True), ("inference", False))]
    columns = [
        (f"{mode}, against {peer}", training, names)
        for mode, training in modes
        for peer, names in there.items()
        if any(_ratio(row, names) for row in rows if row["training"] == training)
    ]
    lines = [
        f"### {name.capitalize()}\n\n{_BLOCKS[name][:1].upper()}{_BLOCKS[name][1:]}; {len(rows)} cases.\n",
        "| cell | " + " | ".join(title for title, _, _ in columns) + " |",
        "|---|" + "---|" * len(columns),
    ]
    for cell in dict.fromkeys(row["cell"] for row in rows):
        found = [_summary(rows, cell, training, names) for _, training, names in columns]
        lines.append(f"| {cell} | " + " | ".join(found) + " |")
    return "\n".join(lines)


def _summary(rows: list[Row], cell: str, training: bool, peers: tuple[str, ...]) -> str:
    ratios = [_ratio(row, peers) for row in rows if row["cell"] == cell and row["training"] == training]
    known = [ratio for ratio in ratios if ratio]
    return f"{geometric_mean(known):.2f} (worst {min(known):.2f})" if known else ""


def _ratio(row: Row, peers: tuple[str, ...]) -> float:
    """How many times faster ours is than the fastest of these peers; 0 if none was there."""
    times = [timing["median"] for name, timing in row["peers"].items() if name in peers]
    return min(times) / row["ours"]["median"] if times else 0.0


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Puts what pages show of other folders among the files of the site."""
    from mkdocs.structure.files import File

    for path in (*RESULTS.glob("*.svg"), *(RESULTS.parents[1] / "examples").glob("*.py")):
        files.append(File.generated(config, f"{path.parent.name}/{path.name}", abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Puts what a page asks for in its place."""
    results, compiled = (json.loads((RESULTS / f"{name}.json").read_text("utf-8")) for name in ("kernels", "compiled"))
    tables = {
        "machine": machine(results),
        "kernels": kernels(results["rows"]),
        "compiled": kernels(compiled["rows"]),
    }

    def answer(asked: re.Match[str]) -> str:
        if asked[1] == "topology":
            return "```text\n" + "\n".join(drawing(asked[2])) + "\n```"
        return tables[asked[1]]

    # In the repository these lie in folders of their own, in the site among the pages.
    moved = markdown.replace("../benchmarks/results/kernels.png", "results/kernels.svg")
    moved = _EQUATIONS.sub(_set, _INLINED.sub(lambda named: _inline(PAGES / named[1]), moved))
    return _ASKED.sub(answer, moved.replace("](../examples/", "](examples/"))


def _set(found: re.Match[str]) -> str:
    """Equations as MathML; those beside each other on a line stay so where there is room."""
    opening = re.sub("`([^`]+)`", lambda code: equation(from_plain(code[1]), block=False), found[1])
    lines = [[_column(each) for each in re.split(" {3,}", line.strip())] for line in found[2].splitlines()]
    rows = "".join(f"<div>{''.join(columns)}</div>" for columns in lines)
    return f'{opening}\n\n<div class="equations" tabindex="0">{rows}</div>'


def _column(text: str) -> str:
    """An equation, or the words beside one."""
    words = '="' in text
    return f"<span>{html.escape(text) if words else equation(from_plain(text), block=False)}</span>"


def _inline(path: Path) -> str:
    """A picture without the colour and the font that it has on its own."""
    return "<div>" + re.sub(r"<style>.*?</style>", "", path.read_text("utf-8")).strip() + "</div>"


def on_page_content(html: str, **_: Any) -> str:
    """Names in docstrings without the marks of Sphinx."""
    return _ROLE.sub(lambda role: f"<code>{role[2].rpartition('.')[2] if role[1] else role[2]}</code>", html)
