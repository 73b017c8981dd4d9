"""Runs, models and estimators that move between devices."""

import dataclasses
import pickle
import random

import pytest
import torch

from seqkit import load
from seqkit.config import make_config
from seqkit.errors import SeqkitError
from seqkit.estimators import SequenceClassifier
from seqkit.inspection.gradient_flow import gradient_flows
from seqkit.runs import find_task, resume, start
from seqkit.runs.model import join_models
from seqkit.topologies.next_step import DynamicEvaluation
from seqkit.training import Callback, Stopped
from seqkit.training.checkpoint import read_tensors
from tests.contract.conftest import clips
from tests.contract.test_every_task import alike

SMALL = {"hidden_size": 6, "embedding_size": 5, "dropout": 0.0, "embedding_dropout": 0.0}
OPTIONS = {
    "sentiment": {**SMALL, "epochs": 2, "batch_size": 16, "min_count": 1, "word_dropout": 0.0},
    # The state that one chunk hands to the next is in the checkpoint.
    "charlm": {**SMALL, "epochs": 1, "streams": 8, "chunk": 16},
}


class StopAt(Callback):
    def __init__(self, step):
        self.step = step

    def on_step(self, trainer):
        trainer.stopping = trainer.progress.step == self.step


@pytest.fixture(scope="module")
def data(reviews, tmp_path_factory):
    """A part of the reviews, and the file as a text, which is as good as any."""
    lines, folder = reviews.read_text().splitlines(keepends=True), tmp_path_factory.mktemp("data")
    (folder / "few.csv").write_text("".join([lines[0], *lines[1::3]]))
    (folder / "text.txt").write_text("".join(lines[1::4]))
    return {"sentiment": folder / "few.csv", "charlm": folder / "text.txt"}


def config_of(name, data, **changes):
    return make_config(find_task(name).config, {**OPTIONS[name], "data": str(data[name]), **changes})


@pytest.fixture(params=OPTIONS)
def config(request, data):
    return config_of(request.param, data)


def name_of(config):
    return "charlm" if hasattr(config, "chunk") else "sentiment"


def stopped(session, step):
    with pytest.raises(Stopped):
        session.train([StopAt(step)])
    return session


def test_a_run_goes_from_the_cpu_to_a_device_and_back(config, device, tmp_path):
    task, out, notes = find_task(name_of(config)), tmp_path / "moved", []
    whole = start(task, dataclasses.replace(config, device="cpu"), tmp_path / "whole", [])
    whole.train()
    stopped(start(task, dataclasses.replace(config, device="cpu"), out, []), 3)
    on_device = stopped(resume(out, notes, device), 6)
    assert str(on_device.trainer.device) == device == str(next(on_device.head.parameters()).device)
    assert [
        note
        for note in notes
        if note.startswith("the run began on cpu, this is ") and "may differ in the last bits" in note
    ]
    back = resume(out, notes := [], "cpu")
    back.train()
    assert not [note for note in notes if "bits" in note and "began on" in note]
    assert back.trainer.progress.step == whole.trainer.progress.step
    # Rounding alone differs, for three steps.
    losses = [session.trainer.progress.history[-1]["loss"] for session in (back, whole)]
    assert losses[0] == pytest.approx(losses[1], rel=0.02)


@pytest.mark.slow
def test_a_run_that_stopped_on_a_device_continues_there_as_if_it_had_not(config, device, tmp_path):
    # With dropout, whose generator is the device's own.
    config = dataclasses.replace(config, device=device, dropout=0.3)
    whole = start(find_task(name_of(config)), config, tmp_path / "whole", [])
    whole.train()
    stopped(start(find_task(name_of(config)), config, tmp_path / "cut", []), 3)
    again = resume(tmp_path / "cut", notes := [])
    again.train()
    assert not [note for note in notes if "began on" in note]
    for name, weight in again.trainer.weights().items():
        # On a GPU sums may go in another order each time.
        exact = {"rtol": 0, "atol": 0} if device.startswith("lazy") else {"rtol": 1e-3, "atol": 1e-4}
        torch.testing.assert_close(weight.cpu(), whole.trainer.weights()[name].cpu(), **exact)


@pytest.mark.slow
def test_a_run_is_finished_and_loaded_anywhere(config, device, tmp_path):
    task = find_task(name_of(config))
    session = start(task, dataclasses.replace(config, device=device), tmp_path / "run", [])
    session.train()
    outcome = session.finish()
    inputs = [task.input_of(example) for example in session.splits.test][:20]
    there, here, own = load(tmp_path / "run", device), load(tmp_path / "run", "cpu"), load(tmp_path / "run")
    assert [str(model.device) for model in (there, here, own)] == [device, "cpu", device]
    assert alike(there.predict(inputs), here.predict(inputs))
    assert alike(outcome.predictions[: len(inputs)], here.predict(inputs))
    together = join_models([there, load(tmp_path / "run", device)])
    assert alike(together.predict(inputs), here.predict(inputs))


