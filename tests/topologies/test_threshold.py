"""The threshold of the second of two labels: given, or tuned on the validation split."""

import random

import pytest
import torch
from seqkit.tasks.sentiment import TASK, Classified, SentimentConfig, SentimentHead

from seqkit import Encoder, load
from seqkit.config import make_config
from seqkit.data import Example, SourceLocation
from seqkit.errors import UsageError
from seqkit.runs import start
from seqkit.scores.direction import Criterion
from seqkit.topologies.many_to_one.threshold import DecisionThreshold, first_threshold, tune_threshold

MACRO_F1 = Criterion("macro_f1", True)


def answers(probabilities, labels):
    """Predictions with these probabilities of "spam", and examples with these labels."""
    predictions = [Classified("spam" if p >= 0.5 else "ham", {"ham": 1 - p, "spam": p}) for p in probabilities]
    return predictions, [Example("x", label, SourceLocation("a.csv", 2)) for label in labels]


def test_the_second_label_is_predicted_from_the_threshold_on():
    probabilities = torch.tensor([[0.7, 0.3], [0.70000005, 0.29999998], [0.2, 0.8]])
    assert DecisionThreshold(float(probabilities[0, 1]))(probabilities).tolist() == [1, 0, 1]
    assert DecisionThreshold()(torch.tensor([[0.4, 0.6], [0.6, 0.4]])).tolist() == [1, 0]


def test_the_tuned_threshold_separates_what_one_half_does_not():
    predictions, examples = answers([0.1, 0.2, 0.3, 0.4], ["ham", "ham", "spam", "spam"])
    tuned = tune_threshold(predictions, examples, "spam", TASK.score, MACRO_F1)
    assert tuned.value == pytest.approx(0.25)
    assert (tuned.score, tuned.score_at_half) == (1.0, pytest.approx(1 / 3))


def test_one_half_stays_unless_another_threshold_is_better():
    predictions, examples = answers([0.1, 0.3, 0.7, 0.9], ["ham", "ham", "spam", "spam"])
    assert tune_threshold(predictions, examples, "spam", TASK.score, MACRO_F1).value == 0.5


def test_a_score_of_which_less_is_better_is_made_small():
    def wrong(predictions, examples):
        return {"error": sum(p.label != e.label for p, e in zip(predictions, examples, strict=True))}

    predictions, examples = answers([0.1, 0.2, 0.3, 0.4], ["ham", "ham", "spam", "spam"])
    tuned = tune_threshold(predictions, examples, "spam", wrong, Criterion("error", False))
    assert (tuned.score, tuned.score_at_half) == (0, 2)


def test_the_threshold_of_thousands_is_near_the_best_of_all():
    draw = random.Random(0)
    truth = [draw.random() < 0.1 for _ in range(3000)]
    # A score of 0.3 on average for spam, of 0.1 for ham.
    probabilities = [min(0.99, max(0.01, draw.gauss(0.3 if spam else 0.1, 0.05))) for spam in truth]
    predictions, examples = answers(probabilities, ["spam" if spam else "ham" for spam in truth])
    tuned = tune_threshold(predictions, examples, "spam", TASK.score, MACRO_F1)
    assert 0.18 < tuned.value < 0.25
    assert tuned.score > 0.9 > 0.6 > tuned.score_at_half


@pytest.mark.parametrize(
    ("setting", "labels", "message"),
    [
        ("auto", "abc", "a threshold is for two labels, and there are 3; leave out --threshold"),
        ("some", "ab", "threshold must be auto, or a number between 0 and 1, not 'some'"),
        ("1.5", "ab", r"threshold must be auto, or a number between 0 and 1, not '1\.5'"),
        ("nan", "ab", "not 'nan'"),
    ],
)
def test_what_is_not_a_threshold_is_refused(setting, labels, message):
    with pytest.raises(UsageError, match=message):
        first_threshold(setting, labels)


def test_a_head_without_a_threshold_has_the_weights_that_it_always_had():
    plain, own = (SentimentHead(Encoder(9, 4, hidden_size=4), "ab", threshold=value) for value in (None, 0.3))
    assert own.state_dict().keys() - plain.state_dict().keys() == {"decision.threshold"}
    assert first_threshold(None, "abc") is None and first_threshold("0.3", "ab") == 0.3


@pytest.fixture(scope="module")
def rare(tmp_path_factory):
    """240 texts, of which one in six is "z": most of those have a word that one in ten of the others has, too."""
    draw, rows = random.Random(0), []
    for number in range(240):
        label = "z" if number % 6 == 0 else "a"
        marked = draw.random() < (0.8 if label == "z" else 0.1)
        rows.append(f"{draw.choice('uvw')} {draw.choice('uvw')} {'mark' if marked else 'x'} {number},{label}")
    path = tmp_path_factory.mktemp("rare") / "rare.csv"
    path.write_text("text,label\n" + "\n".join(rows) + "\n")
    return path


def test_a_run_tunes_its_threshold_on_validation_and_predicts_with_it(rare, tmp_path):
    values = {
        "data": str(rare),
        "hidden_size": 4,
        "embedding_size": 4,
        "epochs": 3,
        "batch_size": 16,
        "valid_fraction": 0.3,
        "test_fraction": 0.2,
        "threshold": "auto",
        "select": "macro_f1",
        "ngrams": False,
    }
    session = start(TASK, make_config(SentimentConfig, values), tmp_path / "run", [])
    session.train()
    results = session.finish().results
    facts = results["threshold"]
    assert (facts["label"], facts["score"]) == ("z", "macro_f1")
    assert facts["tuned"] > facts["at_half"] == results["valid"]["macro_f1"]
    assert facts["value"] < 0.5
    model = load(tmp_path / "run")
    valid = session.splits.valid
    predictions = model.predict([e.text for e in valid])
    assert [p.label for p in predictions] == [
        "z" if p.probabilities["z"] >= facts["value"] else "a" for p in predictions
    ]
    assert TASK.score(predictions, valid)["macro_f1"] == facts["tuned"]
    again = session.finish().results["threshold"]
    assert again == facts
