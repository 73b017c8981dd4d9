"""One to many: a caption for a picture, such as the name of a letter.

P pictures, R captions of them, T steps.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from seqkit.cells import available_cells, make_cell
from seqkit.config import TrainingConfig, option
from seqkit.data import TOKENIZERS, DataError, Splits, Tokenizer, Vocabulary, tokenizer, tokenizer_from_json
from seqkit.data.batching import pad
from seqkit.data.pictures import (
    Captioned,
    Picture,
    read_captioned,
    read_picture,
    read_vector,
    split_groups,
    vectors_in,
)
from seqkit.data.sources.glyphs import FACES, SIDE, glyphs
from seqkit.data.vocab import PAD, UNK
from seqkit.drawing.contact_sheet import Cell, contact_sheet
from seqkit.errors import SeqkitError, UsageError
from seqkit.layers import Decoder, DecoderState, Head, Loss
from seqkit.layers.attention import ATTENTIONS
from seqkit.layers.pictures import ConvolutionalEncoder, PictureEncoder, TorchvisionEncoder, VectorEncoder
from seqkit.scores.written import bleu, check_installed, chrf, cider
from seqkit.search import beam
from seqkit.search.base import Limits
from seqkit.tables import Table
from seqkit.topologies import Codec, EncodingReport, Explanation, Task

__all__ = ["TASK", "Caption", "CaptionCodec", "CaptionConfig", "CaptionHead", "PictureBatch"]

START, END = "<start>", "<end>"
_ENCODERS = ("convolutional", "torchvision", "vectors")
_WAYS = ("first", "state", "grid")
_SHEET = 40
"""Pictures on the contact sheet"""


@dataclass(frozen=True, kw_only=True)
class CaptionConfig(TrainingConfig):
    """Defaults of the task."""

    data: str = option("glyphs", "glyphs, or a folder of pictures with captions.tsv or captions.json", path=True)
    scripts: str = option("latin,greek,cyrillic", "of glyphs: whose letters, by the first word of their names")
    faces: str = option(",".join(FACES), "of glyphs: faces of the DejaVu fonts")
    sizes: str = option("20,24", "of glyphs: sizes in pixels, 8 to 24")
    letters: int = option(0, "of glyphs: only so many letters, drawn by the seed; 0: all", minimum=0)
    valid_fraction: float = option(0.1, "part of the pictures for validation", above=0, below=0.5)
    test_fraction: float = option(0.1, "part of the pictures for the test", above=0, below=0.5)
    tokenizer: str = option("word", "how captions are split: word, char or byte", choices=lambda: TOKENIZERS)
    lowercase: bool = option(False, "read and write captions in lower case")
    min_count: int = option(1, "a token seen less often in training is unknown", minimum=1)
    max_symbols: int = option(30000, "largest vocabulary", minimum=5)
    max_tokens: int = option(60, "tokens of a caption, at most", minimum=1)
    encoder: str = option("convolutional", "what reads a picture", choices=lambda: _ENCODERS)
    picture_size: int = option(SIDE, "pictures are scaled to this side, in pixels", minimum=8)
    color: bool = option(False, "read pictures in colour")
    jitter: float = option(0.5, "how much pictures are moved and bent in training; 0: not at all", minimum=0)
    width: int = option(16, "features after the first convolution", minimum=1)
    vector_size: int = option(256, "values in the vector of a picture", minimum=1)
    vectors: str | None = option(None, "for --encoder vectors: the .npy or .safetensors file", path=True)
    backbone: str = option("resnet18", "for --encoder torchvision: the network")
    weights: str | None = option(None, "for --encoder torchvision: the file of its weights", path=True)
    start: str = option(
        "grid", "the picture is the first input, the first state, or a grid attended to", choices=lambda: _WAYS
    )
    attention: str = option("general", "kind of attention to the grid", choices=lambda: ATTENTIONS)
    cell: str = option("lstm", "recurrent cell", choices=available_cells)
    cell_options: dict[str, str] = option({}, "options of the cell, such as reset=before for gru")
    embedding_size: int = option(64, "values in a token's vector", minimum=1)
    hidden_size: int = option(192, "units of a cell", minimum=1)
    num_layers: int = option(1, "recurrent layers", minimum=1)
    dropout: float = option(0.1, "dropout on outputs and on what the encoder gives", minimum=0, below=1)
    embedding_dropout: float = option(0.1, "dropout on token vectors", minimum=0, below=1)
    label_smoothing: float = option(0.0, "part of a target that is spread over all tokens", minimum=0, below=1)
    beam_size: int = option(5, "hypotheses that the search keeps", minimum=1)
    length_penalty: float = option(0.0, "how much the search favours longer captions", minimum=0)
    epochs: int = option(8, "passes over the training data, at most", minimum=1)
    learning_rate: float = option(3e-3, "peak learning rate of AdamW", above=0)
    batch_size: int = option(32, "pictures in a batch, at most", minimum=1)


class PictureBatch(NamedTuple):
    """Pictures (P, C, H, W) of uint8, or vectors (P, S, F); where they are known, their captions with the end (R, T),
    -1 at padding, and whose each is (R)."""

    pictures: Tensor
    targets: Tensor | None = None
    owners: Tensor | None = None


@dataclass(frozen=True)
class Caption:
    """A prediction: the caption and the log-probability of its tokens."""

    text: str
    tokens: tuple[str, ...]
    log_probability: float


class Item(NamedTuple):
    """A picture (C, H, W) or its vectors (S, F), and the tokens of its captions, with the end."""

    picture: Tensor
    captions: tuple[tuple[int, ...], ...] = ()


class CaptionHead(Head):
    """One to many: a picture starts a decoder, which writes until it writes the end.

    - ``first``: the picture's vector is read before the start symbol, as if it were a token's vector (Vinyals et al.,
      2015, arXiv:1411.4555);
    - ``state``: the first state is made of it;
    - ``grid``: so it is, and every step attends to the grid (Xu et al., 2015, arXiv:1502.03044).

    Args:
        encoder: of pictures.
        decoder: with ``encoder.source``, and attention for ``grid``; without a source for ``first``.
        codec: what tokens are.
        limit: tokens of a caption at most.
        beam_size, length_penalty: of the search, unless :meth:`predict` is told otherwise.
        label_smoothing: as in :func:`~seqkit.layers.losses.linear_cross_entropy`.
    """

    def __init__(
        self,
        encoder: PictureEncoder,
        decoder: Decoder,
        codec: CaptionCodec,
        *,
        limit: int = 60,
        beam_size: int = 5,
        length_penalty: float = 0.0,
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__()
        self.encoder, self.decoder, self.codec = encoder, decoder, codec
        self.limit, self.beam_size, self.length_penalty = limit, beam_size, length_penalty
        self.label_smoothing = label_smoothing
        size = decoder.embedding.embedding_dim
        self.first = nn.Linear(encoder.vector_size, size) if decoder.bridge is None else None

    def start(self, pictures: Tensor) -> DecoderState:
        """The decoder's state before the start symbol."""
        encoded = self.encoder(pictures)
        if self.first is None:
            return self.decoder.start(encoded)
        state = self.decoder.start(batch_size=len(pictures))
        _, recurrent = self.decoder.recurrent.step(self.first(encoded.pooled), state.recurrent)
        return replace(state, recurrent=recurrent)

    def loss(self, batch: PictureBatch) -> Loss:
        """Cross-entropy of all captions' tokens, in nats; a picture is encoded once however many captions it has."""
        if batch.targets is None or batch.owners is None:
            raise SeqkitError("the batch has no captions; make it of examples with captions")
        targets = batch.targets
        begin = torch.full((len(targets), 1), self.codec.begin)
        inputs = torch.cat([begin, targets[:, :-1].clamp(min=self.codec.vocabulary.pad)], 1)
        state = self.start(batch.pictures).select(batch.owners)
        features = self.decoder(inputs, state).features
        smoothing = self.label_smoothing if self.training else 0.0
        total = self.decoder.nats(features.flatten(0, 1), targets.flatten(), smoothing)
        return Loss(total, int((targets >= 0).sum()))

    @torch.no_grad()
    def predict(  # type: ignore[override]  # an option that it does not know is an error
        self, batch: PictureBatch, *, beam_size: int | None = None, length_penalty: float | None = None
    ) -> list[Caption]:
        """The best captions that beam search finds, ``beam_size`` hypotheses at a time; 1 is greedy search."""
        vocabulary = self.codec.vocabulary
        banned = [vocabulary.special(name) for name in (PAD, UNK, START)]
        limits = Limits(self.codec.begin, self.codec.end, self.limit, banned=banned)
        found = beam(
            self.decoder.step,
            self.start(batch.pictures),
            len(batch.pictures),
            limits,
            self.beam_size if beam_size is None else beam_size,
            alpha=self.length_penalty if length_penalty is None else length_penalty,
        )
        return [self.codec.caption(best.tokens, best.log_probability) for best, *_ in found]


