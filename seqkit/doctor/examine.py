"""Looks at data before anyone trains on them: what is wrong, what is odd, and what a training would cost here."""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import regex

from seqkit.checks.finding import Finding
from seqkit.checks.splits import check_parts, label_counts, location_of
from seqkit.config import TrainingConfig, options_of
from seqkit.data import DataError, SourceLocation, Splits
from seqkit.data.readers import shown
from seqkit.doctor.scan import Copy, Scan, scan
from seqkit.errors import SeqkitError, UsageError
from seqkit.machine import peak, resident
from seqkit.runs.training import Training
from seqkit.tables import Table
from seqkit.topologies import AnyCodec, AnyTask
from seqkit.training.trainer import Callback, Stopped, Trainer

_TRIED = 20_000
"""Examples of a part that are encoded and looked at, at most."""
_MENDED = 10
"""Rows that a task cannot read are left out, one after another, so often at most..."""
_PATIENCE = 15.0
"""... and for so many seconds."""
_BINS = 10
_BAR = 36
_UNKNOWN = 0.1
_FIRST = regex.compile(r"(?:the first at|at) (\S+:\d+)")


@dataclasses.dataclass
class Report:
    """All that was found: sentences, tables for people, and facts for JSON."""

    findings: list[Finding]
    facts: dict[str, Any]
    tables: list[Table]

    @property
    def sound(self) -> bool:
        """Whether a training would begin."""
        return not any(finding.level == "wrong" for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        """Everything."""
        return {"sound": self.sound, "findings": [dataclasses.asdict(f) for f in self.findings], **self.facts}


def examine(task: AnyTask, config: TrainingConfig, seconds: float = 3.0) -> Report:
    """Everything about the data of a configuration; nothing is kept.

    A table of more than 16 MB is read once from end to end in constant memory, and a part of it, drawn at random, is
    then read as the task reads it. ``seconds`` of training are timed; 0: none.
    """
    report = Report([], {"task": task.name}, [])
    with tempfile.TemporaryDirectory(prefix="seqkit-doctor-") as folder:
        patient = DataUnderTest(task, config, Path(folder), report)
        before = resident()
        splits = patient.read()
        if splits is not None:
            _look_at_parts(task, splits, report)
            codec = _learned(task, patient.config, splits, report)
            if codec is not None:
                _look_at_codec(task, codec, splits, report)
                if seconds:
                    scale = max([found.scale for found in patient.scans.values()], default=1.0)
                    report.facts["estimate"] = _timed(
                        task, patient.config, codec, splits, report, seconds, scale, before
                    )
        patient.restore()
    return report


class DataUnderTest:
    """The data files of a configuration, and copies of those that cannot be read as they are."""

    def __init__(self, task: AnyTask, config: TrainingConfig, folder: Path, report: Report) -> None:
        self.task, self.config, self.folder, self.report = task, config, folder, report
        self.copies: dict[str, Copy] = {}
        self._made = 0
        self.scans = {name: scan(path, self._choose, config.seed) for name, path in self._files()}
        for name, found in self.scans.items():
            report.findings += found.findings
            if found.kept:
                self._use(name, Copy(found.path, self._next(found.path), found.kept))
        report.facts["files"] = [_file_facts(found) for found in self.scans.values()]

    def read(self) -> Splits[Any] | None:
        """The parts, without the rows that cannot be read; None where nothing can be."""
        end = time.monotonic() + _PATIENCE
        before = len(self.report.findings)
        for _ in range(_MENDED):
            notes: list[str] = []
            try:
                splits = self.task.read(self.config, notes)
            except (DataError, UsageError) as error:
                self._add(Finding.of(error))
                if not self._leave_out(error):
                    # It was not the rows: what came after the first may come of leaving them out.
                    del self.report.findings[before + 1 :]
                    return None
                if time.monotonic() > end:
                    return None
                continue
            told = {finding.where for finding in self.report.findings if finding.where}
            found = [_noted(self._restored(note)) for note in notes]
            self.report.findings += [finding for finding in found if finding.where not in told]
            return splits
        return None

    def restore(self) -> None:
        """Findings and tables name the files that people have, not our copies."""
        report = self.report
        report.findings[:] = [
            dataclasses.replace(f, what=self._restored(f.what), where=f.where and self._restored(f.where))
            for f in report.findings
        ]

    def _choose(self, columns: Sequence[str], header: SourceLocation) -> tuple[str, ...]:
        return self.task.input_columns(self.config, None, columns, header)

    def _files(self) -> Iterator[tuple[str, Path]]:
        """The options that name data, of those that name files, and are files."""
        for name, entry in options_of(type(self.config)).items():
            value = getattr(self.config, name)
            data = name in ("data", "source", "target", "text") or name.endswith("_data")
            if data and entry.limits.get("path") and value and value not in self.task.data_sets:
                path = Path(value).expanduser()
                if path.is_file():
                    yield name, path

    def _next(self, path: Path) -> Path:
        self._made += 1
        return self.folder / f"{self._made}{path.suffix}"

    def _use(self, name: str, copy: Copy) -> None:
        self.copies[name] = copy
        changes: dict[str, Any] = {name: str(copy.path)}
        self.config = dataclasses.replace(self.config, **changes)

    def _leave_out(self, error: SeqkitError) -> bool:
        """Whether the row that an error names could be left out of a copy of its file."""
        location = getattr(error, "location", None)
        for name, found in self.scans.items():
            if location is not None and location.file == str(Path(getattr(self.config, name)).expanduser()):
                copy = self.copies.get(name) or Copy(found.path, self._next(found.path), [(1, 1 << 62)])
                shorter = copy.without(location.line, self._next(found.path))
                self._use(name, shorter)
                return bool(shorter.lines)
        return False

    def _add(self, finding: Finding) -> None:
        """Once: what the pass over the file has told, reading does not tell again."""
        known = {(f.where, f.what) for f in self.report.findings}
        where = finding.where and self._restored(finding.where)
        if (where, self._restored(finding.what)) not in known:
            self.report.findings.append(dataclasses.replace(finding, where=where))

    def _restored(self, text: str) -> str:
        for copy in self.copies.values():
            text = copy.restored(text)
        return text


def _file_facts(found: Scan) -> dict[str, Any]:
    return {
        "path": str(found.path),
        "format": found.format,
        "rows": found.rows,
        "columns": found.columns,
        "input": list(found.inputs),
        "broken": found.broken,
        "empty": found.empty,
        "duplicates": found.duplicates,
        "tried": found.kept_rows or found.rows,
    }


def _noted(note: str) -> Finding:
    location = _FIRST.search(note)
    return Finding("warning", "reading", note, "", location and location[1])


def _look_at_parts(task: AnyTask, splits: Splits[Any], report: Report) -> None:
    report.findings += check_parts(task, splits)
    parts = {part.name: task.size(getattr(splits, part.name)) for part in dataclasses.fields(splits)}
    report.facts["parts"] = {name: count for name, (count, _) in parts.items()}
    counts = label_counts(splits.train)
    report.facts["labels"] = dict(counts)
    if counts:
        total = counts.total()
        rows = [[label, count, f"{count / total:.1%}"] for label, count in counts.most_common(20)]
        report.tables.append(Table(f"Labels of the training part ({len(counts)})", ["label", "count", "share"], rows))


def _learned(task: AnyTask, config: TrainingConfig, splits: Splits[Any], report: Report) -> AnyCodec | None:
    try:
        codec: AnyCodec = task.learn_codec(config, splits.train)
        return codec
    except SeqkitError as error:
        report.findings.append(Finding.of(error))
        return None


def _look_at_codec(task: AnyTask, codec: AnyCodec, splits: Splits[Any], report: Report) -> None:
    """Lengths, what is cut, and what of each part the training part has not shown."""
    lengths: list[int] = []
    cut: list[tuple[Any, int]] = []
    rows = []
    for part in dataclasses.fields(splits):
        symbols, unknown = 0, Counter[str]()
        for example in tried(getattr(splits, part.name)):
            raw = task.input_of(example)
            try:
                lengths.append(codec.length(codec.encode(raw, example)))
            except SeqkitError as error:
                report.findings.append(dataclasses.replace(Finding.of(error), where=location_of(example)))
                return
            if account := codec.encoding_report(raw, example):
                symbols += account.symbols - account.cut
                unknown.update(account.unknown)
                cut += [(example, account.cut)] if account.cut else []
        if symbols:
            share = unknown.total() / symbols
            rows.append(
                [part.name, symbols, f"{share:.2%}", " ".join(shown(t)[1:-1] for t, _ in unknown.most_common(6))]
            )
            report.facts.setdefault("coverage", {})[part.name] = 1 - share
            if share > _UNKNOWN and part.name != "train":
                what = f"{share:.0%} of the symbols of the {part.name} part are unknown"
                mend = "lower --min-count, raise --max-symbols, or split texts into characters"
                report.findings.append(Finding("warning", "coverage", what, mend))
    if rows:
        report.tables.append(Table("Vocabulary", ["part", "symbols", "unknown", "most often"], rows))
    report.findings += [*_cut(cut), *_unseen_characters(task, splits)]
    _add_lengths(lengths, report)


def tried(examples: Sequence[Any]) -> Sequence[Any]:
    """Not more of a part than can be looked at in seconds, from all over it."""
    return examples[:: -(-len(examples) // _TRIED)] if examples else examples


def _cut(cut: Sequence[tuple[Any, int]]) -> Iterator[Finding]:
    if cut:
        example, symbols = cut[0]
        many = f"{len(cut):,} inputs are" if len(cut) > 1 else "an input is"
        what = f"{many} longer than what is read: of this one {symbols:,} symbols are cut off"
        yield Finding("warning", "cut", what, "raise --max-tokens, or leave it so", location_of(example))


def _unseen_characters(task: AnyTask, splits: Splits[Any]) -> Iterator[Finding]:
    def characters(example: Any) -> set[str]:
        raw = task.input_of(example)
        texts = (raw,) if isinstance(raw, str) else raw if isinstance(raw, tuple) else ()
        return {character for text in texts if isinstance(text, str) for character in text}

    known = set[str]().union(*map(characters, splits.train))
    for part, examples in (("valid", splits.valid), ("test", splits.test)):
        new = [(character, example) for example in examples for character in sorted(characters(example) - known)]
        if new:
            there = " ".join(shown(c)[1:-1] for c in dict.fromkeys(c for c, _ in new[:10]))
            what = f"characters of the {part} part that training does not have: {there}"
            yield Finding("note", "characters", what, "check that they are meant", location_of(new[0][1]))


def _add_lengths(lengths: Sequence[int], report: Report) -> None:
    if not lengths:
        return
    ordered = sorted(lengths)
    at = {f"p{share}": ordered[min(len(ordered) - 1, len(ordered) * share // 100)] for share in (50, 95, 99)}
    report.facts["lengths"] = {"least": ordered[0], **at, "most": ordered[-1]}
    if len(ordered) >= _BINS:
        report.tables.append(Table("Lengths, in steps", ["steps", "examples", ""], histogram(ordered)))


def histogram(ordered: Sequence[int]) -> list[list[Any]]:
    """Bins of the same width with bars: from the least to what 99 in 100 do not pass; the last has all above.

    ``ordered`` goes up.
    """
    least, high = ordered[0], ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)]
    width = max(1, -(-(high - least + 1) // _BINS))
    bins = Counter(min((value - least) // width, (high - least) // width) for value in ordered)
    most = max(bins.values())
    rows = []
    for number in range((high - least) // width + 1):
        first = least + number * width
        last = ordered[-1] if number == (high - least) // width else first + width - 1
        name = str(first) if first == last else f"{first}-{last}"
        rows.append([name, bins[number], "█" * -(-_BAR * bins[number] // most)])
    return rows


class _Stopwatch(Callback):
    """Times training steps, but for the first, which warms up; stops after so many seconds, or an epoch."""

    def __init__(self, seconds: float) -> None:
        self.times: list[float] = []
        self._began = self._last = 0.0
        self._seconds = seconds

    def on_start(self, trainer: Trainer) -> None:
        """See :class:`Callback`."""
        self._last = time.perf_counter()

    def on_step(self, trainer: Trainer) -> None:
        """See :class:`Callback`."""
        now = time.perf_counter()
        self.times.append(now - self._last)
        self._began, self._last = self._began or now, now
        trainer.stopping = now - self._began >= self._seconds or trainer.progress.position >= trainer.steps_in_epoch

    @property
    def each(self) -> float:
        """Seconds of a step: the median, so that what else the machine does then counts little."""
        return median(self.times[1:] or self.times)


def _timed(
    task: AnyTask,
    config: TrainingConfig,
    codec: AnyCodec,
    splits: Splits[Any],
    report: Report,
    seconds: float,
    scale: float,
    before: float,
) -> dict[str, Any]:
    """Seconds of an epoch and megabytes at its peak, from a few real steps on a part of the data."""
    train = tried(splits.train)
    scale *= len(splits.train) / max(1, len(train))
    watch = _Stopwatch(seconds)
    try:
        training = Training(task, config, codec, Splits(list(train), splits.valid[:1], []))
        held = resident() - before
        steps = len(training.trainer.batches.plan(0)) * scale
        training.train([watch])
    except Stopped:
        pass
    except SeqkitError as error:
        report.findings.append(Finding.of(error))
        return {}
    memory = peak() + max(0.0, held) * (scale - 1)
    epoch = watch.each * steps
    facts = {
        "seconds_per_epoch": round(epoch, 3),
        "steps_per_epoch": round(steps),
        "timed_steps": len(watch.times),
        "memory_mb": round(memory),
    }
    rows = [
        ["an epoch, without scoring, about", _duration(epoch)],
        [f"all {config.epochs} epochs, at most", _duration(epoch * config.epochs)],
        ["memory, about", f"{memory:,.0f} MB"],
    ]
    report.tables.append(Table(f"Training here ({len(watch.times)} steps timed)", ["", ""], rows))
    return facts


def _duration(seconds: float) -> str:
    return f"{seconds:,.0f} s" if seconds >= 10 else f"{max(seconds, 0.01):.2g} s"
