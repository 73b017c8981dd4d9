"""Weights of samples and classes: what they do to a fit, and what is no weight."""

import pickle
import re

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from seqkit.estimators import SequenceClassifier, SequenceLabeler, SequenceTagger

CLASSED = [SequenceClassifier, SequenceTagger, SequenceLabeler]


def weights_of(estimator):
    return estimator.model_.head.state_dict()


def same_weights(one, other):
    first, second = weights_of(one), weights_of(other)
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


@pytest.fixture(scope="module")
def weighted(make, labelled):
    """An estimator fitted with weights from 0.25 to 2.25, its data, and the weights."""
    X, y = labelled(60)
    weights = [0.25 + number % 3 for number in range(60)]
    return make(SequenceClassifier).fit(X, y, sample_weight=weights), X, y, weights


def test_weights_change_what_is_learned(weighted, make, labelled):
    assert not same_weights(weighted[0], make(SequenceClassifier).fit(*labelled(60)))


def test_weights_of_one_are_none(make, labelled):
    X, y = labelled(60)
    plain = make(SequenceClassifier).fit(X, y)
    assert same_weights(plain, clone(plain).fit(X, y, sample_weight=np.ones(60)))
    assert same_weights(plain, clone(plain).fit(X, y, sample_weight=1))


def test_a_weight_of_zero_is_the_same_as_no_sample(make, labelled):
    X, y = labelled(60)
    kept = [number for number in range(60) if number % 4]
    whole = make(SequenceClassifier).fit(X, y, sample_weight=[float(number % 4 > 0) for number in range(60)])
    assert same_weights(whole, clone(whole).fit([X[n] for n in kept], [y[n] for n in kept]))


@pytest.mark.parametrize("factor", [1 / 1024, 64])
def test_scaling_all_weights_by_a_power_of_two_changes_no_bit(factor, weighted):
    estimator, X, y, weights = weighted
    assert same_weights(estimator, clone(estimator).fit(X, y, sample_weight=[factor * weight for weight in weights]))


def test_scaling_all_weights_changes_nothing_but_rounding(weighted):
    estimator, X, y, weights = weighted
    scaled = clone(estimator).fit(X, y, sample_weight=[0.3 * weight for weight in weights])
    # Four epochs of float32: each step rounds in another place.
    np.testing.assert_allclose(scaled.predict_proba(X), estimator.predict_proba(X), atol=1e-3)


def test_weights_of_classes_are_those_of_their_samples(make, labelled):
    X, y = labelled(60)
    classes = make(SequenceClassifier, class_weight={"good": 3}).fit(X, y)
    samples = make(SequenceClassifier).fit(X, y, sample_weight=[3 if label == "good" else 1 for label in y])
    assert same_weights(classes, samples)


def test_weights_of_samples_and_classes_multiply(weighted):
    estimator, X, y, weights = weighted
    both = clone(estimator).set_params(class_weight={"good": 4.0}).fit(X, y, sample_weight=weights)
    product = [weight * (4 if label == "good" else 1) for weight, label in zip(weights, y, strict=True)]
    assert same_weights(both, clone(estimator).fit(X, y, sample_weight=product))


def test_a_rare_class_is_found_if_classes_are_balanced(make):
    draw = np.random.default_rng(0)
    rare = np.arange(300) % 15 == 0
    marked = np.where(rare, draw.random(300) < 0.8, draw.random(300) < 0.15)
    X = [f"{draw.choice(['u', 'v'])} {'mark' if mark else 'none'}" for mark in marked]
    y = np.where(rare, "rare", "common")
    recall = {}
    for class_weight in (None, "balanced"):
        estimator = make(
            SequenceClassifier, class_weight=class_weight, options={"select": "loss", "ngrams": False}
        ).fit(X, y)
        recall[class_weight] = np.mean(estimator.predict(X)[rare] == "rare")
    assert recall[None] < 0.2 and recall["balanced"] > 0.6


@pytest.mark.parametrize("kind", CLASSED, ids=lambda kind: kind.__name__)
def test_classes_are_named_in_their_own_type_and_kept(kind, make, data_for, tmp_path):
    X, y = data_for(kind)
    numbers = {"other": 0, "adjective": 1, "bad": 0, "good": 1}
    y = [numbers[label] for label in y] if kind is SequenceClassifier else y
    y = [[numbers[label] for label in row] for row in y] if kind is SequenceTagger else y
    estimator = make(kind, class_weight={np.int64(1): 5, 0: np.float32(0.5)}).fit(X, y)
    assert estimator.model_.head.class_weights.tolist() == [0.5, 5.0]
    assert not same_weights(estimator, clone(estimator).set_params(class_weight=None).fit(X, y))
    estimator.save(tmp_path / "kept")
    loaded = kind.load(tmp_path / "kept")
    for again in (loaded, pickle.loads(pickle.dumps(estimator))):
        assert again.get_params()["class_weight"] == {0: 0.5, 1: 5}
        assert again.model_.head.class_weights.tolist() == [0.5, 5.0]
    assert same_weights(clone(loaded).fit(X, y), estimator)


