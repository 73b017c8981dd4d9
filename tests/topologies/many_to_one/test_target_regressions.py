"""Regressions of n-grams with half a vote on the labels of a set, or on numbers."""

import dataclasses
import json
import random
from itertools import pairwise

import numpy as np
import pytest
import torch
from seqkit.tasks.text import TASK, TextConfig

from seqkit.config import make_config
from seqkit.data import SourceLocation, Splits
from seqkit.data.readers import LabelSetExample, NumberExample
from seqkit.runs.training import Training
from seqkit.topologies import predict_items
from seqkit.topologies.many_to_one.label_sets.regression import LabelSetRegression
from seqkit.topologies.many_to_one.numbers.regression import NumberRegression

WORDS = {"fine": 2.0, "great": 3.0, "dull": -1.0, "awful": -3.0}
TOPICS = {"crashes": "bug", "bill": "money", "login": "access"}
SMALL = {"hidden_size": 4, "embedding_size": 4, "epochs": 1, "minutes": 0, "min_count": 1, "dropout": 0.0}
TARGETS = ["labels", "number"]


def examples(target, count, informative=True, names=("stars",)):
    draw, found = random.Random(0), []
    for number in range(count):
        said = draw.sample(sorted(WORDS if target == "number" else TOPICS), draw.randint(1, 2))
        truth = said if informative else draw.sample(sorted(WORDS if target == "number" else TOPICS), 2)
        text, where = f"it {' and '.join(said)} {draw.randrange(40)}", SourceLocation("a.csv", number)
        if target == "number":
            value = sum(WORDS[word] for word in truth)
            numbers = tuple(value * (1 + place) + 10 * place for place in range(len(names)))
            found.append(NumberExample(text, numbers, names, where))
        else:
            found.append(LabelSetExample(text, tuple(sorted(TOPICS[word] for word in truth)), where))
    return found


def begun(target, train, valid=None, **options):
    config = make_config(TextConfig, {**SMALL, "target": target, **options})
    splits = Splits(train, valid or train[:10], train[:10])
    training = Training(TASK, config, TASK.learn_codec(config, train), splits)
    training.begin([])
    training.head.eval()
    return training


def batch(training, given):
    codec = training.codec
    return codec.collate([codec.encode(TASK.input_of(e), e) for e in given])


def alone(head, some):
    head.regression.take_part(False)
    outputs = head(some)
    head.regression.take_part()
    return outputs


@pytest.mark.parametrize("target", TARGETS)
def test_outputs_are_the_average_of_both_models(target):
    training = begun(target, examples(target, 80, names=("stars", "price")))
    head, some = training.head, batch(training, examples(target, 12, names=("stars", "price")))
    regression = head.regression
    assert regression.fitted and 0 < regression.share < 1
    counts = [[n for n in row if n != head.prior.padding] for row in some.ngrams.tolist()]
    said = torch.stack([regression.weights[row].sum(0) / len(row) ** 0.5 for row in counts]) + regression.bias
    network = alone(head, some)
    expected = (1 - regression.share) * network + regression.share * said
    if target == "number":
        # Of two numbers four more outputs are of intervals.
        expected[:, 2:] = network[:, 2:]
    torch.testing.assert_close(head(some), expected)


@pytest.mark.parametrize("target", TARGETS)
def test_in_training_it_is_silent(target):
    training = begun(target, examples(target, 80), embedding_dropout=0.0, word_dropout=0.0)
    head, some = training.head, batch(training, examples(target, 12))
    head.train()
    assert torch.equal(head(some), alone(head, some))


def test_it_knows_labels_and_numbers_before_the_network_has_learned():
    sets = begun("labels", examples("labels", 80))
    logits = sets.head.regression.bias + _said(sets.head, batch(sets, examples("labels", 12)))
    assert torch.equal(logits > 0, batch(sets, examples("labels", 12)).targets > 0)
    numbers = begun("number", examples("number", 200))
    some = batch(numbers, examples("number", 40))
    said = (numbers.head.regression.bias + _said(numbers.head, some))[:, :1]
    assert (said - some.targets).square().mean() < 0.2 * some.targets.var()


def _said(head, some):
    real = (some.ngrams != head.prior.padding).sum(1, keepdim=True)
    return head.regression.weights[some.ngrams.clamp(max=len(head.regression.weights) - 1)].sum(1) / real.sqrt()


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("case", ["luck", "few texts", "no words"])
def test_where_it_knows_nothing_it_has_no_share(target, case):
    given = examples(target, 8 if case == "few texts" else 200, informative=case != "luck")
    if case == "no words":
        given = [dataclasses.replace(e, text="…") for e in given]
    head = begun(target, given).head
    assert not head.regression.fitted and head.regression.share == 0


