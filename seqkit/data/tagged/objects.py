"""Sentences as objects: lists of words and of tags, or a text and its spans; in JSON, or in the cells of a table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from seqkit.data.readers import DataError, Remark, SourceLocation, as_text, format_ending, shown
from seqkit.data.tagged.cells import read_cells
from seqkit.data.tagged.json_values import Entry, check_key, read_json_file, read_json_lines
from seqkit.data.tagged.layout import TAG_NAMES, TEXT_NAMES, WORD_NAMES
from seqkit.data.tagged.sentence import TaggedPassage, TaggedSource, between, word_and_tag
from seqkit.data.tagged.spanned import SpannedTexts
from seqkit.data.tagged.tag_names import names_beside

_WORD_KEYS = tuple(name for name in WORD_NAMES if name != "text")
_TAG_KEYS = ("tags", "ner_tags", "ner", *TAG_NAMES)
_SPAN_KEYS = ("spans", "entities", "label", "labels", "annotations", "annotation", "ents", "entity", "ner", "tags")
_SHOWN = 20


def read_objects(source: TaggedSource) -> Iterator[TaggedPassage]:
    """The sentences of JSON, or of a table with lists in its cells."""
    yield from _passages(_entries(source), source)


def _entries(source: TaggedSource) -> Iterator[Entry]:
    ending = format_ending(source.path)
    if ending == ".json":
        return read_json_file(source)
    return read_json_lines(source, _shape_text(source)) if ending in (".jsonl", ".ndjson") else read_cells(source)


def _shape_text(source: TaggedSource) -> str:
    return f'{{"{source.word_column or "tokens"}": ["…", "…"], "{source.tag_column or "tags"}": ["…", "…"]}}'


def _passages(entries: Iterator[Entry], source: TaggedSource) -> Iterator[TaggedPassage]:
    reader: _Lists | SpannedTexts | None = None
    for entry in entries:
        if not entry.values:
            yield between(entry.written({}), entry.location)
            continue
        if reader is None:
            reader = _choose(entry.values, source, entry.location)
        source.tag_names.update(names_beside(entry.values) or {})
        yield replace(reader.passage(entry), group=_group(entry, source))
    if isinstance(reader, SpannedTexts) and source.tagged:
        source.notes.extend(reader.alignment.notes())


def _group(entry: Entry, source: TaggedSource) -> str:
    key = source.group_column
    if key is None:
        return ""
    check_key(entry.values, key, "group", entry.location)
    return as_text(entry.values[key], entry.location).strip()


def _choose(values: Mapping[str, Any], source: TaggedSource, location: SourceLocation) -> _Lists | SpannedTexts:
    """How objects are read, by the first of them: which keys hold what."""
    words = source.word_column or _key(values, _WORD_KEYS, list)
    spans_key = source.tag_column if source.tag_column in values else _key(values, _SPAN_KEYS, list, _are_spans)
    has_spans = spans_key is not None and _are_spans(values[spans_key])
    tags = source.tag_column or _key(values, _TAG_KEYS, list, _are_tags)
    if spans_key is not None and has_spans and tags == spans_key and values[spans_key]:
        tags = None
    text = _key(values, TEXT_NAMES, str)
    if words is None and isinstance(values.get("data"), dict):
        text = "data"
    if text is not None and source.word_column in (None, text) and has_spans and (words is None or tags is None):
        _note_keys(source, text, spans_key)
        return SpannedTexts(text, spans_key, words, source)
    if words is not None and has_spans and tags is None:
        _note_keys(source, words, spans_key)
        return SpannedTexts(None, spans_key, words, source)
    words = words or _key(values, (*_WORD_KEYS, *TEXT_NAMES), str)
    tags = tags or _key(values, _TAG_KEYS, str)
    if source.tagged or tags in values:
        _note_keys(source, words or "tokens", tags or "tags")
    check_key(values, words or "tokens", "word", location)
    return _Lists(words or "tokens", tags or "tags", source)


def _note_keys(source: TaggedSource, words: str, tags: str | None) -> None:
    chosen = source.word_column is None or source.tag_column is None
    if source.tagged and chosen and (words, tags) != ("tokens", "tags"):
        mend = "choose others with --word-column and --tag-column"
        source.notes.append(
            Remark(f"{source.path}: words are read from {shown(words)}, tags from {shown(str(tags))}; {mend}")
        )


def _key(
    values: Mapping[str, Any], names: Sequence[str], kind: type, test: Callable[[Any], bool] = lambda value: True
) -> str | None:
    """The first of the names that the object has with a value of that kind."""
    lower = {key.strip().lower(): key for key in reversed(list(values))}
    keys = (lower[name] for name in names if name in lower)
    return next((key for key in keys if isinstance(values[key], kind) and test(values[key])), None)


def _are_tags(value: Sequence[object]) -> bool:
    return not value or isinstance(value[0], (str, int))


def _are_spans(value: object) -> bool:
    if not isinstance(value, list):
        return False
    if not value:
        return True
    first = value[0]
    if isinstance(first, list):
        return sum(isinstance(entry, int) for entry in first) >= 2
    return isinstance(first, dict) and not any(key in first for key in ("form", "upos"))


def _first_object(source: TaggedSource) -> Mapping[str, Any]:
    try:
        return next((entry.values for entry in _entries(source)), {})
    except DataError:
        return {}


def tag_keys(source: TaggedSource) -> list[str]:
    """The keys of lists beside that of words."""
    values = _first_object(source)
    words = source.word_column or _key(values, _WORD_KEYS, list)
    if words is None or words not in values:
        return []
    lists = [key for key, value in values.items() if isinstance(value, list) and _are_tags(value)]
    return [key for key in lists if key != words and len(values[key]) == len(values[words])]


def has_words(source: TaggedSource) -> bool:
    """Whether the first object of a file has a list of words, or spans beside its text."""
    values = _first_object(source)
    if isinstance(values.get(source.word_column or "", _key(values, _WORD_KEYS, list) or 0), (list, str)):
        return True
    spans_key = source.tag_column if source.tag_column in values else _key(values, _SPAN_KEYS, list, _are_spans)
    has_text = _key(values, TEXT_NAMES, str) is not None or isinstance(values.get("data"), dict)
    return spans_key is not None and has_text


class _Lists:
    """Objects with a list of words and a list of tags; or two texts, with spaces between words and between tags."""

    def __init__(self, words: str, tags: str, source: TaggedSource) -> None:
        self.words, self.tags, self.source = words, tags, source

    def passage(self, entry: Entry) -> TaggedPassage:
        """The sentence of an object."""
        values, location = entry.values, entry.location
        check_key(values, self.words, "word", location)
        items = values[self.words]
        inner = isinstance(items, list) and bool(items) and all(isinstance(item, dict) for item in items)
        both = isinstance(items, str) and isinstance(values.get(self.tags, ""), str)
        words = _inner_texts(items, _WORD_OF, location) if inner else self._texts(self.words, values, both, location)
        tags: list[str] = []
        if inner and self.tags not in values and (self.source.tagged or _has_inner(items, self._inner_tags())):
            tags = _inner_texts(items, self._inner_tags(), location)
        elif self.source.tagged or self.tags in values:
            check_key(values, self.tags, "tag", location)
            tags = self._texts(self.tags, values, both, location)
        if len(words) != len(tags) and (tags or self.source.tagged):
            raise DataError(
                f"{len(words)} {self.words} but {len(tags)} {self.tags}; each word needs its own tag", location
            )
        pairs = [word_and_tag(word, tag, location) for word, tag in zip(words, tags or ["-"] * len(words), strict=True)]
        return TaggedPassage(
            tuple(word for word, _ in pairs),
            tuple(tag for _, tag in pairs) if tags else (),
            location,
            lambda answers: entry.written({"predicted_tags": " ".join(answers) if both else list(answers)}),
        )

    def _inner_tags(self) -> Sequence[str]:
        return (self.source.tag_column,) if self.source.tag_column else _TAG_KEYS

    def _texts(self, key: str, values: Mapping[str, Any], split: bool, location: SourceLocation) -> list[str]:
        texts = values[key]
        if split and isinstance(texts, str):
            return texts.split()
        plain = isinstance(texts, list) and all(isinstance(t, str) or type(t) is int for t in texts)
        if not plain or (key == self.words and not all(isinstance(text, str) for text in texts)):
            raise DataError(f"{shown(key)} is not a list of texts; write one text for each word", location)
        return [as_text(text, location) for text in texts]


_WORD_OF = ("text", "word", "form", "token", "orth", "value", "surface")


def _has_inner(items: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> bool:
    return any(key in items[0] for key in keys)


def _inner_texts(items: Sequence[Mapping[str, Any]], keys: Sequence[str], location: SourceLocation) -> list[str]:
    """A value of each word, where words are objects."""
    key = next((key for key in keys if key in items[0]), None)
    if key is None or not all(isinstance(item.get(key), (str, int)) for item in items):
        there = ", ".join(map(shown, list(items[0])[:_SHOWN]))
        what = f"no key {shown(key or keys[0])} in every word, only {there}; name the tag with --tag-column"
        raise DataError(what, location)
    return [as_text(item[key], location) for item in items]