def test_weights_from_a_file_of_a_run_are_parameters_of_its_estimator(reviews, command, small, tmp_path):
    (tmp_path / "w.json").write_text('{"good": 2.5}')
    options = ["--data", reviews, *small, "--epochs", "1", "--out", tmp_path / "run"]
    done = command("run", "sentiment", *options, "--class-weight", tmp_path / "w.json")
    assert done.returncode == 0, done.stderr
    (tmp_path / "w.json").unlink()
    assert SequenceClassifier.load(tmp_path / "run").class_weight == {"bad": 1.0, "good": 2.5}


def test_a_class_that_only_the_validation_split_has_is_not_an_error(make):
    X = [["u", "v"], ["v", "u"], ["u"], ["v"], ["v", "v"], ["rare"]]
    y = [["a", "b"], ["b", "a"], ["a"], ["b"], ["b", "b"], ["c"]]
    for seed in range(6):
        tagger = make(SequenceTagger, epochs=1, random_state=seed, class_weight={"a": 2, "b": 1, "c": 9}).fit(X, y)
        known = dict(zip(tagger.model_.codec.labels, tagger.model_.head.class_weights.tolist(), strict=True))
        assert known == {label: {"a": 2, "b": 1, "c": 9}[label] for label in known}


def test_more_weights_than_classes_are_ignored_where_every_class_has_its_own(make, labelled):
    X, y = labelled(40)
    estimator = make(SequenceClassifier, epochs=1, class_weight={"bad": 2, "good": 1, "unseen": 9}).fit(X, y)
    assert estimator.model_.head.class_weights.tolist() == [2.0, 1.0]


@pytest.mark.parametrize(
    ("class_weight", "message"),
    [
        ("balance", "class_weight must be 'balanced', a dict or None, not 'balance'"),
        ([1, 2], "class_weight must be 'balanced', a dict or None, not [1, 2]"),
        ({"good": 2, "bda": 1}, "class_weight has a weight for 'bda', which is not a class of y; remove it"),
        ({"good": -1}, "class_weight of 'good' is -1, but a weight is a finite number of 0 or more"),
        ({"good": float("nan")}, "class_weight of 'good' is nan"),
        ({"good": "2"}, "class_weight of 'good' is '2'"),
        ({"good": 0, "bad": 0}, "class_weight is 0 for every class"),
    ],
)
def test_what_are_not_weights_of_classes_is_reported(class_weight, message, make, labelled):
    with pytest.raises(ValueError, match=re.escape(message)):
        make(SequenceClassifier, class_weight=class_weight).fit(*labelled(40))


@pytest.mark.parametrize(
    ("sample_weight", "message"),
    [
        ([1.0] * 39, "X has 40 entries but sample_weight has the shape (39,); give each its own"),
        ([[1.0, 2.0]] * 40, "sample_weight has the shape (40, 2)"),
        ([1.0] * 39 + [-1.0], "sample_weight has an entry that is not a finite number of 0 or more"),
        ([1.0] * 39 + [float("nan")], "sample_weight has an entry that is not a finite number"),
        ([1.0] * 39 + [float("inf")], "sample_weight has an entry that is not a finite number"),
        (["many"] * 40, "sample_weight must be a list of numbers"),
        ([0.0] * 40, "sample_weight is zero for every entry"),
        ([1.0, 0.0] * 20, "y has only one class, 'bad'"),
    ],
)
def test_what_are_not_weights_of_samples_is_reported(sample_weight, message, make, labelled):
    with pytest.raises(ValueError, match=re.escape(message)):
        make(SequenceClassifier).fit(*labelled(40), sample_weight=sample_weight)


def test_a_crf_has_no_weights_of_labels(make, data_for):
    with pytest.raises(ValueError, match="labels can't have weights"):
        make(SequenceTagger, crf=True, class_weight="balanced").fit(*data_for(SequenceTagger))


def test_pipelines_and_cross_validation_pass_weights_on(weighted):
    estimator, X, y, weights = weighted
    lower = ("lower", FunctionTransformer(lambda texts: [text.lower() for text in texts]))
    pipeline = Pipeline([lower, ("model", clone(estimator))]).fit(X, y, model__sample_weight=weights)
    assert same_weights(pipeline[-1], estimator)
    scores = cross_val_score(clone(estimator), X, y, cv=2, params={"sample_weight": weights})
    assert scores.shape == (2,)


def test_a_threshold_decides_what_an_estimator_predicts(make, labelled, tmp_path):
    X, y = labelled(60)
    # Without counts of n-grams one epoch leaves every probability below 1.
    options = {"ngrams": False}
    likeliest = make(SequenceClassifier, epochs=1, options=options).fit(X, y)
    probabilities = likeliest.predict_proba(X)[:, 1]
    low, high = np.sort(probabilities)[-3:-1]
    threshold = float((low + high) / 2)
    estimator = make(SequenceClassifier, epochs=1, options={"threshold": str(threshold), **options}).fit(X, y)
    expected = np.where(probabilities >= threshold, "good", "bad").tolist()
    assert expected.count("good") == 2 < likeliest.predict(X).tolist().count("good")
    estimator.save(tmp_path / "kept")
    for again in (estimator, pickle.loads(pickle.dumps(estimator)), SequenceClassifier.load(tmp_path / "kept")):
        assert again.predict(X).tolist() == expected
