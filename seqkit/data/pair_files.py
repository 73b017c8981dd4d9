"""Files of pairs: which fields hold the two sides, and the pairs line by line."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain, islice, zip_longest
from pathlib import Path
from typing import NamedTuple

import regex

from seqkit.data.pairs import Pair, pair_of
from seqkit.data.readers import (
    FORMATS,
    DataError,
    FileForm,
    SourceLocation,
    choose_column,
    format_ending,
    read_lines,
    read_records,
    shown,
)
from seqkit.data.readers.records import Row
from seqkit.errors import UsageError

_SOURCES = ("source", "src", "input", "text", "sentence", "word", "spelling", "graphemes")
_TARGETS = ("target", "tgt", "trg", "output", "translation", "reference", "phonemes", "pronunciation", "ipa")
_LANGUAGES = (
    "arabic ar chinese zh dutch nl english eng en finnish fi french fra fr german deu de hindi hi italian ita it"
)
_LANGUAGES += " japanese ja korean ko latin la polish pl portuguese por pt russian rus ru spanish spa es swedish sv"
_HEADER = frozenset((*_SOURCES, *_TARGETS, *_LANGUAGES.split(), *("turkish", "tr", "ukrainian", "uk")))
_SENTENCE = ("sentence", "sentences", "text", "phrase", "word", "words")
_NUMBERING = ("id", "ids", "index", "no", "number", "line", "key", "name", "score")
_NEUTRAL = frozenset((*_SENTENCE, *_NUMBERING, "lang", "language", "license", "attribution"))
"""Words that stand in a header beside those."""
_SURELY_SOURCE, _SURELY_TARGET = {"source", "src"}, {"target", "tgt", "trg"}
"""Names that no pair of texts has on its two sides, whatever is beside them"""
_COMMENT = ";;;"
_TABLES = tuple(ending for ending, kind in FORMATS.items() if kind != "tsv")
LAYOUT_LINES = 500
"""Lines from which the layout of a file follows."""
_MOSTLY = 0.9
_SYMBOL = 4
"""Characters of a phoneme, at most."""
_NUMBER = regex.compile(r"[-+]?[\d.,]+%?")


def read_pairs(
    path: Path,
    source_column: str | None = None,
    target_column: str | None = None,
    encoding: str | None = None,
    symbols: bool = False,
    columns: Sequence[str] = (),
    notes: list[str] | None = None,
    header: bool = False,
) -> Iterator[Pair]:
    """The pairs of a file, one reference each; sides may be empty.

    Tables but for ``.tsv`` and ``.tab``, and these where columns are named: as in
    :func:`~seqkit.data.readers.read_records`. Any other file is lines of fields with tabs between. The first line is a
    header if its fields are names of sides or of languages (``source``, ``target``, ``english``, ``French sentence``
    …), and the columns are found by them; else the sides are the first two columns that hold neither numbers nor the
    same in every line, such as ``id, text, id, text``.

    Args:
        path: the file.
        source_column, target_column: names of columns.
        encoding: of the text; None: as in :func:`~seqkit.data.readers.read_lines`.
        symbols: targets are symbols with spaces or tabs between; a line without a tab is cut at its first space, as
            dictionaries have it, and one that begins with ``;;;`` is a comment.
        columns: names of all columns, where the first line is a pair already.
        notes: receives a sentence where a first line that names no sides was taken for names.
        header: the first line is certainly one.

    Raises:
        DataError: with file:line for a line without a tab, and for one with more fields than the others.
        UsageError: for columns that do not exist or that no name tells.
    """
    if header or has_named_columns(path, source_column, target_column, columns):
        form = FileForm(encoding, tuple(columns))
        yield from _named_columns(path, source_column, target_column, form, [] if notes is None else notes)
        return
    lines = _fields(path, encoding, symbols)
    sample = list(islice(lines, LAYOUT_LINES))
    if not sample:
        raise DataError(
            "there is no pair in the file; a line is a source, a tab and a target", _top(path), of_row=False
        )
    yield from _by_position(chain(sample, lines), _layout(sample, symbols))


def has_named_columns(path: Path, source_column: str | None, target_column: str | None, columns: Sequence[str]) -> bool:
    """Whether the pairs of a file are in columns with names; else they are on lines."""
    named = source_column is not None or target_column is not None or bool(columns)
    return named or format_ending(path) in _TABLES


def _top(path: Path) -> SourceLocation:
    return SourceLocation(str(path), 1)


class _Fields(NamedTuple):
    """A line of a file, and where its fields are."""

    location: SourceLocation
    values: list[str]


class _Layout(NamedTuple):
    """Which fields of a line hold the sides."""

    source: int
    target: int
    fields: int
    """That a line has"""
    header: bool
    joined: bool
    """The target is the rest of the line"""


def _fields(path: Path, encoding: str | None, symbols: bool) -> Iterator[_Fields]:
    for location, line in read_lines(path, encoding=encoding):
        if not line.strip() or (symbols and line.startswith(_COMMENT)):
            continue
        values = line.split("\t")
        if len(values) < 2 and symbols:
            # Two spaces divide more clearly than one: an entry may have several words.
            values = line.strip().split("  " if "  " in line.strip() else " ", 1)
        if len(values) < 2:
            raise DataError(f"no tab in {shown(line)}; a line is a source, a tab and a target", location)
        yield _Fields(location, values)


def _layout(sample: Sequence[_Fields], symbols: bool) -> _Layout:
    first = sample[0]
    if _is_header(first.values):
        columns = [value.strip() for value in first.values]
        source, target = (columns.index(side) for side in _side_columns(columns, None, None, first.location))
        return _Layout(source, target, _usual_count(sample[1:] or sample), True, False)
    if symbols and _are_symbols(sample):
        return _Layout(0, 1, 2, False, True)
    fields = _usual_count(sample)
    whole = [line.values for line in sample if len(line.values) >= fields]
    sides = [number for number in range(fields) if _is_text([values[number] for values in whole])]
    if len(sides) < 2:
        what = f"only {len(sides)} of {fields} fields hold text" if fields > 2 else "one side holds numbers alone"
        raise DataError(f"{what}; a line is a source, a tab and a target", first.location, of_row=False)
    return _Layout(sides[0], sides[1], fields, False, False)


def _usual_count(sample: Sequence[_Fields]) -> int:
    """The fields that most lines have; of two counts that are as frequent, the smaller."""
    counts = Counter(len(line.values) for line in sample)
    return min(counts, key=lambda count: (-counts[count], count))


def _is_header(values: Sequence[str]) -> bool:
    plain = {value.strip().lower() for value in values}
    if plain & _SURELY_SOURCE and plain & _SURELY_TARGET:
        return True
    words = [_words(value) for value in values]
    # Names only, two of them of sides; numbers and blanks are no names.
    names_only = all(some and some <= _HEADER | _NEUTRAL for some in words)
    return names_only and sum(bool(some & _HEADER) for some in words) >= 2


def _are_symbols(sample: Sequence[_Fields]) -> bool:
    """Whether what follows the first field is short everywhere, and somewhere several fields."""
    rest = [value for line in sample for value in line.values[1:]]
    several = any(len(line.values) > 2 for line in sample)
    return several and all(len(value) <= _SYMBOL and " " not in value.strip() for value in rest)


def _is_text(values: Sequence[str]) -> bool:
    """Whether a column may be a side: not numbers, and not one value such as the code of a language."""
    filled = [value.strip() for value in values if value.strip()]
    numbers = sum(bool(_NUMBER.fullmatch(value)) for value in filled)
    return numbers <= _MOSTLY * len(filled) and (len(filled) < 3 or len(set(filled)) > 1)


def _by_position(lines: Iterator[_Fields], layout: _Layout) -> Iterator[Pair]:
    if layout.header:
        next(lines)
    for location, values in lines:
        if layout.joined:
            yield pair_of(values[0], " ".join(value.strip() for value in values[1:]), location)
            continue
        if len(values) > layout.fields:
            raise DataError(
                f"{len(values)} fields, where most lines have {layout.fields}: a tab inside a text cuts it; write a "
                "space for it",
                location,
            )
        if len(values) <= max(layout.source, layout.target):
            raise DataError(f"{len(values)} fields, where most lines have {layout.fields}; correct the line", location)
        yield pair_of(values[layout.source], values[layout.target], location)


def read_parallel(source: Path, target: Path, encoding: str | None = None) -> Iterator[Pair]:
    """Line n of one file with line n of the other; raises :class:`DataError` if one has fewer lines."""
    empty = True
    for number, (one, other) in enumerate(
        zip_longest(*(read_lines(path, encoding=encoding) for path in (source, target))), 1
    ):
        if one is None or other is None:
            counts = [sum(1 for _ in read_lines(path, encoding=encoding)) for path in (source, target)]
            lacking = target if other is None else source
            raise DataError(
                f"{source} has {counts[0]:,} lines and {target} has {counts[1]:,}; line {number:,} is the first that "
                f"{lacking} lacks: make the files agree line by line"
            )
        empty = False
        yield pair_of(one[1], other[1], one[0])
    if empty:
        raise DataError("the file is empty", SourceLocation(str(source), 1))


def side_column(
    columns: Sequence[str], named: str | None, target: bool, header: SourceLocation, guess: bool = True
) -> str:
    """The column of one side, in a table that need not have the other; raises :class:`UsageError` if it has none.

    ``guess``: the first line is certainly a header, so that one of two columns is chosen even if its name is not
    that of a side.
    """
    both = len({column.strip().lower() for column in columns} & _HEADER) >= 2
    # Codes of languages stand in lines without names, too.
    both = both and (guess or _is_header(columns))
    lower = {column.strip().lower(): column for column in reversed(columns)}
    obvious = [lower[name] for name in (_TARGETS if target else _SOURCES) if name in lower]
    # The other side may be missing: a table to translate has sources only.
    if named is None and (obvious or (guess and len(columns) == 1)):
        return [*obvious, *columns][0]
    if named is None and (both or (guess and len(columns) == 2)):
        return _side_columns(list(columns), None, None, header)[target]
    return choose_column(columns, named, "text", header)


def unnamed_fields(path: Path, form: FileForm) -> tuple[str, ...]:
    """Names for the fields of a file of tabs, its source and target among them; nothing if its first line has names.

    One side may be missing: such a file is to be translated.
    """
    if format_ending(path) in _TABLES:
        return ()
    lines = (_Fields(at, line.split("\t")) for at, line in read_lines(path, encoding=form.encoding) if line.strip())
    sample = list(islice(lines, LAYOUT_LINES))
    if not sample or _names_a_side(sample[0].values):
        return ()
    fields = _usual_count(sample)
    whole = [line.values for line in sample if len(line.values) == fields]
    texts = [number for number in range(fields) if _is_text([values[number] for values in whole])] or [0]
    named = dict(zip(texts, ("source", "target"), strict=False))
    return tuple(named.get(number, f"field {number + 1}") for number in range(fields))


def _names_a_side(values: Sequence[str]) -> bool:
    words = [_words(value) for value in values]
    known = _HEADER | _NEUTRAL
    return all(some and some <= known for some in words) and any(some & (_HEADER | {*_SENTENCE}) for some in words)


def _named_columns(
    path: Path, source_column: str | None, target_column: str | None, form: FileForm, notes: list[str]
) -> Iterator[Pair]:
    columns: tuple[str, str] | None = None
    for location, row in read_records(path, encoding=form.encoding, columns=form.columns, notes=notes):
        values = _with_inner_values(row)
        if columns is None:
            columns = _side_columns(list(values), source_column, target_column, SourceLocation(location.file, 1))
            if not (source_column or target_column) and not any(_words(name) & _HEADER for name in columns):
                some = " and ".join(map(shown, columns))
                notes.append(f"{_top(path)}: {some} were taken for names of columns; give --columns if they are a pair")
        source, target = (_joined(values[column], column, location) for column in columns)
        yield pair_of(source, target, location)


def _joined(value: str, column: str, location: SourceLocation) -> str:
    """A side; a list of symbols or words in JSON as a text with spaces between them."""
    if not (value.startswith('["') and value.endswith('"]')):
        return value
    try:
        symbols = json.loads(value)
    except (ValueError, RecursionError):
        return value
    if not all(isinstance(symbol, str) and " " not in symbol.strip() for symbol in symbols):
        raise DataError(f"column {shown(column)} holds a list of texts; write one text, or a row for each", location)
    return " ".join(symbols)


def _with_inner_values(row: Row) -> Row:
    """A row in which the values of an object stand for it, as ``translation.en``: data sets are shared like that."""
    inner = {name: _object(value) for name, value in row.items() if value.startswith("{")}
    if not any(inner.values()):
        return row
    values = dict[str, str]()
    for name, value in row.items():
        values |= {f"{name}.{key}": text for key, text in inner[name].items()} if inner.get(name) else {name: value}
    return Row(values, row.location)


def _object(text: str) -> dict[str, str]:
    """The texts of a JSON object; empty for anything else."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return {key: inner for key, inner in value.items() if isinstance(inner, str)} if isinstance(value, dict) else {}


