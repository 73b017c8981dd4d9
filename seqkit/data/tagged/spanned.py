"""Objects with a text, or words, and spans of it, as sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from seqkit.data.readers import DataError, SourceLocation, as_text, shown
from seqkit.data.schemes import OUTSIDE, spans
from seqkit.data.tagged.json_values import Entry, check_key
from seqkit.data.tagged.layout import TEXT_NAMES
from seqkit.data.tagged.offsets import Alignment, Word, read_spans, text_spans, words_with_offsets
from seqkit.data.tagged.sentence import TaggedPassage, TaggedSource, word_and_tag


class SpannedTexts:
    """Objects with spans of a text, counted in characters, or of a list of words, counted in words.

    Args:
        text: the key of the text; None: spans count words.
        spans: the key of the spans.
        words: the key of words, which may have offsets of their own; None: the text is cut into words.
        source: the file.
    """

    def __init__(self, text: str | None, spans_key: str | None, words: str | None, source: TaggedSource) -> None:
        self.text, self.spans, self.words, self.source = text, spans_key, words, source
        self.alignment = Alignment()
        self.as_lists = False

    def passage(self, entry: Entry) -> TaggedPassage:
        """The sentence of an object."""
        values, location = entry.values, entry.location
        text, words = self._text_and_words(values, location)
        given = values.get(self.spans or "", None)
        if given is None and self.source.tagged:
            check_key(values, self.spans or "spans", "tag", location)
        given = given or []
        if not isinstance(given, list):
            raise DataError(f"{shown(str(self.spans))} is not a list of spans", location)
        self.as_lists = self.as_lists or any(isinstance(span, list) for span in given)
        found = read_spans(given, text if self.text else None, location)
        tags = (
            self.alignment.tags(text, words, found, location) if self.text else self._by_number(words, found, location)
        )
        plain = tuple(word.text for word in words)
        return TaggedPassage(plain, tuple(tags), location, lambda answers: self._answered(entry, words, answers))

    def _text_and_words(self, values: Mapping[str, Any], location: SourceLocation) -> tuple[str, list[Word]]:
        inner = values.get(self.words) if self.words else None
        if self.text is None:
            if not isinstance(inner, list) or not all(isinstance(word, str) for word in inner):
                raise DataError(f"{shown(str(self.words))} is not a list of texts", location)
            words = [word_and_tag(as_text(word, location), "-", location)[0] for word in inner]
            return "", [Word(word, number, number + 1) for number, word in enumerate(words)]
        check_key(values, self.text, "word", location)
        text = values[self.text]
        text = next((text[key] for key in TEXT_NAMES if key in text), None) if isinstance(text, dict) else text
        if not isinstance(text, str):
            raise DataError(f"{shown(self.text)} is not a text", location)
        return as_text(text, location), _given_words(inner, text) or words_with_offsets(text)

    def _by_number(self, words: Sequence[Word], found: Sequence[Any], location: SourceLocation) -> list[str]:
        # Words with spaces between them are a text in which each word has a place.
        joined = " ".join(word.text for word in words)
        places, position = list[Word](), 0
        for word in words:
            places.append(Word(word.text, position, position + len(word.text)))
            position += len(word.text) + 1
        moved = []
        for span in found:
            if not 0 <= span.start < span.stop <= len(words):
                what = f"the span {span.start} to {span.stop} is not among the {len(words)} words; the end is the "
                raise DataError(f"{what}number of the word that follows the span, from 0", location)
            moved.append(span._replace(start=places[span.start].start, stop=places[span.stop - 1].stop))
        return self.alignment.tags(joined, places, moved, location)

    def _answered(self, entry: Entry, words: Sequence[Word], answers: Sequence[str]) -> str:
        if any(tag != OUTSIDE for tag in answers) and not spans(answers):
            # The model's labels mark no spans.
            return entry.written({"predicted_tokens": [word.text for word in words], "predicted_tags": list(answers)})
        found = [
            [one.start, one.stop, one.label]
            if self.as_lists
            else {"start": one.start, "end": one.stop, "label": one.label}
            for one in text_spans(words, answers)
        ]
        return entry.written({f"predicted_{self.spans or 'spans'}": found})


def _given_words(value: object, text: str) -> list[Word]:
    """Words with offsets of their own, as annotation tools write them; none if they have not."""
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        return []
    words = []
    for item in value:
        start, stop = item.get("start"), item.get("end")
        if not isinstance(start, int) or not isinstance(stop, int) or not text[start:stop].strip():
            return []
        words.append(Word(text[start:stop], start, stop))
    return words
