"""The data files of a configuration, read as the task reads them, without the rows that it cannot read."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import regex

from seqkit.checks.finding import Finding, join_equal
from seqkit.config import TrainingConfig, options_of
from seqkit.data import SourceLocation, Splits
from seqkit.data.readers import COLUMNAR, Remark, format_ending
from seqkit.doctor.copies import ALL_LINES, Copy
from seqkit.doctor.report import Report
from seqkit.doctor.scanning import Scan, scan
from seqkit.errors import SeqkitError
from seqkit.topologies import AnyTask

_ATTEMPTS = 25
"""Readings of the data, each without the row that stopped the one before..."""
_PATIENCE = 10.0
"""... and seconds after which no other is begun."""
_LOCATION = regex.compile(r"(?:the first at|at) (\S+:\d+)")
_PARALLEL = ("source", "target")
"""Options of files whose lines belong together: none can be left out of one of them"""


_END = 1 << 62


class DataUnderTest:
    """The data files of a configuration, and copies of those that cannot be read as they are.

    Args:
        task, config: whose data they are.
        folder: for the copies.
        report: is given all findings.
    """

    def __init__(self, task: AnyTask, config: TrainingConfig, folder: Path, report: Report) -> None:
        self.task, self.config, self.folder, self.report = task, config, folder, report
        self.copies: dict[str, Copy] = {}
        """By the option that names the file"""
        self._copies_made = 0
        self._original = config
        files = dict(self._files())
        self.scans = {
            name: scan(path, self._choose_columns, config.seed, form=config.form) for name, path in files.items()
        }
        for name, result in self.scans.items():
            report.findings += result.findings
            if result.tried_lines:
                self._try_lines(name, result)
        report.facts["files"] = [_file_facts(result) for result in self.scans.values()]

    @property
    def scale(self) -> float:
        """How many rows of the data each row that is read represents."""
        return max([result.scale for result in self.scans.values()], default=1.0)

    def read(self) -> Splits[Any] | None:
        """The splits, without the rows that cannot be read; None where nothing can be."""
        # Files that are read whole are first read as they are: what a run says of them is then said here, too.
        if all(result.scale == 1 for result in self.scans.values()):
            splits = self._read(self._original)
            if isinstance(splits, Splits):
                self._forget_what_stops_nobody()
                return splits
            hopeless = any(result.broken and not result.rows for result in self.scans.values())
            if hopeless or not (self.copies or self._leave_out(splits)):
                return None
        return self._read_what_can_be_read()

    def _read_what_can_be_read(self) -> Splits[Any] | None:
        end = time.monotonic() + _PATIENCE
        before = len(self.report.findings)
        for _ in range(_ATTEMPTS):
            splits = self._read(self.config)
            if isinstance(splits, Splits):
                return splits
            if not self._leave_out(splits):
                # It was not the rows: errors after the first may come of leaving rows out.
                del self.report.findings[before + 1 :]
                return None
            if time.monotonic() > end:
                break
        self.report.warn("reading", "there may be more rows that cannot be read", "fix these, and run this again")
        return None

    def _read(self, config: TrainingConfig) -> Splits[Any] | SeqkitError:
        """The splits, or the error that stopped the reading, which is added to the findings."""
        notes: list[str] = []
        try:
            splits: Splits[Any] = self.task.read(config, notes)
        except SeqkitError as error:
            if getattr(error, "of_row", True) or self.scale == 1:
                self._add_error(error)
            else:
                # Of a class with few examples a draw may miss nearly all.
                self.report.warn("sampled", f"among the sampled rows: {self._restored(str(error))}", "")
            return error
        self._add_notes(notes)
        return splits

    def _forget_what_stops_nobody(self) -> None:
        """The task reads files in its own way: what it has read is not wrong, such as a very long line of a text."""
        self.report.findings[:] = [finding for finding in self.report.findings if finding.level != "wrong"]

    def _try_lines(self, name: str, result: Scan) -> None:
        if not name.endswith(_PARALLEL):
            self._use(name, Copy(result.path, self._new_path(result.path), result.tried_lines, self._original.form))

    def restore_names(self) -> None:
        """Has the report name the files that people have, not our copies."""
        report = self.report
        report.findings[:] = [
            dataclasses.replace(
                f, what=self._restored(f.what), mend=self._restored(f.mend), where=self._of_file(f.where)
            )
            for f in report.findings
        ]
        # What both the pass over a file and the task say of it is said once.
        wrong = join_equal(dict.fromkeys(finding for finding in report.findings if finding.level == "wrong"))
        report.findings[:] = [*wrong, *(finding for finding in report.findings if finding.level != "wrong")]

    def _of_file(self, where: str | None) -> str | None:
        return None if where is None else self._restored(where)

    def _choose_columns(self, columns: Sequence[str], header: SourceLocation) -> tuple[str, ...]:
        return self.task.input_columns(self.config, None, columns, header)

    def _files(self) -> Iterator[tuple[str, Path]]:
        """The options that name a file of data."""
        for name, entry in options_of(type(self.config)).items():
            value = getattr(self.config, name)
            # Other options that name files, such as word vectors, are no data to examine.
            is_data = name in ("data", "text") or name.endswith(("_data", *_PARALLEL))
            if is_data and entry.limits.get("path") and value and value not in self.task.data_sets:
                path = Path(value).expanduser()
                if path.is_file():
                    yield name, path

    def _new_path(self, original: Path) -> Path:
        self._copies_made += 1
        return self.folder / f"{self._copies_made}{format_ending(original)}"

    def _use(self, name: str, copy: Copy) -> None:
        self.copies[name] = copy
        changes: dict[str, Any] = {name: str(copy.path)}
        self.config = dataclasses.replace(self.config, **changes)

    def _leave_out(self, error: SeqkitError) -> bool:
        """Whether the row that an error names could be left out of a copy of its file."""
        location = getattr(error, "location", None) if getattr(error, "of_row", False) else None
        for name, result in self.scans.items():
            if location is not None and location.file == str(Path(getattr(self.config, name)).expanduser()):
                return not name.endswith(_PARALLEL) and self._copy_without(name, result, location.line)
        return False

    def _copy_without(self, name: str, result: Scan, line: int) -> bool:
        """Whether there is a copy without the row at that line of what is read now."""
        try:
            form = self._original.form
            copy = self.copies.get(name) or Copy(result.path, self._new_path(result.path), [ALL_LINES], form)
            # Without its header a table would be another one, and an array of JSON has no lines.
            above = result.format in ("csv", "tsv") and (copy.original_line(line) < (result.first_row or _END))
            if above or result.format in ("json", *COLUMNAR):
                return False
            self._use(name, copy.without(line, self._new_path(result.path)))
        except SeqkitError:
            # The scan has said what it is that stops the reading of the whole file.
            return False
        return bool(self.copies[name].lines)

    def _add_error(self, error: SeqkitError) -> None:
        """Adds what stopped a reading, unless the pass over the file has found it already."""
        finding = Finding.of(error)
        where, what = self._of_file(finding.where), self._restored(finding.what)
        file = (where or "").rpartition(":")[0]
        # The pass over a file has counted every place of a fault.
        counted = any(
            finding.fault == other.fault
            for result in self.scans.values()
            for other in result.findings
            if str(result.path) == file
        )
        if not counted:
            self.report.findings.append(dataclasses.replace(finding, where=where, what=what))

    def _add_notes(self, notes: Sequence[str]) -> None:
        """Adds what reading has noted, unless something was found at the same location."""
        findings = self.report.findings
        for original in notes:
            note = self._restored(original)
            if isinstance(original, Remark):
                found = Finding("note", "reading", note)
                findings.extend(() if found in findings else (found,))
                continue
            match = _LOCATION.search(note)
            where = match and match[1]
            # What a run says of rows that it leaves out stands for what the pass over the file has found there.
            same = next((f for f in findings if where and f.where == where and f.kind == "empty"), None)
            if same is not None:
                findings.remove(same)
            self.report.warn("reading" if same is None else same.kind, note, "", where)

    def _restored(self, text: str) -> str:
        for copy in self.copies.values():
            text = copy.restored(text)
        return text


def _file_facts(result: Scan) -> dict[str, Any]:
    return {
        "path": str(result.path),
        "format": result.format,
        "rows": result.rows,
        "columns": result.columns,
        "input": list(result.inputs),
        "broken": result.broken,
        "empty": result.empty,
        "duplicates": result.duplicates,
        "tried": result.tried_rows or result.rows,
    }
