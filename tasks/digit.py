"""One to one: a label for a vector of numbers, such as the pixels of a digit; no time, no recurrence."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from seqkit.config import TrainingConfig, option
from seqkit.data import DataError, Example, SourceLocation, Splits, check_classes, read_records, stratified
from seqkit.data.readers import choose_column, shown
from seqkit.drawing.contact_sheet import Cell, contact_sheet
from seqkit.errors import SeqkitError, UsageError
from seqkit.graphs import Exported, Graph, Value, add, labelling
from seqkit.layers import Head, Loss
from seqkit.scores.labels import accuracy, confusion_table, macro_f1
from seqkit.tables import Table
from seqkit.topologies import Codec, Task

from .sentiment import Classified, answers, show

__all__ = ["TASK", "DigitConfig", "VectorBatch", "VectorCodec", "VectorHead"]

_DIGITS = "digits"
_ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "gelu": nn.GELU, "silu": nn.SiLU}
_LARGEST = 1e30
"""No measured number is as large; squares of larger ones overflow."""
_FAR = 10.0
"""A number further from the mean than so many deviations counts as if it lay there."""
_SHEET = 20
"""Mistakes in a picture."""


@dataclass(frozen=True, kw_only=True)
class DigitConfig(TrainingConfig):
    """Defaults of the task."""

    data: str = option(_DIGITS, "the data: digits, or a CSV, TSV or JSONL file with columns of numbers", path=True)
    label_column: str | None = option(None, "column of the label (else guessed by its name)")
    feature_columns: str | None = option(None, "columns of numbers, joined by commas (else all but the label)")
    valid_fraction: float = option(0.1, "part of the examples for validation", above=0, below=0.5)
    test_fraction: float = option(0.2, "part of the examples for the test", above=0, below=0.5)
    hidden_size: int = option(128, "units of a layer", minimum=1)
    num_layers: int = option(2, "layers of units; 0: a linear model", minimum=0)
    activation: str = option("relu", "what a unit does with its sum", choices=lambda: _ACTIVATIONS)
    dropout: float = option(0.2, "dropout on the outputs of each layer", minimum=0, below=1)
    noise: float = option(0.5, "deviation of the noise on scaled numbers in training", minimum=0)
    label_smoothing: float = option(0.0, "part of a target that goes to all labels alike", minimum=0, below=1)
    epochs: int = option(80, "passes over the training data, at most", minimum=1)
    batch_size: int = option(32, "examples in a batch, at most", minimum=1)
    patience: int = option(0, "evaluations without a better score before training stops; 0: never", minimum=0)


class VectorBatch(NamedTuple):
    """Scaled numbers (B, F), and the number of each vector's label (B) where it is known."""

    vectors: Tensor
    targets: Tensor | None = None


