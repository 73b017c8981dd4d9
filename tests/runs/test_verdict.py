"""The verdict at the end of a run: better or worse than what, by how much, what is wrong, what to try."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from seqkit.config import ClassWeightOptions, SplitOptions, TrainingConfig
from seqkit.runs.verdict import RUN, Compared, Verdict, judge
from seqkit.scores.labels import LabelScore
from seqkit.scores.resampling import Resampled


def compared(model: list[float], baseline: list[float], higher: bool = True, pieces: int = 200) -> Compared:
    """Scores on resamples, of which the first is the score itself."""
    samples = [Resampled({"accuracy": values * 200}, len(values) * 200, pieces) for values in (model, baseline)]
    return Compared("accuracy", higher, model[0], baseline[0], samples[0], samples[1], "counting words")


def verdict(
    compared: Compared,
    labels: dict[str, LabelScore] | None = None,
    history: list[dict[str, Any]] | None = None,
    best: int = 1,
    config: TrainingConfig | None = None,
) -> Verdict:
    history = history or [{"train_loss": 1.0, "loss": 1.0}, {"train_loss": 1.0, "loss": 1.0}]
    return judge(compared, labels or {}, history, best, config or ClassWeightOptions(), "sentiment")


def test_a_model_that_wins_on_every_resample_is_better_by_the_difference_and_its_interval() -> None:
    found = verdict(compared([0.80, 0.82, 0.78], [0.70, 0.70, 0.70]))
    assert found.outcome == "better"
    assert found.sentence == (
        "Better than counting words: accuracy 0.800 against 0.700, +0.100 (95 % interval +0.080 to +0.120)."
    )


def test_a_model_below_its_baseline_is_called_worse_in_the_first_word() -> None:
    found = verdict(compared([0.606, 0.61], [0.752, 0.75]))
    assert found.outcome == "worse" and found.sentence.startswith("Worse than counting words: accuracy 0.606 against")
    assert found.difference == pytest.approx(-0.146)
    assert found.suggestion == "seqkit tune sentiment --minutes 20"
    other = verdict(compared([0.606, 0.61], [0.752, 0.75]), config=SplitOptions(data="my data.csv"))
    assert other.suggestion == "seqkit tune sentiment --data 'my data.csv' --minutes 20"


def test_a_smaller_error_is_better() -> None:
    assert verdict(compared([0.2, 0.22], [0.4, 0.41], higher=False)).outcome == "better"
    assert verdict(compared([0.5, 0.52], [0.4, 0.41], higher=False)).outcome == "worse"


@pytest.mark.parametrize(("model", "start"), [(0.72, "Not clearly better"), (0.68, "Not clearly worse")])
def test_a_difference_that_resamples_reverse_is_not_settled(model: float, start: str) -> None:
    found = verdict(compared([model, 0.65, 0.75], [0.7, 0.7, 0.7]))
    assert found.outcome == "even" and found.sentence.startswith(start)
    assert "200 test examples are too few to tell" in found.sentence


def test_equal_scores_are_as_good() -> None:
    assert verdict(compared([0.7], [0.7])).sentence == "As good as counting words: accuracy 0.700 against 0.700."


def test_scores_of_unpaired_pieces_have_no_interval() -> None:
    paired = compared([0.8], [0.7])
    unpaired = replace(paired, baseline_resampled=Resampled({"accuracy": [0.7] * 200}, 200, 7))
    assert verdict(unpaired).interval is None and verdict(paired).interval is not None


def test_labels_that_are_never_predicted_correctly_are_named_with_a_command_that_helps() -> None:
    labels = {
        "rare": LabelScore(0.0, 0.0, 0.0, 3),
        "rarer": LabelScore(0.0, 0.0, 0.0, 1),
        "common": LabelScore(0.9, 1.0, 0.95, 96),
        "absent": LabelScore(0.0, 0.0, 0.0, 0),
    }
    found = verdict(compared([0.8], [0.7]), labels)
    assert found.remarks == ("Never predicted correctly: rare (of 3), rarer (of 1).",)
    assert found.suggestion == f"seqkit run sentiment --config {RUN}/config.toml --class-weight balanced"
    balanced = verdict(compared([0.8], [0.7]), labels, config=ClassWeightOptions(class_weight="balanced"))
    assert balanced.suggestion is None


def test_a_model_of_the_last_epoch_was_still_improving_and_should_train_longer() -> None:
    found = verdict(compared([0.8], [0.7]), best=2, config=TrainingConfig(epochs=2))
    assert found.remarks == ("It was still improving: the last of 2 epochs was the best.",)
    assert found.suggestion is not None and found.suggestion.endswith("--epochs 4")


def test_a_model_whose_validation_score_is_perfect_is_not_called_improving() -> None:
    history = [{"train_loss": 0.2, "loss": 0.2, "accuracy": 1.0}, {"train_loss": 0.1, "loss": 0.1, "accuracy": 1.0}]
    found = verdict(compared([0.8], [0.7]), history=history, best=2)
    assert (found.remarks, found.suggestion) == ((), None)
    history[1]["accuracy"] = 0.99
    assert verdict(compared([0.8], [0.7]), history=history, best=2).remarks


def test_a_validation_loss_far_above_the_training_loss_is_called_overfitting() -> None:
    history = [{"train_loss": 0.1, "loss": 0.4}, {"train_loss": 0.05, "loss": 0.5}]
    (remark,) = verdict(compared([0.8], [0.7]), history=history).remarks
    assert "loss is 0.1 in training and 0.4 on validation" in remark
    history[0]["train_loss"] = 0.3
    assert verdict(compared([0.8], [0.7]), history=history).remarks == ()


def test_a_run_prints_its_verdict_before_its_scores_and_keeps_it(command, reviews, small, tmp_path):
    out = tmp_path / "run"
    told = command("run", "sentiment", "--data", reviews, "--out", out, *small).stdout
    kept = json.loads((out / "results.json").read_text())["verdict"]
    assert kept["baseline"] == "TF-IDF with logistic regression"
    words = " ".join(told.split())
    assert 0 <= words.index(kept["sentence"]) < words.index("sentiment: test split")
    assert kept["sentence"] in (out / "report.html").read_text()