@dataclass(frozen=True)
class CaptionCodec(Codec):
    """Pictures to numbers of one shape, captions to tokens and back."""

    tokenizer: Tokenizer
    vocabulary: Vocabulary
    shape: tuple[int, ...]
    """(side, side, channels) of pictures; (places, F) of vectors"""
    max_tokens: int

    @property
    def begin(self) -> int:
        """The number of the symbol before a caption."""
        return self.vocabulary.special(START)

    @property
    def end(self) -> int:
        """The number of the symbol behind a caption."""
        return self.vocabulary.special(END)

    def encode(self, raw: Picture | Path | str, example: Captioned | None = None) -> Item:
        """A picture, or the file of one; its captions are cut to ``max_tokens``."""
        picture = raw if isinstance(raw, Picture) else self._read(Path(raw))
        values = torch.from_numpy(picture.values)
        if picture.values.shape != self.shape:
            raise DataError(
                f"{picture} has the shape {picture.values.shape}, but this model reads {self.shape}; make it alike"
            )
        captions = () if example is None else tuple(map(self._tokens, example.captions))
        return Item(values.permute(2, 0, 1) if values.dim() == 3 else values, captions)

    def account(self, raw: Picture | Path | str, example: Captioned | None = None) -> EncodingReport:
        """Tokens of the captions, those behind ``max_tokens``, and those that are unknown."""
        captions = [self.tokenizer.split(caption) for caption in (example.captions if example else ())]
        read = [token for tokens in captions for token in tokens[: self.max_tokens]]
        size = sum(map(len, captions))
        return EncodingReport(size, size - len(read), [token for token in read if token not in self.vocabulary])

    def length(self, item: Item) -> int:
        """Tokens of its captions, or 1."""
        return sum(map(len, item.captions)) or 1

    def collate(self, items: Sequence[Item]) -> PictureBatch:
        """A batch; it has targets if every picture has a caption."""
        pictures = torch.stack([item.picture for item in items])
        if not all(item.captions for item in items):
            return PictureBatch(pictures)
        targets, _ = pad([tokens for item in items for tokens in item.captions], -1)
        owners = torch.tensor([number for number, item in enumerate(items) for _ in item.captions])
        return PictureBatch(pictures, targets, owners)

    def caption(self, numbers: Sequence[int], log_probability: float = 0.0) -> Caption:
        """The caption of these tokens."""
        tokens = self.vocabulary.decode(numbers)
        return Caption(self.tokenizer.join(tokens), tuple(tokens), log_probability)

    def vocabularies(self) -> Mapping[str, Vocabulary]:
        """What the decoder writes."""
        return {"decoder.embedding": self.vocabulary}

    def to_json(self) -> dict[str, Any]:
        """``vocab.json`` and ``pictures.json``."""
        options = {"tokenizer": self.tokenizer.to_json(), "max_tokens": self.max_tokens}
        return {"vocab.json": {**options, **self.vocabulary.to_json()}, "pictures.json": {"shape": list(self.shape)}}

    def _tokens(self, caption: str) -> tuple[int, ...]:
        return (*self.vocabulary.encode(self.tokenizer.split(caption)[: self.max_tokens]), self.end)

    def _read(self, path: Path) -> Picture:
        if len(self.shape) == 2:
            return read_vector(path)
        return read_picture(path, self.shape[0], self.shape[2] == 3)


