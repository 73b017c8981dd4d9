"""One to one as a base class for tasks: a task adds its name, its data and its defaults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from seqkit.answers.labels import Classified
from seqkit.data import Example, SourceLocation, Splits, check_classes, stratified
from seqkit.data.groups import groups_of_files, joined_units, notes_on_groups, stripped_text
from seqkit.graphs import Exported
from seqkit.tables import Table
from seqkit.topologies.classification import ClassificationTask, check_labels, check_weight_column
from seqkit.topologies.one_to_one.codec import VectorCodec
from seqkit.topologies.one_to_one.export import export_vector_head
from seqkit.topologies.one_to_one.head import VectorHead
from seqkit.topologies.one_to_one.options import OneToOneOptions
from seqkit.topologies.one_to_one.pictures import draw_mistakes
from seqkit.topologies.one_to_one.reading import choose_features, header_of, read_vectors, require_columns
from seqkit.topologies.one_to_one.scores import logistic_baseline, vector_tables
from seqkit.training.recipe import Recipe

C = TypeVar("C", bound=OneToOneOptions)


class OneToOne(ClassificationTask[C, VectorCodec, VectorHead]):
    """A label for a vector of numbers.

    A task of its own names its data; a file with columns of numbers and one of labels can always be given::

        class Digit(OneToOne[DigitConfig]):
            name, summary, config = "digit", "the digit that pixels show", DigitConfig
            data_sets = {"digits": "1,797 handwritten digits of 8 × 8 pixels"}

            def feature_names(self, config):
                if config.data == "digits":
                    return PIXELS
                return super().feature_names(config)

            def read_source(self, config, notes):
                if config.data == "digits":
                    return DIGITS
                return super().read_source(config, notes)

        TASK = Digit()
    """

    topology = "one to one"
    example_types = (Example,)
    # Steps cost next to nothing here.
    rules = Recipe(steps=3200, least_batch=32, most_epochs=200)

    def feature_names(self, config: C) -> list[str]:
        """The names of the numbers in a vector; override it for data sets, and leave files to this one."""
        columns, header = header_of(Path(config.data), config.form)
        return self._choose_features(config, columns, header)

    def read_source(self, config: C, notes: list[str]) -> list[Example]:
        """All examples, see :func:`vector_examples`; override it for data sets, and leave files to this one."""
        names = self.feature_names(config)
        return read_vectors(Path(config.data), names, config.label_column, config.weight_column, notes, config.form)

    def read(self, config: C, notes: list[str]) -> Splits[Example]:
        """Three random splits with the same mix of labels; equal vectors are in one of them."""
        check_weight_column(config.weight_column, config.data, self.data_sets)
        examples = self.read_source(config, notes)
        check_classes(examples)
        fractions = (config.valid_fraction, config.test_fraction)
        if not config.group_column:
            return stratified(examples, *fractions, config.seed_of_splits)
        groups = groups_of_files(config.group_column, config.data, [], config.form)
        splits = stratified(
            examples, *fractions, config.seed_of_splits, unit=joined_units(examples, groups.of, stripped_text)
        )
        check_labels([*splits.valid, *splits.test], {example.label for example in splits.train})
        notes.extend(notes_on_groups(splits, groups.of, config.group_column))
        return splits

    def read_file(self, config: C, path: Path, codec: VectorCodec) -> list[Example]:
        """Examples to evaluate on; raises :class:`DataError` for a label that the model does not know.

        They need no weights, for scores have none.
        """
        examples = read_vectors(path, codec.names, config.label_column, form=config.form)
        check_labels(examples, codec.labels)
        return examples

    def learn_codec(self, config: C, train: Sequence[Example]) -> VectorCodec:
        """Scaling, labels and their weights, of the training split."""
        return VectorCodec.learn(self.feature_names(config), train, config.class_weight, config.encoding)

    def load_codec(self, files: Mapping[str, Any]) -> VectorCodec:
        """The codec of a run."""
        return VectorCodec.from_json(files)

    def join_columns(self, values: Sequence[str]) -> str:
        """The numbers of a row, between tabs."""
        return "\t".join(value.strip() for value in values)

    def build_head(self, config: C, codec: VectorCodec) -> VectorHead:
        """Layers of units, and a softmax over the labels."""
        return VectorHead(
            len(codec.names),
            codec.labels,
            config.hidden_size,
            config.num_layers,
            config.activation,
            config.dropout,
            config.noise,
            config.label_smoothing,
            codec.class_weights,
            config.linear,
        )

    def baseline_name(self, config: C) -> str:
        """In words."""
        return "logistic regression"

    def predict_baseline(self, config: C, splits: Splits[Example]) -> list[Classified]:
        """Logistic regression."""
        return logistic_baseline(splits)

    def tables(self, predictions: Sequence[Classified], examples: Sequence[Example]) -> list[Table]:
        """Scores of each label, confusions, and the most confident mistakes."""
        return vector_tables(predictions, examples)

    def draw_pictures(
        self, head: VectorHead, codec: VectorCodec, predictions: Sequence[Classified], examples: Sequence[Example]
    ) -> dict[str, bytes]:
        """``mistakes.png``, where the vectors are pictures."""
        return draw_mistakes(codec.names, predictions, examples)

    def input_columns(
        self, config: C, codec: VectorCodec | None, columns: Sequence[str], header: SourceLocation
    ) -> tuple[str, ...]:
        """Those that the model was trained on, or that it would be."""
        if codec is None:
            return tuple(self._choose_features(config, columns, header))
        require_columns(codec.names, columns, header)
        return codec.names

    def agreement(self, head: VectorHead, codec: VectorCodec) -> Mapping[str, Any]:
        """Members of an ensemble know the same labels, and read the same columns."""
        return {**super().agreement(head, codec), "columns": codec.names}

    def export(self, head: VectorHead, codec: VectorCodec) -> Exported:
        """``vectors`` to ``logits`` and ``probabilities``."""
        return export_vector_head(head, codec)

    def _choose_features(self, config: C, columns: Sequence[str], header: SourceLocation) -> list[str]:
        beside = (config.weight_column, config.group_column)
        return choose_features(columns, config.feature_columns, config.label_column, header, beside)
