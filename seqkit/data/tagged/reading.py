"""Reads tagged sentences from any of the usual files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from seqkit.data.normal_forms import canonical
from seqkit.data.readers import (
    COLUMNAR_ENDINGS,
    DataError,
    Remark,
    SourceLocation,
    format_ending,
    shown,
)
from seqkit.data.schemes import respelled
from seqkit.data.tagged.brackets import unbracketed
from seqkit.data.tagged.cells import holds_lists
from seqkit.data.tagged.columns import read_columns
from seqkit.data.tagged.conllu import read_conllu
from seqkit.data.tagged.objects import read_objects
from seqkit.data.tagged.sentence import Sentence, TaggedPassage, TaggedSource, about_file
from seqkit.data.tagged.standoff import read_standoff
from seqkit.data.tagged.tag_names import read_tag_names
from seqkit.errors import UsageError

_TABLES = (".csv", ".tsv", ".tab")
_READERS: dict[str, Callable[[TaggedSource], Iterator[TaggedPassage]]] = {
    ".conllu": read_conllu,
    **dict.fromkeys((".conll", ".conllup", ".bio", ".bioes", ".iob", ".iob2", ".txt", *_TABLES), read_columns),
    **dict.fromkeys((".jsonl", ".ndjson", ".json", *COLUMNAR_ENDINGS), read_objects),
}
_LONG = 200
"""Words of a sentence that is the only one of its file; no sentence is so long."""
_BLOCK = 20_000
"""Sentences that are read together of a file that is not read as a whole."""
_BLANK = ("\u00a0", "\u200b", "\ufeff", "\u00ad", "\u2060")


def read_tagged(
    path: Path,
    word_column: str | None = None,
    tag_column: str | None = None,
    notes: list[str] | None = None,
    *,
    sentence_column: str | None = None,
    tag_names: Path | None = None,
    encoding: str | None = None,
    columns: Sequence[str] = (),
    group_column: str | None = None,
) -> list[Sentence]:
    """The sentences of a file, whose ending decides its format; those without words are skipped.

    ``.conllu``: CoNLL-U. Columns have names: by default ``form`` holds the words and ``upos`` the tags; any of the ten
    will do, and any key in misc or feats, such as ``NER``. Comments, ranges of words (``3-4``) and empty nodes
    (``8.1``) are not read. A tag ``_`` is an error, except in feats, deps and misc, and where the word is ``_``, too.

    ``.jsonl``, ``.ndjson``, ``.json``, and rows of Parquet and Arrow: an object for each sentence, with lists of texts
    under ``tokens`` and ``tags``, or other keys; or with a text, which is cut into words, and spans of it.

    A folder of texts, each with its spans in a file beside it: see :func:`read_standoff`.

    ``.conll``, ``.bio``, ``.bioes``, ``.iob``, ``.iob2``, ``.txt``, ``.tsv``, ``.csv``: a line is a word with its
    columns, and a blank line, or one that starts with ``-DOCSTART-``, ends a sentence. Tabs separate columns if half
    of the lines have one, else spaces and tabs do; in a ``.csv`` commas do, or what stands for them. Columns are
    numbered from 1, or from the end with -1, -2 …; what is not requested follows from the first line, where it has
    names, and from what the columns hold. Tables may have lists in their cells instead.

    Tags of spans in other spellings (``PER-B``, ``B_PER``, ``0``) are read as ``B-PER`` and ``O``.

    Args:
        path: the file.
        word_column: the column or key of the words; None: as above. ``tag_column`` likewise.
        notes: receives sentences about what was decided and what was left out.
        sentence_column: the column that says of which sentence a word is.
        tag_names: a file with the names of tags that are numbers (see :func:`read_tag_names`).
        encoding: of the text; None: as in :func:`~seqkit.data.readers.read_lines`.
        columns: the names of columns, where the file has none.
        group_column: the column or key of what sentences belong to, such as their document; in CoNLL-U the name of a
            comment, such as ``newdoc id``.

    Raises:
        DataError: with file:line for what breaks these rules, or if there is no sentence.
        UsageError: for a column that does not exist, or an ending that is none of these.
    """
    notes = [] if notes is None else notes
    source = TaggedSource(
        path,
        word_column,
        tag_column,
        sentence_column,
        encoding,
        notes=notes,
        group_column=group_column,
        columns=columns,
    )
    if tag_names is not None:
        source.tag_names.update(read_tag_names(tag_names, tag_column))
    empty: list[SourceLocation] = []
    sentences = [*_sentences(source, empty)]
    if not sentences:
        raise about_file("there is no sentence with words; check the file", SourceLocation(str(path), 1))
    _check_lengths(sentences, source)
    _note_words(sentences, empty, notes)
    return _spelled(unbracketed(_named(sentences, source), notes), notes)


def each_tagged(source: TaggedSource) -> Iterator[list[Sentence]]:
    """The sentences of a file in blocks, for one that is larger than memory; each block is read as a file would be.

    ``notes`` of the source has what was decided of the first block, and at the end what was left out of all.
    """
    empty: list[SourceLocation] = []
    sentences = _sentences(source, empty)
    first = True
    while block := list(islice(sentences, _BLOCK)):
        own = source if first else replace(source, notes=[])
        _check_lengths(block, own)
        _note_words(block, [], own.notes)
        yield _spelled(unbracketed(_named(block, own), own.notes), own.notes)
        first = False
    if first:
        raise about_file("there is no sentence with words; check the file", SourceLocation(str(source.path), 1))
    _note_words([], empty, source.notes)


def _sentences(source: TaggedSource, empty: list[SourceLocation]) -> Iterator[Sentence]:
    """The sentences with words; ``empty`` receives where those without stand."""
    for passage in read_passages(source):
        if passage.words:
            if source.group_column is not None and not passage.group:
                what = f"{shown(source.group_column)} is empty; name the group of the sentence"
                raise DataError(what, passage.location)
            tags = tuple(map(canonical, passage.tags))
            yield Sentence(passage.words, tags, passage.location, passage.group)
        elif passage.is_sentence:
            empty.append(passage.location)


def read_passages(source: TaggedSource) -> Iterator[TaggedPassage]:
    """The pieces of a file, in order: sentences, and what is between them."""
    if source.path.is_dir():
        return read_standoff(source)
    ending = format_ending(source.path)
    reader = _READERS.get(ending)
    if reader is None:
        known = ", ".join(_READERS)
        raise UsageError(f"cannot tell the format of {source.path} by its ending; name it with one of {known}")
    if ending in _TABLES and not source.columns and holds_lists(source.path, source.encoding):
        reader = read_objects
    return reader(source)


def _check_lengths(sentences: Sequence[Sentence], source: TaggedSource) -> None:
    """Stops where all words are one sentence, and notes what looks as if sentences ended elsewhere."""
    longest = max(sentences, key=lambda sentence: len(sentence.words))
    if _READERS.get(format_ending(source.path)) is read_objects:
        return
    if len(sentences) == 1 and len(longest.words) > _LONG:
        raise about_file(
            f"no blank line ends a sentence, so that all {len(longest.words):,} words form one sentence; put a blank "
            "line after each sentence, or name the column that numbers sentences with --sentence-column",
            longest.location,
        )
    if len(longest.words) > 5 * _LONG:
        source.notes.append(
            f"the longest sentence has {len(longest.words):,} words, the one at {longest.location}: is a blank line "
            "missing?"
        )
    if len(sentences) > 20 and len(longest.words) == 1:
        source.notes.append(f"{source.path}: every sentence has one word: is there a blank line after every word?")


def _note_words(sentences: Sequence[Sentence], empty: Sequence[SourceLocation], notes: list[str]) -> None:
    if empty:
        many = "1 sentence without words was" if len(empty) == 1 else f"{len(empty):,} sentences without words were"
        notes.append(f"{many} left out, the first at {empty[0]}")
    blank = [(s.location, word) for s in sentences for word in s.words if not word.strip("".join(_BLANK)).strip()]
    if blank:
        location, word = blank[0]
        many = "1 word is" if len(blank) == 1 else f"{len(blank):,} words are"
        notes.append(f"{many} white space alone, the first, {word!a}, in the sentence at {location}")


def _named(sentences: list[Sentence], source: TaggedSource) -> list[Sentence]:
    """The sentences with names for tags that are numbers."""
    names = source.tag_names
    tags = Counter(tag for sentence in sentences for tag in sentence.tags)
    if not all(tag.removeprefix("-").isdecimal() for tag in tags):
        return sentences
    if not names:
        some = ", ".join(sorted(tags, key=int)[:6])
        source.notes.append(
            f"{source.path}: the tags are numbers ({some}{', …' if len(tags) > 6 else ''}), labels of their own; if "
            "they stand for names such as B-PER, give these with --tag-names FILE"
        )
        return sentences
    for sentence in sentences:
        for tag in sentence.tags:
            if tag not in names:
                least = f"0 to {len(names) - 1}" if names.keys() == {*map(str, range(len(names)))} else ", ".join(names)
                raise about_file(f"tag {shown(tag)} has no name, only {least}; correct the names", sentence.location)
    return [replace(sentence, tags=tuple(names[tag] for tag in sentence.tags)) for sentence in sentences]


def _spelled(sentences: list[Sentence], notes: list[str]) -> list[Sentence]:
    """The sentences with tags of spans as the schemes spell them."""
    counts = Counter(tag for sentence in sentences for tag in sentence.tags)
    changes = respelled(counts)
    if not changes:
        return sentences
    some = sorted(changes, key=lambda tag: (changes[tag] == "O", -counts[tag]))
    shown_ones = [*some[:1], *(tag for tag in some[1:] if changes[tag] == "O")]
    pairs = ", ".join(f"{tag} as {changes[tag]}" for tag in shown_ones[:3])
    notes.append(Remark(f"the tags mark spans in another spelling and were read as {{B,I,…}}-TYPE and O: {pairs}"))
    return [replace(s, tags=tuple(changes.get(tag, tag) for tag in s.tags)) for s in sentences]
