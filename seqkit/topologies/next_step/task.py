"""Next step as a base class for tasks: a task adds its name, its data and its defaults."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from seqkit.answers.written import Scored
from seqkit.data import TOKENIZERS, SourceLocation, Splits
from seqkit.data.corpus import Corpus, Stretch, column_corpus, open_corpus, stretch
from seqkit.errors import UsageError
from seqkit.graphs import Exported
from seqkit.layers import Decoder
from seqkit.search import Sampling
from seqkit.tables import Table
from seqkit.topologies.next_step.baseline import ngram_baseline
from seqkit.topologies.next_step.codec import StreamCodec, Text
from seqkit.topologies.next_step.ensemble import LanguageModelEnsemble
from seqkit.topologies.next_step.explain import explain_next_token
from seqkit.topologies.next_step.export import export_language_model
from seqkit.topologies.next_step.generation import generate_text
from seqkit.topologies.next_step.head import LanguageModelHead
from seqkit.topologies.next_step.options import NextStepOptions
from seqkit.topologies.next_step.scores import language_model_scores, scored_pieces, scored_table
from seqkit.topologies.next_step.splits import contiguous_splits
from seqkit.topologies.powers import Explanation
from seqkit.topologies.task import Task
from seqkit.training import Evaluation, StreamBatches
from seqkit.training.recipe import Recipe

C = TypeVar("C", bound=NextStepOptions)

_CHARACTERS_OF_WORD = 5
"""About, with its space and marks: how long a training takes need not be known better."""
_WRITTEN, _SHOWN = 400, 78
"""Tokens that are written after each epoch, and the characters at their end that are shown, a line: a text begins in
few ways, and what a model can do shows in its middle."""


class NextStep(Task[C, Stretch, Scored, StreamCodec, LanguageModelHead]):
    """A language model: after each token of a text the one that follows it.

    A task of its own names its data; a text file, or a folder of them, can always be given::

        class Reference(NextStep[ReferenceConfig]):
            name, summary = "reference", "a language model of Python's reference"
            config = ReferenceConfig
            data_sets = {"python-reference": "465,000 characters"}

            def read_source(self, config, data, notes):
                if data in self.data_sets:
                    return python_reference()
                return super().read_source(config, data, notes)

        TASK = Reference()
    """

    topology = "many to many, next step"
    metric = "bpc"
    rules = Recipe(steps=2400, least_batch=4, most_batch=32, least_epochs=12, batch="streams")
    higher_is_better = False

    def read_source(self, config: C, data: str, notes: list[str]) -> Corpus:
        """The text of a data set, file or folder; override it for data sets, and leave files to this one."""
        if not data:
            raise UsageError(f"{self.name} has no data set of its own; give --data: a text file, or a folder of some")
        if config.text_column is not None:
            return column_corpus(Path(data), config.text_column, config.form)
        return open_corpus(Path(data), notes, config.encoding)

    def read(self, config: C, notes: list[str]) -> Splits[Stretch]:
        """Contiguous stretches in the order training, validation, test; those given as files stay as they are."""
        return contiguous_splits(config, lambda data: self.read_source(config, data, notes))

    def recipe(self, config: C, splits: Splits[Stretch]) -> C:
        """Chunks are what examples are elsewhere, and the streams that are read in parallel are a batch."""
        characters, _ = self.size(splits.train)
        tokens = characters / (_CHARACTERS_OF_WORD if config.tokenizer == "word" else 1)
        return self.rules.apply(config, round(tokens / config.chunk))

    def read_file(self, config: C, path: Path, codec: StreamCodec) -> list[Stretch]:
        """A text to score the model on."""
        return [stretch(self.read_source(config, str(path), []))]

    def input_of(self, example: Stretch) -> Stretch:
        """The stretch itself: its text may be longer than memory."""
        return example

    def learn_codec(self, config: C, train: Sequence[Stretch]) -> StreamCodec:
        """The vocabulary of the training split."""
        return StreamCodec.learn(config, train)

    def load_codec(self, files: Mapping[str, Any]) -> StreamCodec:
        """The codec of a run."""
        return StreamCodec.from_json(files)

    def build_head(self, config: C, codec: StreamCodec) -> LanguageModelHead:
        """A decoder without a source, which never writes padding or unknown tokens."""
        decoder = config.build(
            Decoder,
            len(codec.vocabulary),
            config.embedding_size,
            tie=config.tie,
            recall=config.recall,
            dropout=config.dropout,
            embedding_dropout=config.embedding_dropout,
            pad=codec.vocabulary.pad,
        )
        return LanguageModelHead(decoder, codec.start, (codec.vocabulary.pad, codec.vocabulary.unk))

    def unit(self, config: C) -> str:
        """What the tokenizer makes: characters, words, bytes."""
        return TOKENIZERS[config.tokenizer].unit

    def size(self, examples: Sequence[Stretch]) -> tuple[int, str]:
        """Characters."""
        return sum(example.characters for example in examples), "characters"

    def batches(self, codec: StreamCodec, items: Sequence[Text], config: C) -> StreamBatches:
        """The training split as parallel streams, whose state is carried from chunk to chunk."""
        return StreamBatches(items[0].tokens, config.streams, config.chunk, config.seed)

    def validate(
        self,
        config: C,
        codec: StreamCodec,
        head: LanguageModelHead,
        items: Sequence[Text],
        examples: Sequence[Stretch],
        after_batch: Callable[[], None],
    ) -> Evaluation:
        """Scores of the validation split, and a line of what the model writes by now."""
        scores = self.score(head.predict(codec.collate(items), after_batch=after_batch), examples)
        sampling = Sampling(length=_WRITTEN, temperature=0.8, seed=config.seed)
        line = " ".join("".join(self.generate(head, codec, "", sampling, [])).split())
        # The loss counts tokens, as training does, and the scores name no other number that does.
        return Evaluation({"loss": math.log(scores["perplexity"]), **scores}, [Table("", [""], [[line[-_SHOWN:]]])])

    def score(self, predictions: Sequence[Scored], examples: Sequence[Stretch]) -> dict[str, float]:
        """Bits and nats per character, and the perplexity per token."""
        return language_model_scores(predictions)

    def baseline_name(self, config: C) -> str:
        """In words."""
        return "a 5-gram model"

    def predict_baseline(self, config: C, splits: Splits[Stretch]) -> list[Scored]:
        """A 5-gram model of the same tokens."""
        return [ngram_baseline(config, splits)]

    def tables(self, predictions: Sequence[Scored], examples: Sequence[Stretch]) -> list[Table]:
        """How much was scored."""
        return [scored_table(predictions, examples)]

    def format_prediction(self, prediction: Scored) -> tuple[str, dict[str, Any]]:
        """Bits per character, and what they were counted from as JSON."""
        return prediction.formatted()

    def resampling_units(self, prediction: Scored, example: Stretch) -> list[tuple[Scored, Stretch]]:
        """The pieces that the text was read in."""
        return [(piece, example) for piece in scored_pieces(prediction)]

    def generate(
        self,
        head: LanguageModelHead | LanguageModelEnsemble,
        codec: StreamCodec,
        prompt: str,
        sampling: Sampling,
        notes: list[str],
    ) -> Iterator[str]:
        """The text that follows the prompt, piece by piece."""
        return generate_text(head, codec, prompt, sampling, notes)

    def export(self, head: LanguageModelHead, codec: StreamCodec) -> Exported:
        """One step: ``token`` and the state to ``logits`` and the next state."""
        return export_language_model(head, codec)

    def input_columns(
        self, config: C, codec: StreamCodec | None, columns: Sequence[str], header: SourceLocation
    ) -> tuple[str, ...]:
        """The column of the texts; to learn from a table, it has to be named, or the table is read as running text."""
        if codec is None and config.text_column is None:
            raise UsageError(f"{header}: a table is read as running text; name a column with --text-column")
        return super().input_columns(config, codec, columns, header)

    def agreement(self, head: LanguageModelHead, codec: StreamCodec) -> Mapping[str, Any]:
        """Members of an ensemble read and write the same tokens."""
        return {"tokens": codec.to_json()["vocab.json"]}

    def ensemble(self, heads: Sequence[LanguageModelHead]) -> LanguageModelEnsemble:
        """The average of the probabilities of each token."""
        return LanguageModelEnsemble(heads)

    def explain(self, head: LanguageModelHead, codec: StreamCodec, raw: str) -> Explanation:
        """The most likely next token, and the tokens of the text."""
        return explain_next_token(head, codec, raw)
