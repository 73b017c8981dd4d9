"""The page of a study: failures, what mattered, and what cannot be drawn."""

import json

import pytest

from seqkit import SeqkitError
from seqkit.runs import find_task
from seqkit.tuning.page import write_page
from seqkit.tuning.record import State, Trial
from seqkit.tuning.summary import best_so_far, counted, importances, repeating, tried

Digit = type(find_task("digit"))
SEARCHED = ["hidden-size=8,16", "noise=0..1", "activation=relu,tanh"]


class Odd(Digit):
    """Fails with one of the activation functions, for a reason that must not become part of a page."""

    def build_head(self, config, codec):
        if config.activation == "tanh":
            raise SeqkitError("<script>alert(1)</script>")
        return super().build_head(config, codec)


def play(study, score):
    """Twelve trials with scores made of their values, without a training."""
    for _ in range(12):
        asked, trial = study.propose()
        asked.set_user_attr("facts", {"score": score(trial.values), "seconds": 1.0, "epochs": 3, "best_epoch": 2})
        study.optuna.tell(asked.number, score(trial.values))


def test_what_decides_the_score_is_what_mattered(opened):
    study = opened(SEARCHED, only=True)
    assert importances(study) == {}, "no trials, nothing to say"
    play(study, lambda values: 1 - values["noise"])
    shares = importances(study)
    assert next(iter(shares)) == "noise" and shares["noise"] > 0.5
    assert sum(shares.values()) == pytest.approx(1)
    page = write_page(study).read_text("utf-8")
    assert "too few complete trials" not in page and "(defaults)" in page


def test_scores_that_are_all_the_same_say_nothing_of_what_mattered(opened):
    study = opened(SEARCHED, only=True)
    play(study, lambda values: 0.5)
    assert importances(study) == {}


def test_failures_are_shown_as_text(opened, searched):
    study = opened(SEARCHED, task=Odd(), only=True)
    searched(study, 4)
    assert {State.FAILED, State.COMPLETE} <= {trial.state for trial in study.trials()}
    page = write_page(study).read_text("utf-8")
    assert "Failed trials" in page and "&lt;script&gt;" in page and "<script>" not in page
    assert f"{sum(trial.state is State.FAILED for trial in study.trials())} failed" in page


def test_a_study_without_a_score_has_a_page_too(opened):
    page = write_page(opened(SEARCHED, only=True)).read_text("utf-8")
    assert "no trial" in page and "<svg" not in page


def test_without_matplotlib_a_sentence_is_where_a_plot_would_be(opened, monkeypatch):
    study = opened(SEARCHED, only=True)
    play(study, lambda values: values["noise"])
    monkeypatch.setattr("seqkit.report.results.find_spec", lambda name: None)
    page = write_page(study).read_text("utf-8")
    assert "<svg" not in page and page.count("pip install &#x27;seqkit[plot]&#x27;") == 3


def test_the_command_by_hand_names_what_was_set_and_every_value_that_was_chosen(opened):
    study = opened(SEARCHED, only=True, select="loss", data=str(opened(folder="other").plan.config.data))
    words = repeating(study.plan, {"hidden_size": 8, "noise": 0.0, "activation": "relu"})
    assert words[:3] == ["seqkit", "run", "digit"]
    pairs = dict(zip(words[3::2], words[4::2], strict=True))
    # Also the values that are the defaults: those of the data may be others.
    assert pairs == {
        "--data": study.plan.config.data,
        "--epochs": "2",
        "--batch-size": "32",
        "--select": "loss",
        "--hidden-size": "8",
        "--noise": "0.0",
        "--activation": "relu",
    }


def test_the_best_so_far_is_of_the_complete_trials():
    def trial(number, score, state=State.COMPLETE):
        return Trial(number, number, "w", state, {}, score, {})

    trials = [trial(0, 0.5), trial(1, 0.9, State.PRUNED), trial(2, 0.7), trial(3, None, State.FAILED), trial(4, 0.6)]
    from seqkit.scores.direction import Criterion

    assert best_so_far(trials, Criterion("accuracy", True)) == [0.5, 0.5, 0.7, 0.7, 0.7]
    assert best_so_far(trials[:3], Criterion("loss", False)) == [0.5, 0.5, 0.5]
    assert best_so_far(trials[1:2], Criterion("accuracy", True)) == [None]
    assert counted(trials) == "3 complete, 1 pruned, 1 failed" and tried(trials) == 4


def test_what_was_searched_is_kept_as_json_that_people_can_read(opened):
    study = opened(SEARCHED, only=True)
    facts = json.loads((study.folder / "study.json").read_text("utf-8"))
    assert facts["space"] == {"hidden_size": "8,16", "activation": "relu,tanh", "noise": "0.0..1.0:linear"}
    assert facts["asked"]["epochs"] == 2 and facts["criterion"] == {"score": "accuracy", "higher_is_better": True}
