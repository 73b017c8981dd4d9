"""Options of every task that captions pictures."""

from __future__ import annotations

from dataclasses import dataclass

from seqkit.config import BeamOptions, RecurrentOptions, VocabularyOptions, option
from seqkit.data import TOKENIZERS
from seqkit.data.normal_forms import NFC
from seqkit.layers.attention import ATTENTIONS
from seqkit.layers.pictures import ConvolutionalEncoder, PictureEncoder, TorchvisionEncoder, VectorEncoder

_ENCODERS = ("convolutional", "torchvision", "vectors")
_STARTS = ("first", "state", "grid")


@dataclass(frozen=True, kw_only=True)
class OneToManyOptions(RecurrentOptions, VocabularyOptions, BeamOptions):
    """How pictures and captions are read, what encodes a picture, and how the decoder starts from it."""

    data: str = option(
        "", "the data: a folder of pictures with captions.tsv or captions.json", path=True, section="Data"
    )
    valid_fraction: float = option(
        0.1, "fraction of the pictures for validation", above=0, below=0.5, reads=True, section="Data"
    )
    test_fraction: float = option(
        0.1, "fraction of the pictures for testing", above=0, below=0.5, reads=True, section="Data"
    )
    tokenizer: str = option("word", "how captions are split: word, char or byte", choices=lambda: TOKENIZERS)
    normal_form: str = NFC
    lowercase: bool = option(False, "read and write captions in lowercase", reads=True)
    # Four symbols are special: padding, unknown, start and end.
    max_symbols: int = option(30000, "largest vocabulary", minimum=5)
    max_tokens: int = option(60, "longest caption, in tokens", minimum=1)
    encoder: str = option("convolutional", "what reads a picture", choices=lambda: _ENCODERS, reads=True)
    picture_size: int = option(32, "side length that pictures are scaled to, in pixels", minimum=8, reads=True)
    color: bool | None = option(None, "read pictures in colour [as the pictures are]", reads=True)
    jitter: float = option(
        0.5, "how much pictures are shifted and distorted in training; 0: not at all", minimum=0, tune="0..1"
    )
    width: int = option(16, "features after the first convolution", minimum=1)
    vector_size: int = option(256, "size of a picture's vector", minimum=1, tune="128,192,256,384")
    vectors: str | None = option(None, "for --encoder vectors: the .npy or .safetensors file", path=True)
    backbone: str = option("resnet18", "for --encoder torchvision: the network")
    weights: str | None = option(None, "for --encoder torchvision: the file of its weights", path=True)
    start: str = option(
        "grid", "the picture is the first input, the first state, or a grid attended to", choices=lambda: _STARTS
    )
    attention: str = option("general", "kind of attention to the grid", choices=lambda: ATTENTIONS)
    embedding_size: int = option(128, "size of token vectors", minimum=1, tune="32,64,128,192")
    dropout: float = option(0.1, "dropout on outputs and on the encoded picture", minimum=0, below=1, tune="0..0.5")
    embedding_dropout: float = option(0.1, "dropout on token vectors", minimum=0, below=1, tune="0..0.5")
    label_smoothing: float = option(
        0.0,
        "label smoothing: fraction of a target spread evenly over all tokens",
        minimum=0,
        below=1,
        tune="0..0.2",
    )

    def build_encoder(self, shape: tuple[int, ...]) -> PictureEncoder:
        """An encoder of pictures with these options, for the shape that a codec knows."""
        if self.encoder == "vectors":
            return VectorEncoder(shape[0], shape[1], self.vector_size, self.dropout)
        if self.encoder == "torchvision":
            return TorchvisionEncoder(self.backbone, shape[0], self.vector_size, self.dropout)
        return ConvolutionalEncoder(shape[2], self.width, self.vector_size, self.dropout, self.jitter)
