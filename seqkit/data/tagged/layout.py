"""Which columns of a file hold words, tags and the numbers of words and sentences, by what the columns hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import regex

from seqkit.data.schemes import OUTSIDE, marked_type

_MOSTLY = 0.9
_LONG = 3
"""Rows of a block from which on it says something that they all have one value."""
_ENOUGH = 20
"""Rows from which on the number of different values says what a column holds."""
_OUTSIDES = (OUTSIDE, "o", "0", "_", "-")
_DIGIT = regex.compile(r"\d")

WORD_NAMES = ("word", "words", "token", "tokens", "form", "forms", "term", "surface", "text", "wort")
TAG_NAMES = (
    *("tag", "tags", "ner_tag", "ner_tags", "ner", "label", "labels", "entity", "iob", "bio", "iob2", "bioes", "bilou"),
    *("entity_tag", "ner_label", "ne", "chunk", "chunk_tag", "chunk_tags"),
    *("upos", "pos", "pos_tag", "pos_tags", "xpos", "upos_tag", "postag"),
)
"""From the most likely to the least."""
TEXT_NAMES = ("text", "sentence", "content", "document", "body", "context")
SENTENCE_NAMES = ("sentence", "sent", "sentence_id", "sent_id", "sentence_no", "sentence_idx", "sentence_number", "sid")
_OTHER_NAMES: tuple[str, ...] = (
    "id",
    "index",
    "idx",
    "nr",
    "no",
    "number",
    "lemma",
    "feats",
    "head",
    "deprel",
    "deps",
    "misc",
    "start",
)
_OTHER_NAMES += ("end", "doc", "document", "doc_id", "document_id", "word_id", "token_id", "inner", "outer", "stem")
_NAME = regex.compile(r"(?:\p{L}\w*)?")
_PUNCTUATION = regex.compile(r"[\s#:.-]+")


def plain_name(name: str) -> str:
    """A name of a column as the lists here have it: ``Sentence #`` is ``sentence``."""
    plain: str = _PUNCTUATION.sub("_", name.strip().lower())
    return plain.strip("_")


def is_header(fields: Sequence[str]) -> bool:
    """Whether these are names of columns, one of words among them and something beside it."""
    names = [plain_name(name) for name in fields]
    if not {*names} & {*WORD_NAMES} or len(names) < 2:
        return False
    known = {*WORD_NAMES, *TAG_NAMES, *SENTENCE_NAMES, *_OTHER_NAMES, ""}
    # Beside names of words and of tags, others may be anybody's.
    both = bool({*names} & {*TAG_NAMES}) and all(_NAME.fullmatch(name) for name in names)
    return both or {*names} <= known


def is_name_of_words(fields: Sequence[str]) -> bool:
    """Whether a table has one column, and its first line is the name of that."""
    return len(fields) == 1 and plain_name(fields[0]) in WORD_NAMES