def load_codec(files: Mapping[str, Any]) -> CaptionCodec:
    """The codec of a run, from the content of its files."""
    vocab, pictures = files["vocab.json"], files["pictures.json"]
    vocabulary = Vocabulary.from_json(vocab, "vocab.json")
    shape = pictures.get("shape") if isinstance(pictures, dict) else None
    if not isinstance(shape, list) or not {START, END} <= set(vocabulary.specials):
        raise DataError("vocab.json and pictures.json do not fit together; restore them from a copy")
    return CaptionCodec(tokenizer_from_json(vocab["tokenizer"]), vocabulary, tuple(shape), int(vocab["max_tokens"]))


def read(config: CaptionConfig, notes: list[str]) -> Splits[Captioned]:
    """Three parts at random; of glyphs by letter, of a folder by picture, so that none is in two of them."""
    check_installed()
    if config.encoder == "vectors" and config.data == "glyphs":
        raise UsageError("vectors belong to pictures of yours; give --data FOLDER, too")
    examples = _glyphs(config) if config.data == "glyphs" else read_file(config, Path(config.data), None)
    splits = split_groups(examples, config.valid_fraction, config.test_fraction, config.seed)
    if twins := _twins(splits):
        notes.append(
            f"{twins:,} of {len(splits.test):,} test pictures look exactly like one with another caption: nobody can "
            "get all of them right"
        )
    return splits


