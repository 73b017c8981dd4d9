"""Weights of labels and examples: what the option means, what a run keeps, and that every head uses them."""

import json
import re

import numpy as np
import pytest
import torch
from seqkit.tasks.digit import VectorBatch, VectorCodec, VectorHead
from seqkit.tasks.frames import FrameBatch, FrameHead
from seqkit.tasks.sentiment import SentimentHead, TextBatch, TextCodec
from seqkit.tasks.tag import TagBatch, TaggingHead
from sklearn.utils.class_weight import compute_class_weight
from torch import nn
from torch.nn.functional import cross_entropy

from seqkit import Encoder
from seqkit.data import DataError, Example, SourceLocation, Vocabulary, tokenizer
from seqkit.errors import UsageError
from seqkit.layers.words import WordEmbedding, Words
from seqkit.topologies.class_weights import (
    balanced_weights,
    choose_class_weights,
    class_weights_from_json,
    class_weights_to_json,
)

LABELS, WEIGHTS = ("a", "b", "c"), (0.5, 3.0, 1.25)
PLACE = SourceLocation("a.csv", 2)
TARGETS = torch.tensor([[0, 1, 1], [2, -1, -1]])


def test_balanced_weights_are_scikit_learns():
    y = np.array(["a"] * 7 + ["b"] * 2 + ["c"])
    expected = compute_class_weight("balanced", classes=np.array(LABELS), y=y)
    assert choose_class_weights("balanced", LABELS, {"a": 7, "b": 2, "c": 1}) == pytest.approx(tuple(expected))


def test_balanced_weights_count_weighted_examples_by_their_weights():
    assert balanced_weights([7.0, 2.0, 1.0]) == pytest.approx(balanced_weights([0.7, 0.2, 0.1]))


def test_a_label_that_does_not_occur_leaves_the_others_balanced():
    assert balanced_weights([3, 0, 1]) == pytest.approx((4 / 6, 1.0, 4 / 2))


def test_labels_that_are_not_named_weigh_one():
    assert choose_class_weights(None, LABELS, {}) is None
    assert choose_class_weights('{"b": 3}', LABELS, {}) == (1.0, 3.0, 1.0)


def test_a_label_that_training_lacks_is_reported_with_the_nearest(tmp_path):
    path = tmp_path / "w.json"
    path.write_text('{"spma": 5}')
    message = f"{path}: label 'spma' is not in the training split; did you mean 'spam'?"
    with pytest.raises(UsageError, match=re.escape(message)):
        choose_class_weights(str(path), ("ham", "spam"), {})
    with pytest.raises(UsageError, match=r"class_weight: label 'x' is not in the training split; remove it"):
        choose_class_weights('{"x": 5}', ("ham", "spam"), {})


def test_weights_of_zero_alone_are_refused():
    with pytest.raises(UsageError, match="class_weight: every weight is 0; give some labels a weight above 0"):
        choose_class_weights('{"ham": 0, "spam": 0}', ("ham", "spam"), {})


def test_a_run_keeps_weights_if_it_has_any():
    assert class_weights_to_json(None, LABELS) == {}
    assert class_weights_from_json({}, LABELS) is None
    files = json.loads(json.dumps(class_weights_to_json(WEIGHTS, LABELS)))
    assert class_weights_from_json(files, LABELS) == WEIGHTS


@pytest.mark.parametrize("content", [[], {"a": 1, "b": 1}, {"a": 1, "b": 1, "c": "1"}])
def test_a_damaged_file_of_weights_is_named(content):
    with pytest.raises(DataError, match=r"class_weights\.json must .*; restore it from a backup"):
        class_weights_from_json({"class_weights.json": content}, LABELS)


def text_head(weights):
    encoder = Encoder(9, 4, hidden_size=4)
    batch = TextBatch(torch.randint(9, (3, 5)), torch.tensor([5, 2, 4]), torch.tensor([0, 1, 1]))
    return SentimentHead(encoder, LABELS, class_weights=weights), batch


