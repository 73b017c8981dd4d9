"""The data files of a configuration, read as the task reads them, without the rows that it cannot read."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import regex

from seqkit.checks.finding import Finding
from seqkit.config import TrainingConfig, options_of
from seqkit.data import DataError, SourceLocation, Splits
from seqkit.data.readers import Remark
from seqkit.doctor.copies import ALL_LINES, Copy
from seqkit.doctor.report import Report
from seqkit.doctor.scanning import Scan, scan
from seqkit.errors import SeqkitError, UsageError
from seqkit.topologies import AnyTask

_ATTEMPTS = 10
"""Readings of the data, each without the row that stopped the one before..."""
_PATIENCE = 15.0
"""... and seconds after which no other is begun."""
_LOCATION = regex.compile(r"(?:the first at|at) (\S+:\d+)")


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
        self.scans = {name: scan(path, self._choose_columns, config.seed) for name, path in self._files()}
        for name, result in self.scans.items():
            report.findings += result.findings
            if result.tried_lines:
                self._use(name, Copy(result.path, self._new_path(result.path), result.tried_lines))
        report.facts["files"] = [_file_facts(result) for result in self.scans.values()]

    @property
    def scale(self) -> float:
        """How many rows of the data each row that is read represents."""
        return max([result.scale for result in self.scans.values()], default=1.0)

    def read(self) -> Splits[Any] | None:
        """The splits, without the rows that cannot be read; None where nothing can be."""
        end = time.monotonic() + _PATIENCE
        before = len(self.report.findings)
        for _ in range(_ATTEMPTS):
            notes: list[str] = []
            try:
                splits = self.task.read(self.config, notes)
            except (DataError, UsageError) as error:
                self._add_error(error)
                if not self._leave_out(error):
                    # It was not the rows: errors after the first may come of leaving rows out.
                    del self.report.findings[before + 1 :]
                    return None
                if time.monotonic() > end:
                    return None
                continue
            self._add_notes(notes)
            return splits
        return None

    def restore_names(self) -> None:
        """Has the findings name the files that people have, not our copies."""
        self.report.findings[:] = [
            dataclasses.replace(
                finding, what=self._restored(finding.what), where=finding.where and self._restored(finding.where)
            )
            for finding in self.report.findings
        ]

    def _choose_columns(self, columns: Sequence[str], header: SourceLocation) -> tuple[str, ...]:
        return self.task.input_columns(self.config, None, columns, header)

    def _files(self) -> Iterator[tuple[str, Path]]:
        """The options that name a file of data."""
        for name, entry in options_of(type(self.config)).items():
            value = getattr(self.config, name)
            # Other options that name files, such as word vectors, are no data to examine.
            is_data = name in ("data", "source", "target", "text") or name.endswith("_data")
            if is_data and entry.limits.get("path") and value and value not in self.task.data_sets:
                path = Path(value).expanduser()
                if path.is_file():
                    yield name, path

    def _new_path(self, original: Path) -> Path:
        self._copies_made += 1
        return self.folder / f"{self._copies_made}{original.suffix}"

    def _use(self, name: str, copy: Copy) -> None:
        self.copies[name] = copy
        changes: dict[str, Any] = {name: str(copy.path)}
        self.config = dataclasses.replace(self.config, **changes)

    def _leave_out(self, error: SeqkitError) -> bool:
        """Whether the row that an error names could be left out of a copy of its file."""
        location = getattr(error, "location", None)
        for name, result in self.scans.items():
            if location is not None and location.file == str(Path(getattr(self.config, name)).expanduser()):
                copy = self.copies.get(name) or Copy(result.path, self._new_path(result.path), [ALL_LINES])
                shorter = copy.without(location.line, self._new_path(result.path))
                self._use(name, shorter)
                return bool(shorter.lines)
        return False

    def _add_error(self, error: SeqkitError) -> None:
        """Adds what stopped a reading, unless the pass over the file has found it already."""
        finding = Finding.of(error)
        where = finding.where and self._restored(finding.where)
        known = {(other.where, other.what) for other in self.report.findings}
        if (where, self._restored(finding.what)) not in known:
            self.report.findings.append(dataclasses.replace(finding, where=where))

    def _add_notes(self, notes: Sequence[str]) -> None:
        """Adds what reading has noted, unless something was found at the same location."""
        known = {finding.where for finding in self.report.findings if finding.where}
        for original in notes:
            note = self._restored(original)
            match = _LOCATION.search(note)
            where = match and match[1]
            if isinstance(original, Remark):
                self.report.findings.append(Finding("note", "reading", note))
            elif where not in known:
                self.report.warn("reading", note, "", where)

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