@pytest.mark.slow
def test_a_training_in_bfloat16_comes_close_to_one_in_float32(data, device, tmp_path):
    losses = []
    for where, precision in (("cpu", "f32"), (device, "bf16")):
        config = config_of("charlm", data, device=where, precision=precision)
        session = start(find_task("charlm"), config, tmp_path / precision, [])
        session.train()
        losses.append(session.trainer.progress.history[-1]["loss"])
        assert {parameter.dtype for parameter in session.head.parameters()} == {torch.float32}
    # bfloat16 keeps 8 bits, of which averages over some thousand characters lose little.
    assert losses[1] == pytest.approx(losses[0], rel=0.03)


@pytest.mark.slow
def test_a_model_that_adapts_does_so_on_its_device(data, device, tmp_path):
    config = config_of("charlm", data, device=device)
    session = start(find_task("charlm"), config, tmp_path / "run", [])
    session.train()
    session.finish()
    scored = []
    for where in ("cpu", device):
        model = load(tmp_path / "run", where)
        text = model.codec.encode("the film and its story " * 2)
        tokens = model.codec.encode("we saw some scene with an actor " * 3).tokens
        evaluation = DynamicEvaluation.from_training(model.head, tokens)
        assert str(evaluation.adapt(tokens).ban.device) == where
        scored += [prediction.nats for prediction in evaluation.predict([text])]
    assert scored[1] == pytest.approx(scored[0], rel=1e-3)


def test_a_stream_on_a_device_says_what_the_whole_sequence_does(device, tmp_path):
    task = find_task("frames")
    options = {"hidden_size": 4, "epochs": 1, "bidirectional": False, "delay": 1, "device": device}
    session = start(task, make_config(task.config, {**options, "data": str(clips(tmp_path))}), tmp_path / "run", [])
    session.train()
    model = session.model()
    clip, stream = task.input_of(session.splits.test[0]), model.stream()
    settled = [stream.push(",".join(map(str, row))) for row in clip.features.tolist()] + list(stream.finish())
    assert tuple(each.label for each in settled if each is not None) == model.predict([clip])[0].labels


def test_an_estimator_is_fitted_saved_and_pickled_on_a_device(device, tmp_path):
    draws = random.Random(0)
    texts = [" ".join([draws.choice(["good", "bad"]), *draws.choices(["the", "film", "was"], k=4)]) for _ in range(60)]
    y = [text.split()[0] for text in texts]
    fitted = SequenceClassifier(hidden_size=6, embedding_size=6, epochs=2, device=device).fit(texts, y)
    assert str(fitted.model_.device) == device
    fitted.save(tmp_path / "saved")
    for again in (pickle.loads(pickle.dumps(fitted)), SequenceClassifier.load(tmp_path / "saved", device)):
        assert str(again.model_.device) == device
        assert (again.predict(texts) == fitted.predict(texts)).all()
    warm = fitted.set_params(warm_start=True, epochs=1).fit(texts, y)
    assert str(warm.model_.device) == device


@pytest.fixture
def no_memory(monkeypatch):
    """A device that is full at one step of a training, as torch reports it."""

    def at(session, step):
        loss = session.trainer.loss

        def full(batch):
            if session.trainer.progress.step == step:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
            return loss(batch)

        session.trainer.loss = full
        return session

    return at


def test_out_of_memory_loses_no_step_and_says_what_to_do(data, no_memory, tmp_path):
    config = config_of("sentiment", data, device="cpu")
    session = no_memory(start(find_task("sentiment"), config, tmp_path / "run", []), 5)
    with pytest.raises(SeqkitError, match=r"^out of memory on cpu; step 6 did not fit, .*half the --batch-size"):
        session.train()
    _, facts = read_tensors(tmp_path / "run/checkpoint/last.safetensors")
    assert facts["progress"]["step"] == 5
    again = resume(tmp_path / "run", [])
    again.train()
    assert again.trainer.progress.finished


@pytest.mark.parametrize("room", [2, 0])
def test_a_batch_that_does_not_fit_is_halved_until_one_input_does_not(trained, monkeypatch, room):
    model, texts = load(trained[0], "cpu"), ["a film", "a wonderful film", "dull", "the story", "we saw an awful film"]
    expected, predict = model.predict(texts), model.head.predict

    def full(batch, **options):
        if len(batch.lengths) > room:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return predict(batch, **options)

    monkeypatch.setattr(model.head, "predict", full)
    if room:
        assert alike(model.predict(texts), expected)
        return
    with pytest.raises(SeqkitError, match=r"^out of memory on cpu; one input alone did not fit; .*--device cpu"):
        model.predict(texts)


@pytest.mark.slow
def test_gradients_flow_on_a_device_as_on_the_cpu(data, device, tmp_path):
    session = start(find_task("sentiment"), config_of("sentiment", data, device="cpu"), tmp_path / "run", [])
    session.train()
    session.finish()
    here, there = (
        gradient_flows([load(tmp_path / "run", where)], ["a film we saw", "the story"]).cells
        for where in ("cpu", device)
    )
    for one, other in zip(there, here, strict=True):
        assert one.initial == pytest.approx(other.initial, rel=1e-3)
        assert (one.trained or []) == pytest.approx(other.trained or [], rel=1e-3)
