import math
import random

import numpy as np
import pytest
import torch
from seqkit.tasks.frames import (
    TASK,
    FrameBatch,
    FrameCodec,
    FrameConfig,
    Framed,
    FrameHead,
    FrameStream,
)
from torch import nn

from seqkit import Encoder, UsageError
from seqkit.data import DataError, SourceLocation, Splits
from seqkit.data.frames import LabelledClip, Layout, Scaling, clip_of
from seqkit.scores.labels import accuracy, macro_f1
from seqkit.scores.resampling import resample
from seqkit.scores.segments import edit_score, segment_f1
from tests.cells.kinds import TRAINED_CELLS

LABELS = ("a", "b", "c")


def clip(number, steps, size=3, names=None, labels=LABELS):
    generator = np.random.default_rng(number)
    features = generator.normal(size=(steps, size))
    made = clip_of(f"c{number}", features, names)
    return LabelledClip(made, tuple(generator.choice(labels, steps).tolist()), SourceLocation(f"c{number}", 1))


def model(examples, **options):
    config = FrameConfig(hidden_size=8, dropout=0.2, **options)
    codec = TASK.learn_codec(config, examples)
    torch.manual_seed(0)
    return TASK.build_head(config, codec).eval(), codec


def batch_of(codec, examples):
    return codec.collate([codec.encode(example.clip, example) for example in examples])


CAUSAL = {"bidirectional": False}


@pytest.mark.parametrize("cell", TRAINED_CELLS)
@pytest.mark.parametrize("way", [{}, CAUSAL, {**CAUSAL, "delay": 3}])
def test_padding_and_neighbours_never_change_a_prediction(way, cell):
    examples = [clip(number, steps) for number, steps in enumerate((5, 1, 9, 2))]
    made, codec = model(examples, cell=cell, frame_size=4, **way)
    together = made.predict(batch_of(codec, examples))
    for example, found in zip(examples, together, strict=True):
        (alone,) = made.predict(batch_of(codec, [example]))
        assert alone.labels == found.labels and len(found.labels) == len(example.labels)
        assert alone.confidences == pytest.approx(found.confidences, abs=1e-5)
    # Nor does what stands in the padding.
    batch = batch_of(codec, examples)
    frames = batch.frames.clone()
    frames[1, 1:] = 7.0
    if not way.get("delay"):
        assert made.predict(FrameBatch(frames, batch.lengths))[1].labels == together[1].labels


def test_the_loss_is_the_cross_entropy_of_each_frame_once():
    examples = [clip(0, 4), clip(1, 7)]
    made, codec = model(examples)
    whole = made.loss(batch_of(codec, examples))
    expected = 0.0
    for example in examples:
        item = codec.encode(example.clip)
        logits = made.output(made.encoder(item.frames[None], torch.tensor([len(item.frames)])).outputs)[0]
        for row, label in zip(torch.log_softmax(logits, 1).tolist(), example.labels, strict=True):
            expected -= row[LABELS.index(label)]
    assert whole.count == 11
    assert float(whole.sum.detach()) == pytest.approx(expected, rel=1e-5)
    with pytest.raises(UsageError, match="has no targets"):
        made.loss(codec.collate([codec.encode(examples[0].clip)]))


def test_a_label_that_training_has_not_seen_counts_nothing():
    known, other = clip(0, 6), clip(1, 6, labels=("a", "z"))
    made, codec = model([known])
    loss = made.loss(batch_of(codec, [other]))
    assert loss.count == other.labels.count("a") < 6


@pytest.mark.parametrize("way", [{}, {**CAUSAL, "delay": 4}])
def test_ten_sequences_are_overfitted(way):
    generator = random.Random(0)
    examples = [clip(number, generator.randint(3, 12)) for number in range(10)]
    config = FrameConfig(hidden_size=48, dropout=0.0, **way)
    codec = TASK.learn_codec(config, examples)
    torch.manual_seed(0)
    made = TASK.build_head(config, codec)
    batch = batch_of(codec, examples)
    optimizer = torch.optim.Adam(made.parameters(), lr=0.02)
    for _ in range(150):
        optimizer.zero_grad()
        made.loss(batch).mean.backward()
        optimizer.step()
    assert float(made.loss(batch).mean.detach()) < 0.02
    assert [p.labels for p in made.eval().predict(batch)] == [e.labels for e in examples]


def test_a_delay_is_what_lets_one_direction_see_ahead():
    example = clip(0, 12)
    changed = example.clip.features.copy()
    changed[8] += 5.0
    for delay, first in ((0, 8), (3, 5)):
        made, codec = model([example], **CAUSAL, delay=delay)
        before, after = (made(codec.collate([codec.encode(f)]))[0] for f in (example.clip.features, changed))
        differs = (before - after).abs().amax(1) > 1e-7
        assert differs.nonzero()[0].item() == first
    with pytest.raises(UsageError, match="a delay is for one direction"):
        model([example], delay=2)


