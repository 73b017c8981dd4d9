"""Training: an estimator learns, and trains as a run does."""

import io
import random
import re
from contextlib import redirect_stdout

import numpy as np
import torch
from seqkit.tasks.sentiment import Sentiment
from sklearn.base import clone

from seqkit import load
from seqkit.data import Example, SourceLocation, Splits, split_off
from seqkit.estimators import SequenceTranslator
from seqkit.runs import start


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


def test_an_estimator_trains_to_the_weights_of_a_run(classifier, tmp_path, labelled):
    pairs = zip(*labelled(), strict=True)
    examples = [Example(text, label, SourceLocation("X", n)) for n, (text, label) in enumerate(pairs)]
    train, valid = split_off(examples, classifier.validation_fraction, 0)

    class FromMemory(Sentiment):
        def read(self, config, notes):
            return Splits(train, valid, valid)

    start(FromMemory(), classifier.model_.config, tmp_path / "run", []).train()
    weights = load(tmp_path / "run").head.state_dict()
    for name, tensor in classifier.model_.head.state_dict().items():
        assert torch.equal(tensor, weights[name])


def test_fit_is_quiet_unless_asked(classifier, labelled):
    quiet, verbose = io.StringIO(), io.StringIO()
    with redirect_stdout(quiet):
        clone(classifier).fit(*labelled())
    with redirect_stdout(verbose):
        clone(classifier).set_params(verbose=True).fit(*labelled())
    assert quiet.getvalue() == ""
    assert re.findall(r"^epoch (\d): train_loss", verbose.getvalue(), re.MULTILINE) == ["1", "2", "3", "4"]
