"""Saved, pickled, loaded: an estimator predicts the same, and is a run without pickle."""

import pickle
import re

import numpy as np
import pytest
import torch
from sklearn.base import clone

from seqkit import load
from seqkit.errors import UsageError
from seqkit.estimators import SequenceClassifier, SequenceLabeler, SequenceTagger
from seqkit.runs import find_task
from seqkit.runs.listing import FITTED, list_runs


def test_a_pickled_estimator_predicts_the_same(fitted, same):
    estimator, X, _ = fitted
    again = pickle.loads(pickle.dumps(estimator))
    assert same(again.predict(X), estimator.predict(X))
    assert again.get_params() == estimator.get_params()
    assert again.history_ == estimator.history_


def test_reading_a_model_moves_no_generator(classifier, tmp_path):
    classifier.save(tmp_path / "kept")
    content, before = pickle.dumps(classifier), torch.get_rng_state()
    pickle.loads(content)
    SequenceClassifier.load(tmp_path / "kept")
    assert torch.equal(before, torch.get_rng_state())


def test_numbers_of_numpy_are_kept_as_numbers(tmp_path, make, labelled):
    options = {"max_symbols": np.int64(20)}
    make(SequenceClassifier, hidden_size=np.int64(4), options=options).fit(*labelled(40)).save(tmp_path / "kept")
    assert SequenceClassifier.load(tmp_path / "kept").get_params()["options"] == {"max_symbols": 20}


def test_a_pickle_holds_no_code_of_torch(classifier):
    state = classifier.__getstate__()["model_"]
    assert {type(value) for value in state["weights"].values()} == {np.ndarray}
    assert state["task"] == "sentiment"


def test_a_saved_estimator_predicts_the_same_and_is_a_run(fitted, tmp_path, command, same):
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


def test_a_folder_in_use_is_refused_and_left_alone(classifier, tmp_path):
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(UsageError, match="exists; save to another folder"):
        classifier.save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["note.txt"]


def test_labels_that_json_cannot_hold_are_reported_before_anything_is_written(tmp_path, make, labelled):
    texts, labels = labelled(40, (("a", 1), ("b", 2)))
    estimator = make(SequenceClassifier).fit(texts, labels)
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


def test_a_saved_estimator_has_no_data_to_resume_on(classifier, tmp_path, command):
    classifier.save(tmp_path / "kept")
    done = command("resume", tmp_path / "kept")
    assert done.returncode == 2
    assert "was saved without its training data" in done.stderr


@pytest.mark.parametrize("words", [["evaluate"], ["report"], ["report", "--mistakes", "3"], ["export", "--int8"]])
def test_a_saved_estimator_says_that_it_has_no_test_split(words, classifier, tmp_path, command):
    classifier.save(tmp_path / "my run")
    done = command(words[0], tmp_path / "my run", *words[1:])
    assert done.returncode == 2 and "was trained on data in memory, so it has no test split" in done.stderr
    assert f"seqkit evaluate '{tmp_path / 'my run'}' --data FILE" in done.stderr


def test_a_saved_estimator_is_listed_as_fitted_in_python(classifier, tmp_path):
    classifier.save(tmp_path / "my run")
    assert [run.state for run in list_runs(tmp_path)] == [FITTED]
