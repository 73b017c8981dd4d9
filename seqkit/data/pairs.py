"""Pairs of texts, such as a sentence and its translation: readers, and splits that share no source."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path

from seqkit.data.readers import DataError, SourceLocation, choose_column, read_lines, read_records, shown
from seqkit.data.spacing import plain_spaces
from seqkit.data.splits import Splits, shuffled_splits
from seqkit.errors import UsageError

_SOURCES = ("source", "src", "input", "text", "sentence")
_TARGETS = ("target", "tgt", "trg", "output", "translation", "reference")
_LANGUAGES = (
    "arabic ar chinese zh dutch nl english eng en finnish fi french fra fr german deu de hindi hi italian ita it"
)
_LANGUAGES += " japanese ja korean ko latin la polish pl portuguese por pt russian rus ru spanish spa es swedish sv"
_HEADER = frozenset((*_SOURCES, *_TARGETS, *_LANGUAGES.split(), *("turkish", "tr", "ukrainian", "uk")))
_ONE_LANGUAGE = 0.95
"""Where source and target are equal in this share of the pairs, a column was read twice."""
_SUSPICIOUS = 0.5


@dataclass(frozen=True)
class Pair:
    """A source, on one line with single spaces, and every correct target, stripped of outer white space."""

    source: str
    references: tuple[str, ...]
    location: SourceLocation

    @property
    def reversed(self) -> Iterator[Pair]:
        """The pairs of the other direction."""
        return (Pair(plain_spaces(reference), (self.source,), self.location) for reference in self.references)


def pair_of(source: str, target: str, location: SourceLocation) -> Pair:
    """The pair of two texts as a file has them."""
    return Pair(plain_spaces(source), (target.strip(),), location)


def read_pairs(path: Path, source_column: str | None = None, target_column: str | None = None) -> Iterator[Pair]:
    """The pairs of a file, one reference each; sides may be empty.

    ``.csv``, ``.jsonl``, ``.ndjson``, and any table whose columns are named: as in
    :func:`~seqkit.data.readers.read_records`. Any other file is lines of source, tab, target; additional columns are
    not read, and the first line is a header if both its fields are names of sides or of languages (``source``,
    ``target``, ``english``, ``fr`` …, in upper or lower case).

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
        yield pair_of(fields[0], fields[1], location)


def read_parallel(source: Path, target: Path) -> Iterator[Pair]:
    """Line n of one file with line n of the other; raises :class:`DataError` if one has fewer lines."""
    empty = True
    for number, (one, other) in enumerate(zip_longest(read_lines(source), read_lines(target)), 1):
        if one is None or other is None:
            counts = [sum(1 for _ in read_lines(path)) for path in (source, target)]
            lacking = target if other is None else source
            raise DataError(
                f"{source} has {counts[0]:,} lines and {target} has {counts[1]:,}; line {number:,} is the first that "
                f"{lacking} lacks: make the files agree line by line"
            )
        empty = False
        yield pair_of(one[1], other[1], one[0])
    if empty:
        raise DataError("the file is empty", SourceLocation(str(source), 1))


def usable(pairs: Iterable[Pair], max_characters: int, notes: list[str]) -> list[Pair]:
    """The pairs with something on both sides and at most ``max_characters`` on either, each source once.

    Pairs with the same source become one with several references, at the location of the first. ``notes`` receives
    what was left out.

    Raises :class:`DataError` if nothing is left, or if both sides are the same in 95 % of the pairs.
    """
    empty: list[SourceLocation] = []
    long: list[SourceLocation] = []
    by_source: dict[str, Pair] = {}
    for pair in pairs:
        sides = (pair.source, *pair.references)
        if not all(sides):
            empty.append(pair.location)
        elif max(map(len, sides)) > max_characters:
            long.append(pair.location)
        else:
            known = by_source.setdefault(pair.source, pair)
            # dict.fromkeys: each reference once, in the order of the file.
            references = tuple(dict.fromkeys(known.references + pair.references))
            by_source[pair.source] = replace(known, references=references)
    _note(empty, "with an empty side", notes)
    _note(long, f"with a side of more than {max_characters:,} characters", notes)
    if not by_source:
        left_out = len(empty) + len(long)
        raise DataError(f"there is no usable pair ({left_out:,} are empty or too long); check the file and the columns")
    _check_languages(list(by_source.values()), notes)
    return list(by_source.values())


def split_pairs(
    pairs: Sequence[Pair], valid_fraction: float, test_fraction: float, seed: int, from_files: Sequence[str] = ()
) -> Splits[Pair]:
    """Random splits that share no source; those named in ``from_files`` have files of their own, and stay empty here.

    Raises :class:`DataError` for fewer different sources than splits.
    """
    valid, test = (0.0 if name in from_files else f for name, f in (("valid", valid_fraction), ("test", test_fraction)))
    return shuffled_splits(pairs, lambda pair: pair.source, valid, test, seed, "source")


def one_reference_each(pairs: Iterable[Pair]) -> list[Pair]:
    """A pair for every reference, as training takes them."""
    return [replace(pair, references=(reference,)) for pair in pairs for reference in pair.references]


def side_column(
    columns: Sequence[str], named: str | None, target: bool, header: SourceLocation, guess: bool = True
) -> str:
    """The column of one side, in a table that need not have the other; raises :class:`UsageError` if it has none.

    ``guess``: the first line is certainly a header, so that one of two columns is chosen even if its name is not
    that of a side.
    """
    both = len({column.strip().lower() for column in columns} & _HEADER) >= 2
    lower = {column.strip().lower(): column for column in reversed(columns)}
    obvious = [lower[name] for name in (_TARGETS if target else _SOURCES) if name in lower]
    # The other side may be missing: a table to translate has sources only.
    if named is None and (obvious or (guess and len(columns) == 1)):
        return [*obvious, *columns][0]
    if named is None and (both or (guess and len(columns) == 2)):
        return _side_columns(list(columns), None, None, header)[target]
    return choose_column(columns, named, "text", header)


def _named_columns(path: Path, source_column: str | None, target_column: str | None) -> Iterator[Pair]:
    columns: tuple[str, str] | None = None
    for location, values in read_records(path):
        if columns is None:
            columns = _side_columns(list(values), source_column, target_column, SourceLocation(location.file, 1))
        yield pair_of(values[columns[0]], values[columns[1]], location)


def _side_columns(
    columns: list[str], source: str | None, target: str | None, location: SourceLocation
) -> tuple[str, str]:
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
    # Without names that say more, the first column is the source.
    if not source and not target and rest[0].strip().lower() in _TARGETS:
        rest.reverse()
    return source or rest.pop(0), target or rest.pop(0)


def _note(locations: Sequence[SourceLocation], why: str, notes: list[str]) -> None:
    if locations:
        many = f"{len(locations):,} pairs {why} were" if len(locations) > 1 else f"1 pair {why} was"
        notes.append(f"{many} left out, the first at {locations[0]}")


def _check_languages(pairs: Sequence[Pair], notes: list[str]) -> None:
    same = [pair for pair in pairs if pair.references == (pair.source,)]
    share = len(same) / len(pairs)
    if share >= _ONE_LANGUAGE:
        raise DataError(
            f"source and target are the same in {share:.0%} of the pairs: both sides seem to be one language; "
            "check the columns or files",
            same[0].location,
        )
    if share >= _SUSPICIOUS:
        notes.append(f"source and target are the same in {share:.0%} of the pairs, the first at {same[0].location}")
