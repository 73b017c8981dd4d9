"""Spans of a text, given by where they begin and end, as tags of its words; and the way back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import regex

from seqkit.data.readers import DataError, SourceLocation, shown
from seqkit.data.schemes import Span, spans, written
from seqkit.data.tokenizers import tokenizer

_STARTS = ("start", "start_offset", "begin", "start_char", "offset", "start_index", "from")
_ENDS = ("end", "end_offset", "stop", "end_char", "end_index", "to")
_LABELS = ("label", "labels", "type", "entity", "entity_type", "entity_group", "tag", "category", "class", "ner")
_QUOTED = ("text", "value", "word", "surface", "mention", "phrase")
_BREAK = regex.compile(r"<br\s*+/?>", regex.IGNORECASE)


class TextSpan(NamedTuple):
    """A stretch of a text, from ``start`` to before ``stop``."""

    start: int
    stop: int
    label: str


class Word(NamedTuple):
    """A word and where in the text it stands."""

    text: str
    start: int
    stop: int


def words_with_offsets(text: str) -> list[Word]:
    """The words that a typed sentence is cut into, each with its place."""
    words, position = list[Word](), 0
    # A line break of HTML is white space to the tokenizer, too.
    text = _BREAK.sub(lambda match: " " * len(match.group()), text)
    for token in tokenizer("word", lowercase=False).split(text):
        start = text.find(token, position)
        position = start + len(token)
        words.append(Word(token, start, position))
    return words


def read_spans(values: Sequence[object], text: str | None, location: SourceLocation) -> list[TextSpan]:
    """Spans as data sets have them: ``{"start": 0, "end": 5, "label": "PER"}`` or ``[0, 5, "PER"]``; other names of the
    keys are known, too.

    Raises :class:`DataError` for what is none, and for one whose own text is another than that at its place.
    """
    values = [inner for value in values for inner in _results(value)]
    found = [_span(value, location) for value in values]
    if text is not None:
        # Some count to the last character, some to what follows it: texts beside the offsets tell.
        quoted = [(span, quote) for span, value in zip(found, values, strict=True) if (quote := _quote(value))]
        if quoted and all(text[span.start : span.stop + 1] == quote for span, quote in quoted):
            found = [span._replace(stop=span.stop + 1) for span in found]
        else:
            _check_quotes(quoted, text, location)
    return found


def _check_quotes(quoted: Sequence[tuple[TextSpan, str]], text: str, location: SourceLocation) -> None:
    for span, quote in quoted:
        there = text[span.start : span.stop]
        if " ".join(there.split()) != " ".join(quote.split()):
            raise DataError(
                f"the span {span.start} to {span.stop} is {shown(there)} in the text, but says {shown(quote)}; count "
                "characters (not bytes) from 0",
                location,
            )


def _results(value: object) -> list[object]:
    """The entries of an annotation that has several under ``result``, without those that are not spans; else itself."""
    inner = value.get("result") if isinstance(value, dict) else None
    if not isinstance(inner, list):
        return [value]
    return [entry for entry in inner if isinstance(entry, dict) and "start" in _flat(entry)]


def _quote(value: object) -> str | None:
    if not isinstance(value, dict):
        return None
    inner = _flat(value)
    return next((quote for key in _QUOTED if isinstance(quote := inner.get(key), str)), None)


def _flat(value: Mapping[str, object]) -> dict[str, object]:
    """An object with those in it opened: some tools put offsets under ``value`` or ``points``."""
    flat = dict(value)
    for key in ("value", "points", "span"):
        inner = flat.get(key)
        inner = inner[0] if isinstance(inner, list) and len(inner) == 1 else inner
        if isinstance(inner, dict):
            flat = {**inner, **{name: entry for name, entry in flat.items() if name != key}}
    return flat


def _span(value: object, location: SourceLocation) -> TextSpan:
    start: object = None
    stop: object = None
    label: object = None
    if isinstance(value, list) and len(value) >= 3:
        numbers = [entry for entry in value if isinstance(entry, int)]
        names = [entry for entry in value if isinstance(entry, str)]
        if len(numbers) >= 2 and names:
            start, stop, label = numbers[0], numbers[1], names[0]
    elif isinstance(value, dict):
        inner = _flat(value)
        start, stop = _first(inner, _STARTS), _first(inner, _ENDS)
        label = _first(inner, _LABELS)
        if stop is None and isinstance(start, int) and isinstance(length := inner.get("length"), int):
            stop = start + length
    if isinstance(label, list) and len(label) == 1:
        label = label[0]
    if not (isinstance(start, int) and isinstance(stop, int) and isinstance(label, str) and label.strip()):
        raise DataError(
            f'{shown(repr(value))} is not a span; write {{"start": 0, "end": 5, "label": "PER"}} or [0, 5, "PER"]',
            location,
        )
    return TextSpan(start, stop, label.strip())


def _first(values: Mapping[str, object], keys: Sequence[str]) -> object:
    return next((values[key] for key in keys if key in values), None)


class Alignment:
    """Turns spans of texts to tags of words, and counts what did not fit."""

    def __init__(self) -> None:
        self.widened: list[tuple[SourceLocation, str, str]] = []
        """Spans that begin or end inside a word, and the words they were widened to"""
        self.nested: list[SourceLocation] = []
        """Spans left out, since they lie in others or cross them"""

    def tags(self, text: str, words: Sequence[Word], given: Sequence[TextSpan], location: SourceLocation) -> list[str]:
        """A tag of BIO for each word; raises :class:`DataError` for a span outside the text or without a word."""
        taken: list[Span] = []
        for span in sorted(given, key=lambda span: (span.start - span.stop, span.start)):
            if not 0 <= span.start < span.stop <= len(text):
                raise DataError(
                    f"the span {span.start} to {span.stop} is not in the text, which has {len(text)} characters; "
                    "correct it",
                    location,
                )
            first, stop = self._covered(text, words, span, location)
            if any(first < other.stop and other.start < stop for other in taken):
                self.nested.append(location)
            else:
                taken.append(Span(span.label, first, stop))
        return list(written(sorted(taken, key=lambda span: span.start), len(words), "bio"))

    def _covered(self, text: str, words: Sequence[Word], span: TextSpan, location: SourceLocation) -> tuple[int, int]:
        inside = [n for n, word in enumerate(words) if word.start < span.stop and span.start < word.stop]
        if not inside:
            raise DataError(f"the span {span.start} to {span.stop} has no word in it; correct it", location)
        own = text[span.start : span.stop].strip()
        whole = text[words[inside[0]].start : words[inside[-1]].stop]
        if own != whole:
            self.widened.append((location, own, whole))
        return inside[0], inside[-1] + 1

    def notes(self) -> list[str]:
        """What was decided, as sentences."""
        notes = []
        if self.widened:
            location, own, whole = self.widened[0]
            many = "1 span was" if len(self.widened) == 1 else f"{len(self.widened):,} spans were"
            notes.append(f"{many} widened to whole words, the first at {location}: {shown(own)} to {shown(whole)}")
        if self.nested:
            many = "1 span was" if len(self.nested) == 1 else f"{len(self.nested):,} spans were"
            where = self.nested[0]
            notes.append(
                f"{many} left out for a longer one on the same words, the first at {where}: a word has one tag"
            )
        return notes


def text_spans(words: Sequence[Word], tags: Sequence[str]) -> list[TextSpan]:
    """The spans of tags, by where they are in the text."""
    return [TextSpan(words[one.start].start, words[one.stop - 1].stop, one.type) for one in spans(tags)]
