"""Many to many, synced: a label for each frame of a video, or of whatever else is measured over time.

B batch, T frames, F features of a frame, D values that the encoder reads, K labels.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from itertools import groupby
from math import exp
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, linear, pad

from seqkit.cells import available_cells, make_cell
from seqkit.config import TrainingConfig, option
from seqkit.data import DataError, Splits
from seqkit.data.frames import (
    PARTS,
    Clip,
    LabelledClip,
    Layout,
    Scaling,
    clip_of,
    parse_number,
    read_clip,
    read_clips,
    split_clips,
    split_line,
    table_of,
)
from seqkit.data.readers import shown
from seqkit.data.sources.strips import GAP, strips
from seqkit.drawing.strips import Strip, strip_picture
from seqkit.errors import SeqkitError, UsageError
from seqkit.graphs import Exported, Graph, Value, add, labelling
from seqkit.layers import Encoder, Head, Loss, State
from seqkit.scores.labels import accuracy, confusion_table, label_table
from seqkit.scores.resampling import ScoreCounts
from seqkit.scores.segments import edit_score, segment_matches
from seqkit.tables import Table
from seqkit.topologies import Codec, Explanation, Task

__all__ = ["TASK", "Answer", "FrameBatch", "FrameCodec", "FrameConfig", "FrameHead", "FrameStream", "Framed"]

_STRIPS = "strips"
_OVERLAPS = (10, 25, 50)
_SEEN = 40_000
"""Frames that the baseline learns from, at most: a forest is slow."""
_DRAWN = 6
"""Sequences in the picture..."""
_LONGEST = 400
"""... and the most frames of each."""


@dataclass(frozen=True, kw_only=True)
class FrameConfig(TrainingConfig):
    """Defaults of the task."""

    data: str = option(_STRIPS, "strips, or a folder of sequences: .npy, .npz, .csv, .tsv", path=True)
    valid_data: str | None = option(None, "a folder with the validation part (else taken off at random)", path=True)
    test_data: str | None = option(None, "a folder with the test part (else taken off at random)", path=True)
    label_column: str | None = option(None, "of tables: the column of the label (else guessed by its name)")
    valid_fraction: float = option(0.1, "part of the sequences for validation", above=0, below=0.5)
    test_fraction: float = option(0.2, "part of the sequences for the test", above=0, below=0.5)
    strips: int = option(4000, "of strips: how many to train on", minimum=10)
    window: int = option(1, "of strips: columns that a frame shows", minimum=1, below=9)
    cell: str = option("lstm", "recurrent cell", choices=available_cells)
    cell_options: dict[str, str] = option({}, "options of the cell, such as reset=before for gru")
    frame_size: int = option(0, "units of a layer that reads each frame first; 0: none", minimum=0)
    hidden_size: int = option(128, "units of a cell, for each direction", minimum=1)
    num_layers: int = option(1, "recurrent layers", minimum=1)
    bidirectional: bool = option(True, "read each sequence from its end, too; false: labels a stream")
    delay: int = option(0, "of one direction: frames that it may look ahead before it labels one", minimum=0)
    dropout: float = option(0.3, "dropout between layers and on the outputs", minimum=0, below=1)
    feature_dropout: float = option(0.0, "dropout on what the recurrent layer reads", minimum=0, below=1)
    epochs: int = option(9, "passes over the training data, at most", minimum=1)
    learning_rate: float = option(5e-3, "peak learning rate of AdamW", above=0)
    batch_size: int = option(16, "sequences in a batch, at most", minimum=1)


class FrameBatch(NamedTuple):
    """Frames (B, T, D), lengths (B), and the number of each frame's label (B, T) where known, -1 at padding."""

    frames: Tensor
    lengths: Tensor
    targets: Tensor | None = None


@dataclass(frozen=True)
class Framed:
    """A prediction: the likeliest label of each frame, and its probability.

    ``chances`` has the probabilities (T, K) of all labels, where they were asked for.
    """

    labels: tuple[str, ...]
    sure: tuple[float, ...]
    chances: tuple[tuple[float, ...], ...] = ()


class Answer(NamedTuple):
    """The prediction for one frame of a stream; frames are counted from 1 in each sequence."""

    frame: int
    label: str
    sure: float


