"""Logistic regression of n-grams, with half a vote on the label of a text."""

import dataclasses
import json
import random

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix
from scipy.special import softmax
from seqkit.tasks.sentiment import TASK, SentimentConfig

from seqkit.config import make_config
from seqkit.data import Example, SourceLocation, Splits
from seqkit.data.readers import TextPair
from seqkit.runs.training import Training
from seqkit.topologies import predict_items
from seqkit.topologies.many_to_one import regression
from seqkit.topologies.many_to_one.label_regression import LabelRegression

WORDS = {"good": ("fine", "great", "loved"), "bad": ("poor", "dull", "hated"), "odd": ("weird", "strange", "eerie")}
SMALL = {"hidden_size": 4, "embedding_size": 4, "epochs": 1, "minutes": 0, "min_count": 1}


def examples(count, labels=("good", "bad"), informative=True, pairs=False):
    draw, found = random.Random(0), []
    for number in range(count):
        label = labels[number % len(labels)]
        said = draw.choice(WORDS[label if informative else draw.choice(labels)])
        text = f"a {said} film {draw.randrange(40)}"
        found.append(Example(TextPair.of("it is", text) if pairs else text, label, SourceLocation("a.csv", number)))
    return found


def begun(train, valid=None, **options):
    config = make_config(SentimentConfig, {**SMALL, **options})
    splits = Splits(train, valid or train[:10], train[:10])
    training = Training(TASK, config, TASK.learn_codec(config, train), splits)
    training.begin([])
    training.head.eval()
    return training


def batch(training, given, targets=True):
    codec = training.codec
    return codec.collate([codec.encode(TASK.input_of(e), e if targets else None) for e in given])


@pytest.mark.parametrize("labels", [("good", "bad"), ("good", "bad", "odd")])
def test_a_score_is_the_mean_of_both_models_scores(labels):
    training = begun(examples(60, labels))
    head, some = training.head, batch(training, examples(12, labels))
    regression, share = head.regression, float(head.regression.share)
    assert regression.fitted and 0 < share < 1
    both = head(some)
    regression.take_part(False)
    alone = head(some)
    counts = [[n for n in row if n != head.prior.padding] for row in some.ngrams.tolist()]
    said = [sum((regression.weights[n] for n in row), torch.zeros(len(labels))) / len(row) ** 0.5 for row in counts]
    torch.testing.assert_close(both, (1 - share) * alone + share * torch.stack(said))


def test_in_training_it_is_silent():
    training = begun(examples(60), dropout=0.0, embedding_dropout=0.0, word_dropout=0.0)
    head, some = training.head, batch(training, examples(12))
    head.train()
    before = head(some)
    head.regression.take_part(False)
    assert torch.equal(head(some), before)


def test_it_knows_what_words_say_before_the_network_has_learned():
    training = begun(examples(60))
    known = training.codec.labels
    said = predict_items(training.head, training.codec, training._valid, training.config).predictions
    assert [known.index(p.label) for p in said] == [known.index(e.label) for e in training.splits.valid]


@pytest.mark.parametrize("case", ["labels are luck", "few texts", "no words"])
def test_where_it_knows_nothing_it_has_no_share(case):
    given = examples(8 if case == "few texts" else 200, informative=case != "labels are luck")
    if case == "no words":
        given = [dataclasses.replace(e, text="…") for e in given]
    head = begun(given).head
    assert not head.regression.fitted and head.regression.share == 0


def test_a_class_with_a_single_text_and_weighted_classes_are_fitted(tmp_path):
    given = [*examples(60), Example("an eerie film", "odd", SourceLocation("a.csv", 61))]
    plain = begun(given).head
    assert plain.regression.fitted and bool(plain.regression.weights.isfinite().all())
    balanced = begun(given, class_weight="balanced")
    eerie, odd = balanced.codec.ngrams.numbers["eerie",], balanced.head.labels.index("odd")
    assert balanced.head.regression.weights[eerie, odd] > plain.regression.weights[eerie, odd]


@pytest.mark.parametrize("classes", [2, 30])
def test_what_is_fitted_is_the_optimum(classes):
    draw = np.random.default_rng(0)
    features, said = draw.random((300, 50)), draw.normal(size=(50, classes))
    targets = (features @ said + draw.normal(size=(300, classes))).argmax(1)
    targets[:classes] = np.arange(classes)
    coefficients, bias = LabelRegression(50, classes).solve(csr_matrix(features), targets, np.ones(300))
    probabilities = softmax(features @ coefficients + bias, axis=1)
    # Where the gradients of loss and penalty add up to nothing, nothing is left to gain. (Of two classes each has half
    # of the one difference that is penalised.)
    penalty = regression.PENALTY * coefficients * (2 if classes == 2 else 1)
    slope = features.T @ (probabilities - np.eye(classes)[targets]) + penalty
    start = features.T @ (1 / classes - np.eye(classes)[targets])
    assert np.abs(slope).max() <= 2e-3 * np.abs(start).max()


