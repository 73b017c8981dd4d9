"""Reads tagged sentences from any of the usual files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from seqkit.data.readers import DataError
from seqkit.data.tagged.conll import read_conll
from seqkit.data.tagged.conllu import read_conllu
from seqkit.data.tagged.json_lines import read_json_lines
from seqkit.data.tagged.sentence import Sentence
from seqkit.errors import UsageError

_READERS: dict[str, Callable[[Path, str | None, str | None], Iterator[Sentence]]] = {
    ".conllu": read_conllu,
    **dict.fromkeys((".conll", ".bio", ".bioes", ".iob", ".iob2", ".tsv", ".txt"), read_conll),
    **dict.fromkeys((".jsonl", ".ndjson"), read_json_lines),
}


def read_tagged(
    path: Path, word_column: str | None = None, tag_column: str | None = None, notes: list[str] | None = None
) -> list[Sentence]:
    """The sentences of a file, whose ending decides its format; those without words are left out.

    ``.conllu``: CoNLL-U. Columns have names: by default ``form`` holds the words and ``upos`` the tags; any of the ten
    will do. Comments, ranges of words (``3-4``) and empty nodes (``8.1``) are not read. A tag ``_`` is an error, except
    in feats, deps and misc, and where the word is ``_``, too.

    ``.jsonl``, ``.ndjson``: an object a line, with lists of texts under ``tokens`` and ``tags``, or other keys.

    ``.conll``, ``.bio``, ``.bioes``, ``.iob``, ``.iob2``, ``.tsv``, ``.txt``: a line is a word with its columns, and a
    blank line, or one that starts with ``-DOCSTART-``, ends a sentence. Tabs separate columns if the first line has
    one, else spaces and tabs do. Columns are numbered from 1, or from the end with -1, -2 …: words are 1, tags -1.

    Args:
        path: the file.
        word_column: the column or key of the words; None: as above. ``tag_column`` likewise.
        notes: receives a sentence about what was left out.

    Raises:
        DataError: with file:line for what breaks these rules, or if there is no sentence.
        UsageError: for a column that does not exist, or an ending that is none of these.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise UsageError(f"cannot tell the format of {path} by its ending; name it with one of {', '.join(_READERS)}")
    sentences: list[Sentence] = []
    empty: list[Sentence] = []
    for sentence in reader(path, word_column, tag_column):
        (sentences if sentence.words else empty).append(sentence)
    if not sentences:
        raise DataError(f"{path}: there is no sentence with words; check the file")
    if empty and notes is not None:
        many = "1 sentence without words was" if len(empty) == 1 else f"{len(empty):,} sentences without words were"
        notes.append(f"{many} left out, the first at {empty[0].location}")
    return sentences