class FrameHead(Head):
    """Synced: ``softmax(W h_(t+d) + b)`` over the labels of frame t, with h the outputs of an encoder.

    With a delay d of more than 0, one direction sees d frames beyond the one it labels; those beyond the end are 0.

    Args:
        encoder: reads (B, T, D); its outputs are not pooled.
        labels: what a frame can be.
        delay: d.

    Raises:
        UsageError: for a delay with two directions.
    """

    def __init__(self, encoder: Encoder, labels: Sequence[str], delay: int = 0) -> None:
        super().__init__()
        if delay and encoder.recurrent.bidirectional:
            raise UsageError("a delay is for one direction, two see the whole sequence; set bidirectional=false")
        self.encoder, self.labels, self.delay = encoder, tuple(labels), delay
        self.output = nn.Linear(encoder.recurrent.output_size, len(self.labels))

    def forward(self, batch: FrameBatch) -> Tensor:
        """Logits (B, T, K)."""
        frames = pad(batch.frames, (0, 0, 0, self.delay))
        outputs = self.encoder(frames, batch.lengths + self.delay).outputs
        logits: Tensor = self.output(outputs[:, self.delay :])
        return logits

    def loss(self, batch: FrameBatch) -> Loss:
        """Cross-entropy of all frames, in nats; those whose label training has not seen count nothing."""
        if batch.targets is None:
            raise SeqkitError("the batch has no labels; make it of sequences with labels")
        logits, targets = self(batch), batch.targets
        total = cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=-1, reduction="sum")
        return Loss(total, int((targets >= 0).sum()))

    @torch.no_grad()
    def predict(self, batch: FrameBatch, every: bool = False, **options: Any) -> list[Framed]:
        """The likeliest label of every frame; ``every`` asks for the probabilities of all labels, too."""
        chances, lengths = torch.softmax(self(batch), 2), batch.lengths.tolist()
        sure, best = chances.max(2)
        rows = zip(lengths, best.tolist(), sure.tolist(), strict=True)
        found = [Framed(tuple(self.labels[n] for n in numbers[:size]), tuple(s[:size])) for size, numbers, s in rows]
        if not every:
            return found
        several = zip(found, lengths, chances.tolist(), strict=True)
        return [replace(framed, chances=tuple(map(tuple, row[:size]))) for framed, size, row in several]


class FrameStream:
    """Labels frames as they come, in constant memory, as :meth:`FrameHead.predict` would the whole sequence.

    ``FrameStream(model.head, model.codec).push([0.1, 0.2, 0.3])``. Raises :class:`UsageError` for a model that reads
    from the end, too.
    """

    def __init__(self, head: FrameHead, codec: FrameCodec) -> None:
        if head.encoder.recurrent.bidirectional:
            raise UsageError(
                "this model reads each sequence from its end, too, so it cannot label a stream; train one with "
                "--bidirectional false"
            )
        self.head, self.codec = head.eval(), codec
        self._encoder, self._labels, self._output = head.encoder, head.labels, (head.output.weight, head.output.bias)
        self._blank = torch.zeros(1, codec.scaling.size)
        self._columns: list[int] = []
        self._state: State | None = None
        self._read = 0

    def push(self, features: str | Sequence[float] | np.ndarray | Tensor) -> Answer | None:
        """Reads a frame: F numbers, or a line of text with them, between semicolons, commas, tabs or spaces.

        A line with the names of all features says which columns they are in, as the first line of a table does.

        Returns the label of the frame ``delay`` before it, None where there is none yet. Raises :class:`DataError` for
        what is no frame; the stream is as it was, then.
        """
        if isinstance(features, str):
            cells = split_line(features)
            if self._is_header(cells):
                return None
            features = [parse_number(cell) for cell in self._chosen(cells)]
        values = np.asarray(features, np.float64)
        self.codec.check(values.shape[-1] if values.ndim == 1 else -1)
        return self._step(torch.from_numpy(self.codec.scaling(values[None])))

    def finish(self) -> list[Answer]:
        """The sequence is over: the labels still owed. The next frame begins another one."""
        ahead = self.head.delay if self._read else 0
        owed = [answer for _ in range(ahead) if (answer := self._step(self._blank))]
        self._state, self._read = None, 0
        return owed

    def _is_header(self, cells: list[str]) -> bool:
        names = self.codec.layout.names
        if not names or not set(names) <= set(cells):
            return False
        self._columns, self._width = [cells.index(name) for name in names], len(cells)
        return True

    def _chosen(self, cells: list[str]) -> list[str]:
        if not self._columns:
            return cells
        if len(cells) != self._width:
            raise DataError(f"{len(cells)} values, but the header names {self._width} columns; mend the line")
        return [cells[column] for column in self._columns]

    def _step(self, frame: Tensor) -> Answer | None:
        with torch.inference_mode():
            outputs, self._state = self._encoder.step(frame, self._state)
            self._read += 1
            number = self._read - self.head.delay
            if number < 1:
                return None
            (logits,) = linear(outputs, *self._output).tolist()
        # A handful of numbers is quicker in plain Python than in one tensor after another.
        most = max(logits)
        return Answer(number, self._labels[logits.index(most)], 1 / sum([exp(value - most) for value in logits]))


