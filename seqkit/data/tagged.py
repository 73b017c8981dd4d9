"""Sentences with a tag for each word: readers of CoNLL columns, CoNLL-U and JSONL, and parts that share no sentence."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import regex

from seqkit.data.readers import DataError, SourceLocation, as_text, json_object, read_lines, shown
from seqkit.data.schemes import broken, detect_scheme, repair
from seqkit.data.sources import PackagedFile
from seqkit.data.splits import Splits
from seqkit.errors import UsageError

TURKISH = (
    PackagedFile("turkish-treebanks", "1.0.0", "data/web.conllu"),
    PackagedFile("turkish-treebanks", "1.0.0", "data/wiki.conllu"),
)
"""Turkish from the web and from Wikipedia, tagged by hand; a word is cut where an ending changes what it is."""

_CONLLU = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
_OFTEN_NOTHING = ("feats", "deps", "misc")
"""The columns where ``_`` says that there is nothing to say; in the others it says that something is missing."""
_SKIPPED_ID = regex.compile(r"[0-9]+[-.][0-9]+")
_SPACES = regex.compile(r"[ \t]+")


@dataclass(frozen=True)
class Sentence:
    """Words, as many tags, and where the first word stands."""

    words: tuple[str, ...]
    tags: tuple[str, ...]
    location: SourceLocation


def read_tagged(
    path: Path, word_column: str | None = None, tag_column: str | None = None, notes: list[str] | None = None
) -> list[Sentence]:
    """The sentences of a file, whose ending tells its format; those without words are left out.

    ``.conllu``: CoNLL-U. Columns have names: words are ``form`` unless told otherwise, tags ``upos``; any of the ten
    will do. Comments, ranges of words (``3-4``) and empty nodes (``8.1``) are not read. A tag ``_`` is an error, except
    in feats, deps and misc, and where the word is ``_``, too.

    ``.jsonl``, ``.ndjson``: an object a line, with lists of texts under ``tokens`` and ``tags``, or other keys.

    ``.conll``, ``.bio``, ``.bioes``, ``.iob``, ``.iob2``, ``.tsv``, ``.txt``: a line is a word with its columns, and a
    blank line, or one that starts with ``-DOCSTART-``, ends a sentence. Tabs separate columns if the first line has
    one, else spaces and tabs do. Columns are numbered from 1, or from the end with -1, -2 …: words are 1, tags -1.

    Args:
        path: the file.
        word_column: the column or key of the words; None: as above. ``tag_column`` likewise.
        notes: is given a sentence about what was left out.

    Raises:
        DataError: with file:line for what breaks these rules, or if there is no sentence.
        UsageError: for a column that does not exist, or an ending that is none of these.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise UsageError(f"cannot tell the format of {path} by its ending; name it with one of {', '.join(_READERS)}")
    found: list[Sentence] = []
    empty: list[Sentence] = []
    for sentence in reader(path, word_column, tag_column):
        (found if sentence.words else empty).append(sentence)
    if not found:
        raise DataError(f"{path}: there is no sentence with words; check the file")
    if empty and notes is not None:
        many = "1 sentence without words was" if len(empty) == 1 else f"{len(empty):,} sentences without words were"
        notes.append(f"{many} left out, the first at {empty[0].location}")
    return found


def turkish_treebank() -> list[Sentence]:
    """The 4,851 sentences of :data:`TURKISH` with their parts of speech, those of the web first.

    Raises :class:`UsageError` if it is not installed.
    """
    return [sentence for file in TURKISH for sentence in read_tagged(file.locate())]


def split_sentences(
    sentences: Sequence[Sentence], valid_fraction: float, test_fraction: float, seed: int
) -> Splits[Sentence]:
    """Random parts; sentences with the same words stay on one side. A part with a fraction above 0 is never empty."""
    if valid_fraction + test_fraction >= 1:
        raise UsageError(f"validation {valid_fraction} and test {test_fraction} leave nothing to train on; lower one")
    groups: dict[tuple[str, ...], list[Sentence]] = defaultdict(list)
    for sentence in sentences:
        groups[sentence.words].append(sentence)
    fractions = {"validation": valid_fraction, "test": test_fraction}
    wanted = {part: max(1, round(share * len(sentences))) for part, share in fractions.items() if share}
    if len(groups) <= len(wanted):
        raise DataError(
            f"{len(groups)} different sentence{'s' if len(groups) > 1 else ''} cannot be divided into "
            f"{', '.join(['training', *wanted])}; give more sentences"
        )
    left = list(groups.values())
    random.Random(seed).shuffle(left)
    parts: dict[str, list[Sentence]] = {part: [] for part in fractions}
    for number, (part, size) in enumerate(wanted.items(), 1):
        # A sentence that stands there a thousand times must not leave the parts to come without any.
        while len(parts[part]) < size and len(left) > 1 + len(wanted) - number:
            parts[part] += left.pop()
    return Splits([sentence for group in left for sentence in group], parts["validation"], parts["test"])