class Columns:
    """The columns of a file's first rows.

    Args:
        blocks: the fields of rows, those of a sentence together; all rows have at least ``width`` fields.
        width: the columns that are looked at.
    """

    def __init__(self, blocks: Sequence[Sequence[Sequence[str]]], width: int) -> None:
        self.blocks, self.width = blocks, width
        self.columns = [Column([[row[number].strip() for row in block] for block in blocks]) for number in range(width)]

    def word(self) -> int:
        """The first column of what may be words: no numbers, no tags of spans, not the same all through a sentence."""
        likely = [
            number
            for number, column in enumerate(self.columns)
            if not (column.has_numbers or column.names_blocks or column.marks)
        ]
        most = max((self.columns[number].variety for number in likely), default=0)
        varied = (number for number in likely if 2 * self.columns[number].variety >= most)
        # A column that counts is certainly none of words.
        return next(varied, next((n for n, column in enumerate(self.columns) if not column.counts), 0))

    def tag(self, word: int) -> int | None:
        """The column of tags: of those that mark spans the last, or the one with most spans of its types, as where
        each layer of nested spans has a column; else the last with few different values; None if there is no other.
        """
        rest = [n for n, column in enumerate(self.columns) if n != word and not column.counts]
        if marking := [n for n in rest if self.columns[n].marks]:
            return self._fullest_layer(marking)
        few = max(2, self.columns[word].variety // 2)
        informed = [n for n in rest if self.columns[n].variety > 1 and not self.columns[n].has_numbers]
        labels = [n for n in informed if self.columns[n].rows < _ENOUGH or self.columns[n].variety <= few]
        return next((some[-1] for some in (labels, informed, rest) if some), None)

    def _fullest_layer(self, marking: Sequence[int]) -> int:
        last = self.columns[marking[-1]]
        layers = [n for n in marking if self.columns[n].shares_types(last)]
        fullest = max(layers, key=lambda n: self.columns[n].marked)
        return fullest if 2 * last.marked < self.columns[fullest].marked else marking[-1]

    def number(self, word: int) -> int | None:
        """The column before the words that counts them."""
        return next((number for number in range(word) if self.columns[number].counts), None)

    def sentence(self, word: int) -> int | None:
        """The column before the words that says which sentence a word is of, where no blank lines do."""
        if len(self.blocks) > 1:
            return None
        return next((number for number in range(word) if self.columns[number].has_runs), None)


class Column:
    """The values of a column, in the blocks of rows between blank lines."""

    def __init__(self, blocks: Sequence[Sequence[str]]) -> None:
        self.blocks = blocks
        self.counter = Counter(value for block in blocks for value in block)
        self.rows = self.counter.total()
        self.variety = len(self.counter)

    @cached_property
    def has_numbers(self) -> bool:
        """Whether nearly every value has a digit: numbers, offsets, identifiers."""
        if self.counts:
            return True
        with_digit = sum(count for value, count in self.counter.items() if _DIGIT.search(value))
        return self.rows >= _LONG and with_digit >= _MOSTLY * self.rows

    @cached_property
    def counts(self) -> bool:
        """Whether the values count the rows of each block from 0 or 1; ranges such as 3-4 do not matter."""
        right, rows, most = 0, 0, 0
        for block in self.blocks:
            before: int | None = None
            for value in block:
                if not (value.isascii() and value.isdigit()):
                    rows += not regex.fullmatch(r"\d+[-.]\d+", value)
                    continue
                number = int(value)
                begins = number in (0, 1) and (before is None or before > 1)
                right += begins or (before is not None and number == before + 1)
                rows, before, most = rows + 1, number, max(most, number)
        return most >= 2 and right >= _MOSTLY * rows

    @cached_property
    def names_blocks(self) -> bool:
        """Whether all rows of a block have the same value, as the name of a document."""
        long = [block for block in self.blocks if len(block) >= _LONG]
        return bool(long) and sum(len({*block}) == 1 for block in long) >= _MOSTLY * len(long)

    @cached_property
    def has_runs(self) -> bool:
        """Whether rows with one value stand together, several as a rule: the number or name of their sentence.

        An empty value is the one above it.
        """
        runs = list[str]()
        for value in (value for block in self.blocks for value in block if value):
            if not runs or runs[-1] != value:
                runs.append(value)
        return 2 <= len(runs) == len({*runs}) and 2 * len(runs) <= self.rows

    @cached_property
    def types(self) -> Counter[str]:
        """The types of spans that the values mark, with how often they do."""
        types = Counter[str]()
        for value, count in self.counter.items():
            if (kind := marked_type(value)) is not None:
                types[kind] += count
        return types

    @property
    def marked(self) -> int:
        """Rows inside spans."""
        return self.types.total()

    @cached_property
    def marks(self) -> bool:
        """Whether the values are tags of spans."""
        return self.marked > 0 and self.marked >= 0.95 * self._inside

    @property
    def marks_alone(self) -> bool:
        """Whether every value is a tag of spans, or one of words outside."""
        return self.marked == self._inside

    @property
    def is_outside(self) -> bool:
        """Whether all words are outside."""
        return self._inside == 0

    @property
    def _inside(self) -> int:
        return sum(count for value, count in self.counter.items() if value not in _OUTSIDES)

    def shares_types(self, other: Column) -> bool:
        """Whether both mark spans of much the same types."""
        both = len(self.types.keys() & other.types.keys())
        return 2 * both >= min(len(self.types), len(other.types)) > 0


class Roles(NamedTuple):
    """Columns by what they hold, as indices from 0."""

    word: int
    tag: int | None = None
    number: int | None = None
    """Of the words in their sentence"""
    sentence: int | None = None
    """Which says what sentence a word is of"""


def roles_by_name(names: Sequence[str]) -> Roles | None:
    """The columns by their names, where there is one of words."""
    plain = [plain_name(name) for name in names]
    # "sentence" beside "word" numbers the sentences.
    word = next((plain.index(name) for name in WORD_NAMES if name in plain), None)
    if word is None:
        return None
    tag = next((plain.index(name) for name in TAG_NAMES if name in plain), None)
    sentence = next((plain.index(name) for name in SENTENCE_NAMES if name in plain), None)
    return Roles(word, tag, None, sentence)
