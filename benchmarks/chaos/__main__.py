"""``python -m benchmarks.chaos kills --count 200``, and the other ways to disturb a command."""

from __future__ import annotations

import random
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import click

from benchmarks.chaos.children import warm_up
from benchmarks.chaos.kills import Tally, disturb
from benchmarks.chaos.subjects import SUBJECTS
from seqkit.commands.terminal import print_tables
from seqkit.tables import Table

_MEMORY = Path("/dev/shm")
"""A file system in memory, where flushing costs nothing; the disk's own where there is none"""


@click.group()
def main() -> None:
    """Disturbs commands, and compares what they end with."""
    warm_up()


def _scratch() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="chaos-", dir=_MEMORY if _MEMORY.is_dir() else None)


def _chosen(names: str) -> list[str]:
    return [name for name in SUBJECTS if not names or any(name.startswith(each) for each in names.split(","))]


def _shown(tallies: Mapping[str, Tally], what: str, file: bool = False) -> None:
    rows = [
        [
            name,
            tally.disturbed,
            tally.finished,
            ", ".join(sorted({*tally.different})) or 0,
            ", ".join(sorted({*tally.left_over})) or 0,
            "; ".join(dict.fromkeys(tally.dead_ends)) or 0,
        ]
        for name, tally in tallies.items()
    ]
    columns = ["command", what, "brought to an end", "different", "left over", "dead ends"]
    print_tables([Table("chaos", columns, rows)], sys.stderr if file else None)


@main.command()
@click.option("--count", default=200, show_default=True, help="Kills in all, over all commands.")
@click.option("--commands", default="", help="Beginnings of their names, with commas between. [all]")
@click.option("--seed", default=0, show_default=True, help="Of the moments.")
def kills(count: int, commands: str, seed: int) -> None:
    """Kills commands, goes on with them, and compares every file with an undisturbed one's."""
    names, generator, tallies = _chosen(commands), random.Random(seed), dict[str, Tally]()
    with _scratch() as folder:
        for number, name in enumerate(names):
            tallies[name] = disturb(SUBJECTS[name], Path(folder) / str(number), -(-count // len(names)), generator)
            print(name, tallies[name], file=sys.stderr, flush=True)
    _shown(tallies, "kills")
    sys.exit(any(tally.bad for tally in tallies.values()))


if __name__ == "__main__":
    main()
