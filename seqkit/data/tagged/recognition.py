"""Whether a file has words one by one, as training reads them, or texts."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from seqkit.data.readers import DataError, format_ending, read_lines
from seqkit.data.tagged.cells import holds_lists
from seqkit.data.tagged.columns import find_layout
from seqkit.data.tagged.layout import TEXT_NAMES, WORD_NAMES, Columns, plain_name
from seqkit.data.tagged.lines import Line
from seqkit.data.tagged.objects import has_words
from seqkit.data.tagged.sentence import TaggedSource
from seqkit.errors import UsageError

_ALWAYS = (".conllu", ".conll", ".bio", ".bioes", ".iob", ".iob2")
_SAMPLE = 2000
"""Lines that are looked at."""


def names_words(columns: Sequence[str]) -> bool:
    """Whether one of the columns of a table holds words, by its name."""
    plain = {plain_name(column) for column in columns}
    # A column of texts may be called so, too, or "sentence".
    return bool(plain & ({*WORD_NAMES} - {*TEXT_NAMES}))


def holds_words(source: TaggedSource) -> bool:
    """Whether a file has a word on each line, or lists of words, so that it is no file of texts."""
    ending = format_ending(source.path)
    if ending in _ALWAYS:
        return True
    if ending in (".jsonl", ".ndjson", ".json"):
        return has_words(source)
    if ending in (".csv", ".tsv", ".tab") and holds_lists(source.path, source.encoding):
        return True
    return ending in (".csv", ".tsv", ".tab", ".txt") and _has_a_word_a_line(source)


def _has_a_word_a_line(source: TaggedSource) -> bool:
    lines = [Line(*line) for line in islice(read_lines(source.path, encoding=source.encoding), _SAMPLE)]
    if not any(line.text.strip() for line in lines):
        return False
    try:
        layout = find_layout(lines, source)
    except (DataError, UsageError):
        return False
    if layout.names:
        return names_words(layout.names)
    if layout.width == 1:
        return _are_words_with_blank_lines(lines)
    rows = [layout.cut.split(line.text) for line in lines if line.text.strip() and not line.text.startswith("#")]
    alike = [row for row in rows if len(row) >= layout.width]
    if len(alike) < 0.95 * len(rows):
        return False
    columns = Columns([alike], layout.width).columns
    word = columns[layout.roles.word]
    single = sum(count for value, count in word.counter.items() if " " not in value) >= 0.95 * word.rows
    # Of sentences that happen to have as many words all, no column has tags.
    return single and (layout.cut.tabs or bool(layout.cut.delimiter) or any(column.marks for column in columns))


def _are_words_with_blank_lines(lines: Sequence[Line]) -> bool:
    """Whether lines have one word each, several between blank lines: a file to be tagged."""
    filled = [line.text for line in lines if line.text.strip()]
    blank = sum(not line.text.strip() for line in lines[:-1])
    return blank > 0 and 2 * blank <= len(filled) and not any(" " in text.strip() for text in filled)
