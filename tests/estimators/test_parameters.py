"""Constructors: scikit-learn's rules, options of the task, subclasses with another task."""

import pickle
import re
from dataclasses import dataclass

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from seqkit.config import options_of
from seqkit.errors import UsageError
from seqkit.estimators import SequenceClassifier, SequenceEstimator
from seqkit.runs import find_task

OWN = {"validation_fraction": 0.1, "options": None, "random_state": 0, "verbose": False, "warm_start": False}


def test_parameters_are_options_of_the_task_and_none_is_its_default(kind):
    task, parameters = find_task(kind.task), kind().get_params()
    assert {name: parameters.pop(name) for name in OWN} == OWN
    assert parameters.keys() < options_of(task.config).keys()
    config, expected = kind()._config(task), task.config()
    for name, value in parameters.items():
        assert value is None
        assert getattr(config, name) == getattr(expected, name)


def test_every_estimator_has_the_shared_parameters_and_some_of_its_own(kind):
    assert SequenceEstimator().get_params().keys() < kind().get_params().keys()


def test_a_constructor_stores_its_arguments_and_nothing_else(kind):
    options = {"average": 0.5}
    estimator = kind(cell="gru", options=options)
    assert estimator.options is options
    assert vars(estimator) == {**kind().get_params(), "cell": "gru", "options": options}


def test_arguments_are_given_by_name(kind):
    with pytest.raises(TypeError, match="positional"):
        kind("gru")
    with pytest.raises(TypeError, match="hiden_size"):
        kind(hiden_size=3)


def test_parameters_can_be_set_copied_and_shown(kind):
    estimator = kind(cell="gru").set_params(hidden_size=3)
    assert repr(estimator) == f"{kind.__name__}(cell='gru', hidden_size=3)"
    assert repr(clone(estimator)) == repr(estimator)
    assert pickle.loads(pickle.dumps(estimator)).get_params() == estimator.get_params()
    with pytest.raises(ValueError, match="Invalid parameter 'hiden_size'"):
        estimator.set_params(hiden_size=3)


def test_an_estimator_equals_only_itself(kind):
    assert kind() != kind()
    assert len({kind(), kind()}) == 2


def test_a_clone_has_the_parameters_and_nothing_learned(fitted):
    estimator, _, _ = fitted
    assert clone(estimator).get_params() == estimator.get_params()
    with pytest.raises(NotFittedError):
        check_is_fitted(clone(estimator))


def test_options_reach_the_task_and_wrong_ones_are_refused(make, labelled):
    X, y = labelled(40)
    options = {"cell_options": {"reset": "before"}, "max_symbols": 9}
    estimator = make(SequenceClassifier, cell="gru", options=options).fit(X, y)
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
            make(SequenceClassifier, options=wrong).fit(X, y)


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
def test_wrong_parameters_are_reported_by_fit(parameters, message, make, labelled):
    with pytest.raises(ValueError, match=re.escape(message)):
        make(SequenceClassifier, **parameters).fit(*labelled(40))


def test_none_draws_a_new_seed_and_a_generator_is_drawn_from(make, labelled):
    X, y = labelled(40)
    seeds = [make(SequenceClassifier, epochs=1, random_state=None).fit(X, y).model_.config.seed for _ in range(2)]
    assert seeds[0] != seeds[1]
    drawn = make(SequenceClassifier, epochs=1, random_state=np.random.RandomState(3)).fit(X, y)
    assert drawn.model_.config.seed == np.random.RandomState(3).randint(2**31 - 1)


@dataclass(kw_only=True, eq=False, repr=False)
class LimitedClassifier(SequenceClassifier):
    """One with a parameter more."""

    max_symbols: int | None = None
    max_meanings: int | None = None


def test_a_subclass_can_add_an_option_of_its_task_as_a_parameter(make, labelled):
    X, y = labelled(40)
    assert len(make(LimitedClassifier, max_symbols=9).fit(X, y).model_.codec.vocabulary) == 9
    with pytest.raises(ValueError, match="sentiment has no option max_meanings; leave the parameter None"):
        make(LimitedClassifier, max_meanings=2).fit(X, y)


LANGUAGE = """
from dataclasses import dataclass
from seqkit.topologies.many_to_one import ManyToOne, ManyToOneOptions

@dataclass(frozen=True, kw_only=True)
class LanguageConfig(ManyToOneOptions):
    tokenizer: str = "char"
    min_count: int = 1

class Language(ManyToOne[LanguageConfig]):
    name, summary, config = "language", "the language of a name", LanguageConfig

TASK = Language()
"""


@pytest.fixture
def language(tmp_path, monkeypatch):
    """An installed package with a task of its own, as pip would leave it."""
    (tmp_path / "language_of_names.py").write_text(LANGUAGE)
    facts = tmp_path / "language_of_names-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: language-of-names\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text("[seqkit.tasks]\nlanguage = language_of_names:TASK\n")
    monkeypatch.syspath_prepend(tmp_path)


class LanguageClassifier(SequenceClassifier):
    task = "language"


def test_a_subclass_trains_another_task_of_the_topology_by_its_name(language, make, same, tmp_path):
    names = [stem + end for end in ("nen", "la", "ek", "ová") for stem in ("Virta", "Korho", "Nova", "Dvora", "Lei")]
    labels = ["Finnish"] * 10 + ["Czech"] * 10
    model = make(LanguageClassifier, embedding_size=4).fit(names, labels)
    assert model.model_.task.name == "language"
    assert model.model_.config.tokenizer == "char"
    assert clone(model).get_params() == model.get_params()
    for again in (pickle.loads(pickle.dumps(model)), _saved_and_loaded(model, tmp_path / "kept")):
        assert same(again.predict_proba(names), model.predict_proba(names))
    with pytest.raises(UsageError, match="is a run of language, but SequenceClassifier loads runs of sentiment"):
        SequenceClassifier.load(tmp_path / "kept")


def _saved_and_loaded(model, path):
    model.save(path)
    return type(model).load(path)


class TextClassifier(SequenceClassifier):
    task = "charlm"


def test_a_task_of_another_topology_is_refused(labelled):
    message = "TextClassifier trains tasks that inherit from ManyToOne, but charlm does not"
    with pytest.raises(UsageError, match=message):
        TextClassifier().fit(*labelled(40))
