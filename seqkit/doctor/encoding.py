"""How a codec, learned on the training split, reads each split: lengths, what is cut, and what is unknown."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from seqkit.checks.finding import Finding
from seqkit.checks.splits import location_of
from seqkit.data import Splits
from seqkit.data.readers import shown
from seqkit.doctor.report import Report
from seqkit.errors import SeqkitError
from seqkit.tables import Table
from seqkit.topologies import AnyCodec, AnyTask

_TRIED = 20_000
"""Examples of a split that are encoded, at most."""
_BINS, _BAR = 10, 36
"""Rows of the histogram of lengths, and the columns of its longest bar: with the numbers beside it fits 80 columns."""
_UNKNOWN = 0.1
"""More than this fraction of unknown symbols is worth a warning."""


def tried(examples: Sequence[Any]) -> Sequence[Any]:
    """No more of a split than can be looked at in seconds, from all over it."""
    return examples[:: -(-len(examples) // _TRIED)] if examples else examples


def examine_encoding(task: AnyTask, codec: AnyCodec, splits: Splits[Any], report: Report) -> None:
    """Adds the lengths of inputs, those that are cut, and how much of each split the codec does not know."""
    lengths: list[int] = []
    cut: list[tuple[Any, int]] = []
    coverages = []
    for split in dataclasses.fields(splits):
        coverage = Coverage(split.name, 0, Counter())
        for example in tried(getattr(splits, split.name)):
            raw = task.input_of(example)
            try:
                lengths.append(codec.length(codec.encode(raw, example)))
            except SeqkitError as error:
                report.findings.append(dataclasses.replace(Finding.of(error), where=location_of(example)))
                return
            if reading := codec.encoding_report(raw, example):
                coverage = coverage.plus(reading.symbols - reading.cut, reading.unknown)
                cut += [(example, reading.cut)] if reading.cut else []
        coverages.append(coverage)
    _add_coverage([coverage for coverage in coverages if coverage.symbols], report)
    _add_cut(cut, report)
    _add_unseen_characters(task, splits, report)
    _add_lengths(lengths, report)


class Coverage(NamedTuple):
    """The symbols of a split that are read, and those among them that are unknown."""

    split: str
    symbols: int
    unknown: Counter[str]

    def plus(self, symbols: int, unknown: Sequence[str]) -> Coverage:
        """With those of one more input."""
        self.unknown.update(unknown)
        return self._replace(symbols=self.symbols + symbols)

    @property
    def share(self) -> float:
        """The fraction that is unknown."""
        return self.unknown.total() / self.symbols


def _add_coverage(coverages: Sequence[Coverage], report: Report) -> None:
    if not coverages:
        return
    rows = []
    for coverage in coverages:
        frequent = " ".join(shown(symbol)[1:-1] for symbol, _ in coverage.unknown.most_common(6))
        rows.append([coverage.split, coverage.symbols, f"{coverage.share:.2%}", frequent])
        if coverage.share > _UNKNOWN and coverage.split != "train":
            what = f"{coverage.share:.0%} of the symbols of the {coverage.split} split are unknown"
            report.warn("coverage", what, "lower --min-count, raise --max-symbols, or split texts into characters")
    report.facts["coverage"] = {coverage.split: 1 - coverage.share for coverage in coverages}
    report.tables.append(Table("Vocabulary", ["split", "symbols", "unknown", "most often"], rows))


def _add_cut(cut: Sequence[tuple[Any, int]], report: Report) -> None:
    if cut:
        example, symbols = cut[0]
        many = f"{len(cut):,} inputs are" if len(cut) > 1 else "an input is"
        what = f"{many} longer than the model reads: {symbols:,} symbols of this one are truncated"
        report.warn("cut", what, "raise --max-tokens, or leave it as it is", location_of(example))


def _add_unseen_characters(task: AnyTask, splits: Splits[Any], report: Report) -> None:
    def characters(example: Any) -> set[str]:
        raw = task.input_of(example)
        texts = (raw,) if isinstance(raw, str) else raw if isinstance(raw, tuple) else ()
        return {character for text in texts if isinstance(text, str) for character in text}

    known = set[str]().union(*map(characters, splits.train))
    for split, examples in (("valid", splits.valid), ("test", splits.test)):
        new = [(character, example) for example in examples for character in sorted(characters(example) - known)]
        if new:
            listed = " ".join(shown(c)[1:-1] for c in dict.fromkeys(c for c, _ in new[:10]))
            what = f"characters of the {split} split that training does not have: {listed}"
            where = location_of(new[0][1])
            report.findings.append(Finding("note", "characters", what, "check that they are intended", where))


def _add_lengths(lengths: Sequence[int], report: Report) -> None:
    if not lengths:
        return
    ordered = sorted(lengths)
    percentiles = {f"p{share}": ordered[min(len(ordered) - 1, len(ordered) * share // 100)] for share in (50, 95, 99)}
    report.facts["lengths"] = {"least": ordered[0], **percentiles, "most": ordered[-1]}
    if len(ordered) >= _BINS:
        report.tables.append(Table("Lengths, in steps", ["steps", "examples", ""], histogram(ordered)))


def histogram(ordered: Sequence[int]) -> list[list[Any]]:
    """Rows of a table: bins of equal width with their counts and bars, for values in ascending order.

    They reach from the least value to the 99th percentile; the last bin has all values above it, so that a single long
    one does not put all others into one bin.
    """
    least, high = ordered[0], ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)]
    width = max(1, -(-(high - least + 1) // _BINS))
    last_bin = (high - least) // width
    counts = Counter(min((value - least) // width, last_bin) for value in ordered)
    most = max(counts.values())
    rows = []
    for number in range(last_bin + 1):
        first = least + number * width
        last = ordered[-1] if number == last_bin else first + width - 1
        name = str(first) if first == last else f"{first}-{last}"
        rows.append([name, counts[number], "█" * -(-_BAR * counts[number] // most)])
    return rows
