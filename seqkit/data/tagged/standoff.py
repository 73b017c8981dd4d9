"""A folder of texts with their spans in files beside them, as brat keeps them: ``a.txt`` and ``a.ann``."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

import regex

from seqkit.data.readers import DataError, SourceLocation, read_lines, shown
from seqkit.data.tagged.offsets import Alignment, TextSpan, words_with_offsets
from seqkit.data.tagged.sentence import TaggedPassage, TaggedSource
from seqkit.errors import UsageError

_SPAN = regex.compile(r"T\S*\t(?P<label>\S+) (?P<pieces>\d+ \d+(?:;\d+ \d+)*)(?:\t(?P<text>.*))?")


class _Located(NamedTuple):
    """A span, and the line that says so."""

    span: TextSpan
    location: SourceLocation


def read_standoff(source: TaggedSource) -> Iterator[TaggedPassage]:
    """The lines of the texts in a folder, and in those in it, as sentences; lines that one span joins are one.

    Of an ``.ann`` the lines ``T1``, tab, label and places, tab, text are read: relations, events and notes are not.
    A span of several pieces is all from its first character to its last.

    Raises :class:`UsageError` for a folder without such files, and :class:`DataError` with the line for a span that is
    not in its text, or whose own text is another.
    """
    files = sorted(path for path in source.path.rglob("*.ann") if not path.name.startswith("."))
    if not files:
        raise UsageError(f"{source.path} is a folder without .ann files; name a file, or a folder of .txt and .ann")
    alignment, pieces = Alignment(), list[SourceLocation]()
    for path in files:
        beside = path.with_suffix(".txt")
        if not beside.is_file():
            raise DataError(f"there is no {beside.name} beside it; put the text there", SourceLocation(str(path), 1))
        lines = [line for _, line in read_lines(beside, encoding=source.encoding)]
        spans = _read_spans(path, "\n".join(lines), source.encoding, pieces)
        yield from _sentences(beside, lines, spans, alignment)
    source.notes.extend(alignment.notes())
    if pieces:
        many = "1 span has" if len(pieces) == 1 else f"{len(pieces):,} spans have"
        source.notes.append(f"{many} several pieces, and all between them was taken, the first at {pieces[0]}")


def _read_spans(path: Path, text: str, encoding: str | None, pieces: list[SourceLocation]) -> list[_Located]:
    found: list[_Located] = []
    for location, line in read_lines(path, encoding=encoding):
        if not line.startswith("T"):
            continue
        match = _SPAN.fullmatch(line)
        if match is None:
            raise DataError(f"{shown(line)} is not a span; a line is T1, tab, LABEL START END, tab, its text", location)
        places = [[int(number) for number in piece.split()] for piece in match["pieces"].split(";")]
        span = TextSpan(places[0][0], places[-1][1], match["label"])
        there = " ".join(text[start:stop] for start, stop in places)
        if match["text"] is not None and there.split() != match["text"].split():
            raise DataError(
                f"the span {span.start} to {span.stop} is {shown(there)} in the text, but says {shown(match['text'])}; "
                "count characters (not bytes) from 0",
                location,
            )
        pieces.extend([location] if len(places) > 1 else [])
        found.append(_Located(span, location))
    return found


def _sentences(
    path: Path, lines: Sequence[str], spans: Sequence[_Located], alignment: Alignment
) -> Iterator[TaggedPassage]:
    text = "\n".join(lines)
    starts = [0, *accumulate(len(line) + 1 for line in lines)]
    for first, last in _joined(starts, spans):
        begin, end = starts[first], min(starts[last + 1], len(text))
        words = words_with_offsets(text[begin:end])
        inside = [span for span, _ in spans if begin <= span.start < end]
        moved = [span._replace(start=span.start - begin, stop=span.stop - begin) for span in inside]
        location = SourceLocation(str(path), first + 1)
        tags = alignment.tags(text[begin:end], words, moved, location) if words else ()
        yield TaggedPassage(
            tuple(word.text for word in words), tuple(tags), location, lambda answers: "", is_sentence=bool(words)
        )


def _joined(starts: Sequence[int], spans: Sequence[_Located]) -> Iterator[tuple[int, int]]:
    """The first and last line of each stretch that no span crosses the end of."""
    size = starts[-1]
    last_of = list(range(len(starts) - 1))
    for (start, stop, _), location in spans:
        if not 0 <= start < stop < size:
            what = f"the span {start} to {stop} is not in the text, which has {max(0, size - 1):,} characters"
            raise DataError(f"{what}; correct it", location)
        first, last = bisect_right(starts, start) - 1, bisect_right(starts, stop - 1) - 1
        last_of[first] = max(last_of[first], last)
    line = 0
    while line < len(last_of):
        first, last = line, last_of[line]
        while line <= last:
            last, line = max(last, last_of[line]), line + 1
        yield first, last
