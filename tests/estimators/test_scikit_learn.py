"""scikit-learn's own checks and tools take the estimators, and the page about them runs."""

import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import estimator_checks
from sklearn.utils.validation import check_is_fitted, validate_data

from seqkit.estimators import (
    SequenceClassifier,
    SequenceLabeler,
    SequenceRegressor,
    SequenceTagger,
    SequenceTranslator,
)

PAGE = Path(__file__).parents[2] / "docs/sklearn.md"


# scikit-learn's checks have tables of numbers; our inputs are texts and sequences, as the tags say, for which
# check_estimator checks nothing. So each estimator reads those tables here as sequences of its own kind.


class Tables:
    """An estimator of sequences that is given tables."""

    def fit(self, X, y, **weights):
        X = validate_data(self, X) if y is None else validate_data(self, X, y)[0]
        return super().fit(self.sequences(X), None if y is None else self.targets(X, y), **weights)

    def predict(self, X):
        check_is_fitted(self)
        return self.answers(super().predict(self.sequences(validate_data(self, X, reset=False))))

    def score(self, X, y):
        check_is_fitted(self)
        X = validate_data(self, X, reset=False)
        return super().score(self.sequences(X), self.targets(X, y))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array, tags.input_tags.allow_nan = True, False
        return tags

    @staticmethod
    def sequences(X):
        """A word for each number: its column, and its value to the nearest half."""
        return [[f"c{column}v{round(2 * float(value))}".replace("-", "m") for column, value in enumerate(r)] for r in X]


class TableClassifier(Tables, SequenceClassifier):
    def fit(self, X, y, sample_weight=None):
        return super().fit(X, y, sample_weight=sample_weight)

    @staticmethod
    def sequences(X):
        return [" ".join(words) for words in Tables.sequences(X)]

    def predict(self, X):
        likeliest = self.predict_proba(X).argmax(1)
        return self.classes_[likeliest]

    def predict_proba(self, X):
        check_is_fitted(self)
        return SequenceClassifier.predict_proba(self, self.sequences(validate_data(self, X, reset=False)))

    def score(self, X, y):
        return SequenceClassifier.score(self, X, y)

    def targets(self, X, y):
        return y

    def answers(self, predictions):
        return predictions


class TableRegressor(Tables, SequenceRegressor):
    def fit(self, X, y, sample_weight=None):
        X = validate_data(self, X) if y is None else validate_data(self, X, y, multi_output=True)[0]
        return SequenceRegressor.fit(self, self.sequences(X), y, sample_weight=sample_weight)

    @staticmethod
    def sequences(X):
        return [" ".join(words) for words in Tables.sequences(X)]

    def targets(self, X, y):
        return y

    def answers(self, predictions):
        return predictions

    def score(self, X, y):
        return SequenceRegressor.score(self, X, y)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        # Of a number rounded to a word, R² above 0.5 on 200 rows takes longer than all the checks together.
        tags.regressor_tags.poor_score = True
        return tags


class SyncedTables(Tables):
    """One whose first step alone is asked for."""

    def predict_proba(self, X):
        check_is_fitted(self)
        rows = super().predict_proba(self.sequences(validate_data(self, X, reset=False)))
        return np.array([steps[0] for steps in rows])

    def answers(self, predictions):
        return np.array([float(labels[0]) for labels in predictions])


class TableTagger(SyncedTables, SequenceTagger):
    def targets(self, X, y):
        return [[label] * X.shape[1] for label in y]


class TableTranslator(Tables, SequenceTranslator):
    @staticmethod
    def sequences(X):
        return [" ".join(words) for words in Tables.sequences(X)]

    def targets(self, X, y):
        return [str(label) for label in y]

    def answers(self, predictions):
        return np.array([float(len(text)) for text in predictions])


class TableLabeler(SyncedTables, SequenceLabeler):
    @staticmethod
    def sequences(X):
        return np.asarray(X)[:, None, :]

    def targets(self, X, y):
        return [[label] for label in y]


EXCEPTIONS = {
    "check_array_api_input": "scikit-learn skips it unless SCIPY_ARRAY_API is set: texts and torch have no use for it",
    "check_sample_weight_equivalence_on_dense_data": "repeated rows make other random batches than rows with weights; "
    "test_weights.py compares what can be equal: weights of 0, and the loss",
}
ORDINARY = {"hidden_size": 8, "dropout": 0.0, "epochs": 4, "learning_rate": 0.05, "batch_size": 8}
WORDS = {**ORDINARY, "embedding_size": 8, "embedding_dropout": 0.0}
CHECKED = [
    TableClassifier(**{**WORDS, "epochs": 6}, min_count=1, word_dropout=0.0, options={"average": 0.0}),
    TableRegressor(**{**WORDS, "epochs": 6}, min_count=1, word_dropout=0.0, options={"average": 0.0}),
    TableTagger(**WORDS, min_count=1, characters="none"),
    TableTranslator(**{**WORDS, "epochs": 1}, tokenizer="word", beam_size=2),
    TableLabeler(**ORDINARY),
]


