"""Estimators: scikit-learn's own checks and tools take them, and they train as runs do."""

import io
import pickle
import random
import re
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sacrebleu.metrics import CHRF
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import estimator_checks
from sklearn.utils.validation import check_is_fitted, validate_data

from seqkit import load
from seqkit.config import options_of
from seqkit.data import Splits
from seqkit.errors import UsageError
from seqkit.estimators import SequenceClassifier, SequenceLabeler, SequenceTagger, SequenceTranslator
from seqkit.runs import find_task, start

ROOT = Path(__file__).parents[2]
ESTIMATORS = [SequenceClassifier, SequenceTagger, SequenceTranslator, SequenceLabeler]
ORDINARY = {"hidden_size": 8, "dropout": 0.0, "epochs": 4, "learning_rate": 0.05, "batch_size": 8}
WORDS = {**ORDINARY, "embedding_size": 8, "embedding_dropout": 0.0}
SMALL = {
    SequenceClassifier: {**WORDS, "min_count": 1, "word_dropout": 0.0},
    SequenceTagger: {**WORDS, "min_count": 1, "characters": "none"},
    SequenceTranslator: {**WORDS, "tokenizer": "word", "beam_size": 2},
    SequenceLabeler: ORDINARY,
}
GOOD, BAD = ["wonderful", "brilliant", "moving"], ["dull", "awful", "boring"]
PLAIN = ["the", "film", "and", "its", "story", "with", "an", "actor"]


def small(kind, **parameters):
    return kind(**{**SMALL[kind], **parameters})


def reviews(count=120, labels=("bad", "good")):
    generator = random.Random(0)
    texts = []
    for number in range(count):
        words = [*generator.choices(PLAIN, k=generator.randint(2, 6)), generator.choice((BAD, GOOD)[number % 2])]
        generator.shuffle(words)
        texts.append(" ".join(words))
    return texts, [labels[number % 2] for number in range(count)]


def data_for(kind, count=60):
    """X and y that the estimator can learn."""
    texts, labels = reviews(count)
    if kind is SequenceClassifier:
        return texts, labels
    if kind is SequenceTranslator:
        return texts, [text.upper() for text in texts]
    if kind is SequenceTagger:
        words = [text.split() for text in texts]
        return words, [["adjective" if word in GOOD + BAD else "other" for word in sentence] for sentence in words]
    generator = np.random.default_rng(0)
    arrays = [generator.normal(size=(length, 2)) for length in generator.integers(3, 9, count)]
    return arrays, [(array[:, 0] > 0).astype(int) for array in arrays]


def same(one, other):
    return len(one) == len(other) and all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.fixture(scope="module", params=ESTIMATORS, ids=lambda kind: kind.__name__)
def fitted(request):
    X, y = data_for(request.param)
    return small(request.param).fit(X, y), X, y


@pytest.fixture(scope="module")
def classifier():
    return small(SequenceClassifier).fit(*reviews())


# What scikit-learn asks of every estimator. Its data are tables of numbers; ours are texts and sequences, as the tags
# say, for which check_estimator checks nothing. So each estimator reads its tables here as sequences of its own kind.


class Tables:
    """An estimator of sequences that is given tables."""

    def fit(self, X, y):
        X = validate_data(self, X) if y is None else validate_data(self, X, y)[0]
        return super().fit(self.sequences(X), None if y is None else self.targets(X, y))

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

    def answers(self, found):
        return found


class SyncedTables(Tables):
    """One that is asked for the first step."""

    def predict_proba(self, X):
        check_is_fitted(self)
        found = super().predict_proba(self.sequences(validate_data(self, X, reset=False)))
        return np.array([chances[0] for chances in found])

    def answers(self, found):
        return np.array([float(labels[0]) for labels in found])


class TableTagger(SyncedTables, SequenceTagger):
    def targets(self, X, y):
        return [[label] * X.shape[1] for label in y]


