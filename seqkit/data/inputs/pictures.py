"""Pictures as numbers of one shape, and tokens as captions.

S places of a grid, F features of each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqkit.data.pictures import Picture, read_picture, read_vector
from seqkit.data.readers import DataError
from seqkit.data.tokenizers import Tokenizer, tokenizer_from_json
from seqkit.data.vocab import Vocabulary

START, END = "<start>", "<end>"
"""What the decoder reads first, and writes last."""


@dataclass(frozen=True)
class PictureReader:
    """What is learned to read pictures and to write captions."""

    tokenizer: Tokenizer
    vocabulary: Vocabulary
    shape: tuple[int, ...]
    """(side, side, channels) of pictures; (S, F) of vectors"""
    max_tokens: int

    @staticmethod
    def fields_of(files: Mapping[str, Any]) -> dict[str, Any]:
        """The fields by name, from the files of a codec; raises :class:`DataError` naming the files that are wrong."""
        vocab, pictures = files["vocab.json"], files["pictures.json"]
        vocabulary = Vocabulary.from_json(vocab, "vocab.json")
        shape = pictures.get("shape") if isinstance(pictures, dict) else None
        if not isinstance(shape, list) or not {START, END} <= set(vocabulary.specials):
            raise DataError("vocab.json and pictures.json do not fit together; restore them from a backup")
        return {
            "tokenizer": tokenizer_from_json(vocab["tokenizer"]),
            "vocabulary": vocabulary,
            "shape": tuple(shape),
            "max_tokens": int(vocab["max_tokens"]),
        }

    @property
    def start(self) -> int:
        """The number of the symbol before a caption."""
        return self.vocabulary.special(START)

    @property
    def end(self) -> int:
        """The number of the symbol after a caption."""
        return self.vocabulary.special(END)

    def read(self, raw: Picture | Path | str) -> Picture:
        """A picture, or the file of one; raises :class:`DataError` for one of another shape."""
        picture = raw if isinstance(raw, Picture) else self._read(Path(raw))
        if picture.values.shape != self.shape:
            raise DataError(
                f"{picture} has the shape {picture.values.shape}, but this model reads {self.shape}; "
                "prepare it as the training data were"
            )
        return picture

    def written(self, symbols: Sequence[int]) -> tuple[str, tuple[str, ...]]:
        """The caption that symbols of the vocabulary make, and its tokens."""
        tokens = self.vocabulary.decode(symbols)
        return self.tokenizer.join(tokens), tuple(tokens)

    def _read(self, path: Path) -> Picture:
        if len(self.shape) == 2:
            return read_vector(path)
        return read_picture(path, self.shape[0], self.shape[2] == 3)