def checks():
    """Those of scikit-learn's interface are quick; the rest are slow all together."""
    for estimator in CHECKED:
        quick = sum(1 for _ in estimator_checks.estimator_checks_generator(estimator, legacy=False))
        for number, (checked, check) in enumerate(estimator_checks.estimator_checks_generator(estimator)):
            name = getattr(check, "func", check).__name__
            if name not in EXCEPTIONS:
                marks = [] if number < quick else [pytest.mark.slow]
                yield pytest.param(checked, check, marks=marks, id=f"{type(estimator).__name__}-{name}")


@pytest.mark.parametrize(("estimator", "check"), list(checks()))
def test_the_checks_of_scikit_learn_pass(estimator, check):
    check(estimator)


# Texts, too: the single checks whose own work needs no table, each with its numbers turned into words. Of the others
# some change numbers in place, some are about columns, which a text has none of.
WITH_TEXTS = [
    "check_all_zero_sample_weights_error",
    "check_classifiers_classes",
    "check_classifiers_one_label",
    "check_classifiers_regression_target",
    "check_dtype_object",
    "check_estimators_fit_returns_self",
    "check_estimators_overwrite_params",
    "check_estimators_partial_fit_n_features",
    "check_estimators_pickle",
    "check_fit_check_is_fitted",
    "check_fit_idempotent",
    "check_fit_score_takes_y",
    "check_pipeline_consistency",
    "check_readonly_memmap_input",
    "check_supervised_y_2d",
]
WITHOUT_INPUTS = [
    "check_estimator_cloneable",
    "check_estimator_repr",
    "check_estimator_tags_renamed",
    "check_get_params_invariance",
    "check_mixin_order",
    "check_no_attributes_set_in_init",
    "check_parameters_default_constructible",
    "check_set_params",
    "check_valid_tag_types",
]


def as_texts(estimator, X, X_test=None, **options):
    """What scikit-learn's checks call to make inputs of an estimator's kind; here a text for each row."""
    texts = [
        np.array([" ".join(words) for words in Tables.sequences(rows)], object)
        for rows in (X, X_test)
        if rows is not None
    ]
    return texts[0] if X_test is None else tuple(texts)


@pytest.mark.parametrize("name", WITH_TEXTS)
@pytest.mark.filterwarnings("ignore")
def test_single_checks_of_scikit_learn_pass_with_texts(name, make, monkeypatch):
    monkeypatch.setattr(estimator_checks, "_enforce_estimator_tags_X", as_texts)
    classifier = make(SequenceClassifier, epochs=2, options={"average": 0.0})
    getattr(estimator_checks, name)("SequenceClassifier", classifier)


@pytest.mark.parametrize("name", WITHOUT_INPUTS)
def test_checks_of_the_interface_pass_for_the_estimators_themselves(name, kind, make):
    getattr(estimator_checks, name)(kind.__name__, make(kind))


def test_tags_say_that_inputs_are_not_tables(kind):
    tags = kind().__sklearn_tags__()
    assert not tags.input_tags.two_d_array
    assert tags.target_tags.required
    assert tags.input_tags.string == (kind is not SequenceLabeler)
    assert (tags.estimator_type == "classifier") == (kind is SequenceClassifier)


def test_a_search_over_cells_finds_the_best_of_them(make, labelled):
    X, y = labelled(60)
    grid = {"cell": ["rnn", "gru"], "hidden_size": np.array([4, 8]), "learning_rate": np.linspace(0.02, 0.03, 2)}
    search = GridSearchCV(make(SequenceClassifier, epochs=1), grid, cv=2).fit(X, y)
    assert len(search.cv_results_["params"]) == 8
    assert search.best_estimator_.model_.config.cell == search.best_params_["cell"]
    assert search.best_score_ == max(search.cv_results_["mean_test_score"])
    assert search.predict(X).shape == (60,)


def test_cross_validation_takes_every_kind(fitted):
    estimator, X, y = fitted
    folds = KFold(3, shuffle=True, random_state=0)
    scores = cross_val_score(clone(estimator), X, y, cv=folds)
    train, test = next(folds.split(X))
    first = clone(estimator).fit([X[n] for n in train], [y[n] for n in train])
    assert scores.shape == (3,)
    assert scores[0] == first.score([X[n] for n in test], [y[n] for n in test])


def test_a_pipeline_ends_in_an_estimator(make, labelled, same):
    X, y = labelled(60)
    upper = [text.upper() for text in X]
    steps = [("lower", FunctionTransformer(lambda texts: [text.lower() for text in texts]))]
    pipeline = Pipeline([*steps, ("model", make(SequenceClassifier, tokenizer="char"))]).fit(X, y)
    assert same(pipeline.predict(upper), pipeline.predict(X))
    pipeline.set_params(model__cell="gru")
    assert clone(pipeline).get_params()["model__cell"] == "gru"


def test_the_code_of_the_page_runs(tmp_path, monkeypatch):
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert len(blocks) >= 5
    monkeypatch.chdir(tmp_path)
    names = {}
    for block in blocks:
        exec(compile(block, "docs/sklearn.md", "exec"), names)
