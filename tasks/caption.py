"""One to many: a caption for a picture, such as the name of a letter."""

from __future__ import annotations

import random
from dataclasses import dataclass

from seqkit.config import from_data, option
from seqkit.data.pictures import Captioned
from seqkit.data.sources.glyphs import FACES, SIDE, glyphs
from seqkit.errors import UsageError
from seqkit.topologies.one_to_many import (
    Caption,
    CaptionCodec,
    CaptionHead,
    OneToMany,
    OneToManyOptions,
    PictureBatch,
)

__all__ = ["TASK", "Caption", "CaptionCodec", "CaptionConfig", "CaptionHead", "Captioning", "PictureBatch"]

_GLYPHS = "glyphs"


@dataclass(frozen=True, kw_only=True)
class CaptionConfig(OneToManyOptions):
    """Defaults of the task, and the options of glyphs."""

    data: str = option(_GLYPHS, "glyphs, or a folder of pictures with captions.tsv or captions.json", path=True)
    scripts: str = option(
        "latin,greek,cyrillic", "glyphs: scripts, by the first word of the letters' names", reads=True
    )
    faces: str = option(",".join(FACES), "glyphs: faces of the DejaVu fonts", reads=True)
    sizes: str = option("20,24", "glyphs: sizes in pixels, 8 to 24", reads=True)
    letters: int = option(0, "glyphs: number of letters, sampled at random; 0: all", minimum=0, reads=True)
    picture_size: int = SIDE
    embedding_size: int = 64
    hidden_size: int = 192
    learning_rate: float = 3e-3
    epochs: int = from_data(8)
    batch_size: int = from_data(32)
    patience: int = from_data(3)


class Captioning(OneToMany[CaptionConfig]):
    """Letters and their Unicode names; or any pictures with captions."""

    name = "caption"
    summary = "a caption for a picture, such as the name of a letter"
    config = CaptionConfig
    data_sets = {_GLYPHS: "35,000 pictures of 1,644 letters, drawn on the spot, with their Unicode names"}

    def read_source(self, config: CaptionConfig, notes: list[str]) -> list[Captioned]:
        """Letters of the scripts, faces and sizes that the configuration names, or the pictures of a folder."""
        if config.data != _GLYPHS:
            return super().read_source(config, notes)
        if config.picture_size != SIDE or config.color:
            raise UsageError(f"glyphs are grey pictures of {SIDE} x {SIDE}; leave out --picture-size and --color")
        examples = glyphs(config.scripts.split(","), config.faces.split(","), _sizes(config))
        letters = sorted({example.group for example in examples})
        if 0 < config.letters < len(letters):
            chosen = set(random.Random(config.seed_of_splits).sample(letters, config.letters))
            examples = [example for example in examples if example.group in chosen]
        return examples


def _sizes(config: CaptionConfig) -> list[int]:
    try:
        return [int(size) for size in config.sizes.split(",")]
    except ValueError:
        raise UsageError(f"--sizes takes whole numbers such as 20,24, not {config.sizes!r:.80}") from None


TASK = Captioning()
