"""Many to many, delayed, as a base class for tasks: a task adds its name, its data, its scores and its defaults."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from seqkit.answers.written import Translated
from seqkit.data import SourceLocation, Splits
from seqkit.data.indexed import RowHead, lines_head, table_head
from seqkit.data.pair_files import LAYOUT_LINES, has_named_columns, read_pairs, side_column, unnamed_fields
from seqkit.data.pairs import Pair, each_usable, usable
from seqkit.data.readers import FileForm
from seqkit.errors import UsageError
from seqkit.graphs import Exported
from seqkit.tables import Table
from seqkit.topologies.delayed.codec import PairCodec, PairItem
from seqkit.topologies.delayed.ensemble import EncoderDecoderEnsemble
from seqkit.topologies.delayed.explain import explain_output
from seqkit.topologies.delayed.export import export_encoder_decoder
from seqkit.topologies.delayed.head import EncoderDecoderHead
from seqkit.topologies.delayed.memory import NEVER
from seqkit.topologies.delayed.memory_tuning import tune_gate
from seqkit.topologies.delayed.options import DelayedOptions
from seqkit.topologies.delayed.pictures import attention_pictures
from seqkit.topologies.delayed.reranking import tune_weight
from seqkit.topologies.delayed.scores import nearest_targets, sample_table
from seqkit.topologies.delayed.search import SEARCH_OPTIONS
from seqkit.topologies.delayed.splits import pair_splits
from seqkit.topologies.powers import Explanation
from seqkit.topologies.prediction import predict_items
from seqkit.topologies.task import Task
from seqkit.training.recipe import Recipe

_SAMPLES = 3
"""Sources shown after each epoch"""

C = TypeVar("C", bound=DelayedOptions)


class Delayed(Task[C, Pair, Translated, PairCodec, EncoderDecoderHead]):
    """A sequence that is read to its end before another one is written: by attention and beam search.

    A task of its own says how texts become symbols, and how outputs are scored; a file of pairs can always be given::

        class Dates(Delayed[DelayedOptions]):
            name, summary = "dates", "a date in figures, from one in words"
            config = DelayedOptions
            metric, higher_is_better = "wrong", False

            def learn_codec(self, config, train):
                pairs = [(pair.source, pair.references[0]) for pair in train]
                return PairCodec.learn(pairs, ("char", "char"), config.max_symbols)

            def score(self, predictions, examples):
                return {"wrong": symbol_error_rates(predictions, examples)[1]}

        TASK = Dates()
    """

    topology = "many to many, delayed"
    example_types = (Pair,)
    # Scores of a few written texts go up and down: with a fifth of the epochs, 300 pairs got 1.9 BLEU rather than 2.7.
    rules = Recipe(steps=3000, most_batch=32, least_epochs=30, patience=3, averaged_epochs=2.5)
    # A beam after each epoch would take several times as long.
    validation_options: ClassVar[Mapping[str, Any]] = {"beam_size": 1, "n_best": 1, "coverage_penalty": 0.0}
    prediction_options = SEARCH_OPTIONS
    writes_symbols: ClassVar[bool] = False
    """Targets are symbols with spaces, or tabs, between them"""
    reads: ClassVar[str] = "text"
    """What a person types: a text, or the entry of a dictionary"""
    output_name: ClassVar[str] = "text"
    """What a written text is called in JSON"""

    def read_source(self, config: C, data: str | Path, notes: list[str]) -> Iterable[Pair]:
        """The pairs of a data set or file; override it for data sets, and leave files to this one.

        A path that is no text opens as some rows of its file, see :class:`~seqkit.topologies.powers.ReadsRows`.
        """
        return read_pairs(
            Path(data) if isinstance(data, str) else data,
            config.source_column,
            config.target_column,
            config.encoding,
            symbols=self.writes_symbols,
            columns=config.form.columns,
            notes=notes,
            header=config.group_column is not None,
        )

    def row_head(self, config: C, path: Path) -> RowHead | None:
        """How the pairs of a file are cut, see :class:`~seqkit.topologies.powers.ReadsRows`."""
        if self.writes_symbols:
            # How a dictionary writes phonemes shows in the whole of it.
            return None
        if has_named_columns(path, config.source_column, config.target_column, config.form.columns):
            return table_head(path, config.form)
        return lines_head(path, config.encoding, LAYOUT_LINES)

    def decided(self, config: C, path: Path) -> C:
        """As it is, see :class:`~seqkit.topologies.powers.ReadsRows`: the head of the rows shows how they are read."""
        return config

    def each_example(self, config: C, data: str | Path, notes: list[str]) -> Iterator[Pair]:
        """The pairs of a file, one after the other, see :class:`~seqkit.topologies.powers.ReadsOneByOne`; those with
        one source are not joined.
        """
        if config.group_column:
            raise UsageError("--group-column needs all examples in memory, and the data are too large; leave it out")
        return each_usable(self.read_source(config, data, notes), config.max_characters, notes)

    def read(self, config: C, notes: list[str]) -> Splits[Pair]:
        """The three splits; those given as files stay as they are, the others are split off at random."""
        return self.divide(config, self.read_source(config, config.data, notes), notes)

    def divide(
        self, config: C, pairs: Iterable[Pair], notes: list[str], given: Mapping[str, list[Pair]] | None = None
    ) -> Splits[Pair]:
        """The three splits, of which these pairs are what no file is given for, and ``given`` has none."""
        return pair_splits(config, pairs, lambda data: self.read_source(config, data, notes), given or {}, notes)

    def read_file(self, config: C, path: Path, codec: PairCodec) -> list[Pair]:
        """Pairs to evaluate on."""
        return usable(self.read_source(config, str(path), []), config.max_characters, [])

    def input_of(self, example: Pair) -> str:
        """The source."""
        return example.source

    def load_codec(self, files: Mapping[str, Any]) -> PairCodec:
        """The codec of a run."""
        return PairCodec.from_json(files)

    def build_head(self, config: C, codec: PairCodec) -> EncoderDecoderHead:
        """An encoder, and a decoder that attends to it."""
        return EncoderDecoderHead.build(config, codec)

    def baseline_name(self, config: C) -> str:
        """In words."""
        return "the target of the most similar source"

    def predict_baseline(self, config: C, splits: Splits[Pair]) -> list[Translated]:
        """The target of the nearest source of the training split."""
        sources = [pair.source for pair in splits.test]
        return [Translated(text, 0.0, ()) for text in nearest_targets(splits.train, sources)]

    def tune(
        self,
        config: C,
        codec: PairCodec,
        head: EncoderDecoderHead,
        items: Sequence[PairItem],
        examples: Sequence[Pair],
    ) -> Mapping[str, Any]:
        """Whether n-grams of aligned symbols make outputs better, and how like a source of the training split a text
        must be for its target to be the better answer.
        """
        if not examples:
            return {}
        if head.gate is not None:
            head.gate.threshold.fill_(NEVER)
        chosen, criterion = dict[str, Any](), self.metric_criterion(codec)

        def write() -> list[Translated]:
            return predict_items(head, codec, items, config).predictions

        if head.joint is not None:
            chosen["joint_ngrams"] = tune_weight(head.joint, write, examples, self.score, criterion).to_json()
        if head.gate is not None:
            found = [codec.recall(item.masked, item.placeholders) for item in items]
            gate = tune_gate(write(), found, examples, self.score, criterion)
            head.gate.threshold.fill_(gate.threshold)
            chosen["memory"] = gate.to_json()
        return chosen

    def format_prediction(self, prediction: Translated) -> tuple[str, dict[str, Any]]:
        """The text; as JSON with its score, and the others where more than one was requested."""
        return prediction.text, prediction.to_json(self.output_name)

    def unit(self, config: C) -> str:
        """Tokens of the targets."""
        return "tokens"

    def size(self, examples: Sequence[Pair]) -> tuple[int, str]:
        """Pairs."""
        return len(examples), "pairs"

    def samples(self, predictions: Sequence[Translated], examples: Sequence[Pair]) -> list[Table]:
        """A few sources with their references and what the model makes of them."""
        return [sample_table(predictions, examples, _SAMPLES)]

    def draw_pictures(
        self,
        head: EncoderDecoderHead | EncoderDecoderEnsemble,
        codec: PairCodec,
        predictions: Sequence[Translated],
        examples: Sequence[Pair],
    ) -> dict[str, bytes]:
        """What the decoder attended to; several decoders attend to different places."""
        return (
            {} if isinstance(head, EncoderDecoderEnsemble) else attention_pictures(head, codec, predictions, examples)
        )

    def input_columns(
        self, config: C, codec: PairCodec | None, columns: Sequence[str], header: SourceLocation
    ) -> tuple[str, ...]:
        """The column of the source; a file of pairs need not name it."""
        return (side_column(columns, config.source_column, False, header, guess=codec is not None),)

    def unnamed_columns(self, config: C, path: Path, form: FileForm) -> tuple[str, ...]:
        """Those of lines of pairs, which need no header."""
        return () if config.source_column or config.target_column else unnamed_fields(path, form)

    def export(self, head: EncoderDecoderHead, codec: PairCodec) -> Exported:
        """``encoder`` and ``step``."""
        return export_encoder_decoder(head, codec, output=self.output_name, reads=self.reads)

    def agreement(self, head: EncoderDecoderHead, codec: PairCodec) -> Mapping[str, Any]:
        """Members of an ensemble write the same symbols."""
        files = codec.to_json()
        return {"the symbols of the target": files["target.json"], "spacing": files["spacing.json"]}

    def ensemble(self, heads: Sequence[EncoderDecoderHead]) -> EncoderDecoderEnsemble:
        """The average of the probabilities of each symbol, inside the search."""
        return EncoderDecoderEnsemble(heads)

    def explain(self, head: EncoderDecoderHead, codec: PairCodec, raw: str) -> Explanation:
        """The log-probability of what is written, and the tokens of both sides."""
        return explain_output(head, codec, raw)
