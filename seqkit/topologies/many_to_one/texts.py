"""Texts to batches of tokens, whatever is predicted of them; and two texts that are read together.

B batch, T tokens of a text, K n-grams of an input.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from itertools import repeat
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from seqkit.data import Tokenizer, Vocabulary, tokenizer
from seqkit.data.batching import pad
from seqkit.data.inputs.gram_search import Tokens, Tree
from seqkit.data.inputs.ngrams import NgramCounts
from seqkit.data.inputs.texts import ReadText, TextReader, joined, load_texts
from seqkit.data.readers import TextPair
from seqkit.kernels import kernel_name, ready
from seqkit.kernels.grams import find_grams
from seqkit.topologies.classification import weights_of
from seqkit.topologies.codec import Codec, EncodingReport
from seqkit.topologies.many_to_one.options import ManyToOneOptions

__all__ = [
    "LearnedTexts",
    "TextBatch",
    "TextExample",
    "TextInputs",
    "TextItem",
    "joined",
    "learn_texts",
    "load_texts",
    "tokenizer_of",
]


class TextExample(Protocol):
    """An example of a text, or of a pair, with a weight in the loss."""

    @property
    def text(self) -> str:
        """The text."""
        ...

    @property
    def weight(self) -> float:
        """1 for most."""
        ...


class TextItem(NamedTuple):
    """The tokens of a text (T), its target where it is known, its weight in the loss, its n-grams (K).

    The target is the number of a label, or numbers: 0 and 1 for each label of a set, or what is to be predicted.
    ``second`` has the tokens of the second text of a pair.
    """

    tokens: Tensor
    target: int | Tensor | None = None
    weight: float = 1.0
    ngrams: Tensor | None = None
    second: Tensor | None = None


class TextBatch(NamedTuple):
    """Tokens (B, T), lengths (B), and the number of each text's label (B) where it is known.

    Of label sets targets are 0 and 1 (B, labels), of numbers (B, numbers). Of pairs, tokens (2B, T) and lengths (2B)
    have all first texts, then all second ones. ``weights`` (B) are those of the texts in the loss; None: all are 1.
    ``ngrams`` (B, K) are padded; None: none count.
    """

    tokens: Tensor
    lengths: Tensor
    targets: Tensor | None = None
    weights: Tensor | None = None
    ngrams: Tensor | None = None


class TextInputs(TextReader, Codec[Any, TextItem, TextBatch]):
    """What is learned to read texts, as batches; a subclass adds what is predicted of them. See :class:`TextReader`."""

    @abstractmethod
    def target(self, example: Any) -> int | Tensor:
        """What a head learns to say of an example."""

    @abstractmethod
    def targets(self, targets: Sequence[Any]) -> Tensor:
        """The targets of a batch."""

    def ngram_rows(self, ngrams: NgramCounts, texts: Sequence[Sequence[str]]) -> list[np.ndarray]:
        """See :class:`TextReader`; by the native library, where it is built and wanted."""
        native = kernel_name() in ("auto", "native") and ready()
        return ngrams.encode_many(texts, _find if native else None)

    def encode(self, raw: str | Sequence[str], example: TextExample | None = None) -> TextItem:
        """Token numbers, cut to ``max_tokens``, those of n-grams, and the target."""
        return self._item(self.read(raw), example)

    def encode_many(
        self, inputs: Sequence[str | Sequence[str]], examples: Sequence[TextExample] | None = None
    ) -> list[TextItem]:
        """See :class:`Codec`; what items hold are parts of larger arrays."""
        if type(self).encode is not TextInputs.encode:
            # A codec of somebody's own, which encodes a text in its own way.
            return super().encode_many(inputs, examples)
        known: Iterable[TextExample | None] = repeat(None) if examples is None else examples
        return [self._item(read, example) for read, example in zip(self.read_many(inputs), known, strict=False)]

    def _item(self, read: ReadText, example: TextExample | None) -> TextItem:
        first = torch.from_numpy(read.sides[0])
        second = torch.from_numpy(read.sides[1]) if len(read.sides) > 1 else None
        grams = None if read.ngrams is None else torch.from_numpy(read.ngrams)
        if example is None:
            return TextItem(first, None, 1.0, grams, second)
        return TextItem(first, self.target(example), example.weight, grams, second)

    def length(self, item: TextItem) -> int:
        """Tokens; of a pair, those of the longer text."""
        return item.tokens.numel() if item.second is None else max(item.tokens.numel(), item.second.numel())

    def collate(self, items: Sequence[TextItem]) -> TextBatch:
        """A batch; it has targets if every item has."""
        seconds = [item.second for item in items if item.second is not None]
        tokens, lengths = pad([*(item.tokens for item in items), *seconds], self.vocabulary.pad)
        targets = [item.target for item in items if item.target is not None]
        rows = [item.ngrams for item in items if item.ngrams is not None]
        ngrams = pad(rows, len(self.ngrams.counts))[0] if self.ngrams else None
        if not targets or len(targets) < len(items):
            return TextBatch(tokens, lengths, ngrams=ngrams)
        return TextBatch(tokens, lengths, self.targets(targets), weights_of(items), ngrams)

    def encoding_report(self, raw: str | Sequence[str], example: TextExample | None = None) -> EncodingReport:
        """Tokens, those after ``max_tokens``, and those that are unknown."""
        sides = [self.tokenizer.split(side) for side in self.sides(raw)]
        read = [token for tokens in sides for token in tokens[: self.max_tokens]]
        symbols = sum(map(len, sides))
        return EncodingReport(symbols, symbols - len(read), [t for t in read if t not in self.vocabulary])

    def vocabularies(self) -> Mapping[str, Vocabulary]:
        """What the encoder reads."""
        return {"encoder.embedding": self.vocabulary}

    def to_json(self) -> dict[str, Any]:
        """``vocab.json``, and counts of n-grams if there are any."""
        options: dict[str, Any] = {"tokenizer": self.tokenizer.to_json(), "max_tokens": self.max_tokens}
        if self.texts > 1:
            options["texts"] = self.texts
        files = {"vocab.json": {**options, **self.vocabulary.to_json()}}
        return {**files, **({"ngrams.json": self.ngrams.to_json()} if self.ngrams else {})}


def _find(tree: Tree, tokens: Tokens) -> tuple[np.ndarray, np.ndarray]:
    return find_grams(tree.levels, tree.symbols, tree.rows, tokens)


class LearnedTexts(NamedTuple):
    """What the training split teaches of reading its texts, and these as the tokens that n-grams are made of."""

    tokenizer: Tokenizer
    vocabulary: Vocabulary
    texts: int
    tokens: list[list[str]]


def learn_texts(config: ManyToOneOptions, train: Sequence[TextExample]) -> LearnedTexts:
    """The tokenizer and vocabulary of the training split, and whether its texts are pairs."""
    tokens = tokenizer_of(config)
    rows = [e.text.sides if isinstance(e.text, TextPair) else (e.text,) for e in train]
    split = [[tokens.split(side)[: config.max_tokens] for side in row] for row in rows]
    read = [side for row in split for side in row]
    vocabulary = Vocabulary.build(read, config.min_count, config.max_symbols)
    return LearnedTexts(tokens, vocabulary, max(map(len, rows)), [joined(row) for row in split])


def tokenizer_of(config: ManyToOneOptions) -> Tokenizer:
    """The tokenizer that a configuration asks for."""
    return tokenizer(config.tokenizer, normal_form=config.normal_form)
