"""Pairs of texts, such as a sentence and its translation: readers, and parts that share no source."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path

from seqkit.data.readers import DataError, SourceLocation, choose_column, read_lines, read_records, shown
from seqkit.data.sources import PackagedFile
from seqkit.data.spacing import plain_spaces
from seqkit.data.splits import Splits
from seqkit.errors import UsageError

INTERFACE = PackagedFile(
    "jupyterlab-language-pack-fr-FR",
    "4.5.post3",
    "jupyterlab_language_pack_fr_FR/locale/fr_FR/LC_MESSAGES/jupyterlab.json",
)
"""Strings of JupyterLab, English to French: gettext messages as JSON; those of its extensions lie beside it."""

_SOURCES = ("source", "src", "input", "text", "sentence")
_TARGETS = ("target", "tgt", "trg", "output", "translation", "reference")
_LANGUAGES = (
    "arabic ar chinese zh dutch nl english eng en finnish fi french fra fr german deu de hindi hi italian ita it"
)
_LANGUAGES += " japanese ja korean ko latin la polish pl portuguese por pt russian rus ru spanish spa es swedish sv"
_HEADER = frozenset((*_SOURCES, *_TARGETS, *_LANGUAGES.split(), *("turkish", "tr", "ukrainian", "uk")))
_SAME = 0.95
"""Sides that are equal in so many pairs are one language..."""
_SUSPICIOUS = 0.5
"""... and in so many, perhaps."""


@dataclass(frozen=True)
class Pair:
    """A source, on one line with single spaces, and every target that is right for it, with no white space around."""

    source: str
    references: tuple[str, ...]
    location: SourceLocation

    @property
    def reversed(self) -> Iterator[Pair]:
        """The pairs of the other direction."""
        return (Pair(plain_spaces(reference), (self.source,), self.location) for reference in self.references)


def read_pairs(path: Path, source_column: str | None = None, target_column: str | None = None) -> Iterator[Pair]:
    """The pairs of a file, one reference each; sides may be empty.

    ``.csv``, ``.jsonl``, ``.ndjson``, and any table whose columns are named: as in
    :func:`~seqkit.data.readers.read_records`. Any other file is lines of source, tab, target; further columns are not
    read, and the first line is a header if both its fields are names of sides or of languages (``source``, ``target``,
    ``english``, ``fr`` …, whatever their case).

    Raises :class:`DataError` with file:line for a line without a tab.
    """
    named = source_column is not None or target_column is not None
    if named or path.suffix.lower() in (".csv", ".jsonl", ".ndjson"):
        yield from _named_columns(path, source_column, target_column)
        return
    for location, line in read_lines(path):
        if not line.strip():
            continue
        fields = line.split("\t")
        if len(fields) < 2:
            raise DataError(f"no tab in {shown(line)}; a line is a source, a tab and a target", location)
        if location.line == 1 and {field.strip().lower() for field in fields[:2]} <= _HEADER:
            continue
        yield _pair(fields[0], fields[1], location)


def read_parallel(source: Path, target: Path) -> Iterator[Pair]:
    """Line n of one file with line n of the other; raises :class:`DataError` if they are not as many."""
    last = None
    sides = zip_longest(read_lines(source), read_lines(target))
    for number, (one, other) in enumerate(sides, 1):
        if one is None or other is None:
            counts = [sum(1 for _ in read_lines(path)) for path in (source, target)]
            lacking = target if other is None else source
            raise DataError(
                f"{source} has {counts[0]:,} lines and {target} has {counts[1]:,}; line {number:,} is the first that "
                f"{lacking} lacks: make them line by line the same"
            )
        last = _pair(one[1], other[1], one[0])
        yield last
    if last is None:
        raise DataError("the file is empty", SourceLocation(str(source), 1))


def interface_strings() -> Iterator[Pair]:
    """The default data; what is not translated, or has stayed as it was, is left out.

    A message with a plural has its singular here, and the context of a message is not part of it.
    """
    for path in sorted(INTERFACE.locate().parent.glob("*.json")):
        text, at, line = path.read_text("utf-8"), 0, 1
        for message, found in json.loads(text).items():
            start = text.index(json.dumps(message), at)
            at, line = start, line + text.count("\n", at, start)
            if message == "" or not isinstance(found, list):
                continue
            pair = _pair(message.rpartition("\x04")[2], found[0], SourceLocation(path.name, line))
            if pair.source != pair.references[0]:
                yield pair


def usable(pairs: Iterable[Pair], max_characters: int, notes: list[str]) -> list[Pair]:
    """The pairs with something on both sides, and not more than so many characters on either; each once.

    Pairs with the same source become one with several references, at the location of the first. Notes tell what was
    left out; raises :class:`DataError` if nothing is left, or if both sides are the same in 95 % of the pairs.
    """
    empty: list[SourceLocation] = []
    long: list[SourceLocation] = []
    found: dict[str, Pair] = {}
    for pair in pairs:
        sides = (pair.source, *pair.references)
        if not all(sides):
            empty.append(pair.location)
        elif max(map(len, sides)) > max_characters:
            long.append(pair.location)
        else:
            known = found.setdefault(pair.source, pair)
            found[pair.source] = replace(known, references=tuple(dict.fromkeys(known.references + pair.references)))
    _note(empty, "with an empty side", notes)
    _note(long, f"with a side of more than {max_characters:,} characters", notes)
    if not found:
        left_out = len(empty) + len(long)
        raise DataError(f"there is no usable pair ({left_out:,} are empty or too long); check the file and the columns")
    _check_languages(list(found.values()), notes)
    return list(found.values())


def split_pairs(
    pairs: Sequence[Pair], valid_fraction: float, test_fraction: float, seed: int, given: Sequence[str] = ()
) -> Splits[Pair]:
    """Parts drawn at random by sources; those ``given`` by name stay empty. Every part made has a source at least."""
    wanted = {"valid": valid_fraction, "test": test_fraction}
    sizes = {part: 0 if part in given else max(1, round(share * len(pairs))) for part, share in wanted.items()}
    if sum(sizes.values()) >= len(pairs):
        raise DataError(
            f"{len(pairs)} different source{'s' if len(pairs) > 1 else ''} cannot be divided into training, validation "
            "and test; give more pairs"
        )
    order = list(pairs)
    random.Random(seed).shuffle(order)
    valid, test = sizes["valid"], sizes["test"]
    return Splits(order[valid + test :], order[:valid], order[valid : valid + test])


def one_reference_each(pairs: Iterable[Pair]) -> list[Pair]:
    """A pair for every reference, as training wants them."""
    return [replace(pair, references=(reference,)) for pair in pairs for reference in pair.references]


def _named_columns(path: Path, source_column: str | None, target_column: str | None) -> Iterator[Pair]:
    columns: tuple[str, str] | None = None
    for location, values in read_records(path):
        if columns is None:
            columns = _columns(list(values), source_column, target_column, SourceLocation(location.file, 1))
        yield _pair(values[columns[0]], values[columns[1]], location)


def side_column(
    columns: Sequence[str], named: str | None, target: bool, header: SourceLocation, guess: bool = True
) -> str:
    """The column of one side, in a table that need not have the other; raises :class:`UsageError` if none is it.

    ``guess``: the columns are named for certain, so that one of two is it even if its name does not tell.
    """
    both = len({column.strip().lower() for column in columns} & _HEADER) >= 2
    obvious = {column.strip().lower(): column for column in reversed(columns)}
    found = [obvious[name] for name in (_TARGETS if target else _SOURCES) if name in obvious]
    if named is None and (found or (guess and len(columns) == 1)):
        return [*found, *columns][0]
    if named is None and (both or (guess and len(columns) == 2)):
        return _columns(list(columns), None, None, header)[target]
    return choose_column(columns, named, "text", header)


def _columns(columns: list[str], source: str | None, target: str | None, location: SourceLocation) -> tuple[str, str]:
    there = ", ".join(columns[:20])
    for name, flag in ((source, "source"), (target, "target")):
        if name is not None and name not in columns:
            raise UsageError(f"{location}: no column {shown(name)} (there are {there}); name it with --{flag}-column")
    if source and target:
        return source, target
    obvious = [column for column in columns if column.strip().lower() in _HEADER]
    rest = [column for column in (obvious if len(obvious) >= 2 else columns) if column not in (source, target)]
    if len(rest) + (source is not None) + (target is not None) != 2:
        raise UsageError(
            f"{location}: cannot tell which columns hold the two sides (there are {there}); name them with "
            "--source-column and --target-column"
        )
    if not source and not target and rest[0].strip().lower() in _TARGETS:
        rest.reverse()
    return source or rest.pop(0), target or rest.pop(0)


def _pair(source: str, target: str, location: SourceLocation) -> Pair:
    return Pair(plain_spaces(source), (target.strip(),), location)


def _note(locations: Sequence[SourceLocation], why: str, notes: list[str]) -> None:
    if locations:
        many = f"{len(locations):,} pairs {why} were" if len(locations) > 1 else f"1 pair {why} was"
        notes.append(f"{many} left out, the first at {locations[0]}")


def _check_languages(pairs: Sequence[Pair], notes: list[str]) -> None:
    same = [pair for pair in pairs if pair.references == (pair.source,)]
    share = len(same) / len(pairs)
    if share >= _SAME:
        raise DataError(
            f"source and target are the same in {share:.0%} of the pairs: both sides seem to be one language; "
            "check the columns or files",
            same[0].location,
        )
    if share >= _SUSPICIOUS:
        notes.append(f"source and target are the same in {share:.0%} of the pairs, the first at {same[0].location}")