class TableTranslator(Tables, SequenceTranslator):
    @staticmethod
    def sequences(X):
        return [" ".join(words) for words in Tables.sequences(X)]

    def targets(self, X, y):
        return [str(label) for label in y]

    def answers(self, found):
        return np.array([float(len(text)) for text in found])


class TableLabeler(SyncedTables, SequenceLabeler):
    @staticmethod
    def sequences(X):
        return np.asarray(X)[:, None, :]

    def targets(self, X, y):
        return [[label] for label in y]


EXCEPTIONS = {
    "check_array_api_input": "scikit-learn skips it unless SCIPY_ARRAY_API is set: texts and torch have no use for it",
}
CHECKED = [
    TableClassifier(**{**SMALL[SequenceClassifier], "learning_rate": 0.05, "epochs": 6, "options": {"average": 0.0}}),
    TableTagger(**SMALL[SequenceTagger]),
    TableTranslator(**{**SMALL[SequenceTranslator], "epochs": 1}),
    TableLabeler(**SMALL[SequenceLabeler]),
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


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_tags_say_that_inputs_are_no_tables(kind):
    tags = kind().__sklearn_tags__()
    assert not tags.input_tags.two_d_array
    assert tags.target_tags.required
    assert tags.input_tags.string == (kind is not SequenceLabeler)
    assert (tags.estimator_type == "classifier") == (kind is SequenceClassifier)


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_parameters_are_options_of_the_task_and_none_is_its_default(kind):
    task, own = find_task(kind.task), {"validation_fraction", "options", "random_state", "verbose"}
    parameters = kind().get_params()
    assert own < parameters.keys()
    assert parameters.keys() - own < options_of(task.config).keys()
    config, expected = kind()._config(task), task.config()
    for name in parameters.keys() - own:
        assert parameters[name] is None
        assert getattr(config, name) == getattr(expected, name)


def test_an_estimator_learns_and_knows_what_it_learned(fitted):
    estimator, X, y = fitted
    assert estimator.score(X, y) > {SequenceTranslator: 0.05}.get(type(estimator), 0.75)
    assert [record["epoch"] for record in estimator.history_] == [1, 2, 3, 4]
    assert len(estimator.predict(X)) == len(X)
    assert len(estimator.predict([])) == 0


def test_the_same_seed_gives_the_same_weights_and_moves_no_other_generator(fitted):
    estimator, X, y = fitted
    torch.manual_seed(7), np.random.seed(7), random.seed(7)
    before = (torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate())
    again = clone(estimator).fit(X, y)
    assert torch.equal(before[0], torch.get_rng_state())
    assert np.array_equal(before[1], np.random.get_state()[1])
    assert before[2] == random.getstate()
    other = clone(estimator).set_params(random_state=5).fit(X, y)
    weights, others = estimator.model_.head.state_dict(), other.model_.head.state_dict()
    for name, tensor in again.model_.head.state_dict().items():
        assert torch.equal(tensor, weights[name])
    assert any(
        not torch.equal(weights[name], others[name]) for name in weights if weights[name].shape == others[name].shape
    )


def test_an_estimator_trains_to_the_weights_of_a_run(classifier, tmp_path):
    from seqkit.data import Example, SourceLocation, split_off

    texts, labels = reviews()
    examples = [
        Example(text, label, SourceLocation("X", n)) for n, (text, label) in enumerate(zip(texts, labels, strict=True))
    ]
    train, valid = split_off(examples, classifier.validation_fraction, 0)
    task = replace(find_task("sentiment"), read=lambda config, notes: Splits(train, valid, valid))
    start(task, classifier.model_.config, tmp_path / "run", []).train()
    weights = load(tmp_path / "run").head.state_dict()
    for name, tensor in classifier.model_.head.state_dict().items():
        assert torch.equal(tensor, weights[name])


def test_none_draws_a_new_seed_and_a_generator_is_drawn_from():
    X, y = reviews(40)
    seeds = [small(SequenceClassifier, epochs=1, random_state=None).fit(X, y).model_.config.seed for _ in range(2)]
    assert seeds[0] != seeds[1]
    drawn = small(SequenceClassifier, epochs=1, random_state=np.random.RandomState(3)).fit(X, y)
    assert drawn.model_.config.seed == np.random.RandomState(3).randint(2**31 - 1)


def test_a_pickled_estimator_predicts_the_same(fitted):
    estimator, X, _ = fitted
    again = pickle.loads(pickle.dumps(estimator))
    assert same(again.predict(X), estimator.predict(X))
    assert again.get_params() == estimator.get_params()
    assert again.history_ == estimator.history_


def test_reading_a_model_moves_no_generator(classifier, tmp_path):
    classifier.save(tmp_path / "kept")
    kept, before = pickle.dumps(classifier), torch.get_rng_state()
    pickle.loads(kept)
    SequenceClassifier.load(tmp_path / "kept")
    assert torch.equal(before, torch.get_rng_state())


def test_numbers_of_numpy_are_kept_as_numbers(tmp_path):
    options = {"max_symbols": np.int64(20)}
    small(SequenceClassifier, hidden_size=np.int64(4), options=options).fit(*reviews(40)).save(tmp_path / "kept")
    assert SequenceClassifier.load(tmp_path / "kept").get_params()["options"] == {"max_symbols": 20}


def test_a_pickle_holds_no_code_of_torch(classifier):
    state = classifier.__getstate__()["model_"]
    assert {type(value) for value in state["weights"].values()} == {np.ndarray}
    assert state["task"] == "sentiment"


def test_a_saved_estimator_predicts_the_same_and_is_a_run(fitted, tmp_path, command):
    estimator, X, _ = fitted
    estimator.save(tmp_path / "kept")
    again = type(estimator).load(tmp_path / "kept")
    assert same(again.predict(X), estimator.predict(X))
    assert again.get_params() == estimator.get_params()
    assert again.history_ == estimator.history_
    assert vars(again).keys() == vars(estimator).keys()
    if not isinstance(estimator, SequenceLabeler):
        text = "the dull film"
        done = command("predict", tmp_path / "kept", text)
        assert done.returncode == 0, done.stderr
        (direct,) = estimator.model_.predict([text])
        assert done.stdout.startswith(estimator.model_.task.format_prediction(direct)[0])


def test_classes_stay_of_their_own_type(tmp_path):
    texts, labels = reviews(60, (10, 9))
    for kind, wanted in ((int, np.int64), (str, np.str_), (float, np.float64)):
        y = [kind(label) for label in labels]
        estimator = small(SequenceClassifier).fit(texts, y)
        assert estimator.classes_.tolist() == sorted({*y})
        assert isinstance(estimator.predict(texts)[0], wanted)
        estimator.save(tmp_path / kind.__name__)
        again = SequenceClassifier.load(tmp_path / kind.__name__)
        assert again.classes_.dtype == estimator.classes_.dtype
        assert same(again.predict(texts), estimator.predict(texts))
        assert estimator.score(texts, y) > 0.9


@pytest.mark.parametrize("pair", [(("a", 1), ("b", 2)), (True, False), (np.str_("x"), np.str_("y")), ("1", 1)])
def test_a_label_is_whatever_can_be_hashed(pair):
    texts, labels = reviews(60, pair)
    y = labels if pair != ("1", 1) else np.array(labels, dtype=object)
    estimator = small(SequenceClassifier).fit(texts, y)
    assert {*estimator.classes_.tolist()} == {*pair}
    assert np.mean([found == label for found, label in zip(estimator.predict(texts), labels, strict=True)]) > 0.9


def test_columns_of_probabilities_are_in_the_order_of_the_classes():
    texts, labels = reviews(60, (10, 9))
    estimator = small(SequenceClassifier).fit(texts, labels)
    chances = estimator.predict_proba(texts)
    expected = estimator.model_.predict_proba(texts)
    assert chances.tolist() == [[each["9"], each["10"]] for each in expected]
    assert np.allclose(chances.sum(1), 1, atol=1e-6)


@pytest.mark.parametrize("parameters", [{}, {"crf": True}])
def test_every_word_has_the_probability_of_every_tag(parameters):
    X, y = data_for(SequenceTagger)
    tagger = small(SequenceTagger, **parameters).fit(X, y)
    for words, chances, prediction in zip(X, tagger.predict_proba(X), tagger.model_.predict(X), strict=True):
        assert chances.shape == (len(words), 2)
        assert np.allclose(chances.sum(1), 1, atol=1e-5)
        found = [row[tagger.classes_.tolist().index(tag)] for row, tag in zip(chances, prediction.tags, strict=True)]
        assert np.allclose(found, prediction.confidences, atol=1e-6)


def test_every_frame_has_the_probability_of_every_label():
    X, y = data_for(SequenceLabeler)
    labeler = small(SequenceLabeler).fit(X, y)
    assert labeler.n_features_in_ == 2
    for found, chances in zip(labeler.predict(X), labeler.predict_proba(X), strict=True):
        assert np.allclose(chances.sum(1), 1, atol=1e-6)
        assert np.array_equal(labeler.classes_[chances.argmax(1)], found)


def test_scores_are_what_they_say():
    X, y = data_for(SequenceLabeler)
    labeler = small(SequenceLabeler).fit(X, y)
    assert labeler.score(X, y) == pytest.approx(np.mean(np.concatenate(labeler.predict(X)) == np.concatenate(y)))
    X, y = data_for(SequenceTranslator)
    translator = small(SequenceTranslator).fit(X, y)
    assert translator.score(X, y) == pytest.approx(CHRF().corpus_score(translator.predict(X), [y]).score / 100)


def test_spans_that_break_their_scheme_are_repaired():
    X = [["in", "Paris", str(number)] for number in range(30)]
    tagger = small(SequenceTagger).fit(X, [["O", "I-LOC", "O"]] * 15 + [["O", "B-LOC", "O"]] * 15)
    assert tagger.classes_.tolist() == ["B-LOC", "I-LOC", "O"]
    assert tagger.predict_proba(X)[0].shape == (3, 3)
    assert (
        tagger.score(X, [["O", "B-LOC", "O"]] * 30)
        == tagger.model_.task.score(tagger.model_.predict(X), [replace_tags(words) for words in X])["f1"]
    )


def replace_tags(words):
    from seqkit.data import SourceLocation
    from seqkit.data.tagged import Sentence

    return Sentence(tuple(words), ("O", "B-LOC", "O"), SourceLocation("X", 1))


def test_missing_features_are_no_error():
    X, y = data_for(SequenceLabeler)
    X = [np.where(array > 1.5, np.nan, array) for array in X]
    assert small(SequenceLabeler).fit(X, y).score(X, y) > 0.6


def test_a_search_over_cells_finds_the_best_of_them():
    X, y = reviews(60)
    grid = {"cell": ["rnn", "gru"], "hidden_size": np.array([4, 8]), "learning_rate": np.linspace(0.02, 0.03, 2)}
    search = GridSearchCV(small(SequenceClassifier, epochs=1), grid, cv=2).fit(X, y)
    assert len(search.cv_results_["params"]) == 8
    assert search.best_estimator_.model_.config.cell == search.best_params_["cell"]
    assert search.best_score_ == max(search.cv_results_["mean_test_score"])
    assert search.predict(X).shape == (60,)


def test_cross_validation_takes_every_kind(fitted):
    estimator, X, y = fitted
    parts = KFold(3, shuffle=True, random_state=0)
    scores = cross_val_score(clone(estimator), X, y, cv=parts)
    train, test = next(parts.split(X))
    first = clone(estimator).fit([X[n] for n in train], [y[n] for n in train])
    assert scores.shape == (3,)
    assert scores[0] == first.score([X[n] for n in test], [y[n] for n in test])


def test_a_pipeline_ends_in_an_estimator():
    X, y = reviews(60)
    upper = [text.upper() for text in X]
    steps = [("lower", FunctionTransformer(lambda texts: [text.lower() for text in texts]))]
    pipeline = Pipeline([*steps, ("model", small(SequenceClassifier, tokenizer="char"))]).fit(X, y)
    assert same(pipeline.predict(upper), pipeline.predict(X))
    pipeline.set_params(model__cell="gru")
    assert clone(pipeline).get_params()["model__cell"] == "gru"


def test_a_clone_has_the_parameters_and_nothing_learned(fitted):
    estimator, _, _ = fitted
    assert clone(estimator).get_params() == estimator.get_params()
    with pytest.raises(NotFittedError):
        check_is_fitted(clone(estimator))


def test_series_and_arrays_are_read_as_lists(classifier):
    pandas = pytest.importorskip("pandas")
    X, y = reviews()
    numbers = np.random.default_rng(0).permutation(len(X))
    for texts, labels in (
        (pandas.Series(X, index=numbers), pandas.Series(y, index=numbers)),
        (pandas.Series(X), pandas.Series(y).astype("category")),
        (np.array(X), np.array(y, dtype=object)),
        (tuple(X), tuple(y)),
    ):
        found = clone(classifier).fit(texts, labels)
        assert same(found.predict(texts), classifier.predict(X))
        assert found.predict_proba(texts).tolist() == classifier.predict_proba(X).tolist()


def test_options_reach_the_task_and_wrong_ones_are_refused():
    X, y = reviews(40)
    options = {"cell_options": {"reset": "before"}, "max_symbols": 9}
    estimator = small(SequenceClassifier, cell="gru", options=options).fit(X, y)
    assert estimator.model_.config.cell_options == {"reset": "before"}
    assert len(estimator.model_.codec.vocabulary) == 9
    for wrong, message in (
        ({"hiden": 3}, "unknown option 'hiden'"),
        ({"cell": "gru"}, "cell is a parameter of SequenceClassifier"),
        ({"seed": 1}, "random_state is a parameter"),
        ({"data": "file.csv"}, "the data here are X and y"),
        ([1], "options must be a dict"),
    ):
        with pytest.raises(ValueError, match=re.escape(message)):
            small(SequenceClassifier, options=wrong).fit(X, y)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"hidden_size": 0}, "hidden_size must be at least 1, not 0"),
        ({"hidden_size": "8"}, "hidden_size must be a whole number, not '8'"),
        ({"cell": "lstn"}, "unknown cell 'lstn'; did you mean 'lstm'?"),
        ({"validation_fraction": 0}, "validation_fraction must be above 0"),
        ({"random_state": -1}, "random_state must be at least 0, not -1"),
    ],
)
def test_wrong_parameters_are_told_by_fit(parameters, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        small(SequenceClassifier, **parameters).fit(*reviews(40))


@pytest.mark.parametrize(
    ("kind", "X", "y", "message"),
    [
        (SequenceClassifier, ["a", "b"], None, "SequenceClassifier requires y to be passed"),
        (SequenceClassifier, [], [], "y has no labels"),
        (SequenceClassifier, ["a", "b", "c"], ["x", "y"], "X has 3 entries but y has 2"),
        (SequenceClassifier, ["a", "b"], ["x", "x"], "y has only one class, 'x'"),
        (SequenceClassifier, ["a", 3], ["x", "y"], "X[1] must be a text, not int 3"),
        (SequenceClassifier, ["a", None], ["x", "y"], "X[1] must be a text, not NoneType"),
        (SequenceClassifier, "a text", ["x", "y"], "X must be a list of texts, not str 'a text'"),
        (SequenceClassifier, 7, ["x", "y"], "X must be a list of texts, not int 7"),
        (SequenceClassifier, np.zeros((2, 2)), ["x", "y"], "X[0] must be a text, not ndarray"),
        (SequenceClassifier, ["a", "b"], [0.5, 1.5], "continuous"),
        (SequenceClassifier, ["a", "b"], [float("nan"), 1.0], "y contains NaN"),
        (SequenceClassifier, ["a", "b"], ["x", "y"], "2 examples leave nothing to validate on"),
        (SequenceTagger, ["a text"], [["x"]], "X[0] must be a list of texts, not str 'a text'"),
        (SequenceTagger, [["a", 3]], [["x", "y"]], "X[0][1] must be a text, not int 3"),
        (SequenceTagger, [["a"], []], [["x"], []], "X[1] has no steps"),
        (SequenceTagger, [["a", "b"]], [["x"]], "X[0] has 2 steps but y[0] has 1 labels"),
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
    ],
)
def test_wrong_data_are_told(kind, X, y, message):
    with pytest.raises(ValueError, match=re.escape(message)) as raised:
        small(kind).fit(X, y)
    assert "\n" not in str(raised.value)


def test_a_table_is_told_to_give_a_column():
    pandas = pytest.importorskip("pandas")
    with pytest.raises(UsageError, match="X is a table of 1 columns; give one of them"):
        small(SequenceClassifier).fit(pandas.DataFrame({"text": ["a", "b"]}), ["x", "y"])


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_an_estimator_that_is_not_fitted_says_so(kind, tmp_path):
    X, y = data_for(kind)
    for ask in (lambda e: e.predict(X), lambda e: e.score(X, y), lambda e: e.save(tmp_path / "kept")):
        with pytest.raises(NotFittedError, match=kind.__name__):
            ask(kind())
    assert not (tmp_path / "kept").exists()


def test_frames_must_have_the_features_of_fit():
    labeler = small(SequenceLabeler).fit(*data_for(SequenceLabeler))
    with pytest.raises(ValueError, match="X has 3 features, but SequenceLabeler is expecting 2 features as input"):
        labeler.predict([np.zeros((4, 3))])


def test_a_folder_in_use_is_refused_and_left_alone(classifier, tmp_path):
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(UsageError, match="exists; save to another folder"):
        classifier.save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["note.txt"]


def test_labels_that_json_cannot_hold_are_told_before_anything_is_written(tmp_path):
    texts, labels = reviews(40, (("a", 1), ("b", 2)))
    estimator = small(SequenceClassifier).fit(texts, labels)
    with pytest.raises(UsageError, match=re.escape("label ('a', 1) is neither text nor number")):
        estimator.save(tmp_path / "kept")
    assert not (tmp_path / "kept").exists()


def test_a_run_of_the_command_line_loads_as_an_estimator(trained, reviews):
    estimator = SequenceClassifier.load(trained[0])
    texts = ["a wonderful film", "a dull film"]
    assert estimator.classes_.tolist() == ["bad", "good"]
    assert estimator.predict(texts).tolist() == [p.label for p in load(trained[0]).predict(texts)]
    assert estimator.hidden_size == 8
    assert clone(estimator)._config(find_task("sentiment")).learning_rate == 0.02
    with pytest.raises(UsageError, match="is a run of sentiment, but SequenceTagger loads runs of tag"):
        SequenceTagger.load(trained[0])


def test_a_saved_estimator_has_no_data_to_go_on_with(classifier, tmp_path, command):
    classifier.save(tmp_path / "kept")
    done = command("resume", tmp_path / "kept")
    assert done.returncode == 2
    assert "was saved without the data of its training" in done.stderr


def test_fit_is_quiet_unless_asked(classifier):
    quiet, told = io.StringIO(), io.StringIO()
    with redirect_stdout(quiet):
        clone(classifier).fit(*reviews())
    with redirect_stdout(told):
        clone(classifier).set_params(verbose=True).fit(*reviews())
    assert quiet.getvalue() == ""
    assert re.findall(r"^epoch (\d): train_loss", told.getvalue(), re.MULTILINE) == ["1", "2", "3", "4"]


BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "docs/sklearn.md").read_text(), re.DOTALL)


def test_the_code_of_the_page_runs(tmp_path, monkeypatch):
    assert len(BLOCKS) >= 5
    monkeypatch.chdir(tmp_path)
    names = {}
    for block in BLOCKS:
        exec(compile(block, "docs/sklearn.md", "exec"), names)