def _glyphs(config: CaptionConfig) -> list[Captioned]:
    if (config.picture_size, config.color) != (SIDE, False):
        raise UsageError(f"glyphs are grey pictures of {SIDE} x {SIDE}; leave out --picture-size and --color")
    try:
        sizes = [int(size) for size in config.sizes.split(",")]
    except ValueError:
        raise UsageError(f"--sizes takes whole numbers such as 20,24, not {config.sizes!r:.80}") from None
    examples = glyphs(config.scripts.split(","), config.faces.split(","), sizes)
    names = sorted({example.group for example in examples})
    if 0 < config.letters < len(names):
        wanted = set(random.Random(config.seed).sample(names, config.letters))
        examples = [example for example in examples if example.group in wanted]
    return _cased(config, examples)


def _cased(config: CaptionConfig, examples: list[Captioned]) -> list[Captioned]:
    if not config.lowercase:
        return examples
    return [replace(example, captions=tuple(map(str.lower, example.captions))) for example in examples]


def _twins(splits: Splits[Captioned]) -> int:
    captions: dict[str, set[tuple[str, ...]]] = {}
    for example in (*splits.train, *splits.valid, *splits.test):
        captions.setdefault(example.picture.digest, set()).add(example.captions)
    return sum(len(captions[example.picture.digest]) > 1 for example in splits.test)


def read_file(config: CaptionConfig, path: Path, codec: Codec | None) -> list[Captioned]:
    """The pictures of a folder with their captions; for vectors, those of the folder or of ``--vectors``."""
    vectors = None
    if config.encoder == "vectors":
        named = config.vectors if codec is None else None
        vectors = Path(named) if named else vectors_in(path if path.is_dir() else path.parent)
    return _cased(config, read_captioned(path, config.picture_size, config.color, vectors))


def learn(config: CaptionConfig, train: Sequence[Captioned]) -> CaptionCodec:
    """Vocabulary of the training captions, and the shape of a picture."""
    options = {"lowercase": config.lowercase} if config.tokenizer == "word" else {}
    tokens = tokenizer(config.tokenizer, **options)
    texts = (tokens.split(caption)[: config.max_tokens] for example in train for caption in example.captions)
    vocabulary = Vocabulary.build(texts, config.min_count, config.max_symbols, (PAD, UNK, START, END))
    return CaptionCodec(tokens, vocabulary, train[0].picture.values.shape, config.max_tokens)


def head(config: CaptionConfig, codec: Codec) -> CaptionHead:
    """A new head."""
    assert isinstance(codec, CaptionCodec)
    encoder = _encoder(config, codec.shape)
    decoder = Decoder(
        len(codec.vocabulary),
        config.embedding_size,
        cell=make_cell(config.cell, **config.cell_options),
        hidden_size=config.hidden_size,
        num_layers=config.num_layers,
        source=None if config.start == "first" else encoder.source,
        attention=config.attention if config.start == "grid" else None,
        dropout=config.dropout,
        embedding_dropout=config.embedding_dropout,
        pad=codec.vocabulary.pad,
        kernel=None if config.kernel == "auto" else config.kernel,
        precision=config.precision,
    )
    return CaptionHead(
        encoder,
        decoder,
        codec,
        limit=config.max_tokens,
        beam_size=config.beam_size,
        length_penalty=config.length_penalty,
        label_smoothing=config.label_smoothing,
    )


def _encoder(config: CaptionConfig, shape: tuple[int, ...]) -> PictureEncoder:
    if config.encoder == "vectors":
        return VectorEncoder(shape[0], shape[1], config.vector_size, config.dropout)
    if config.encoder == "torchvision":
        return TorchvisionEncoder(config.backbone, shape[0], config.vector_size, config.dropout)
    return ConvolutionalEncoder(shape[2], config.width, config.vector_size, config.dropout, config.jitter)


def begin(config: CaptionConfig, codec: Codec, head: Head, notes: list[str]) -> None:
    """Puts the weights of a file into a torchvision backbone."""
    assert isinstance(head, CaptionHead)
    if not isinstance(head.encoder, TorchvisionEncoder):
        return
    if config.weights:
        head.encoder.load(Path(config.weights))
    else:
        notes.append(f"no --weights: the convolutions of {config.backbone} are random, and stay so")


