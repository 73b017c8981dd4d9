"""The suite from its first run to its last: what is done already, what remains, and how long that will take."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

import click

from benchmarks.suite.results import Entry, Key, Results
from benchmarks.suite.runs import ALL, Request, Runner, settings_of
from benchmarks.suite.table import markdown
from seqkit.errors import SeqkitError
from seqkit.files import write_atomic


class Suite:
    """Runs that are wanted, carried out one at a time unless their results, by this version of the code, are known."""

    def __init__(self, requests: Sequence[Request], runner: Runner, results: Results, code: str) -> None:
        self.requests, self.runner, self.results, self.code = requests, runner, results, code
        self.entries: list[Entry] = []
        self.failures = 0
        self._unreadable: set[str] = set()

    def carry_out(self) -> int:
        """Does all of it, a line on standard error for each run, and prints the table; returns how many runs failed."""
        for number, request in enumerate(self.requests, 1):
            try:
                self._carry_out(number, request)
            except SeqkitError as error:
                self.failures += 1
                click.echo(f"{self._position(number)}  {request}: {error}", err=True)
        if self.entries:
            click.echo(self._write_table(), nl=False)
        return self.failures

    def _carry_out(self, number: int, request: Request) -> None:
        key = self.key(request)
        if (known := self.results.find(key)) is not None:
            self.entries.append(known)
        elif self._fits(request, key):
            self.entries.append(self.results.add(key, *self.runner.run(request)))
            click.echo(f"{self._position(number)}  {_told(request, self.entries[-1])}  {self._left(number)}", err=True)
            self._write_table()

    def key(self, request: Request) -> Key:
        """What the result of a run is found by."""
        data, runner = request.data, self.runner
        reading = (f"{data.name}.{name}={value}" for name, value in data.reading.items())
        options = ",".join(sorted([*settings_of(data.task, runner.settings), *reading]))
        return Key(data.name, data.digest, request.size, request.seed, runner.split, options, self.code)

    def _fits(self, request: Request, key: Key) -> bool:
        """Whether the training split has more than the subset; reads a data set whose size no result tells."""
        if request.data.name in self._unreadable:
            return False
        try:
            return _is_part(request, self.results.splits_of(key) or self.runner.splits_of(request.data))
        except SeqkitError:
            # Told once, not again for each size and seed.
            self._unreadable.add(request.data.name)
            raise

    def _left(self, number: int) -> str:
        """How long the runs after this one will take, judged by those that are finished."""
        pending = [request for request in self.requests[number:] if self._pending(request)]
        return f"{timedelta(seconds=round(seconds_left(pending, self.entries)))} left"

    def _pending(self, request: Request) -> bool:
        key = self.key(request)
        if request.data.name in self._unreadable or self.results.find(key) is not None:
            return False
        splits = self.results.splits_of(key)
        return splits is None or _is_part(request, splits)

    def _position(self, number: int) -> str:
        return f"{number:{len(str(len(self.requests)))}d}/{len(self.requests)}"

    def _write_table(self) -> str:
        text = markdown(self.entries, self.results.environments)
        write_atomic(self.results.path.with_suffix(".md"), text.encode())
        return text


def seconds_left(pending: Iterable[Request], entries: Sequence[Entry]) -> float:
    """What runs will take: as long as finished ones of their data and size, else of their data, else of any."""
    total = 0.0
    for request in pending:
        of_data = [entry for entry in entries if entry["data"] == request.data.name]
        same = [entry for entry in of_data if entry["size"] == request.size]
        total += statistics.mean(entry["wall_seconds"] for entry in same or of_data or entries)
    return total


def _is_part(request: Request, splits: Mapping[str, int]) -> bool:
    """Whether the run is on less than the whole training split, or on all of it by its name."""
    return request.size == ALL or int(request.size) < splits["train"]


def _told(request: Request, entry: Entry) -> str:
    scores = f"{entry['metric']} {entry['model']:.3f}, baseline {entry['baseline']:.3f}"
    return f"{request}: {scores}, {entry['wall_seconds']:.0f} s"
