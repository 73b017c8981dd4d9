"""``python -m benchmarks.chaos kills --count 200``, and the other ways to disturb a command."""

from __future__ import annotations

import random
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from benchmarks.chaos.damage import damage
from benchmarks.chaos.full import fill, fill_disk
from benchmarks.chaos.fuzz import fuzz
from benchmarks.chaos.guided import guide
from benchmarks.chaos.kills import Tally, disturb
from benchmarks.chaos.memory import starve
from benchmarks.chaos.ranks import disturb_ranks
from benchmarks.chaos.readers import READERS
from benchmarks.chaos.subjects import SUBJECTS, TASKS
from benchmarks.chaos.targets import TARGETS
from benchmarks.chaos.windows import interrupt_end
from benchmarks.chaos.writers import contend
from seqkit.commands.terminal import print_tables
from seqkit.tables import Table

_MEMORY = Path("/dev/shm")
"""A file system in memory, where flushing costs nothing; the disk's own where there is none"""


@click.group(chain=True)
def main() -> None:
    """Disturbs commands, and compares what they end with; several ways may be named, one after the other."""


@main.result_callback()
def finish(bad: list[bool]) -> None:
    """The exit code is 1 if anything was other than it should be."""
    sys.exit(any(bad))


def _show(tallies: Mapping[str, Tally], what: str) -> None:
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
    print_tables([Table("chaos", columns, rows)])


_Disturb = Callable[[Any, Path, int, random.Random], Tally]


def _command(
    name: str,
    disturb: _Disturb,
    count: int,
    what: str,
    among: Mapping[str, Any],
    only: str = "",
    option: str = "--count",
) -> None:
    """Adds a command that disturbs each of several subjects its share of ``count`` times, or for that many seconds."""

    @main.command(name, help=f"{(disturb.__doc__ or '').splitlines()[0]}")
    @click.option(option, "count", default=count, show_default=True, help="In all, over all subjects.")
    @click.option("--only", default=only, show_default=True, help="Beginnings of their names, with commas between.")
    @click.option("--seed", default=0, show_default=True, help="Of what is left to chance.")
    def carry_out(count: int, only: str, seed: int) -> bool:
        names = [name for name in among if not only or any(map(name.startswith, only.split(",")))]
        generator, tallies = random.Random(seed), dict[str, Tally]()
        with tempfile.TemporaryDirectory(prefix="chaos-", dir=_MEMORY if _MEMORY.is_dir() else None) as folder:
            for number, each in enumerate(names):
                share = -(-count // len(names))
                tallies[each] = disturb(among[each], Path(folder) / str(number), share, generator)
                print(each, tallies[each], file=sys.stderr, flush=True)
        _show(tallies, what)
        return any(tally.bad for tally in tallies.values())


_command("kills", disturb, 200, "kills", {**TARGETS, **SUBJECTS})
_command("windows", interrupt_end, 200, "kills", TARGETS)
_command("ranks", disturb_ranks, 50, "kills of a rank", SUBJECTS, "run sentiment")
_command("writers", contend, 100, "pauses and kills", SUBJECTS, "run")
_command("full", fill, 400, "full at a write", SUBJECTS)
_command("disk", fill_disk, 200, "full disks", SUBJECTS)
_command("memory", starve, 40, "short of memory", SUBJECTS, "run sentiment,predict")
_command("fuzz", fuzz, 100_000, "files", {name: name for name in READERS})
_command("guided", guide, 60 * len(READERS), "files", {name: name for name in READERS}, option="--seconds")
_command("damage", damage, 5000, "damaged", {task: task for task in TASKS})


if __name__ == "__main__":
    main()
