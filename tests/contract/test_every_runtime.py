"""Every task's exported model answers without torch as the run does: the same texts, numbers to five places."""

import copy

import numpy as np
import pytest
import torch

from seqkit import runtime
from seqkit.errors import UsageError
from seqkit.export import write as exporting
from seqkit.topologies import Exports, Generates, Streams
from tests.answers import alike

pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def trial(trial):
    """The trial with numbers in its head that a run tunes after training; those of a new head decide nothing."""
    changed = trial._replace(head=copy.deepcopy(trial.head))
    tuned = dict(changed.head.named_buffers())
    for name in {"shrink", "stretch"} & {*tuned}:
        tuned[name].copy_(torch.linspace(0.3, 0.6, len(tuned[name])))
    if "thresholds" in tuned:
        answers = filter(None, changed.model.predict(trial.inputs(trial.examples)))
        rows = [row for answer in answers for row in probability_rows(answer)]
        tuned["thresholds"].copy_(torch.from_numpy(np.mean(rows, 0)))
    return changed


def probability_rows(answer):
    """Of a text one row, of frames one for each."""
    found = answer.probabilities
    return [[*found.values()]] if isinstance(found, dict) else found


@pytest.fixture(scope="module")
def exported(trial, tmp_path_factory):
    """The folder of the trial's model."""
    if not isinstance(trial.task, Exports):
        pytest.skip("the task exports nothing")
    folder = tmp_path_factory.mktemp("exported")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exporting, "load", lambda path, device, cell=None: trial.model)
        exporting.export(folder, "onnx", folder)
    return folder


@pytest.fixture(scope="module")
def model(exported):
    return runtime.load(exported)


def raws(trial):
    """Inputs of the test split, in a form that a person gives."""
    given = trial.inputs(trial.splits.test)
    return ["".join(raw.blocks()) if hasattr(raw, "blocks") else raw for raw in given]


def test_it_predicts_and_writes_what_the_run_does(trial, model):
    inputs = raws(trial)
    wanted, found = trial.model.predict(inputs), model.predict(inputs)
    assert alike(found, wanted)
    for ours, theirs in zip(found, wanted, strict=True):
        (line, facts), (their_line, their_facts) = (
            model.task.format_prediction(ours),
            trial.task.format_prediction(theirs),
        )
        assert line.split("\t")[0] == their_line.split("\t")[0]
        assert alike(facts, their_facts)


def test_nothing_has_no_answer_and_one_input_alone_has_the_same(trial, model):
    first, *_ = raws(trial)
    assert model.predict(["", first, []])[::2] == [None, None]
    assert alike(model.predict(["", first])[1], trial.model.predict([first])[0])
    assert model.predict([]) == []


def test_it_has_probabilities_where_the_run_has(trial, model):
    inputs = raws(trial)[:3]
    try:
        wanted = trial.model.predict_proba(inputs)
    except UsageError as error:
        with pytest.raises(UsageError) as found:
            model.predict_proba(inputs)
        assert str(found.value) == str(error)
    else:
        assert alike(model.predict_proba(inputs), wanted)


def test_it_continues_with_a_text_as_the_run_does(trial, model):
    if not isinstance(trial.task, Generates):
        with pytest.raises(UsageError, match="does not continue a text"):
            model.generate("ba")
        return
    options = {"length": 60, "temperature": 0.0}
    wanted = [*trial.model.generate("ba", **options)]
    assert [*model.generate("ba", **options)] == wanted
    ngrams = {**options, "no_repeat_ngram": 3, "stop": "zz"}
    assert [*model.generate("ba", **ngrams)] == [*trial.model.generate("ba", **ngrams)]
    texts = ["".join(model.generate("ba", length=20, seed=seed)) for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]


def test_it_streams_as_the_run_does(trial, model):
    if not isinstance(trial.task, Streams):
        with pytest.raises(UsageError, match="not a stream"):
            model.stream()
        return
    try:
        ours = trial.model.stream()
    except UsageError:
        with pytest.raises(UsageError, match="cannot label a stream"):
            model.stream()
        return
    theirs = model.stream()
    for row in np.arange(12.0).reshape(-1, 2):
        assert alike(theirs.push(row), ours.push(row))
    assert alike(theirs.finish(), ours.finish())


def test_an_unknown_option_is_refused_as_the_run_does(trial, model):
    for asked in (trial.model, model):
        with pytest.raises(UsageError, match=r"unknown option 'beem_size'"):
            asked.predict(raws(trial)[:1], beem_size=3)
