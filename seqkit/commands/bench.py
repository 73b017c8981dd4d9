"""``seqkit bench``: our recurrent layers against their peers on this machine."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from pathlib import Path
from statistics import geometric_mean
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from seqkit.bench import Measurement


@click.command()
@click.argument("blocks", nargs=-1, metavar="[BLOCK]...")
@click.option("--cells", default="", help="Only these cells, separated by commas.")
@click.option("--threads", default=0, metavar="N", help="Threads for every engine. [all cores]")
@click.option("--seconds", default=0.3, metavar="S", help="Time for each layer in each case. [0.3]")
@click.option("--compiled", is_flag=True, help="Also measure torch.compile; takes a minute per case.")
@click.option("--json", "json_file", metavar="FILE", help="Write all figures to a JSON file.")
@click.option("--plot", "plot_file", metavar="FILE", help="Draw FILE.png and FILE.svg.")
def command(
    blocks: tuple[str, ...],
    cells: str,
    threads: int,
    seconds: float,
    compiled: bool,
    json_file: str | None,
    plot_file: str | None,
) -> None:
    """Measure our recurrent layers against those of torch, ONNX Runtime and OpenVINO.

    Blocks: small (the default), grid, ragged, layers, variants, bf16, int8, step. A ratio above 1 says how many times
    faster ours is than the fastest other. Peers take turns in one process, each when the threads of the others sleep;
    times are medians.
    """
    import torch

    from seqkit.bench import BLOCKS, cases_of, measure_case
    from seqkit.bench.timing import product_limit
    from seqkit.errors import unknown
    from seqkit.files import write_json
    from seqkit.kernels.native import ensure
    from seqkit.machine import processor

    for block in blocks:
        if block not in BLOCKS:
            raise unknown("block", block, BLOCKS)
    cases = cases_of(blocks or ("small",), tuple(filter(None, cells.split(","))))
    torch.set_num_threads(threads or os.cpu_count() or 1)
    ensure(lambda line: click.echo(line, err=True))
    facts: dict[str, Any] = {"machine": processor(), "threads": torch.get_num_threads(), "versions": _versions()}
    facts["product_limit_gflops"] = limit = product_limit() / 1e9
    _print_header(facts)
    measurements = []
    for case in cases:
        measurements.append(measure_case(case, seconds, compiled))
        click.echo(_line(measurements[-1], limit))
    _print_summary(measurements)
    if json_file:
        write_json(Path(json_file), {**facts, "rows": [measured.to_json() for measured in measurements]})
    if plot_file:
        from seqkit.bench.plot import plot

        title = f"seqkit bench, {facts['machine']}, {facts['threads']} threads"
        click.echo("plots: " + ", ".join(map(str, plot(measurements, Path(plot_file), title))))


def _print_header(facts: dict[str, Any]) -> None:
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    click.echo(f"{facts['machine']}, threads: {facts['threads']}\n{versions}")
    click.echo(f"fastest matrix product: {facts['product_limit_gflops']:,.0f} GFLOP/s")
    click.echo(f"\n{'':33}{'ours ms':>8}{'other':>8}  {'':12}{'ratio':>6}{'GF/s':>5}{'limit':>6}")


def _line(measured: Measurement, limit: float) -> str:
    case, best, ratio = measured.case, measured.best, measured.ratio
    name = f"{case.label()} {case.mode}" + (f" {case.lengths}" if case.lengths != "full" else "")
    ours, other = measured.ours, measured.peers[best]
    if case.block == "step":
        tails = f"p95 {1e3 * ours.p95:.3f}/{1e3 * other.p95:.3f} p99 {1e3 * ours.p99:.3f}/{1e3 * other.p99:.3f}"
        return f"{name:24}{1e3 * ours.median:8.3f}{1e3 * other.median:8.3f} {best:11}{ratio:5.2f}  {tails}"
    times = f"{1e3 * ours.median:8.2f}{1e3 * other.median:8.2f}"
    speed = measured.speed / 1e9
    return f"{name:33}{times}  {best:12.12}{ratio:6.2f}{speed:5.0f}{speed / limit:6.0%}"


def _print_summary(measurements: Sequence[Measurement]) -> None:
    from seqkit.commands.terminal import print_tables
    from seqkit.tables import Table

    groups: dict[tuple[str, str, str], list[Measurement]] = {}
    for measured in measurements:
        case = measured.case
        for cell in (case.cell, "all"):
            groups.setdefault((case.block, case.mode, cell), []).append(measured)
    rows = []
    for (block, mode, cell), members in sorted(groups.items()):
        worst = min(members, key=lambda measured: measured.ratio)
        shape = worst.case.label().partition(" ")[2]
        mean = geometric_mean(measured.ratio for measured in members)
        rows.append([block, mode, cell, f"{mean:.2f}", f"{worst.ratio:.2f}", shape])
    columns = ["block", "mode", "cell", "mean ratio", "worst", "of"]
    print_tables([Table("Geometric mean of the ratio to the fastest other, and the worst case", columns, rows)])


def _versions() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    versions = {"Python": platform.python_version()}
    for name in ("torch", "onnxruntime", "openvino"):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "not installed"
    return versions