class FrameItem(NamedTuple):
    """Frames (T, D) and the numbers of their labels (T) where known."""

    frames: Tensor
    targets: Tensor | None = None


@dataclass(frozen=True)
class FrameCodec(Codec):
    """Features to numbers around 0, labels to numbers."""

    layout: Layout
    scaling: Scaling
    labels: tuple[str, ...]

    def encode(self, raw: Clip | Path | str | np.ndarray | Tensor, example: LabelledClip | None = None) -> FrameItem:
        """A clip, the file of one, or features (T, F); with an example, its labels go along."""
        clip = self._clip(raw)
        self.check(clip.features.shape[1], f"{clip}: ")
        frames = torch.from_numpy(self.scaling(clip.features))
        if example is None:
            return FrameItem(frames)
        numbers = {label: number for number, label in enumerate(self.labels)}
        return FrameItem(frames, torch.tensor([numbers.get(label, -1) for label in example.labels]))

    def check(self, count: int, where: str = "") -> None:
        """Raises :class:`DataError` unless a frame has so many features as this model reads."""
        if count != self.layout.size:
            found = f"{count} features" if count >= 0 else "no row of features"
            raise DataError(f"{where}a frame has {self.layout.size} features, here {found}; make them alike")

    def length(self, item: FrameItem) -> int:
        """Frames."""
        return len(item.frames)

    def collate(self, items: Sequence[FrameItem]) -> FrameBatch:
        """A batch; it has labels if every item has."""
        lengths = torch.tensor([len(item.frames) for item in items])
        frames = nn.utils.rnn.pad_sequence([item.frames for item in items], batch_first=True)
        targets = [item.targets for item in items if item.targets is not None]
        if len(targets) < len(items):
            return FrameBatch(frames, lengths)
        return FrameBatch(frames, lengths, nn.utils.rnn.pad_sequence(targets, batch_first=True, padding_value=-1))

    def to_json(self) -> dict[str, Any]:
        """``features.json`` and ``labels.json``."""
        names = None if self.layout.names is None else list(self.layout.names)
        return {"features.json": {"names": names, **self.scaling.to_json()}, "labels.json": list(self.labels)}

    def _clip(self, raw: Clip | Path | str | np.ndarray | Tensor) -> Clip:
        if isinstance(raw, Clip):
            return raw
        return read_clip(Path(raw), self.layout) if isinstance(raw, (Path, str)) else clip_of("array", np.asarray(raw))


def load_codec(files: Mapping[str, Any]) -> FrameCodec:
    """The codec of a run, from the content of its files."""
    features, labels = files["features.json"], files["labels.json"]
    scaling = Scaling.from_json(features, "features.json")
    names = features.get("names")
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise DataError("labels.json must be a list of texts; restore it from a copy")
    if names is not None and len(names) != len(scaling.mean):
        raise DataError("features.json has names and scales of different number; restore it from a copy")
    return FrameCodec(Layout(len(scaling.mean), None if names is None else tuple(names)), scaling, tuple(labels))


