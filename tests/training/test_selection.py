"""The score that chooses the model: which way it improves, and that it decides, and not the metric."""

import pytest
import torch
from torch import nn

from seqkit.config import TrainingConfig, make_config
from seqkit.errors import UsageError
from seqkit.layers import Head, Loss
from seqkit.runs import find_task, start
from seqkit.scores.direction import Criterion, higher_is_better
from seqkit.training import Callback, Evaluation, Trainer

LOWER = ["loss", "per", "wer", "cer", "ter", "bpc", "nats_per_character", "perplexity", "mae", "mse", "rmse"]
LOWER += ["valid_loss", "error_rate", "symbol_error_rate", "word_errors", "dynamic_perplexity"]
HIGHER = ["accuracy", "macro_f1", "f1", "f1_marks", "f1_capitals", "precision", "recall", "segment_f1_50", "edit"]
HIGHER += ["bleu", "chrf", "placeholders_kept", "exact", "cider", "r2"]


@pytest.mark.parametrize("score", LOWER)
def test_less_of_an_error_is_better(score):
    assert not higher_is_better(score)


@pytest.mark.parametrize("score", HIGHER)
def test_more_of_what_is_correct_is_better(score):
    assert higher_is_better(score)


@pytest.mark.parametrize(
    ("task", "select", "expected"),
    [
        ("sentiment", None, Criterion("accuracy", True)),
        ("sentiment", "loss", Criterion("loss", False)),
        ("sentiment", "macro-f1", Criterion("macro_f1", True)),
        ("g2p", None, Criterion("wer", False)),
        ("g2p", "per", Criterion("per", False)),
    ],
)
def test_a_task_is_selected_by_its_metric_unless_another_score_is_named(task, select, expected):
    task = find_task(task)
    assert task.criterion(task.config(select=select), None) == expected


def test_a_metric_of_a_task_improves_as_the_task_says():
    class Odd(type(find_task("sentiment"))):
        metric, higher_is_better = "wrong", False

    assert Odd().criterion(Odd.config(), None) == Criterion("wrong", False)


class Constant(Head):
    """One weight, which each step changes."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(2, 2))

    def loss(self, batch):
        return Loss(self.weight.sum(), 1)

    def predict(self, batch):
        return []


class OneBatch:
    def plan(self, epoch):
        return [None]

    def batch(self, group, carried=None):
        return None


class Better(Callback):
    def __init__(self):
        self.epochs = []

    def on_evaluate(self, trainer, record, better):
        if better:
            self.epochs.append(record["epoch"])


ACCURACIES, ERRORS, LOSSES = (0.7, 0.9, 0.8, 0.8, 0.8), (0.3, 0.4, 0.2, 0.4, 0.1), (0.5, 0.9, 0.8, 0.4, 0.6)


@pytest.mark.parametrize(
    ("criterion", "patience", "better"),
    [
        (None, 0, [1, 2]),
        (Criterion("loss", False), 0, [1, 4]),
        (Criterion("error", False), 0, [1, 3, 5]),
        # Two epochs without a smaller loss end the training, though the accuracy grew in the first of them.
        (Criterion("loss", False), 2, [1]),
    ],
)
def test_the_named_score_chooses_the_model_and_ends_the_training(criterion, patience, better):
    rows = iter(zip(ACCURACIES, ERRORS, LOSSES, strict=True))

    def evaluate():
        accuracy, error, loss = next(rows)
        return Evaluation({"accuracy": accuracy, "error": error, "loss": loss})

    config = TrainingConfig(epochs=5, patience=patience, average=0.0)
    seen = Better()
    trainer = Trainer(Constant(), OneBatch(), evaluate, config, "accuracy", callbacks=[seen], criterion=criterion)
    trainer.fit()
    assert trainer.metric == "accuracy"
    assert seen.epochs == better
    assert trainer.progress.best_epoch == better[-1]
    assert trainer.progress.epoch == (3 if patience else 5)


def test_a_run_says_which_score_chose_its_model(reviews, tmp_path):
    session = start(*settings(reviews, select="loss"), tmp_path / "run", [])
    session.train()
    results = session.finish().results
    losses = [record["loss"] for record in session.trainer.progress.history]
    best = losses.index(min(losses))
    assert (results["metric"], results["selected_by"], results["best_epoch"]) == ("accuracy", "loss", best + 1)
    record = session.trainer.progress.history[best]
    assert results["valid"] == {"accuracy": record["accuracy"], "loss": min(losses)}


@pytest.mark.parametrize(
    ("select", "message"),
    [
        ("acuracy", "unknown score to select by 'acuracy'; did you mean 'accuracy'?"),
        ("auc", "unknown score to select by 'auc'; choose one of: accuracy, loss, macro_f1"),
    ],
)
def test_a_score_that_the_task_lacks_is_refused_before_anything_is_written(select, message, reviews, tmp_path):
    with pytest.raises(UsageError) as raised:
        start(*settings(reviews, select=select), tmp_path / "run", [])
    assert str(raised.value) == message
    assert not (tmp_path / "run").exists()


def test_naming_the_metric_changes_no_weight(reviews, tmp_path):
    weights = []
    for name, select in (("one", None), ("two", "accuracy")):
        session = start(*settings(reviews, select=select), tmp_path / name, [])
        session.train()
        weights.append(session.head.state_dict())
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def settings(reviews, **options):
    task = find_task("sentiment")
    values = {"data": str(reviews), "hidden_size": 4, "embedding_size": 4, "epochs": 2, "batch_size": 32, **options}
    return task, make_config(task.config, values)
