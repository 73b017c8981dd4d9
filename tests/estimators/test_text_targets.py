"""Several labels, numbers, and pairs of texts, through scikit-learn."""

import numpy as np
import pytest

from seqkit.errors import UsageError
from seqkit.estimators import SequenceClassifier, SequenceMultiLabelClassifier, SequenceRegressor

QUICK = {"hidden_size": 8, "embedding_size": 8, "epochs": 2, "batch_size": 8, "min_count": 1, "dropout": 0.1}
WORDS = {"cat": "c", "dog": "d", "bird": "b"}
TEXTS = [f"the {' '.join(chosen)} here {n}" for n in range(12) for chosen in (["cat"], ["dog", "cat"], ["bird"], [])]
SETS = [{WORDS[word] for word in text.split() if word in WORDS} for text in TEXTS]
MATRIX = np.array([[label in labels for label in "bcd"] for labels in SETS], int)
NUMBERS = np.array([len(labels) + 0.1 * (n % 3) for n, labels in enumerate(SETS)])


@pytest.fixture(scope="module")
def labeller():
    return SequenceMultiLabelClassifier(**QUICK).fit(TEXTS, SETS)


def test_sets_and_their_matrix_teach_the_same(labeller):
    by_column = SequenceMultiLabelClassifier(**QUICK).fit(TEXTS, MATRIX)
    assert labeller.classes_.tolist() == ["b", "c", "d"] and by_column.classes_.tolist() == [0, 1, 2]
    assert np.array_equal(labeller.predict_proba(TEXTS), by_column.predict_proba(TEXTS))
    assert labeller.score(TEXTS, SETS) == by_column.score(TEXTS, MATRIX)


def test_predictions_are_a_matrix_and_sets_of_the_labels_own_type(labeller):
    predicted, sets = labeller.predict(TEXTS), labeller.predict_sets(TEXTS)
    assert predicted.shape == MATRIX.shape and set(np.unique(predicted)) <= {0, 1}
    assert sets == [{label for label, has in zip("bcd", row, strict=True) if has} for row in predicted]
    # N-grams alone tell these labels apart.
    assert labeller.score(TEXTS, SETS) > 0.9


def test_a_label_that_fit_did_not_have_cannot_be_scored(labeller):
    with pytest.raises(UsageError, match="y has the label 'x', which fit did not have"):
        labeller.score(TEXTS[:2], [{"x"}, {"c"}])


def test_an_estimator_of_labels_is_saved_with_its_thresholds(labeller, tmp_path):
    labeller.save(tmp_path / "run")
    again = SequenceMultiLabelClassifier.load(tmp_path / "run")
    assert np.array_equal(again.predict(TEXTS), labeller.predict(TEXTS)) and list(again.classes_) == ["b", "c", "d"]
    with pytest.raises(UsageError, match="SequenceRegressor does not load a run of --target labels"):
        SequenceRegressor.load(tmp_path / "run")


@pytest.mark.parametrize(
    ("y", "what"),
    [
        ([set()] * len(TEXTS), "no entry of y has a label"),
        ([{"a"}, "ab", *SETS[2:]], r"y\[1\] must be a set of labels, not 'ab'"),
        (2 * MATRIX, "a matrix of 0 and 1"),
        (SETS[1:], "X has 48 entries but y has 47"),
    ],
)
def test_what_is_not_a_set_of_labels_is_refused(y, what):
    with pytest.raises(UsageError, match=what):
        SequenceMultiLabelClassifier(**QUICK).fit(TEXTS, y)


@pytest.mark.parametrize("columns", [1, 2])
def test_a_regressor_predicts_the_shape_that_y_had_and_intervals_around_it(columns, tmp_path):
    y = NUMBERS if columns == 1 else np.stack([NUMBERS, -1000 * NUMBERS], 1)
    model = SequenceRegressor(**{**QUICK, "epochs": 12}).fit(TEXTS, y)
    predicted, limits = model.predict(TEXTS), model.predict_interval(TEXTS)
    assert predicted.shape == y.shape and limits.shape == (*y.shape, 2)
    assert (limits[..., 0] < predicted).all() and (predicted < limits[..., 1]).all()
    assert model.score(TEXTS, y) > 0.3
    model.save(tmp_path / "run")
    again = SequenceRegressor.load(tmp_path / "run")
    assert np.array_equal(again.predict(TEXTS), predicted) and again.n_outputs_ == columns


@pytest.mark.parametrize(
    ("y", "what"),
    [
        (np.where(NUMBERS > 2, np.nan, NUMBERS), "y contains NaN"),
        (1e31 * NUMBERS, "scale it down"),
    ],
)
def test_what_is_not_a_number_to_learn_is_refused(y, what):
    with pytest.raises(ValueError, match=what):
        SequenceRegressor(**QUICK).fit(TEXTS, y)


def test_options_of_labels_are_refused_for_numbers():
    with pytest.raises(UsageError, match="--threshold is for labels"):
        SequenceRegressor(**QUICK, options={"threshold": "0.3"}).fit(TEXTS, NUMBERS)


def test_a_weight_of_zero_leaves_a_text_out_of_a_regression():
    weights = (NUMBERS < 2).astype(float)
    weighted = SequenceRegressor(**QUICK).fit(TEXTS, NUMBERS, sample_weight=weights)
    kept = [text for text, weight in zip(TEXTS, weights, strict=True) if weight]
    alone = SequenceRegressor(**QUICK).fit(kept, NUMBERS[weights > 0])
    assert np.array_equal(weighted.predict(TEXTS), alone.predict(TEXTS))


def test_pairs_of_texts_have_classes_that_depend_on_which_is_first():
    pairs = [(a, b) for a in ("cat", "dog", "cow") for b in ("cat", "dog", "cow") if a != b] * 8
    y = ["up" if a < b else "down" for a, b in pairs]
    options = {**QUICK, "epochs": 30, "learning_rate": 0.02, "dropout": 0.0, "embedding_dropout": 0.0}
    model = SequenceClassifier(**options, word_dropout=0.0).fit(pairs, y)
    assert model.score(pairs, y) == 1.0
    with pytest.raises(UsageError, match=r"X\[1\] must be a pair of texts as X\[0\] is, not str 'cat'"):
        model.predict([("cat", "dog"), "cat"])
