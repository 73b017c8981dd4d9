"""Pictures with captions to batches, and tokens to captions.

P pictures, R captions of all of them, T steps; C channels, H and W pixels; S places of a grid, F features of each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from seqkit.answers.written import Caption
from seqkit.data import Vocabulary, tokenizer
from seqkit.data.batching import pad
from seqkit.data.inputs.pictures import END, START, PictureReader
from seqkit.data.pictures import Captioned, Picture
from seqkit.data.vocab import PAD, UNK
from seqkit.topologies.codec import Codec, EncodingReport
from seqkit.topologies.one_to_many.options import OneToManyOptions

__all__ = ["END", "START", "Caption", "CaptionCodec", "PictureBatch", "PictureItem"]


class PictureItem(NamedTuple):
    """A picture (C, H, W) or its vectors (S, F), and the tokens of its captions, with the end."""

    picture: Tensor
    captions: tuple[tuple[int, ...], ...] = ()


class PictureBatch(NamedTuple):
    """Pictures (P, C, H, W) of uint8, or vectors (P, S, F); where they are known, their captions with the end (R, T),
    -1 at padding, and for each caption the number of its picture (R)."""

    pictures: Tensor
    targets: Tensor | None = None
    owners: Tensor | None = None


@dataclass(frozen=True)
class CaptionCodec(PictureReader, Codec[Captioned, PictureItem, PictureBatch]):
    """Pictures to numbers of one shape, captions to tokens and back."""

    @classmethod
    def learn(cls, config: OneToManyOptions, train: Sequence[Captioned]) -> CaptionCodec:
        """Vocabulary of the training captions, and the shape of a picture."""
        options = {"lowercase": config.lowercase} if config.tokenizer == "word" else {}
        tokens = tokenizer(config.tokenizer, normal_form=config.normal_form, **options)
        texts = (tokens.split(caption)[: config.max_tokens] for example in train for caption in example.captions)
        vocabulary = Vocabulary.build(texts, config.min_count, config.max_symbols, (PAD, UNK, START, END))
        return cls(tokens, vocabulary, train[0].picture.values.shape, config.max_tokens)

    @classmethod
    def from_json(cls, files: Mapping[str, Any]) -> CaptionCodec:
        """The codec that :meth:`to_json` described; raises :class:`DataError` naming the files that are wrong."""
        return cls(**cls.fields_of(files))

    def encode(self, raw: Picture | Path | str, example: Captioned | None = None) -> PictureItem:
        """A picture, or the file of one; its captions are cut to ``max_tokens``."""
        values = torch.from_numpy(self.read(raw).values)
        captions = () if example is None else tuple(map(self._encode_caption, example.captions))
        return PictureItem(values.permute(2, 0, 1) if values.dim() == 3 else values, captions)

    def decode(self, symbols: Sequence[int], log_probability: float = 0.0) -> Caption:
        """The caption that symbols of the vocabulary make."""
        return Caption(*self.written(symbols), log_probability)

    def length(self, item: PictureItem) -> int:
        """Tokens of its captions, or 1."""
        return sum(map(len, item.captions)) or 1

    def collate(self, items: Sequence[PictureItem]) -> PictureBatch:
        """A batch; it has targets if every picture has a caption."""
        pictures = torch.stack([item.picture for item in items])
        if not all(item.captions for item in items):
            return PictureBatch(pictures)
        targets, _ = pad([tokens for item in items for tokens in item.captions], -1)
        owners = torch.tensor([number for number, item in enumerate(items) for _ in item.captions])
        return PictureBatch(pictures, targets, owners)

    def encoding_report(self, raw: Picture | Path | str, example: Captioned | None = None) -> EncodingReport:
        """Tokens of the captions, those after ``max_tokens``, and those that are unknown."""
        captions = [self.tokenizer.split(caption) for caption in (example.captions if example else ())]
        read = [token for tokens in captions for token in tokens[: self.max_tokens]]
        size = sum(map(len, captions))
        return EncodingReport(size, size - len(read), [token for token in read if token not in self.vocabulary])

    def vocabularies(self) -> Mapping[str, Vocabulary]:
        """What the decoder writes."""
        return {"decoder.embedding": self.vocabulary}

    def to_json(self) -> dict[str, Any]:
        """``vocab.json`` and ``pictures.json``."""
        options = {"tokenizer": self.tokenizer.to_json(), "max_tokens": self.max_tokens}
        return {"vocab.json": {**options, **self.vocabulary.to_json()}, "pictures.json": {"shape": list(self.shape)}}

    def _encode_caption(self, caption: str) -> tuple[int, ...]:
        return (*self.vocabulary.encode(self.tokenizer.split(caption)[: self.max_tokens]), self.end)