def test_the_probabilities_of_all_labels_are_given_when_requested():
    examples = [clip(0, 4), clip(1, 7)]
    made, codec = model(examples)
    for framed, example in zip(made.predict(batch_of(codec, examples), all_probabilities=True), examples, strict=True):
        assert len(framed.probabilities) == len(example.labels)
        for label, confidence, row in zip(framed.labels, framed.confidences, framed.probabilities, strict=True):
            assert sum(row) == pytest.approx(1, abs=1e-6)  # a sum of three float32
            assert max(row) == confidence == row[LABELS.index(label)]


def test_samples_leave_out_gaps_and_repetitions():
    labels = ("gap", "7", "7", "gap", "7", "1", "gap")
    examples = [LabelledClip(clip_of("a", np.zeros((7, 1))), labels, SourceLocation("a", 1))]
    (table,) = TASK.samples([Framed(("1",) * 7, (1.0,) * 7)], examples)
    assert table.rows == [["truth", "7 7 1"], ["model", "1"]]


NAMES = ("x", "y", "z")


@pytest.mark.parametrize("cell", TRAINED_CELLS)
@pytest.mark.parametrize("delay", [0, 1, 5])
def test_a_stream_says_what_the_batch_says(cell, delay):
    examples = [clip(number, steps, names=NAMES) for number, steps in enumerate((30, 3, 12))]
    examples[1].clip.features[1, 2] = math.nan
    made, codec = model(examples, cell=cell, num_layers=2, frame_size=5, **CAUSAL, delay=delay)
    stream = FrameStream(made, codec)
    for example in examples:
        features = example.clip.features
        ways = [
            features,
            features.tolist(),
            list(torch.from_numpy(features)),
            [",".join("" if math.isnan(v) else repr(v) for v in row) for row in features.tolist()],
        ]
        (whole,) = made.predict(batch_of(codec, [example]))
        for way in ways:
            pushed = [stream.push(row) for row in way]
            assert pushed[:delay] == [None] * min(delay, len(pushed))
            answers = [answer for answer in pushed if answer] + stream.finish()
            assert [answer.frame for answer in answers] == list(range(1, len(features) + 1))
            assert tuple(answer.label for answer in answers) == whole.labels
            assert [answer.confidence for answer in answers] == pytest.approx(whole.confidences, abs=1e-5)
    assert stream.finish() == []


def test_a_header_says_where_features_are_in_a_stream():
    examples = [clip(0, 5, names=NAMES)]
    made, codec = model(examples, **CAUSAL)
    plain, named = FrameStream(made, codec), FrameStream(made, codec)
    assert named.push("label,z,x,y") is None
    for x, y, z in examples[0].clip.features.tolist():
        assert named.push(f"a,{z},{x},{y}") == plain.push([x, y, z])
    with pytest.raises(DataError, match="3 values, but the header names 4 columns"):
        named.push("1,2,3")


BAD_LINES = [
    ("1,2", "a frame has 3 features, here 2 features"),
    ("1 2 3 4", "a frame has 3 features, here 4 features"),
    ("1,two,3", "'two' is not a number"),
    ("1,2,inf", "inf is infinite or too large"),
    ([[1, 2, 3]], "a frame has 3 features, here no row of features"),
]


@pytest.mark.parametrize(("line", "message"), BAD_LINES)
def test_a_line_that_is_not_a_frame_leaves_the_stream_as_it_was(line, message):
    made, codec = model([clip(0, 5)], **CAUSAL, delay=1)
    stream, undisturbed = FrameStream(made, codec), FrameStream(made, codec)
    for row in clip(1, 4).clip.features:
        with pytest.raises(DataError, match=message):
            stream.push(line)
        assert stream.push(row) == undisturbed.push(row)
    assert stream.finish() == undisturbed.finish()


def test_two_directions_label_no_stream():
    with pytest.raises(UsageError, match="cannot label a stream; train one with --bidirectional false"):
        FrameStream(*model([clip(0, 5)]))


def test_scaling_knows_the_training_split_alone():
    train, other = [clip(0, 50), clip(1, 50)], clip(2, 50)
    other.clip.features[:] = other.clip.features * 100 + 1000
    codec = TASK.learn_codec(FrameConfig(), train)
    both = np.concatenate([example.clip.features for example in train])
    assert codec.scaling.mean == pytest.approx(both.mean(0))
    assert 1 / codec.scaling.inverse == pytest.approx(both.std(0))
    frames = codec.collate([codec.encode(example.clip) for example in train]).frames
    assert frames.mean((0, 1)).tolist() == pytest.approx([0] * 3, abs=1e-5)
    assert codec.encode(other.clip).frames.min() > 10


def test_features_of_another_number_are_refused():
    _, codec = model([clip(0, 5)])
    with pytest.raises(DataError, match=r"c1: a frame has 3 features, here 4 features"):
        codec.encode(clip(1, 5, size=4).clip)
    # An array in memory is read as a clip is.
    features = clip(0, 5).clip.features
    assert codec.encode(features).frames.equal(codec.encode(torch.from_numpy(features)).frames)