def vector_head(weights):
    batch = VectorBatch(torch.randn(3, 4), torch.tensor([0, 1, 1]))
    return VectorHead(4, LABELS, hidden_size=4, class_weights=weights), batch


def frame_head(weights):
    encoder = Encoder(nn.Identity(), 4, hidden_size=4, pooling=None)
    batch = FrameBatch(torch.randn(2, 3, 4), torch.tensor([3, 1]), TARGETS)
    return FrameHead(encoder, LABELS, class_weights=weights), batch


def tagging_head(weights, crf=False):
    encoder = Encoder(WordEmbedding(torch.ones(9), 4, 1, 0.0, None), 4, hidden_size=4, pooling=None)
    words = Words(torch.randint(9, (2, 3)), torch.zeros(2, 3, dtype=torch.long), torch.zeros(1, 1), torch.ones(1))
    batch = TagBatch([("x",) * 3, ("x",)], words, torch.tensor([3, 1]), TARGETS)
    return TaggingHead(encoder, LABELS, crf=crf, class_weights=weights), batch


@pytest.mark.parametrize("make", [text_head, vector_head, frame_head, tagging_head])
def test_the_loss_of_every_head_is_torchs_weighted_average(make):
    torch.manual_seed(0)
    head, batch = make(WEIGHTS)
    logits, targets = head.eval()(batch).reshape(-1, 3), batch.targets.flatten()
    expected = cross_entropy(logits, targets, weight=torch.tensor(WEIGHTS), ignore_index=-1)
    torch.testing.assert_close(head.loss(batch).mean, expected)
    assert head.loss(batch).items == int((targets >= 0).sum())


@pytest.mark.parametrize("make", [text_head, vector_head, frame_head, tagging_head])
def test_weights_are_not_part_of_what_is_learned(make):
    head, _ = make(WEIGHTS)
    plain, _ = make(None)
    assert head.state_dict().keys() == plain.state_dict().keys()


def text_items(weights):
    words = tokenizer("word")
    codec = TextCodec(words, Vocabulary.build([["u", "v", "w"]]), LABELS, 50, WEIGHTS)
    head = SentimentHead(Encoder(len(codec.vocabulary), 4, hidden_size=4), LABELS, class_weights=codec.class_weights)
    texts = zip(["u v", "w", "v w u"], "abb", weights, strict=True)
    return head, codec, [codec.encode(t, Example(t, label, PLACE, weight)) for t, label, weight in texts]


def vector_items(weights):
    codec = VectorCodec("xy", [0, 0], [1, 1], LABELS, WEIGHTS)
    head = VectorHead(2, LABELS, hidden_size=4, class_weights=codec.class_weights)
    texts = zip(["1 2", "-1 3", "0 -2"], "abb", weights, strict=True)
    return head, codec, [codec.encode(t, Example(t, label, PLACE, weight)) for t, label, weight in texts]


@pytest.mark.parametrize("make", [text_items, vector_items])
def test_an_example_of_weight_n_has_the_gradient_of_n_copies(make):
    torch.manual_seed(0)
    head, codec, weighted = make([2.0, 1.0, 3.0])
    _, _, (a, b, c) = make([1.0, 1.0, 1.0])
    gradients = []
    for items in (weighted, [a, a, b, c, c, c]):
        head.eval().zero_grad()
        head.loss(codec.collate(items)).mean.backward()
        gradients.append([parameter.grad.clone() for parameter in head.parameters()])
    for one, other in zip(*gradients, strict=True):
        # Sums of a few float32 in another order.
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("make", [text_items, vector_items])
def test_a_batch_has_weights_only_if_some_are_not_one(make):
    _, codec, items = make([1.0, 1.0, 2.0])
    assert codec.collate(items[:2]).weights is None
    assert codec.collate(items).weights.tolist() == [1.0, 1.0, 2.0]


def test_a_crf_has_no_weights_of_labels():
    with pytest.raises(UsageError, match="labels can't have weights; leave out class_weight or crf"):
        tagging_head(WEIGHTS, crf=True)
