"""Tagged sentences as JSON: an object a line, with a list of words and a list of tags."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from seqkit.data.readers import DataError, SourceLocation, as_text, json_object, read_lines, shown
from seqkit.data.tagged.sentence import Sentence, sentence_of, word_and_tag


def read_json_lines(path: Path, word_column: str | None, tag_column: str | None) -> Iterator[Sentence]:
    """The sentences of a file; the columns are keys."""
    word_key, tag_key = word_column or "tokens", tag_column or "tags"
    shape = f'{{"{word_key}": ["…", "…"], "{tag_key}": ["…", "…"]}}'
    for location, line in read_lines(path):
        if not line.strip():
            continue
        values = json_object(line, location, shape)
        words, tags = _texts(values, word_key, "word", location), _texts(values, tag_key, "tag", location)
        if len(words) != len(tags):
            raise DataError(f"{len(words)} {word_key} but {len(tags)} {tag_key}; each word needs its own tag", location)
        yield sentence_of([word_and_tag(*pair, location) for pair in zip(words, tags, strict=True)], location)


def _texts(values: dict[str, object], key: str, kind: str, location: SourceLocation) -> list[str]:
    if key not in values:
        there = ", ".join(map(shown, list(values)[:20]))
        raise DataError(f"no key {shown(key)}, only {there}; name the key with --{kind}-column", location)
    texts = values[key]
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise DataError(f"{shown(key)} is not a list of texts; write one text for each word", location)
    return [as_text(text, location) for text in texts]
