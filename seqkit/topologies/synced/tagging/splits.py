"""The three splits of tagged sentences: files that somebody gave for them, else split off at random."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from seqkit.data import Splits
from seqkit.data.groups import joined_units, notes_on_groups
from seqkit.data.tagged import Sentence, TaggedSource, mended, split_sentences, tag_columns
from seqkit.data.tagged.sentence import words_of
from seqkit.errors import SeqkitError
from seqkit.topologies.synced.tagging.options import TaggingOptions

C = TypeVar("C", bound=TaggingOptions)
Read = Callable[[C, str, list[str]], list[Sentence]]
"""``SyncedTagging.read_source``"""
_ALIKE = 0.9
"""Of the tags of a file are those of training, or it is looked at again."""


def tagged_splits(config: C, read: Read[C], notes: list[str]) -> Splits[Sentence]:
    """Reads ``data``, ``valid_data`` and ``test_data``, splits off what is not given, and repairs broken schemes."""
    sentences = read(config, config.data, notes)
    labels = {tag for sentence in sentences for tag in sentence.tags}
    named = {"valid": config.valid_data, "test": config.test_data}
    own = {split: _read_other(config, path, labels, read, notes) for split, path in named.items() if path}
    valid_fraction = 0.0 if "valid" in own else config.valid_fraction
    test_fraction = 0.0 if "test" in own else config.test_fraction
    unit = joined_units(sentences, _group_of, words_of) if config.group_column else None
    splits = split_sentences(sentences, valid_fraction, test_fraction, config.seed_of_splits, unit)
    splits = Splits(splits.train, own.get("valid", splits.valid), own.get("test", splits.test))
    if config.group_column:
        notes.extend(notes_on_groups(splits, _group_of, config.group_column))
    return mended(splits, notes)


def _group_of(sentence: Sentence) -> str:
    return sentence.group


def _read_other(config: C, path: str, labels: Collection[str], read: Read[C], notes: list[str]) -> list[Sentence]:
    """The sentences of the file of a split, which need not say of which groups they are."""
    if config.group_column:
        own_notes = list[str]()
        try:
            found = read_alike(config, path, labels, read, own_notes)
        except SeqkitError:
            return read_alike(replace(config, group_column=None), path, labels, read, notes)
        notes.extend(own_notes)
        return found
    return read_alike(config, path, labels, read, notes)


def read_alike(config: C, path: str, labels: Collection[str], read: Read[C], notes: list[str]) -> list[Sentence]:
    """The sentences of another file, with the column whose tags are those of training.

    A short file may look as if its tags stood elsewhere: in one without names, all tags of names are ``O``.
    """
    best_notes = list[str]()
    best = read(config, path, best_notes)
    if config.tag_column is None and _share(best, labels) < _ALIKE and Path(path).is_file():
        source = TaggedSource(
            Path(path),
            config.word_column,
            None,
            config.sentence_column,
            config.encoding,
            tagged=False,
            columns=config.form.columns,
        )
        for column in tag_columns(source):
            own_notes = list[str]()
            try:
                found = read(replace(config, tag_column=column), path, own_notes)
            except SeqkitError:
                continue  # a column with empty cells, say, is none of tags
            if _share(found, labels) > _share(best, labels):
                own_notes.append(f"{path}: the tags of training are in {column!r}, which was taken")
                best, best_notes = found, own_notes
    notes.extend(best_notes)
    return best


def _share(sentences: Sequence[Sentence], labels: Collection[str]) -> float:
    """The fraction of the tags that training has."""
    tags = [tag for sentence in sentences for tag in sentence.tags]
    return sum(tag in labels for tag in tags) / max(1, len(tags))
