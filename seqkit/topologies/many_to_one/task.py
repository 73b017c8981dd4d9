"""Many to one as a base class for tasks: a task adds its name, its data and its defaults."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from seqkit.data import SourceLocation, Splits
from seqkit.data.indexed import RowHead, table_head
from seqkit.data.prepared import count_of
from seqkit.data.readers import TextPair, choose_text_columns, mark_in, read_texts, target_in
from seqkit.data.vector_files import load_words
from seqkit.data.vectors import read_vectors
from seqkit.errors import UsageError
from seqkit.graphs import Exported
from seqkit.layers import Encoder
from seqkit.scores.direction import Criterion
from seqkit.scores.labels import LabelScore
from seqkit.scores.resampling import ScoreCounts
from seqkit.tables import Table
from seqkit.topologies.classification import check_weight_column
from seqkit.topologies.ensemble import LabelEnsemble
from seqkit.topologies.many_to_one.ensemble import with_average_threshold
from seqkit.topologies.many_to_one.head import ClassificationHead
from seqkit.topologies.many_to_one.label_sets.head import LabelSetHead
from seqkit.topologies.many_to_one.numbers.head import NumberHead
from seqkit.topologies.many_to_one.options import ManyToOneOptions
from seqkit.topologies.many_to_one.pretraining import (
    classifier_pretraining,
    frequent_words,
    unlabelled,
    widened_codec,
)
from seqkit.topologies.many_to_one.splits import text_splits
from seqkit.topologies.many_to_one.targets import AUTO, TARGETS, first, named_target, target_of, target_of_files
from seqkit.topologies.many_to_one.text_head import TextHead
from seqkit.topologies.many_to_one.texts import TextInputs, TextItem
from seqkit.topologies.powers import Explanation
from seqkit.topologies.prediction import predict_items
from seqkit.topologies.pretraining import AUTO as PRETRAIN_AUTO
from seqkit.topologies.pretraining import NONE, Pretraining
from seqkit.topologies.task import Task
from seqkit.training import Evaluation

C = TypeVar("C", bound=ManyToOneOptions)


class ManyToOne(Task[C, Any, Any, TextInputs, TextHead]):
    """A label for a whole text; or a set of labels, or numbers: what :class:`Target` describes.

    A task of its own names its data; a file with a column of texts and one of labels can always be given::

        class Sentiment(ManyToOne[SentimentConfig]):
            name, summary = "sentiment", "the sentiment of a review"
            config = SentimentConfig
            data_sets = {"rotten-tomatoes": "8,530 sentences from film reviews"}

            def read_source(self, config, data, notes):
                if data == "rotten-tomatoes":
                    return REVIEWS
                return super().read_source(config, data, notes)

        TASK = Sentiment()

    Examples say what their target is: an :class:`Example`, a :class:`LabelSetExample` or a :class:`NumberExample`.
    """

    topology = "many to one"
    metric = "accuracy"
    answers_class_folders = True
    example_types = tuple(target.example for target in TARGETS.values())

    def read_source(self, config: C, data: str, notes: list[str]) -> list[Any]:
        """The examples of a data set or file; override it for data sets, and leave files to this one."""
        if not data:
            raise UsageError(f"{self.name} has no data set of its own; give --data: a CSV, TSV or JSONL file")
        return named_target(config.target).read(config, Path(data), notes)

    def row_head(self, config: C, path: Path) -> RowHead | None:
        """How the rows of a table are cut, see :class:`~seqkit.topologies.powers.ReadsRows`."""
        return table_head(path, config.form)

    def decided(self, config: C, path: Path) -> C:
        """With what stands between labels, see :class:`~seqkit.topologies.powers.ReadsRows`."""
        if config.target != "labels" or config.label_separator:
            return config
        return replace(config, label_separator=mark_in(path, config.text_column, config.label_column, config.form))

    def each_example(self, config: C, data: str | Path, notes: list[str]) -> Iterator[Any]:
        """The examples of a file, one after the other, see :class:`~seqkit.topologies.powers.ReadsOneByOne`."""
        check_weight_column(config.weight_column, str(data), self.data_sets)
        if config.group_column:
            raise UsageError("--group-column needs all examples in memory, and the data are too large; leave it out")
        name, path = config.target, Path(data) if isinstance(data, str) else data
        if name == AUTO:
            name = target_in(path, config.text_column, config.label_column, notes, config.form)
        return named_target(name).each(config, path, notes)

    def read(self, config: C, notes: list[str]) -> Splits[Any]:
        """The three splits; those given as files stay as they are, the others are split off at random."""
        check_weight_column(config.weight_column, config.data, self.data_sets)
        decided = config
        if config.target == AUTO and config.data and config.data not in self.data_sets:
            decided = replace(
                config, target=target_in(Path(config.data), config.text_column, config.label_column, notes, config.form)
            )
        splits = text_splits(decided, lambda data: self.read_source(decided, data, notes), notes)
        found = target_of(first(splits.train)).name
        if config.target not in (AUTO, found):
            raise UsageError(f"--target {config.target} is for a file; {config.data} has a {found} for each text")
        return splits

    def recipe(self, config: C, splits: Splits[Any]) -> C:
        """That of every task; and what is predicted, if the data were to say it."""
        return super().recipe(replace(config, target=target_of(first(splits.train)).name), splits)

    def read_file(self, config: C, path: Path, codec: TextInputs) -> list[Any]:
        """Examples to evaluate on; raises :class:`DataError` for a label that the model does not know.

        They need no weights, for scores have none.
        """
        target = target_of(codec)
        examples = self.read_source(replace(config, weight_column=None, target=target.name), str(path), [])
        target.check_known(examples, codec)
        return examples

    def input_of(self, example: Any) -> str:
        """The text, or the pair of texts."""
        text: str = example.text
        return text

    def learn_codec(self, config: C, train: Sequence[Any]) -> TextInputs:
        """Vocabulary, and labels or the scale of numbers, of the training split."""
        codec: TextInputs = target_of(first(train)).learn_codec(config, train)
        if codec.ngrams is not None and count_of(train) > 2 * len(train):
            codec.ngrams = replace(codec.ngrams, sampled=True)
        return codec

    def without_counts(self, config: C) -> C:
        """Without n-grams, whose counts take longer than everything else that is learned of texts."""
        return replace(config, ngrams=False)

    def load_codec(self, files: Mapping[str, Any]) -> TextInputs:
        """The codec of a run."""
        codec: TextInputs = target_of_files(files).load_codec(files)
        return codec

    def build_head(self, config: C, codec: TextInputs) -> ClassificationHead | LabelSetHead | NumberHead:
        """An encoder that is pooled, and the outputs of the target."""
        encoder = config.build(
            Encoder,
            len(codec.vocabulary),
            config.embedding_size,
            bidirectional=config.bidirectional,
            pooling=config.pooling,
            dropout=config.dropout,
            embedding_dropout=config.embedding_dropout,
            word_dropout=config.word_dropout,
            pad=codec.vocabulary.pad,
        )
        head: ClassificationHead | LabelSetHead | NumberHead = target_of(codec).build_head(config, codec, encoder)
        if head.prior is not None and codec.ngrams is not None:
            head.prior.counted = not codec.ngrams.sampled
        return head

    def initialize_from_outside(self, config: C, codec: TextInputs, head: TextHead, notes: list[str]) -> None:
        """Starts the embedding from a file of word vectors, if one is named."""
        if config.vectors:
            form = codec.tokenizer.normal_form
            vectors = read_vectors(Path(config.vectors), codec.vocabulary, config.embedding_size, form)
            notes.extend(vectors.notes)
            head.encoder.start_embedding(vectors.matrix)

    def fit_first(self, codec: TextInputs, head: TextHead, items: Callable[[], Sequence[TextItem]]) -> None:
        """The regression of n-grams, if the head has one."""
        if head.regression is not None and codec.ngrams is not None:
            class_weights = None if head.class_weights is None else head.class_weights.tolist()
            head.regression.fit(items(), codec.ngrams.of_tokens(), class_weights)

    def widened(self, config: C, codec: TextInputs, splits: Splits[Any]) -> TextInputs:
        """The codec that knows words of the word vectors, and of the texts that language models read first."""
        words = list(map(codec.tokenizer.normal, load_words(Path(config.vectors)))) if config.vectors else []
        words += frequent_words(codec, self._unlabelled(config, splits))
        return widened_codec(codec, words, config.max_symbols) if words else codec

    def pretraining(
        self, config: C, codec: TextInputs, head: TextHead, splits: Splits[Any], notes: list[str]
    ) -> Pretraining | None:
        """Language models of the training texts and of those of a file, in the directions of the encoder."""
        return classifier_pretraining(config, codec, head, splits, self._unlabelled(config, splits), notes)

    def _unlabelled(self, config: C, splits: Splits[Any]) -> list[str]:
        """The texts of a file or data set that language models read beside those of the training split."""
        name = config.pretrain
        if name in (NONE, PRETRAIN_AUTO):
            return []
        if name in self.data_sets:
            return unlabelled([example.text for example in self.read_source(config, name, [])], splits)
        return unlabelled(read_texts(Path(name), config.text_column), splits)

    def metric_criterion(self, codec: TextInputs) -> Criterion:
        """That of the target."""
        return target_of(codec).criterion(codec, Criterion(self.metric, self.higher_is_better))

    def metric_for(self, codec: TextInputs) -> str:
        """That of the target."""
        return self.metric_criterion(codec).score

    def validate(
        self,
        config: C,
        codec: TextInputs,
        head: TextHead,
        items: Sequence[Any],
        examples: Sequence[Any],
        after_batch: Callable[[], None],
    ) -> Evaluation:
        """Scores the validation split, with whatever is tuned on it tuned."""
        predictions, loss = predict_items(head, codec, items, config, with_loss=True, after_batch=after_batch)
        settled = target_of(codec).settled(config, predictions, examples)
        return Evaluation({"loss": loss, **self.score(settled, examples)}, self.samples(settled, examples))

    def tune(
        self, config: C, codec: TextInputs, head: TextHead, items: Sequence[TextItem], examples: Sequence[Any]
    ) -> dict[str, Any]:
        """Tunes thresholds for the score that chose the model, and intervals, if requested.

        A regression of n-grams keeps its share only if the validation split is likelier with it.
        """
        criterion = self.criterion(config, codec)
        if criterion.score == "loss":
            # No threshold changes it.
            criterion = self.metric_criterion(codec)
        head.untune()
        predictions, loss = predict_items(head, codec, items, config, with_loss=True)
        found = dict[str, Any]()
        if head.regression is not None and head.regression.fitted:
            head.regression.take_part(False)
            without = predict_items(head, codec, items, config, with_loss=True)
            found = {"regression": {"loss": loss, "loss_without": without.loss, "kept": loss <= without.loss}}
            if loss <= without.loss:
                head.regression.take_part()
            else:
                predictions = without.predictions
        return {**found, **target_of(codec).tune(config, head, predictions, examples, criterion, self.score)}

    def baseline_name(self, config: C) -> str:
        """In words."""
        return named_target(config.target).baseline_name

    def predict_baseline(self, config: C, splits: Splits[Any]) -> list[Any]:
        """TF-IDF with logistic regression, or with ridge regression of numbers."""
        return target_of(first(splits.train)).predict_baseline(config, splits)

    def score(self, predictions: Sequence[Any], examples: Sequence[Any]) -> dict[str, float]:
        """The scores of the target: of labels, accuracy and macro-F1."""
        return target_of(first(examples)).score(predictions, examples)

    def score_counts(self, predictions: Sequence[Any], examples: Sequence[Any]) -> ScoreCounts | None:
        """What the scores count, where scoring again takes longer."""
        return target_of(first(examples)).score_counts(predictions, examples)

    def label_scores(self, predictions: Sequence[Any], examples: Sequence[Any]) -> Mapping[str, LabelScore]:
        """Precision, recall, F1 and support of each label."""
        return target_of(first(examples)).label_scores(predictions, examples)

    def tables(self, predictions: Sequence[Any], examples: Sequence[Any]) -> list[Table]:
        """Scores of each label, and the worst mistakes."""
        return target_of(first(examples)).tables(predictions, examples)

    def format_prediction(self, prediction: Any) -> tuple[str, dict[str, Any]]:
        """``label  probability``, and the probabilities of all labels as JSON; or a number with its interval."""
        return target_of(prediction).format_prediction(prediction)

    def confidences(self, prediction: Any, example: Any) -> list[tuple[float, bool]]:
        """The probability of each label that is predicted, and whether it is correct."""
        return target_of(prediction).confidences(prediction, example)

    def probabilities(self, prediction: Any) -> dict[str, float] | None:
        """Of every label; None of numbers."""
        return target_of(prediction).probabilities(prediction)

    def input_columns(
        self, config: C, codec: TextInputs | None, columns: Sequence[str], header: SourceLocation
    ) -> tuple[str, ...]:
        """The column of the text, or those of both texts."""
        chosen = choose_text_columns(columns, config.text_column, header)
        if codec is not None and len(chosen) != codec.texts:
            raise UsageError(
                f"{header}: the model reads {codec.texts} text{'s'[: codec.texts - 1]}, not {len(chosen)}; "
                f"name {'two columns' if codec.texts == 2 else 'its column'} with --text-column"
            )
        return chosen

    def join_columns(self, values: Sequence[str]) -> str:
        """The text of a row; of two columns, a pair."""
        return TextPair.of(*values) if len(values) == 2 else super().join_columns(values)

    def export(self, head: TextHead, codec: TextInputs) -> Exported:
        """``tokens`` and ``lengths`` to ``logits`` and the answers of the target."""
        return target_of(codec).export(head, codec)

    def explain(self, head: TextHead, codec: TextInputs, raw: Any) -> Explanation:
        """The answer with a gradient, and the tokens of the text."""
        return target_of(codec).explain(head, codec, raw)

    def agreement(self, head: TextHead, codec: TextInputs) -> Mapping[str, Any]:
        """Members of an ensemble know the same labels; raises :class:`UsageError` for those that have no average."""
        if not isinstance(head, ClassificationHead):
            raise UsageError(f"only models of one label for each text answer together, not of {target_of(codec).name}")
        return {"labels": head.labels, "texts": codec.texts}

    def ensemble(self, heads: Sequence[ClassificationHead]) -> LabelEnsemble:
        """The average of the probabilities, and of the thresholds if any has one."""
        return LabelEnsemble(heads, with_average_threshold(heads))
