"""What is wrong with X or y is a ValueError of one sentence; lists may be arrays or Series."""

import re

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from seqkit.errors import UsageError
from seqkit.estimators import SequenceClassifier, SequenceLabeler, SequenceTagger, SequenceTranslator


@pytest.mark.parametrize(
    ("kind", "X", "y", "message"),
    [
        (SequenceClassifier, ["a", "b"], None, "SequenceClassifier requires y to be passed"),
        (SequenceClassifier, [], [], "y has no labels"),
        (SequenceClassifier, ["a", "b", "c"], ["x", "y"], "X has 3 entries but y has 2"),
        (SequenceClassifier, ["a", "b"], ["x", "x"], "y has only one class, 'x'"),
        (SequenceClassifier, ["a", 3], ["x", "y"], "X[1] must be a text, not int 3"),
        (SequenceClassifier, ["a", None], ["x", "y"], "X[1] must be a text, not NoneType"),
        (SequenceClassifier, "a text", ["x", "y"], "X must be a list of texts, or of pairs of texts, not str 'a text'"),
        (SequenceClassifier, 7, ["x", "y"], "X must be a list of texts, or of pairs of texts, not int 7"),
        (SequenceClassifier, np.zeros((2, 2)), ["x", "y"], "X[0] must be a text, not ndarray"),
        (SequenceClassifier, ["a", "b"], [0.5, 1.5], "continuous"),
        (SequenceClassifier, ["a", "b"], [float("nan"), 1.0], "y contains NaN"),
        (SequenceClassifier, ["a", "b", "c"], ["x", None, "y"], "y[1] is None, which is not a label"),
        (SequenceClassifier, ["a", "b"], ["x", "y"], "2 examples leave nothing to validate on"),
        (SequenceTagger, ["a text"], [["x"]], "X[0] must be a list of texts, not str 'a text'"),
        (SequenceTagger, [["a", 3]], [["x", "y"]], "X[0][1] must be a text, not int 3"),
        (SequenceTagger, [["a"], []], [["x"], []], "X[1] has no steps"),
        (SequenceTagger, [["a", "b"]], [["x"]], "X[0] has 2 steps but y[0] has 1 labels"),
        (SequenceTagger, [["a", "b"]] * 2, [["x", "y"], ["x", None]], "y[1] contains None"),
        (SequenceTagger, [["a"], ["b"]], [["x"]], "X has 2 entries but y has 1"),
        (SequenceTagger, [["a"]], ["x"], "y must be a list of lists of labels"),
        (SequenceTagger, [["a"], ["b"]], [["x"], ["x"]], "y has only one class, 'x'"),
        (SequenceTagger, [["a", "b"]], [["x", "y"]], "X has only one sample"),
        (SequenceTagger, [["a", "b"]] * 2, [["x", "y"]] * 2, "1 different sentence cannot be divided"),
        (SequenceTranslator, ["a"], ["b", "c"], "X has 1 entries but y has 2"),
        (SequenceTranslator, ["a"], [1], "y[0] must be a text, not int 1"),
        (SequenceTranslator, ["a", "b"], ["a", "b"], "source and target are the same in 100% of the pairs"),
        (SequenceLabeler, [[1.0, 2.0]], [[1, 2]], "X[0] must be an array of numbers with the shape (T, F)"),
        (SequenceLabeler, [np.array([["a"]])], [["x"]], "X[0] must be an array of numbers"),
        (SequenceLabeler, [np.zeros((0, 2))], [[]], "X[0] must be an array of numbers"),
        (SequenceLabeler, [np.zeros((1, 2)), np.zeros((1, 3))], [[0], [1]], "X[0] has 2 features a frame, X[1] has 3"),
        (SequenceLabeler, [np.full((1, 2), np.inf)], [[0]], "X[0] has an infinite feature"),
        (SequenceLabeler, [np.zeros((2, 2))], [[0, float("nan")]], "y[0] contains NaN"),
        (SequenceLabeler, [np.zeros((2, 2))], [[0.5, 1.25]], "Unknown label type: continuous"),
    ],
)
def test_wrong_data_are_reported(kind, X, y, message, make):
    with pytest.raises(ValueError, match=re.escape(message)) as raised:
        make(kind).fit(X, y)
    assert "\n" not in str(raised.value)


def test_a_table_is_refused_and_a_column_asked_for(make):
    pandas = pytest.importorskip("pandas")
    with pytest.raises(UsageError, match="X is a table of 1 columns; give one of them"):
        make(SequenceClassifier).fit(pandas.DataFrame({"text": ["a", "b"]}), ["x", "y"])


def test_an_estimator_that_is_not_fitted_says_so(kind, tmp_path, data_for):
    X, y = data_for(kind)
    for ask in (lambda e: e.predict(X), lambda e: e.score(X, y), lambda e: e.save(tmp_path / "kept")):
        with pytest.raises(NotFittedError, match=kind.__name__):
            ask(kind())
    assert not (tmp_path / "kept").exists()


def test_frames_must_have_the_features_of_fit(make, data_for):
    labeler = make(SequenceLabeler).fit(*data_for(SequenceLabeler))
    with pytest.raises(ValueError, match="X has 3 features, but SequenceLabeler is expecting 2 features as input"):
        labeler.predict([np.zeros((4, 3))])


def test_series_and_arrays_are_read_as_lists(classifier, labelled, same):
    pandas = pytest.importorskip("pandas")
    X, y = labelled()
    numbers = np.random.default_rng(0).permutation(len(X))
    for texts, labels in (
        (pandas.Series(X, index=numbers), pandas.Series(y, index=numbers)),
        (pandas.Series(X), pandas.Series(y).astype("category")),
        (np.array(X), np.array(y, dtype=object)),
        (tuple(X), tuple(y)),
    ):
        again = clone(classifier).fit(texts, labels)
        assert same(again.predict(texts), classifier.predict(X))
        assert again.predict_proba(texts).tolist() == classifier.predict_proba(X).tolist()
