"""Sentences as the numbers of their words, how these are spelled, and the features that they have.

T words of a sentence.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seqkit.data.inputs.labels import read_labels
from seqkit.data.inputs.word_features import WordFeatures
from seqkit.data.normal_forms import AS_IT_IS, check_form, normal
from seqkit.data.punctuation import MARKED, bare
from seqkit.data.questions import ASKED
from seqkit.data.readers import DataError
from seqkit.data.tokenizers import tokenizer
from seqkit.data.vocab import Vocabulary

FEATURES_FILE = "word_features.json"
_LONGEST = 32
"""Characters of a word that are read."""


@dataclass(frozen=True)
class WordReader:
    """What is learned to read sentences."""

    vocabulary: Vocabulary
    counts: Sequence[int]
    """How often each symbol of the vocabulary was seen in training"""
    alphabet: Vocabulary
    labels: tuple[str, ...]
    label_counts: Sequence[int]
    """How often each label was seen in training"""
    scheme: str | None
    """What labels mean: one of :mod:`seqkit.data.schemes`, ``punctuation``, ``asked``, or None for plain labels"""
    lowercase: bool
    spelled_below: int
    """Words seen as often as this are not spelled; 0: all are"""
    normal_form: str = AS_IT_IS
    """Of words, where they are looked up and spelled; as they are written they come out again"""
    features: WordFeatures | None = None
    """What a linear part of the head reads; None: there is none"""

    @staticmethod
    def fields_of(files: Mapping[str, Any]) -> dict[str, Any]:
        """The fields by name, from the files of a codec; raises :class:`DataError` naming the file that is wrong."""
        vocab, labels = files["vocab.json"], files["labels.json"]
        vocabulary = Vocabulary.from_json(vocab, "vocab.json")
        names = read_labels(labels.get("labels") if isinstance(labels, dict) else None)
        features = files.get(FEATURES_FILE)
        return {
            "vocabulary": vocabulary,
            "counts": _read_counts(vocab, "vocab.json", len(vocabulary)),
            "alphabet": Vocabulary.from_json(files["characters.json"], "characters.json"),
            "labels": names,
            "label_counts": _read_counts(labels, "labels.json", len(names)),
            "scheme": labels.get("scheme"),
            "lowercase": bool(vocab.get("lowercase")),
            "spelled_below": int(vocab.get("spelled_below", 0)),
            # Runs that are older than normal forms do not name one.
            "normal_form": check_form(str(vocab.get("normal_form", AS_IT_IS))),
            "features": None if features is None else WordFeatures.from_json(features, FEATURES_FILE),
        }

    def words(self, raw: str | Sequence[str]) -> tuple[str, ...]:
        """The words of a typed sentence; words are taken as they are."""
        if not isinstance(raw, str):
            return tuple(raw)
        if self.scheme == ASKED:
            return tuple(raw.split())
        return tuple(bare(raw) if self.scheme == MARKED else tokenizer("word", lowercase=False).split(raw))

    def looked_up(self, words: Sequence[str]) -> Sequence[str]:
        """The words as the vocabulary has them."""
        words = normal_words(words, self.normal_form)
        return [word.lower() for word in words] if self.lowercase else words

    def numbers(self, words: Sequence[str]) -> list[int]:
        """Those of words in the vocabulary (T)."""
        return self.vocabulary.encode(self.looked_up(words))

    def feature_rows(self, words: Sequence[str]) -> list[list[int]] | None:
        """The rows of the features of each word (T); None where there are none."""
        return None if self.features is None else self.features.rows_of(normal_words(words, self.normal_form))

    def spell(
        self, sentences: Sequence[tuple[Sequence[str], Sequence[int]]]
    ) -> tuple[list[list[int]], list[list[int]]]:
        """How the words of sentences, given with their numbers, are spelled: every spelling once.

        For each sentence the row of each word's spelling, and the characters of each row. Words that are seen often
        have row 0, the empty one.
        """
        rows = {"": 0}
        often = self.spelled_below or max(self.counts) + 1
        spelling = [
            [
                rows.setdefault(normal(word, self.normal_form), len(rows)) if self.counts[number] < often else 0
                for word, number in zip(words, numbers, strict=True)
            ]
            for words, numbers in sentences
        ]
        return spelling, [self.alphabet.encode(_shorten(word)) for word in rows]


def typed_words(text: str) -> str | list[str]:
    """A typed sentence; a list of words in JSON is taken as it is."""
    if not text.lstrip().startswith("["):
        return text
    try:
        words = json.loads(text)
    except ValueError:
        return text
    is_list_of_words = isinstance(words, list) and all(isinstance(word, str) and word for word in words)
    return words if is_list_of_words else text


def normal_words(words: Sequence[str], form: str) -> list[str]:
    """Words in a normal form."""
    return [normal(word, form) for word in words]


def _shorten(word: str) -> str:
    """Of a very long word, an address as a rule, its beginning and its end."""
    return word if len(word) <= _LONGEST else word[: _LONGEST // 2] + word[-_LONGEST // 2 :]


def _read_counts(values: dict[str, Any], file: str, length: int) -> list[int]:
    counts = values.get("counts")
    if not isinstance(counts, list) or len(counts) != length or not all(isinstance(count, int) for count in counts):
        raise DataError(f"{file} needs a list of {length} whole numbers 'counts'; restore it from a backup")
    return counts