def score(predictions: Sequence[Caption], examples: Sequence[Captioned]) -> dict[str, float]:
    """BLEU-4 and chrF of sacrebleu (0 to 100), the part of captions that are right, CIDEr-D of words (0 to 10)."""
    found, truth = [prediction.text for prediction in predictions], [list(e.captions) for e in examples]
    right = sum(text in accepted for text, accepted in zip(found, truth, strict=True))
    words = [[caption.split() for caption in accepted] for accepted in truth]
    return {
        "bleu": bleu(found, truth),
        "chrf": chrf(found, truth),
        "exact": right / max(1, len(found)),
        "cider": cider([text.split() for text in found], words),
    }


def baseline(config: CaptionConfig, splits: Splits[Captioned]) -> list[Caption]:
    """The caption that the training part has most often, for every picture."""
    counts = Counter(caption for example in splits.train for caption in example.captions)
    (often, _), *_ = counts.most_common(1)
    return [Caption(often, (), 0.0)] * len(splits.test)


def samples(predictions: Sequence[Caption], examples: Sequence[Captioned]) -> list[Table]:
    """Four captions of the validation part beside the truth, always of the same pictures."""
    chosen = _spread(len(examples), 4)
    return [Table("", ["", ""], [[examples[n].captions[0][:38], predictions[n].text[:38]] for n in chosen])]


def tables(predictions: Sequence[Caption], examples: Sequence[Captioned]) -> list[Table]:
    """Wrong captions of which the model was most sure."""
    wrong = [(p, e) for p, e in zip(predictions, examples, strict=True) if p.text not in e.captions]
    rows: dict[tuple[str, str], list[Any]] = {}
    for p, e in sorted(wrong, key=lambda pair: -pair[0].log_probability):
        rows.setdefault((e.captions[0], p.text), [f"{math.exp(p.log_probability):.2f}", e.captions[0], p.text])
    return [Table("Most sure, and wrong", ["sure", "truth", "caption"], list(rows.values())[:5])]


def pictures(
    head: Head, codec: Codec, predictions: Sequence[Caption], examples: Sequence[Captioned]
) -> dict[str, bytes]:
    """``captions.png``: pictures of the test part with their captions; vectors have none to show."""
    if not examples or examples[0].picture.values.ndim != 3:
        return {}
    cells: list[Cell] = []
    groups: set[str] = set()
    for number in _spread(len(examples), len(examples)):
        example, prediction = examples[number], predictions[number]
        if example.group not in groups and len(cells) < _SHEET:
            groups.add(example.group)
            cells.append(Cell(example.picture.values, prediction.text, example.captions))
    return {"captions.png": contact_sheet(cells)}


def _spread(size: int, count: int) -> list[int]:
    """Places in a list that look as if drawn at random, and are always the same."""
    return random.Random(0).sample(range(size), min(size, count))


def show(prediction: Caption) -> tuple[str, dict[str, Any]]:
    """The caption, and with it its log-probability as JSON."""
    return prediction.text, {"caption": prediction.text, "log_probability": prediction.log_probability}


def watch(head: Head, codec: Codec, raw: Picture | Path | str) -> Explanation:
    """The log-probability of the caption that is written, its tokens, and the places of the picture's grid."""
    assert isinstance(head, CaptionHead) and isinstance(codec, CaptionCodec)
    batch = codec.collate([codec.encode(raw)])
    (caption,) = head.predict(batch)
    numbers = codec.vocabulary.encode(caption.tokens)
    decoded = head.decoder(torch.tensor([[codec.begin, *numbers]]), head.start(batch.pictures))
    chances = torch.log_softmax(head.decoder.logits(decoded.features), 2)
    score = chances.gather(2, torch.tensor([[*numbers, codec.end]]).unsqueeze(2)).sum()
    places = [] if decoded.weights is None else [str(place + 1) for place in range(decoded.weights.shape[2])]
    return Explanation(
        caption.text, score, {"decoder.recurrent": [START, *caption.tokens]}, (places, [*caption.tokens, END])
    )


TASK: Task[CaptionConfig] = Task(
    name="caption",
    topology="one to many",
    summary="a caption for a picture, such as the name of a letter",
    config=CaptionConfig,
    data_sets={"glyphs": "35,000 pictures of 1,644 letters, drawn on the spot, with their Unicode names"},
    metric="bleu",
    higher_is_better=True,
    read=read,
    read_file=read_file,
    raw=lambda example: example.picture,
    learn=learn,
    load_codec=load_codec,
    head=head,
    begin=begin,
    score=score,
    baseline=baseline,
    tables=tables,
    show=show,
    from_text=Path,
    while_validating={"beam_size": 1},
    while_predicting=("beam_size", "length_penalty"),
    samples=samples,
    pictures=pictures,
    amount=lambda examples: (len(examples), "pictures"),
    unit=lambda config: TOKENIZERS[config.tokenizer].unit,
    watch=watch,
)