def read(config: FrameConfig, notes: list[str]) -> Splits[LabelledClip]:
    """Three parts of whole sequences: folders of their own, or taken off at random."""
    if config.data == _STRIPS:
        if config.valid_data or config.test_data:
            raise UsageError("strips have parts of their own; leave out --valid-data and --test-data")
        return strips((config.strips, config.strips // 10, config.strips // 5), config.window, config.seed)
    folders = _folders(config)
    train = read_clips(folders["train"], config.label_column)
    layout = train[0].clip.layout
    given = {p: read_clips(folders[p], config.label_column, layout) for p in PARTS[1:] if p in folders}
    _check_labels([clip for part in (train, *given.values()) for clip in part])
    for clips in given.values():
        _check_known(clips, {label for clip in train for label in clip.labels})
    fractions = [0.0 if part in given else fraction for part, fraction in _fractions(config).items()]
    splits = split_clips(train, fractions[0], fractions[1], config.seed)
    splits = Splits(splits.train, given.get("valid", splits.valid), given.get("test", splits.test))
    notes.extend(_notes(splits))
    return splits


def _fractions(config: FrameConfig) -> dict[str, float]:
    return {"valid": config.valid_fraction, "test": config.test_fraction}


def _folders(config: FrameConfig) -> dict[str, Path]:
    """Where the parts lie that have a place of their own."""
    data = Path(config.data)
    inside = {part: data / part for part in PARTS if (data / part).is_dir()}
    folders = inside if "train" in inside else {"train": data}
    given = {"valid": config.valid_data, "test": config.test_data}
    return {**folders, **{part: Path(path) for part, path in given.items() if path}}


def _check_labels(clips: Sequence[LabelledClip]) -> None:
    labels = {label for clip in clips for label in clip.labels}
    if len(labels) < 2:
        raise DataError(f"every frame has the label {shown(labels.pop())}; add frames with another", clips[0].location)


def _check_known(clips: Sequence[LabelledClip], known: set[str]) -> None:
    for clip in clips:
        for number, label in enumerate(clip.labels):
            if label not in known:
                what = f"label {shown(label)} is not in the training part; mend it, or add sequences that have it"
                raise DataError(what, clip.location_of(number))


def _notes(splits: Splits[LabelledClip]) -> list[str]:
    known = {label for clip in splits.train for label in clip.labels}
    found = []
    for name, clips in (("validation", splits.valid), ("test", splits.test)):
        if unseen := sorted({label for clip in clips for label in clip.labels} - known):
            found.append(
                f"label {shown(unseen[0])} is in the {name} part alone, so it cannot be learned; add sequences that "
                "have it, or choose the parts yourself"
            )
        there = {clip.clip.digest for clip in splits.train}
        if twins := sum(clip.clip.digest in there for clip in clips):
            found.append(f"{twins} sequences of the {name} part are in the training part, too: its score will flatter")
    masked = Scaling.fit([clip.clip for clip in splits.train]).masked
    if len(masked):
        found.append(f"{len(masked)} of {splits.train[0].clip.layout.size} features are missing in places")
    return found


def read_file(config: FrameConfig, path: Path, codec: Codec) -> list[LabelledClip]:
    """Sequences to evaluate on; their labels must be among those the model knows."""
    assert isinstance(codec, FrameCodec)
    clips = read_clips(path, config.label_column, codec.layout)
    _check_known(clips, set(codec.labels))
    return clips


def learn(config: FrameConfig, train: Sequence[LabelledClip]) -> FrameCodec:
    """Layout, scaling and labels of the training part."""
    clips = [example.clip for example in train]
    labels = sorted({label for example in train for label in example.labels})
    return FrameCodec(clips[0].layout, Scaling.fit(clips), tuple(labels))


def head(config: FrameConfig, codec: Codec) -> FrameHead:
    """A new head."""
    assert isinstance(codec, FrameCodec)
    size, units = codec.scaling.size, config.frame_size
    encoder = Encoder(
        nn.Sequential(nn.Linear(size, units), nn.ReLU()) if units else nn.Identity(),
        units or size,
        cell=make_cell(config.cell, **config.cell_options),
        hidden_size=config.hidden_size,
        num_layers=config.num_layers,
        bidirectional=config.bidirectional,
        pooling=None,
        dropout=config.dropout,
        embedding_dropout=config.feature_dropout,
        kernel=None if config.kernel == "auto" else config.kernel,
        precision=config.precision,
    )
    return FrameHead(encoder, codec.labels, config.delay)


def score(predictions: Sequence[Framed], examples: Sequence[LabelledClip]) -> dict[str, float]:
    """Accuracy and macro-F1 of frames; F1 of segments with an overlap of 10, 25 and 50 %; edit score."""
    counted = tallies(predictions, examples)
    return counted.score(counted.rows.sum(0))


def tallies(predictions: Sequence[Framed], examples: Sequence[LabelledClip]) -> ScoreCounts:
    """Of each sequence: 1, edit score, segments, those that are right, frames of each label right, true and found."""
    truth, found = [example.labels for example in examples], [prediction.labels for prediction in predictions]
    known = sorted({label for part in (truth, found) for labels in part for label in labels})
    rows = [_counted(one, other, known) for one, other in zip(truth, found, strict=True)]
    return ScoreCounts(np.array(rows).reshape(len(rows), 3 + len(_OVERLAPS) + 3 * len(known)), _summed)


def _counted(truth: tuple[str, ...], found: tuple[str, ...], known: Sequence[str]) -> list[float]:
    right = Counter(one for one, other in zip(truth, found, strict=True) if one == other)
    matched, segments = segment_matches(truth, found, [overlap / 100 for overlap in _OVERLAPS])
    frames = [counts[label] for counts in (right, Counter(truth), Counter(found)) for label in known]
    return [1, edit_score([truth], [found]), segments, *matched, *frames]


def _summed(sums: np.ndarray) -> dict[str, float]:
    (clips, edit, segments, *matched), frames = sums[: 3 + len(_OVERLAPS)], sums[3 + len(_OVERLAPS) :]
    right, true, guessed = frames.reshape(3, -1)
    some = true + guessed > 0
    overlaps = {f"segment_f1_{n}": 2 * both / max(1, segments) for n, both in zip(_OVERLAPS, matched, strict=True)}
    found = {
        "accuracy": right.sum() / max(1, true.sum()),
        "macro_f1": (2 * right[some] / (true + guessed)[some]).sum() / max(1, some.sum()),
        **overlaps,
        "edit": edit / max(1, clips),
    }
    return {name: float(value) for name, value in found.items()}


def baseline(config: FrameConfig, splits: Splits[LabelledClip]) -> list[Framed]:
    """Each frame by itself: a forest of 100 trees, on the same scaled features."""
    from sklearn.ensemble import ExtraTreesClassifier

    scaling = Scaling.fit([example.clip for example in splits.train])
    frames = np.concatenate([scaling(example.clip.features) for example in splits.train])
    labels = np.array([label for example in splits.train for label in example.labels])
    seen = np.random.default_rng(config.seed).permutation(len(frames))[:_SEEN]
    model = ExtraTreesClassifier(min_samples_leaf=3, random_state=config.seed).fit(frames[seen], labels[seen])
    found = [model.predict(scaling(example.clip.features)) for example in splits.test]
    return [Framed(tuple(map(str, labels)), ()) for labels in found]


def samples(predictions: Sequence[Framed], examples: Sequence[LabelledClip]) -> list[Table]:
    """The stretches of two sequences of the validation part beside the truth, always of the same ones."""
    rows = []
    for number in _spread(len(examples), 2):
        rows += [["truth", _stretches(examples[number].labels)], ["model", _stretches(predictions[number].labels)]]
    return [Table("", ["", ""], rows)]


def _stretches(labels: Sequence[str]) -> str:
    return " ".join(label for label, _ in groupby(labels) if label != GAP)[:70]


def tables(predictions: Sequence[Framed], examples: Sequence[LabelledClip]) -> list[Table]:
    """Scores of each label, confusions, and the sequences with the most wrong frames."""
    truth = [label for example in examples for label in example.labels]
    found = [label for prediction in predictions for label in prediction.labels]
    parts = [(accuracy(e.labels, p.labels), e, p) for p, e in zip(predictions, examples, strict=True)]
    worst = sorted(parts, key=lambda part: part[0])[:5]
    rows = [[e.clip.name, len(e.labels), right, edit_score([e.labels], [p.labels])] for right, e, p in worst]
    hardest = Table("Worst sequences", ["sequence", "frames", "accuracy", "edit"], rows)
    return [label_table(truth, found), confusion_table(truth, found), hardest]


def pictures(
    head: Head, codec: Codec, predictions: Sequence[Framed], examples: Sequence[LabelledClip]
) -> dict[str, bytes]:
    """A few test sequences: ``strips.png``, their labels over time, and ``example.csv``, the first as people keep it.

    The picture needs matplotlib, the table names of features.
    """
    chosen = _spread(len(examples), _DRAWN)
    drawn = [
        Strip(e.clip.name, e.labels[:_LONGEST], p.labels[:_LONGEST], e.clip.features[:_LONGEST])
        for e, p in ((examples[number], predictions[number]) for number in chosen)
    ]
    found = {"strips.png": strip_picture(drawn, {GAP})} if find_spec("matplotlib") else {}
    first = examples[chosen[0]]
    return {**found, "example.csv": table_of(first)} if first.clip.layout.names else found


def _spread(size: int, count: int) -> list[int]:
    """Places in a list that look as if drawn at random, and are always the same."""
    return random.Random(0).sample(range(size), min(size, count))


def answers(prediction: Framed, example: LabelledClip) -> list[tuple[float, bool]]:
    """How sure the label of each frame is, and whether it is right."""
    right = (one == other for one, other in zip(prediction.labels, example.labels, strict=True))
    return list(zip(prediction.sure, right, strict=True))


def show(prediction: Framed | Answer) -> tuple[str, dict[str, Any]]:
    """The labels with a space between, and how sure each is as JSON; of a stream, one frame's."""
    if isinstance(prediction, Answer):
        return prediction.label, prediction._asdict()
    return " ".join(prediction.labels), {"labels": prediction.labels, "sure": prediction.sure}


def stream(head: Head, codec: Codec) -> FrameStream:
    """See :class:`FrameStream`."""
    assert isinstance(head, FrameHead) and isinstance(codec, FrameCodec)
    return FrameStream(head, codec)


def amount(examples: Sequence[LabelledClip]) -> tuple[int, str]:
    """Frames."""
    return sum(len(example.labels) for example in examples), "frames"


def export(head: Head, codec: Codec) -> Exported:
    """``frames``, scaled as ``features`` says, and ``lengths`` to ``logits`` and ``probabilities`` (B, T, K)."""
    assert isinstance(head, FrameHead) and isinstance(codec, FrameCodec)
    size = codec.scaling.size

    def add_logits(graph: Graph, inputs: dict[str, Value]) -> Value:
        frames, lengths = inputs["frames"], inputs["lengths"]
        if head.delay:
            frames = graph.add("Pad", frames, graph.numbers(0, 0, 0, 0, head.delay, 0))
            lengths = graph.add("Add", lengths, graph.numbers(head.delay))
        outputs = add(head.encoder, graph, frames, lengths).outputs
        last = graph.numbers(torch.iinfo(torch.int64).max)
        seen = graph.add("Slice", outputs, graph.numbers(head.delay), last, graph.numbers(1))
        logits: Value = add(head.output, graph, seen)
        return logits

    def sample(generator: torch.Generator, lengths: Tensor, time: int) -> dict[str, Tensor]:
        return {"frames": torch.randn(len(lengths), time, size, generator=generator), "lengths": lengths}

    inputs = {"frames": ("batch", "time", size), "lengths": ("batch",)}
    sizes = ("batch", "time", len(head.labels))
    return labelling(head, inputs, sample, add_logits, sizes, codec.to_json(), FrameBatch)


def watch(head: Head, codec: Codec, raw: Any) -> Explanation:
    """The sum of the log-probabilities of the likeliest labels, and the frames, by their numbers."""
    assert isinstance(head, FrameHead) and isinstance(codec, FrameCodec)
    best, labels = torch.log_softmax(head(codec.collate([codec.encode(raw)])), 2)[0].max(1)
    numbers = [str(number) for number in range(1, len(best) + 1)] + ["–"] * head.delay
    answer = " ".join(head.labels[label] for label in labels.tolist())
    return Explanation(answer, best.sum(), {"encoder.recurrent": numbers})


TASK: Task[FrameConfig] = Task(
    name="frames",
    topology="many to many, synced",
    summary="a label for each frame of a video",
    config=FrameConfig,
    data_sets={_STRIPS: "a camera pans over strips of handwritten digits; which is in its middle?"},
    metric="accuracy",
    higher_is_better=True,
    read=read,
    read_file=read_file,
    raw=lambda example: example.clip,
    learn=learn,
    load_codec=load_codec,
    head=head,
    score=score,
    baseline=baseline,
    tables=tables,
    show=show,
    answers=answers,
    tallies=tallies,
    from_text=Path,
    samples=samples,
    pictures=pictures,
    amount=amount,
    unit=lambda config: "frames",
    stream=stream,
    export=export,
    watch=watch,
)
