"""``seqkit export RUN``: a run's model as files that need no seqkit."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from seqkit.commands.completion import complete_runs
from seqkit.commands.device import cell_option
from seqkit.commands.output import echo

if TYPE_CHECKING:
    from seqkit.tables import Table


@click.command()
@click.argument("run", shell_complete=complete_runs)
@click.option("--format", "format_name", default="onnx", metavar="onnx|torch|c", help="Format to write. [onnx]")
@click.option("--out", metavar="PATH", help="The folder, or the file if there is only one. [RUN/FORMAT]")
@click.option(
    "--int8",
    is_flag=True,
    help="int8 weights: of ONNX beside the others, of C in place of them; show what they cost in accuracy.",
)
@cell_option
def command(run: str, format_name: str, out: str | None, int8: bool, cell: str | None) -> None:
    """Write a run's best model as ONNX, as an archive of torch.export, or as one C file.

    A JSON file with the vocabulary, labels and options of the tokenizer is written beside it. The result is compared
    with the model on several batches; if they differ by more than 1e-5, nothing is written. A C file contains all it
    needs, and is not compared, as that would take a compiler.
    """
    if format_name == "c":
        _write_c(Path(run), Path(out) if out else None, int8, cell)
        return
    from seqkit.commands.terminal import print_tables, wrapped
    from seqkit.export.write import export
    from seqkit.tables import Table

    report = export(Path(run), format_name, Path(out) if out else None, int8, cell)
    rows = [
        [file.path.name, file.size, "" if file.difference is None else f"{file.difference:.1e}"]
        for file in report.files
    ]
    echo(f"{report.description}; compared with the model on {report.batches} batches of different lengths")
    tables = [Table(f"Files in {report.files[0].path.parent}", ["file", "bytes", "largest difference"], rows)]
    print_tables([*tables, *_score_tables(report.scores)])
    if report.unrounded:
        layers = " and ".join(report.unrounded)
        echo(f"\n{layers} layers stay float32: onnxruntime has no int8 form of them")
    for path in report.removed:
        echo(wrapped(f"{path} of an earlier export has been removed; --int8 writes a new one"), err=True)


def _score_tables(scores: Mapping[str, Mapping[str, float]]) -> list[Table]:
    """The scores of the test split, by how weights are written."""
    from seqkit.tables import Table

    if not scores:
        return []
    names = list(next(iter(scores.values())))
    return [Table("Test split", ["", *scores], [[name, *(found[name] for found in scores.values())] for name in names])]


def _write_c(run: Path, out: Path | None, int8: bool, cell: str | None) -> None:
    from seqkit.commands.terminal import print_tables
    from seqkit.export.c.write import export_c

    path, size, scores = export_c(run, out, int8, cell)
    echo(f"{path} ({size:,} bytes); its first lines say how to compile and call it")
    print_tables(_score_tables(scores))