def _obvious(columns: Sequence[str]) -> Sequence[str]:
    """The columns whose names say that they are sides, by the plainest names that two of them have; else all."""
    plain = [column for column in columns if column.strip().lower() in _HEADER]
    # The objects of JSON: translation.en, translation.fr.
    inner = [column for column in columns if column.strip().lower().rpartition(".")[2] in _HEADER]
    worded = [column for column in columns if _words(column) & _HEADER]
    return next((found for found in (plain, inner, worded) if len(found) >= 2), columns)


def _words(name: str) -> set[str]:
    return set(regex.findall(r"\p{L}+", name.lower()))


def _side_columns(
    columns: list[str], source: str | None, target: str | None, location: SourceLocation
) -> tuple[str, str]:
    there = ", ".join(columns[:20])
    for name, flag in ((source, "source"), (target, "target")):
        if name is not None and name not in columns:
            raise UsageError(f"{location}: no column {shown(name)} (there are {there}); name it with --{flag}-column")
    if source and target:
        return source, target
    rest = [column for column in _obvious(columns) if column not in (source, target)]
    if len(rest) + (source is not None) + (target is not None) != 2:
        raise UsageError(
            f"{location}: cannot tell which columns hold the two sides (there are {there}); name them with "
            "--source-column and --target-column"
        )
    # Without names that say more, the first column is the source.
    if not source and not target and _words(rest[0].rpartition(".")[2]) & {*_TARGETS}:
        rest.reverse()
    return source or rest.pop(0), target or rest.pop(0)
