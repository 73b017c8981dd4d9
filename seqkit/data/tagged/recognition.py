"""Whether a file has words one by one, as training reads them, or texts."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from seqkit.data.readers import COLUMNAR_ENDINGS, DataError, format_ending, read_lines
from seqkit.data.tagged.cells import holds_lists
from seqkit.data.tagged.finding import find_layout
from seqkit.data.tagged.layout import TEXT_NAMES, WORD_NAMES, Column, Columns, plain_name
from seqkit.data.tagged.lines import Line, fields_of
from seqkit.data.tagged.objects import has_words, tag_keys
from seqkit.data.tagged.sentence import TaggedSource
from seqkit.errors import UsageError

_ALWAYS = (".conllu", ".conll", ".conllup", ".bio", ".bioes", ".iob", ".iob2")
_OBJECTS = (".jsonl", ".ndjson", ".json", *COLUMNAR_ENDINGS)
_SAMPLE = 2000
"""Lines that are looked at."""
_ODD = 0.05
"""Of them, that may have another number of columns: a file with an error is still no file of texts."""
_ENOUGH = 20
"""Of them, from which on it says something that there are few labels."""


def names_words(columns: Sequence[str]) -> bool:
    """Whether one of the columns of a table holds words, by its name."""
    plain = {plain_name(column) for column in columns}
    # A column of texts may be called so, too, or "sentence".
    return bool(plain & ({*WORD_NAMES} - {*TEXT_NAMES}))


def holds_words(source: TaggedSource) -> bool:
    """Whether a file has a word on each line, or lists of words, so that it is not a file of texts."""
    ending = format_ending(source.path)
    if ending in _ALWAYS:
        return True
    if ending in _OBJECTS:
        return has_words(source)
    if ending in (".csv", ".tsv", ".tab") and holds_lists(source.path, source.encoding):
        return True
    return ending in (".csv", ".tsv", ".tab", ".txt") and _has_a_word_a_line(source)


def tag_columns(source: TaggedSource) -> list[str]:
    """The columns, or keys, of a file that may hold tags, from the most likely to the least."""
    ending = format_ending(source.path)
    if ending in _OBJECTS:
        return tag_keys(source)
    lines = [Line(*line) for line in islice(read_lines(source.path, encoding=source.encoding), _SAMPLE)]
    if ending == ".conllu" or not any(line.text.strip() for line in lines):
        return []
    layout = find_layout(lines, source)
    taken = (layout.roles.word, layout.roles.number, layout.roles.sentence)
    return [str(number + 1) for number in reversed(range(layout.width)) if number not in taken]


def _has_a_word_a_line(source: TaggedSource) -> bool:
    lines = [Line(*line) for line in islice(read_lines(source.path, encoding=source.encoding), _SAMPLE)]
    if not any(line.text.strip() for line in lines):
        return False
    try:
        layout = find_layout(lines, source)
    except (DataError, UsageError):
        return False
    if names_words(layout.names) or any(plain_name(name) in TEXT_NAMES for name in layout.names):
        return names_words(layout.names)
    if layout.width == 1:
        return _are_words_with_blank_lines(lines)
    blocks: list[list[list[str]]] = [[]]
    odd = 0
    for line in lines:
        fields = [] if line.text.startswith("#") else fields_of(layout.cut, line, layout.width)
        if layout.cut.is_blank(line.text):
            blocks.append([])
        elif len(fields) == layout.width:
            blocks[-1].append(fields)
        else:
            odd += bool(fields)
    if odd > _ODD * len(lines):
        return False
    columns = Columns([block for block in blocks if block], layout.width).columns
    word = columns[layout.roles.word]
    single = sum(count for value, count in word.counter.items() if " " not in value) >= 0.95 * word.rows
    # Of sentences that happen to have as many words all, no column has tags.
    between = layout.cut.tabs or bool(layout.cut.delimiter) or any(column.marks for column in columns)
    return single and (between or any(_are_labels(column) for column in columns))


def _are_labels(column: Column) -> bool:
    """Whether a column has few values, each many times, in several blocks of lines."""
    return len(column.blocks) > 1 and column.rows >= _ENOUGH and 4 * column.variety <= column.rows


def _are_words_with_blank_lines(lines: Sequence[Line]) -> bool:
    """Whether lines have one word each, several between blank lines: a file to be tagged."""
    filled = [line.text for line in lines if line.text.strip()]
    blank = sum(not line.text.strip() for line in lines[:-1])
    return blank > 0 and 2 * blank <= len(filled) and not any(" " in text.strip() for text in filled)