class VectorHead(Head):
    """One to one: ``softmax(W_o h_n + b_o)`` with ``h_l = f(W_l h_(l-1) + b_l)`` and ``h_0`` the vector, for n layers.

    Args:
        input_size: F, numbers in a vector.
        labels: their names, in the order of the outputs.
        hidden_size: units of a layer.
        num_layers: n; 0 is a linear model.
        activation: f: relu, tanh, gelu or silu.
        dropout: part of each layer's outputs left out in training.
        noise: deviation of the normal noise added to the vector in training.
        label_smoothing: in training, the part of a target that all labels share (Szegedy et al., 2016).
    """

    def __init__(
        self,
        input_size: int,
        labels: Sequence[str],
        hidden_size: int = 128,
        num_layers: int = 2,
        activation: str = "relu",
        dropout: float = 0.0,
        noise: float = 0.0,
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__()
        self.labels, self.noise, self.label_smoothing = tuple(labels), noise, label_smoothing
        layers: list[nn.Module] = []
        for size in [input_size, *[hidden_size] * (num_layers - 1)][:num_layers]:
            layers += [nn.Linear(size, hidden_size), _ACTIVATIONS[activation](), nn.Dropout(dropout)]
        self.layers = nn.Sequential(*layers)
        self.output = nn.Linear(hidden_size if num_layers else input_size, len(self.labels))

    def forward(self, batch: VectorBatch) -> Tensor:
        """Logits (B, labels)."""
        vectors = batch.vectors
        if self.training and self.noise:
            vectors = vectors + self.noise * torch.randn_like(vectors)
        logits: Tensor = self.output(self.layers(vectors))
        return logits

    def loss(self, batch: VectorBatch) -> Loss:
        """Cross-entropy, in nats."""
        if batch.targets is None:
            raise SeqkitError("the batch has no targets; make it of examples with labels")
        smoothing = self.label_smoothing if self.training else 0.0
        nats = cross_entropy(self(batch), batch.targets, reduction="sum", label_smoothing=smoothing)
        return Loss(nats, len(batch.targets))

    @torch.no_grad()
    def predict(self, batch: VectorBatch, **options: Any) -> list[Classified]:
        """The labels with their probabilities."""
        return [Classified.of(self.labels, row) for row in torch.softmax(self(batch), 1).tolist()]


class VectorCodec(Codec):
    """Vectors to scaled tensors, labels to numbers.

    Args:
        names: F names of numbers.
        mean, scale: (F); a number x becomes ``(x - mean) / scale``, cut at 10 on either side.
        labels: those of the training part.
    """

    def __init__(
        self, names: Sequence[str], mean: Sequence[float], scale: Sequence[float], labels: Sequence[str]
    ) -> None:
        self.names, self.labels = tuple(names), tuple(labels)
        self.mean, self.scale = np.array(mean), np.array(scale)
        self._label = {label: number for number, label in enumerate(self.labels)}

    def encode(self, raw: str | Sequence[float], example: Example | None = None) -> tuple[Tensor, int | None]:
        """Scaled numbers (F), and the label's number. A text has its numbers between commas, semicolons or spaces.

        Raises :class:`UsageError` for what is no number, and for too many or too few.
        """
        texts = re.findall(r"[^\s,;\[\]()]+", raw) if isinstance(raw, str) else raw
        if len(texts) != len(self.names):
            first, last = self.names[0], self.names[-1]
            names = f"{first} to {last}" if len(self.names) > 1 else first
            raise UsageError(f"the vector has {len(texts)} numbers, but the model takes {len(self.names)}: {names}")
        values = [_number(text, name) for text, name in zip(texts, self.names, strict=True)]
        scaled = ((np.array(values) - self.mean) / self.scale).clip(-_FAR, _FAR)
        return torch.tensor(scaled, dtype=torch.float32), None if example is None else self._label[example.label]

    def length(self, item: tuple[Tensor, int | None]) -> int:
        """One step."""
        return 1

    def collate(self, items: Sequence[tuple[Tensor, int | None]]) -> VectorBatch:
        """A batch; it has targets if every item has."""
        targets = [target for _, target in items if target is not None]
        vectors = torch.stack([vector for vector, _ in items])
        return VectorBatch(vectors, torch.tensor(targets) if len(targets) == len(items) else None)

    def to_json(self) -> dict[str, Any]:
        """``features.json`` and ``labels.json``."""
        features = {"names": list(self.names), "mean": self.mean.tolist(), "scale": self.scale.tolist()}
        return {"features.json": features, "labels.json": list(self.labels)}


def load_codec(files: Mapping[str, Any]) -> VectorCodec:
    """The codec of a run, from the content of its files."""
    features, labels = files["features.json"], files["labels.json"]
    try:
        codec = VectorCodec(features["names"], features["mean"], features["scale"], labels)
        sizes = {codec.mean.shape, codec.scale.shape, (len(codec.names),)}
        sound = len(sizes) == 1 and codec.names and np.isfinite(codec.mean).all() and (codec.scale > 0).all()
    except (TypeError, KeyError, ValueError):
        sound = False
    if not sound:
        raise DataError("features.json must hold names, mean and scale of as many numbers; restore it from a copy")
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise DataError("labels.json must be a list of texts; restore it from a copy")
    return codec


def read(config: DigitConfig, notes: list[str]) -> Splits[Example]:
    """Three random parts with the same mix of labels; vectors that are alike stay in one part."""
    examples = _digits() if config.data == _DIGITS else _read(Path(config.data), _names(config), config)
    check_classes(examples)
    return stratified(examples, config.valid_fraction, config.test_fraction, config.seed)


def read_file(config: DigitConfig, path: Path, codec: Codec) -> list[Example]:
    """Examples to evaluate on; their labels must be among those the model knows."""
    assert isinstance(codec, VectorCodec)
    examples = _read(path, codec.names, config)
    for example in examples:
        if example.label not in codec.labels:
            raise DataError(
                f"the model knows no label {shown(example.label)}; mend or leave out the row", example.location
            )
    return examples


def learn(config: DigitConfig, train: Sequence[Example]) -> VectorCodec:
    """Scaling and labels of the training part."""
    values = _matrix(train)
    mean, scale = values.mean(0), values.std(0)
    # What never changes tells nothing; where it does later, it comes as it is.
    scale[scale <= 1e-9 * np.abs(mean)] = 1.0
    return VectorCodec(_names(config), list(mean), list(scale), sorted({example.label for example in train}))


def _names(config: DigitConfig) -> list[str]:
    """The names of the numbers in a vector."""
    if config.data == _DIGITS:
        return list(_bunch().feature_names)
    path = Path(config.data)
    return _named(config, list(next(read_records(path)).values), SourceLocation(str(path), 1))


def input_columns(
    config: DigitConfig, codec: Codec | None, columns: Sequence[str], header: SourceLocation
) -> tuple[str, ...]:
    """Those that the model was trained on, or that it would be."""
    if codec is None:
        return tuple(_named(config, columns, header))
    assert isinstance(codec, VectorCodec)
    if lacking := [name for name in codec.names if name not in columns]:
        raise DataError(f"there is no column {shown(lacking[0])} for the model; add it", header)
    return codec.names


def _named(config: DigitConfig, columns: Sequence[str], header: SourceLocation) -> list[str]:
    label = choose_column(columns, config.label_column, "label", header)
    if config.feature_columns is None:
        return _some([column for column in columns if column != label], header)
    names = [name.strip() for name in config.feature_columns.split(",") if name.strip()]
    if label in names or len(set(names)) < len(names):
        raise UsageError(f"--feature-columns must name each column once, and not the label's, {shown(label)}")
    return _some(names, header)


def _some(names: list[str], header: SourceLocation) -> list[str]:
    if not names:
        raise UsageError(
            f"{header}: there is no column of numbers beside the label; add one, or mend --feature-columns"
        )
    return names


def _read(path: Path, names: Sequence[str], config: DigitConfig) -> list[Example]:
    """The rows of a file; the text of an example is its numbers."""
    examples, label_name = [], ""
    for location, values in read_records(path):
        if not label_name:
            header = SourceLocation(location.file, 1)
            label_name = choose_column(list(values), config.label_column, "label", header)
            if lacking := [name for name in names if name not in values]:
                raise DataError(f"there is no column {shown(lacking[0])} for the model; add it", header)
        label = values[label_name].strip()
        if not label:
            raise DataError(f"column {shown(label_name)} is empty; give the row a label or take it out", location)
        numbers = [_number(values[name].strip(), name, location) for name in names]
        examples.append(Example(_text(numbers), label, location))
    return examples


def _digits() -> list[Example]:
    found = _bunch()
    rows = zip(found.data.tolist(), found.target.tolist(), strict=True)
    return [Example(_text(row), str(label), SourceLocation(_DIGITS, line)) for line, (row, label) in enumerate(rows, 1)]


def _bunch() -> Any:
    from sklearn.datasets import load_digits

    return load_digits()


def _number(text: str | float, name: str, location: SourceLocation | None = None) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if abs(value) < _LARGEST:
        return value
    what = "is empty" if text == "" else f"is {shown(str(text))}, which is no number that can be used"
    mend = "mend it, or leave the column out with --feature-columns" if location else "mend it"
    message = f"{name if name.isprintable() else shown(name)} {what}; {mend}"
    raise DataError(message, location) if location else UsageError(message)


def _text(numbers: Sequence[float]) -> str:
    return " ".join(f"{number:.9g}" for number in numbers)


def _matrix(examples: Sequence[Example]) -> np.ndarray:
    return np.array([[float(number) for number in example.text.split()] for example in examples])


def head(config: DigitConfig, codec: Codec) -> VectorHead:
    """A new head."""
    assert isinstance(codec, VectorCodec)
    return VectorHead(
        len(codec.names),
        codec.labels,
        config.hidden_size,
        config.num_layers,
        config.activation,
        config.dropout,
        config.noise,
        config.label_smoothing,
    )


def score(predictions: Sequence[Classified], examples: Sequence[Example]) -> dict[str, float]:
    """Accuracy and macro-F1."""
    truth, found = [e.label for e in examples], [p.label for p in predictions]
    return {"accuracy": accuracy(truth, found), "macro_f1": macro_f1(truth, found)}


def baseline(config: DigitConfig, splits: Splits[Example]) -> list[Classified]:
    """Logistic regression on scaled numbers, scikit-learn's defaults, on the same parts."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    model.fit(_matrix(splits.train), [e.label for e in splits.train])
    return [Classified(str(label), {}) for label in model.predict(_matrix(splits.test))]


def tables(predictions: Sequence[Classified], examples: Sequence[Example]) -> list[Table]:
    """The confusion matrix, and the mistakes that the model was most sure of."""
    truth, found = [e.label for e in examples], [p.label for p in predictions]
    rows = [
        [e.label, p.label, f"{p.probabilities[p.label]:.2f}", str(e.location)]
        for p, e in _mistakes(predictions, examples)
    ]
    return [confusion_table(truth, found), Table("Most sure, and wrong", ["truth", "answer", "sure", "row"], rows[:5])]


def _mistakes(predictions: Sequence[Classified], examples: Sequence[Example]) -> list[tuple[Classified, Example]]:
    wrong = [(p, e) for p, e in zip(predictions, examples, strict=True) if p.label != e.label]
    return sorted(wrong, key=lambda pair: -pair[0].probabilities[pair[0].label])


def pictures(
    head: Head, codec: Codec, predictions: Sequence[Classified], examples: Sequence[Example]
) -> dict[str, bytes]:
    """``mistakes.png``: the vectors that were mistaken, where the names of their numbers say that they are pixels."""
    assert isinstance(codec, VectorCodec)
    side = math.isqrt(len(codec.names))
    pixels = side * side == len(codec.names) and all(name.lower().startswith("pixel") for name in codec.names)
    wrong = _mistakes(predictions, examples)
    if not (pixels and wrong and find_spec("PIL")):
        return {}
    values = _matrix([example for _, example in wrong])
    grey = (values * (255 / max(1e-9, values.max()))).clip(0, 255).astype(np.uint8).reshape(-1, side, side, 1)
    cells = [
        Cell(picture, f"{p.label}, sure {p.probabilities[p.label]:.2f}", [f"is a {e.label}"])
        for picture, (p, e) in zip(grey[:_SHEET], wrong, strict=False)
    ]
    return {"mistakes.png": contact_sheet(cells, title=f"{len(wrong)} of {len(examples)} are wrong")}


def export(head: Head, codec: Codec) -> Exported:
    """``vectors`` (B, F), scaled as ``features`` says, to ``logits`` and ``probabilities`` (B, labels)."""
    assert isinstance(head, VectorHead) and isinstance(codec, VectorCodec)

    def add_logits(graph: Graph, inputs: dict[str, Value]) -> Value:
        logits: Value = add(head.output, graph, add(head.layers, graph, inputs["vectors"]))
        return logits

    def sample(generator: torch.Generator, lengths: Tensor, time: int) -> dict[str, Tensor]:
        return {"vectors": torch.randn(len(lengths), len(codec.names), generator=generator)}

    inputs = {"vectors": ("batch", len(codec.names))}
    return labelling(head, inputs, sample, add_logits, ("batch", len(head.labels)), codec.to_json(), VectorBatch)


TASK: Task[DigitConfig] = Task(
    name="digit",
    topology="one to one",
    summary="a label for a vector of numbers, such as the pixels of a digit",
    config=DigitConfig,
    data_sets={_DIGITS: "1,797 handwritten digits of 8 × 8 pixels, from scikit-learn"},
    metric="accuracy",
    higher_is_better=True,
    read=read,
    read_file=read_file,
    raw=lambda example: example.text,
    learn=learn,
    load_codec=load_codec,
    head=head,
    score=score,
    baseline=baseline,
    tables=tables,
    show=show,
    input_columns=input_columns,
    probabilities=lambda prediction: prediction.probabilities,
    answers=answers,
    pictures=pictures,
    export=export,
)
