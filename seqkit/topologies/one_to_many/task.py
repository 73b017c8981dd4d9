"""One to many as a base class for tasks: a task adds its name, its data and its defaults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from seqkit.answers.written import Caption
from seqkit.data import TOKENIZERS, Splits
from seqkit.data.pictures import Captioned, Picture
from seqkit.errors import UsageError
from seqkit.graphs import Exported
from seqkit.layers import Decoder
from seqkit.layers.pictures import TorchvisionEncoder
from seqkit.scores.written import check_installed
from seqkit.tables import Table
from seqkit.topologies.one_to_many.codec import CaptionCodec
from seqkit.topologies.one_to_many.ensemble import CaptionEnsemble
from seqkit.topologies.one_to_many.explain import explain_caption
from seqkit.topologies.one_to_many.export import export_captioner
from seqkit.topologies.one_to_many.head import CaptionHead
from seqkit.topologies.one_to_many.options import OneToManyOptions
from seqkit.topologies.one_to_many.pictures import draw_captions
from seqkit.topologies.one_to_many.scores import (
    caption_samples,
    caption_scores,
    caption_tables,
    most_frequent_caption,
)
from seqkit.topologies.one_to_many.splits import apply_case, captioned_splits, read_folder
from seqkit.topologies.powers import Explanation
from seqkit.topologies.task import Task
from seqkit.training.recipe import Recipe

C = TypeVar("C", bound=OneToManyOptions)


class OneToMany(Task[C, Captioned, Caption, CaptionCodec, CaptionHead]):
    """A caption for a picture.

    A task of its own names its data; a folder of pictures with a captions file can always be given::

        class Captioning(OneToMany[CaptionConfig]):
            name, summary, config = "caption", "the name of a letter", CaptionConfig
            data_sets = {"glyphs": "pictures of 1,644 letters with their Unicode names"}

            def read_source(self, config, notes):
                if config.data == "glyphs":
                    return GLYPHS
                return super().read_source(config, notes)

        TASK = Captioning()
    """

    topology = "one to many"
    example_types = (Captioned,)
    rules = Recipe(steps=2000, most_batch=32)
    metric = "bleu"
    # Greedy: choosing the best epoch needs no better search than that.
    validation_options: ClassVar[Mapping[str, Any]] = {"beam_size": 1}
    prediction_options = ("beam_size", "length_penalty", "no_repeat_ngram")

    def read_source(self, config: C, notes: list[str]) -> list[Captioned]:
        """All examples; override it for data sets, and leave folders to this one."""
        return read_folder(config, Path(config.data), config.vectors, notes)

    def read(self, config: C, notes: list[str]) -> Splits[Captioned]:
        """Three random splits by picture; raises before it reads if no score could be computed at the end."""
        check_installed()
        if config.encoder == "vectors" and config.data in self.data_sets:
            raise UsageError("--encoder vectors needs vectors of your own pictures; give --data FOLDER, too")
        return captioned_splits(config, apply_case(config, self.read_source(config, notes)), notes)

    def read_file(self, config: C, path: Path, codec: CaptionCodec) -> list[Captioned]:
        """The pictures of another folder with their captions; vectors are read from that folder, too."""
        in_color = codec.shape[2] == 3 if len(codec.shape) == 3 else False
        return apply_case(config, read_folder(replace(config, color=in_color), path))

    def recipe(self, config: C, splits: Splits[Captioned]) -> C:
        """In color or grey, as the pictures were read."""
        shape = splits.train[0].picture.values.shape
        known = config if config.color is not None else replace(config, color=len(shape) == 3 and shape[2] == 3)
        return super().recipe(known, splits)

    def input_of(self, example: Captioned) -> Picture:
        """The picture."""
        return example.picture

    def parse_input(self, text: str) -> Path:
        """The file of a picture."""
        return Path(text)

    def learn_codec(self, config: C, train: Sequence[Captioned]) -> CaptionCodec:
        """Vocabulary of the training captions, and the shape of a picture."""
        return CaptionCodec.learn(config, train)

    def load_codec(self, files: Mapping[str, Any]) -> CaptionCodec:
        """The codec of a run."""
        return CaptionCodec.from_json(files)

    def build_head(self, config: C, codec: CaptionCodec) -> CaptionHead:
        """An encoder of pictures, and a decoder that starts from what it makes of one."""
        encoder = config.build_encoder(codec.shape)
        decoder = config.build(
            Decoder,
            len(codec.vocabulary),
            config.embedding_size,
            source=None if config.start == "first" else encoder.source,
            attention=config.attention if config.start == "grid" else None,
            dropout=config.dropout,
            embedding_dropout=config.embedding_dropout,
            pad=codec.vocabulary.pad,
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

    def initialize_from_outside(self, config: C, codec: CaptionCodec, head: CaptionHead, notes: list[str]) -> None:
        """Puts the weights of a file into a torchvision backbone."""
        if not isinstance(head.encoder, TorchvisionEncoder):
            return
        if config.weights:
            head.encoder.load(Path(config.weights))
        else:
            notes.append(f"no --weights: the convolutions of {config.backbone} are random and are not trained")

    def unit(self, config: C) -> str:
        """Tokens by the name of the tokenizer."""
        return TOKENIZERS[config.tokenizer].unit

    def size(self, examples: Sequence[Captioned]) -> tuple[int, str]:
        """Pictures."""
        return len(examples), "pictures"

    def score(self, predictions: Sequence[Caption], examples: Sequence[Captioned]) -> dict[str, float]:
        """BLEU, chrF, exact matches and CIDEr-D."""
        return caption_scores(predictions, examples)

    def baseline_name(self, config: C) -> str:
        """In words."""
        return "the most frequent caption"

    def predict_baseline(self, config: C, splits: Splits[Captioned]) -> list[Caption]:
        """The most frequent caption."""
        return most_frequent_caption(splits)

    def samples(self, predictions: Sequence[Caption], examples: Sequence[Captioned]) -> list[Table]:
        """A few captions of the validation split beside the truth."""
        return caption_samples(predictions, examples)

    def tables(self, predictions: Sequence[Caption], examples: Sequence[Captioned]) -> list[Table]:
        """The most confident mistakes."""
        return caption_tables(predictions, examples)

    def draw_pictures(
        self, head: CaptionHead, codec: CaptionCodec, predictions: Sequence[Caption], examples: Sequence[Captioned]
    ) -> dict[str, bytes]:
        """``captions.png``, unless the pictures are vectors."""
        return draw_captions(predictions, examples)

    def format_prediction(self, prediction: Caption) -> tuple[str, dict[str, Any]]:
        """The caption, and with it its log-probability as JSON."""
        return prediction.formatted()

    def agreement(self, head: CaptionHead, codec: CaptionCodec) -> Mapping[str, Any]:
        """Members of an ensemble write the same tokens."""
        return {"the tokens of captions": codec.to_json()["vocab.json"]}

    def ensemble(self, heads: Sequence[CaptionHead]) -> CaptionEnsemble:
        """The average of the probabilities of each token, inside the search."""
        return CaptionEnsemble(heads)

    def export(self, head: CaptionHead, codec: CaptionCodec) -> Exported:
        """``encoder`` and ``step``."""
        return export_captioner(head, codec)

    def explain(self, head: CaptionHead, codec: CaptionCodec, raw: Picture | Path | str) -> Explanation:
        """The log-probability of the predicted caption, its tokens, and where the decoder looked."""
        return explain_caption(head, codec, raw)