@pytest.mark.parametrize("target", TARGETS)
def test_texts_without_weight_are_not_learned_from(target):
    # The same texts, with the labels or numbers of others.
    given = examples(target, 80)
    wrong = [dataclasses.replace(e, text=other.text, weight=0.0) for e, other in pairwise(given)]
    with_wrong, plain = (begun(target, each) for each in ([*given, *wrong], [*given, *given]))
    some = batch(plain, given)
    at_once = _said(plain.head, some) + plain.head.regression.bias
    # Temperature and frequencies of n-grams differ a little.
    assert np.corrcoef(at_once[:, 0], (_said(with_wrong.head, batch(with_wrong, given)))[:, 0])[0, 1] > 0.98


def test_of_a_label_that_every_text_has_there_is_a_bias():
    given = [dataclasses.replace(e, labels=tuple(sorted({*e.labels, "seen"}))) for e in examples("labels", 80)]
    plain = begun("labels", given).head
    seen = plain.labels.index("seen")
    assert plain.regression.fitted and not plain.regression.weights[:, seen].any() and plain.regression.bias[seen] > 3


def test_labels_and_texts_count_as_in_the_loss_of_the_head():
    given = [dataclasses.replace(e, weight=0.5 + n % 3) for n, e in enumerate(examples("labels", 30))]
    training = begun("labels", given, class_weight="balanced")
    head, some = training.head, batch(training, given)
    weights = head.class_weights.tolist()
    importance = head.regression.importance(some.targets.numpy(), some.weights.numpy(), weights)
    losses = head.regression.losses(head(some).detach().numpy(), some.targets.numpy())
    assert len({*weights}) > 1
    np.testing.assert_allclose((importance * losses).sum(), head.loss(some).sum.item(), rtol=1e-5)


@pytest.mark.parametrize("target", TARGETS)
def test_exported_weights_and_table_give_the_outputs_of_evaluation(target):
    training = begun(target, examples(target, 80))
    head, some = training.head, batch(training, examples(target, 12))
    torch.nn.init.constant_(head.prior.log_gain, 0.05)
    pooled = head.encoder(some.tokens, some.lengths).pooled
    real = (some.ngrams != head.prior.padding).sum(1, keepdim=True)
    ngrams = head.exported_ngrams()[some.ngrams].sum(1) / real.sqrt()
    torch.testing.assert_close(head.exported_output()(pooled) + ngrams, head(some))


@pytest.mark.parametrize("target", TARGETS)
def test_the_graph_of_onnx_has_it(target):
    pytest.importorskip("onnxruntime")
    from seqkit.export.comparison import largest_difference
    from seqkit.export.onnx_files import make_onnx, onnx_run

    training = begun(target, examples(target, 80))
    model = training.model()
    (part,) = TASK.export(model.head, model.codec).parts
    run = onnx_run(make_onnx(model, part))
    assert training.head.regression.share > 0 and largest_difference(part, run) <= 1e-5
    training.head.regression.take_part(False)
    assert largest_difference(part, run) > 1e-2


@pytest.mark.parametrize("target", TARGETS)
def test_it_keeps_its_share_only_if_the_validation_split_is_likelier_with_it(target):
    given = examples(target, 80)
    training = begun(target, given)
    assert training.tune()["regression"]["kept"] and training.head.regression.share > 0
    if target == "number":
        wrong = [dataclasses.replace(e, numbers=tuple(-n for n in e.numbers)) for e in given]
    else:
        every = {*TOPICS.values()}
        wrong = [dataclasses.replace(e, labels=tuple(sorted(every - {*e.labels}))) for e in given]
    against = begun(target, given, wrong[:20])
    # Naive Bayes, which is as wrong, counts for nothing.
    torch.nn.init.constant_(against.head.prior.log_gain, -1)
    for _ in range(2):  # tuned again, it decides the same
        found = against.tune()
        assert not found["regression"]["kept"] and against.head.regression.share == 0
    if target == "number":
        # What is shrunk and stretched are the answers that are given in the end.
        said = predict_items(against.head, against.codec, against._valid, against.config).predictions
        assert np.mean([p.low[0] <= e.numbers[0] <= p.high[0] for p, e in zip(said, wrong, strict=False)]) >= 0.9


@pytest.mark.parametrize("target", TARGETS)
def test_a_run_of_before_has_none(target):
    config = make_config(TextConfig, {**SMALL, "target": target})
    files = json.loads(json.dumps(TASK.learn_codec(config, examples(target, 20)).to_json()))
    kind = {"labels": LabelSetRegression, "number": NumberRegression}[target]
    assert isinstance(TASK.build_head(config, TASK.load_codec(files)).regression, kind)
    del files["ngrams.json"]["regression"]
    head = TASK.build_head(config, TASK.load_codec(files))
    assert head.regression is None and not any("regression" in name for name in head.state_dict())