def test_scores_by_hand():
    examples = [LabelledClip(clip_of("a", np.zeros((6, 1))), tuple("aabbbb"), SourceLocation("a", 1))]
    found = [Framed(tuple("aaabbb"), (1.0,) * 6)]
    scores = TASK.score(found, examples)
    assert scores["accuracy"] == pytest.approx(5 / 6)
    assert scores["macro_f1"] == pytest.approx((2 * 2 / 5 + 2 * 3 / 7) / 2)
    # Overlaps: 2 of 3 frames for a, 3 of 4 for b.
    assert (scores["segment_f1_10"], scores["segment_f1_50"], scores["edit"]) == (1, 1, 1)
    labels, confusion, worst = TASK.tables(found, examples)
    assert labels.rows == [["b", 1.0, 3 / 4, 6 / 7, 4], ["a", 2 / 3, 1.0, 4 / 5, 2]]
    assert TASK.label_scores(found, examples) == {"a": (2 / 3, 1.0, 4 / 5, 2), "b": (1.0, 3 / 4, 6 / 7, 4)}
    assert confusion.rows == [["a", 2, 0], ["b", 1, 3]]
    assert worst.rows == [["a", 6, pytest.approx(5 / 6), 1.0]]


def test_draws_of_sequences_are_scored_by_their_counts_as_by_each_score_on_its_own():
    draw, spread = random.Random(0), ["aaab", "bbbc", "aaad"]
    truth = [tuple("".join(draw.choices(spread, k=draw.randint(1, 6)))) for _ in range(25)]
    found = [tuple(draw.choice("abd") if draw.random() < 0.3 else label for label in labels) for labels in truth]
    examples = [LabelledClip(clip_of("a", np.zeros((len(t), 1))), t, SourceLocation("a", 1)) for t in truth]
    predictions = [Framed(labels, (1.0,) * len(labels)) for labels in found]
    resampled = resample(TASK.score, predictions, examples, counts=TASK.score_counts(predictions, examples))
    again = resample(TASK.score, predictions, examples, seconds=0.5)
    assert resampled.resamples == 1000 and again.resamples >= 20
    drawn = np.random.default_rng(0).integers(25, size=25).tolist()
    true, guessed = [truth[n] for n in drawn], [found[n] for n in drawn]
    flat = [[label for labels in side for label in labels] for side in (true, guessed)]
    by_hand = {"accuracy": accuracy(*flat), "macro_f1": macro_f1(*flat), "edit": edit_score(true, guessed)}
    by_hand |= {f"segment_f1_{n}": segment_f1(true, guessed, n / 100) for n in (10, 25, 50)}
    assert {name: values[0] for name, values in resampled.scores.items()} == pytest.approx(by_hand)
    for name, values in again.scores.items():
        assert values == pytest.approx(resampled.scores[name][: again.resamples])


def test_the_baseline_sees_one_frame_alone():
    # The label is the sign of the frame before: a single frame says nothing about it.
    def example(number):
        values = np.random.default_rng(number).choice([-1.0, 1.0], 60)
        labels = ("-", *("+" if value > 0 else "-" for value in values[:-1]))
        return LabelledClip(clip_of(str(number), values[:, None]), labels, SourceLocation("a", 1))

    splits = Splits([example(n) for n in range(20)], [], [example(n) for n in range(20, 30)])
    assert TASK.score(TASK.predict_baseline(FrameConfig(), splits), splits.test)["accuracy"] < 0.6
    sighted = [
        LabelledClip(e.clip, tuple("-+"[int(v > 0)] for v in e.clip.features[:, 0]), e.location) for e in splits.train
    ]
    assert TASK.score(TASK.predict_baseline(FrameConfig(), Splits(sighted, [], sighted)), sighted)["accuracy"] == 1.0


def test_strips_have_their_own_splits():
    splits = TASK.read(FrameConfig(strips=30), [])
    assert [len(split) for split in (splits.train, splits.valid, splits.test)] == [30, 3, 6]
    with pytest.raises(UsageError, match="strips have splits of their own"):
        TASK.read(FrameConfig(strips=30, test_data="x"), [])
    assert TASK.size(splits.valid) == (sum(len(e.labels) for e in splits.valid), "frames")


def test_a_head_can_be_made_of_any_encoder():
    encoder = Encoder(nn.Linear(3, 5), 5, cell="gru", hidden_size=4, bidirectional=False, pooling=None)
    codec = FrameCodec(Layout(3), Scaling(np.zeros(3), np.ones(3), np.zeros(0, np.int64)), LABELS)
    made = FrameHead(encoder, LABELS).eval()
    assert made(codec.collate([codec.encode(np.zeros((4, 3)))])).shape == (1, 4, 3)
    example = clip(0, 4)
    found = FrameStream(made, codec)
    labels = [found.push(row).label for row in example.clip.features]
    (whole,) = made.predict(codec.collate([codec.encode(example.clip)]))
    assert accuracy(labels, whole.labels) == 1.0