def mended(splits: Splits[Sentence], notes: list[str]) -> Splits[Sentence]:
    """Parts whose tags keep their scheme of spans, if they have one: those that break it are repaired, and told.

    Told, too, are tags that only validation or test have.
    """
    scheme = detect_scheme([sentence.tags for sentence in splits.train])
    parts = {"training": splits.train, "validation": splits.valid, "test": splits.test}
    if scheme:
        parts = {name: _repaired(part, scheme, name, notes) for name, part in parts.items()}
    known = {tag for sentence in parts["training"] for tag in sentence.tags}
    for name in ("validation", "test"):
        new = [(tag, s.location) for s in parts[name] for tag in s.tags if tag not in known]
        if new:
            tag, location = new[0]
            notes.append(
                f"{len(new):,} labels of the {name} part are not in the training part, the first '{tag}' at "
                f"{location}: the model cannot know them, and each counts as an error"
            )
    return Splits(*parts.values())


def _repaired(part: list[Sentence], scheme: str, name: str, notes: list[str]) -> list[Sentence]:
    wrong = [(sentence, locations) for sentence in part if (locations := broken(sentence.tags, scheme))]
    if not wrong:
        return part
    sentence, locations = wrong[0]
    before, after = sentence.tags[locations[0]], repair(sentence.tags, scheme)[locations[0]]
    notes.append(
        f"{sum(len(locations) for _, locations in wrong):,} labels of the {name} part break the scheme "
        f"{scheme.upper()} and were repaired, the first in the sentence at {sentence.location}: "
        f"word {locations[0] + 1}, {before} to {after}"
    )
    return [Sentence(s.words, repair(s.tags, scheme), s.location) for s in part]


def _read_conllu(path: Path, word_column: str | None, tag_column: str | None) -> Iterator[Sentence]:
    word, tag = _named(word_column or "form", "word"), _named(tag_column or "upos", "tag")
    for block in _blocks(path):
        rows = [(location, line.split("\t")) for location, line in block if not line.startswith("#")]
        pairs: list[tuple[str, str]] = []
        for location, fields in rows:
            if _is_word(fields, len(pairs) + 1, location):
                pairs.append(_filled(fields[word], fields[tag], location))
                _check_given(fields, tag, location)
        yield _sentence(pairs, rows[0][0] if rows else block[0][0])


def _named(column: str, kind: str) -> int:
    if column.lower() not in _CONLLU:
        raise UsageError(
            f"CoNLL-U has no column {shown(column)}; choose one of {', '.join(_CONLLU)} with --{kind}-column"
        )
    return _CONLLU.index(column.lower())


def _is_word(fields: Sequence[str], number: int, location: SourceLocation) -> bool:
    if len(fields) != len(_CONLLU):
        raise DataError(
            f"{len(fields)} column{'s' if len(fields) != 1 else ''}, but CoNLL-U has 10 with a tab between; mend the "
            "line, or call the file .conll if it is of another kind",
            location,
        )
    if _SKIPPED_ID.fullmatch(fields[0]):
        return False
    if fields[0] != str(number):
        raise DataError(
            f"the word's number is {shown(fields[0])}, but {number} is next; mend it, or put a blank line between "
            "sentences",
            location,
        )
    return True


def _check_given(fields: Sequence[str], tag: int, location: SourceLocation) -> None:
    if fields[tag] == "_" != fields[1] and _CONLLU[tag] not in _OFTEN_NOTHING:
        raise DataError(
            f"word {shown(fields[1])} has no {_CONLLU[tag]}, only '_'; give it one, or choose another column with "
            "--tag-column",
            location,
        )


