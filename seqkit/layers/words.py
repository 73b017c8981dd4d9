"""Words as vectors: one of their own, and one made of their characters.

B batch, T words of a sentence, U different spellings of a batch, L characters of a word, E and C sizes of the vectors.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding

from seqkit.cells import Cell
from seqkit.errors import unknown
from seqkit.layers.encoder import Encoder, draw_embedding
from seqkit.lengths import sequence_mask

SPELLINGS = ("none", "rnn", "cnn")
"""How the characters of a word are read."""
_WINDOW = 3
"""Characters that a convolution sees at a time."""


class Words(NamedTuple):
    """Sentences: the number of each word (B, T), and how the batch's words are spelled.

    ``spelling`` (B, T) says which of the U rows of ``characters`` (U, L) a word has; ``sizes`` (U) are their lengths.
    Row 0 is empty: words that are not spelled, and padding, point to it.
    """

    tokens: Tensor
    spelling: Tensor
    characters: Tensor
    sizes: Tensor


class WordEmbedding(nn.Module):
    """``[w; s]``: the vector of each word, and beside it one made of its characters.

    In training a word that occurs n times in the data is replaced by the unknown word with probability a / (a + n), so
    that the vector of unknown words is learned and the spelling of rare words is used (Kiperwasser and Goldberg, 2016,
    arXiv:1603.04351). The vector of characters is the last state of both directions of a recurrent layer (Ling et al.,
    2015, arXiv:1508.02096), or the maximum over time of a convolution (Ma and Hovy, 2016, arXiv:1603.01354).

    Args:
        counts: how often each symbol was seen in training (V); 0 for special ones.
        size: E.
        unknown: the number of the unknown word; padding is 0.
        forgetting: a; 0: no known word is replaced.
        speller: from :func:`make_speller`; None: words are not spelled.
    """

    replacement: Tensor
    """The probability that a word is replaced by the unknown one (V)"""

    def __init__(
        self,
        counts: Tensor,
        size: int,
        unknown: int,
        forgetting: float = 0.0,
        speller: RecurrentSpeller | ConvolutionalSpeller | None = None,
    ) -> None:
        super().__init__()
        self.unknown = unknown
        self.words = nn.Embedding(len(counts), size, padding_idx=0)
        draw_embedding(self.words)
        self.speller = speller
        replacement = torch.where(counts > 0, forgetting / (forgetting + counts.clamp(min=1)), 0.0)
        self.register_buffer("replacement", replacement, persistent=False)
        self.output_size = size + (speller.output_size if speller else 0)

    def forward(self, words: Words) -> Tensor:
        """(B, T, E + C)."""
        tokens = words.tokens
        if self.training:
            replaced = torch.rand(tokens.shape, device=tokens.device) < self.replacement[tokens]
            tokens = tokens.masked_fill(replaced, self.unknown)
        vectors: Tensor = self.words(tokens)
        if self.speller is None:
            return vectors
        spelled = self.speller(words.characters, words.sizes)
        return torch.cat([vectors, embedding(words.spelling, spelled)], 2)


class RecurrentSpeller(nn.Module):
    """Characters of words (U, L) and lengths (U) to (U, C): the last states of both directions of any cell.

    ``options`` are those of :class:`Encoder`.
    """

    def __init__(
        self, symbols: int, embedding_size: int, output_size: int, cell: str | Cell = "lstm", **options: Any
    ) -> None:
        super().__init__()
        half = (output_size + 1) // 2
        self.encoder = Encoder(symbols, embedding_size, cell=cell, hidden_size=half, pooling="last", **options)
        self.output_size = 2 * half

    def forward(self, characters: Tensor, sizes: Tensor) -> Tensor:
        """(U, C); a word without characters has 0."""
        pooled: Tensor = self.encoder(characters, sizes).pooled
        return pooled


class ConvolutionalSpeller(nn.Module):
    """The same by a convolution over three characters at a time, and its maximum over the word."""

    def __init__(self, symbols: int, embedding_size: int, output_size: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(symbols, embedding_size, padding_idx=0)
        draw_embedding(self.embedding)
        self.convolution = nn.Conv1d(embedding_size, output_size, _WINDOW, padding=_WINDOW // 2)
        self.output_size = output_size

    def forward(self, characters: Tensor, sizes: Tensor) -> Tensor:
        """(U, C); a word without characters has 0."""
        inside = sequence_mask(sizes, characters.shape[1]).unsqueeze(2)
        vectors = self.embedding(characters) * inside
        features = self.convolution(vectors.transpose(1, 2)).relu().transpose(1, 2)
        largest: Tensor = (features * inside).amax(1)
        return largest


def make_speller(
    way: str, symbols: int, embedding_size: int, output_size: int, cell: str | Cell = "lstm", **options: Any
) -> RecurrentSpeller | ConvolutionalSpeller | None:
    """What reads the characters of words, ``"rnn"`` or ``"cnn"``; None for ``"none"``.

    ``cell`` and ``options`` are those of the :class:`Encoder` of ``"rnn"``. Raises :class:`UsageError` for another way.
    """
    if way not in SPELLINGS:
        raise unknown("way to spell words", way, SPELLINGS)
    if way == "rnn":
        return RecurrentSpeller(symbols, embedding_size, output_size, cell, **options)
    return ConvolutionalSpeller(symbols, embedding_size, output_size) if way == "cnn" else None
