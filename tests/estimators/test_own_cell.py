"""Estimators with a cell of one's own: fitted, saved and loaded again."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone

from seqkit import Cell
from seqkit.errors import UsageError
from seqkit.estimators import SequenceClassifier


class Halfway(Cell):
    gate_names = ("h",)

    def step(self, x, r, state):
        return (state[0] / 2 + torch.tanh(x + r) / 2,)


class Impostor(Cell):
    gate_names = ("h",)

    def step(self, x, r, state):
        return (state[0] / 3 + torch.tanh(x + r) / 2,)


@pytest.fixture(scope="module")
def fitted(make, labelled):
    return make(SequenceClassifier, cell=Halfway, options={"kernel": "torch"}).fit(*labelled(60))


def test_a_class_is_the_cell_of_an_estimator(fitted, labelled):
    assert isinstance(fitted.model_.head.encoder.recurrent.cell, Halfway)
    assert fitted.score(*labelled(60)) > 0.9
    assert clone(fitted).cell is Halfway


def test_a_saved_estimator_needs_its_class_and_is_the_same_with_it(fitted, labelled, tmp_path):
    texts, labels = labelled(20)
    fitted.save(tmp_path / "saved")
    with pytest.raises(UsageError, match="needs the cell Halfway of"):
        SequenceClassifier.load(tmp_path / "saved")
    with pytest.raises(UsageError, match="not Impostor"):
        SequenceClassifier.load(tmp_path / "saved", cell=Impostor)
    again = SequenceClassifier.load(tmp_path / "saved", cell=Halfway)
    np.testing.assert_array_equal(again.predict_proba(texts), fitted.predict_proba(texts))
    # What is recorded is a file, which no later fit may run.
    assert again.cell is Halfway and clone(again).fit(texts, labels).cell is Halfway


def test_a_pickle_has_the_class_by_its_name(fitted, labelled):
    texts, _ = labelled(20)
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict_proba(texts), fitted.predict_proba(texts))


def test_a_class_that_is_not_a_cell_is_refused(make, labelled):
    with pytest.raises(UsageError, match="a class derived from"):
        make(SequenceClassifier, cell=dict).fit(*labelled(20))