@dataclass(frozen=True)
class _Columns:
    """How the lines of a CoNLL file are read: as its first line is."""

    first: SourceLocation
    tabs: bool
    width: int
    word: int
    tag: int

    @staticmethod
    def of(location: SourceLocation, line: str, word_column: str | None, tag_column: str | None) -> _Columns:
        tabs = "\t" in line
        width = len(_fields(line, tabs))
        if width == 1:
            raise DataError("one column only; a line is a word and its tag, with white space between", location)
        word = _numbered(word_column or "1", width, "word", location)
        tag = _numbered(tag_column or "-1", width, "tag", location)
        if word == tag:
            raise UsageError(f"column {word + 1} cannot be both; name others with --word-column and --tag-column")
        return _Columns(location, tabs, width, word, tag)

    def pair(self, location: SourceLocation, line: str) -> tuple[str, str]:
        """Word and tag of a line."""
        fields = _fields(line, self.tabs)
        if len(fields) != self.width:
            raise DataError(
                f"{len(fields)} column{'s' if len(fields) != 1 else ''}, but line {self.first.line} has {self.width}; "
                "mend the line",
                location,
            )
        return _filled(fields[self.word], fields[self.tag], location)


def _read_conll(path: Path, word_column: str | None, tag_column: str | None) -> Iterator[Sentence]:
    columns: _Columns | None = None
    for block in _blocks(path):
        columns = columns or _Columns.of(*block[0], word_column, tag_column)
        yield _sentence([columns.pair(location, line) for location, line in block], block[0][0])


def _fields(line: str, tabs: bool) -> list[str]:
    return line.split("\t") if tabs else _SPACES.split(line.strip(" \t"))


def _numbered(column: str, width: int, kind: str, location: SourceLocation) -> int:
    """The column's location, counted from 0."""
    try:
        number = int(column)
    except ValueError:
        number = 0
    if not 1 <= abs(number) <= width:
        raise UsageError(
            f"{location}: no column {shown(column)}, there are {width}; give its number, from 1, or -1 for the last, "
            f"with --{kind}-column"
        )
    return number % width if number < 0 else number - 1


def _read_json(path: Path, word_column: str | None, tag_column: str | None) -> Iterator[Sentence]:
    word_key, tag_key = word_column or "tokens", tag_column or "tags"
    shape = f'{{"{word_key}": ["…", "…"], "{tag_key}": ["…", "…"]}}'
    for location, line in read_lines(path):
        if not line.strip():
            continue
        values = json_object(line, location, shape)
        words, tags = _texts(values, word_key, "word", location), _texts(values, tag_key, "tag", location)
        if len(words) != len(tags):
            raise DataError(f"{len(words)} {word_key} but {len(tags)} {tag_key}; give each its own", location)
        yield _sentence([_filled(word, tag, location) for word, tag in zip(words, tags, strict=True)], location)


def _texts(values: dict[str, object], key: str, kind: str, location: SourceLocation) -> list[str]:
    if key not in values:
        there = ", ".join(map(shown, list(values)[:20]))
        raise DataError(f"no key {shown(key)}, only {there}; name the key with --{kind}-column", location)
    texts = values[key]
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise DataError(f"{shown(key)} is no list of texts; write one text for each word", location)
    return [as_text(text, location) for text in texts]


def _blocks(path: Path) -> Iterator[list[tuple[SourceLocation, str]]]:
    """The lines that stand together."""
    for together, lines in groupby(read_lines(path), lambda line: _holds_something(line[1])):
        if together:
            yield list(lines)


def _holds_something(line: str) -> bool:
    return bool(line.strip()) and not line.startswith("-DOCSTART-")


def _filled(word: str, tag: str, location: SourceLocation) -> tuple[str, str]:
    word, tag = word.strip(), tag.strip()
    if not word or not tag:
        raise DataError(
            f"word {shown(word)} with tag {shown(tag)}: neither may be empty; mend it or take it out", location
        )
    return word, tag


def _sentence(pairs: Sequence[tuple[str, str]], location: SourceLocation) -> Sentence:
    return Sentence(tuple(word for word, _ in pairs), tuple(tag for _, tag in pairs), location)


_READERS: dict[str, Callable[[Path, str | None, str | None], Iterator[Sentence]]] = {
    ".conllu": _read_conllu,
    **dict.fromkeys((".conll", ".bio", ".bioes", ".iob", ".iob2", ".tsv", ".txt"), _read_conll),
    **dict.fromkeys((".jsonl", ".ndjson"), _read_json),
}