@pytest.mark.filterwarnings("error")
def test_labels_that_nearly_every_text_has_for_itself_are_not_fitted():
    given = [dataclasses.replace(e, label=f"{n // 3}") for n, e in enumerate(examples(60))]
    assert not LabelRegression.of(100, 20).solve(csr_matrix(np.eye(60)), np.arange(60), np.ones(60))[0].any()
    assert not begun(given).head.regression.fitted


def test_texts_without_weight_are_not_learned_from():
    wrong = [dataclasses.replace(e, label="bad" if e.label == "good" else "good", weight=0.0) for e in examples(60)]
    training = begun([*examples(60), *wrong])
    said = predict_items(training.head, training.codec, training._valid, training.config).predictions
    assert [p.label for p in said] == [e.label for e in training.splits.valid]


def test_the_second_text_of_a_pair_has_words_of_its_own():
    training = begun(examples(60, pairs=True))
    grams, weights = training.codec.ngrams.numbers, training.head.regression.weights
    assert weights[grams["\tgreat",]].any() and ("great",) not in grams


def test_letters_and_what_is_beyond_the_most_frequent_get_no_weights():
    training = begun(examples(60))
    grams = training.codec.ngrams
    of_tokens, weights = grams.of_tokens(), training.head.regression.weights
    assert not weights[[not tokens for tokens in [*of_tokens, False]]].any()
    most = grams.numbers["great",] + 1
    beyond = [number for number, tokens in enumerate(of_tokens) if tokens and number >= most]
    assert weights[beyond].any()
    regression = LabelRegression(most, 2)
    regression.fit(training._labelled_items(), of_tokens)
    few = torch.tensor([[grams.numbers["great",], number] for number in beyond])
    padded = few.masked_fill(few >= most, training.head.prior.padding)
    scores, padding = torch.zeros(len(few), 2), training.head.prior.padding
    said = regression(scores, few, padding) / regression.share
    alone = regression(scores, padded, padding) / regression.share
    assert said.any()
    torch.testing.assert_close(said * 2**0.5, alone)


def test_exported_weights_and_table_give_the_scores_of_evaluation():
    training = begun(examples(60), ngrams=True)
    head, some = training.head, batch(training, examples(12))
    torch.nn.init.constant_(head.prior.log_gain, 0.05)
    pooled = head.encoder(some.tokens, some.lengths).pooled
    real = (some.ngrams != head.prior.padding).sum(1, keepdim=True)
    ngrams = head.exported_ngrams()[some.ngrams].sum(1) / real.sqrt()
    torch.testing.assert_close(head.exported_output()(pooled) + ngrams, head(some))


def test_the_graph_of_onnx_has_it():
    pytest.importorskip("onnxruntime")
    from seqkit.export.comparison import largest_difference
    from seqkit.export.onnx_files import make_onnx, onnx_run

    training = begun(examples(60))
    model = training.model()
    (part,) = TASK.export(model.head, model.codec).parts
    run = onnx_run(make_onnx(model, part))
    assert training.head.regression.share > 0 and largest_difference(part, run) <= 1e-5
    training.head.regression.take_part(False)
    assert largest_difference(part, run) > 1e-2


def test_it_keeps_its_share_only_if_the_validation_split_is_likelier_with_it():
    training = begun(examples(60))
    found = training.tune()["regression"]
    assert found["kept"] and found["loss"] < found["loss_without"] and training.head.regression.share > 0
    other = {"good": "bad", "bad": "good"}
    against = begun(examples(60), [dataclasses.replace(e, label=other[e.label]) for e in examples(20)])
    for _ in range(2):  # tuned again, it decides the same
        found = against.tune()["regression"]
        assert not found["kept"] and found["loss"] > found["loss_without"] and against.head.regression.share == 0


def test_a_run_of_before_has_none():
    config = make_config(SentimentConfig, SMALL)
    files = json.loads(json.dumps(TASK.learn_codec(config, examples(20)).to_json()))
    codec = TASK.load_codec(files)
    assert TASK.build_head(config, codec).regression is not None
    del files["ngrams.json"]["regression"]
    head = TASK.build_head(config, TASK.load_codec(files))
    assert head.regression is None and not any("regression" in name for name in head.state_dict())


def test_of_many_texts_one_fold_is_judged(monkeypatch):
    fits, solve = [], LabelRegression.solve
    monkeypatch.setattr(LabelRegression, "solve", lambda *given: (fits.append(len(given[2])), solve(*given))[1])
    few = begun(examples(60)).head.regression
    assert fits == [48] * 5 + [60] and few.fitted
    fits.clear()
    monkeypatch.setattr(regression, "_MANY", 10)
    assert begun(examples(60)).head.regression.fitted and fits == [48, 60]
