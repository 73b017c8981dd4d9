"""Trackers: what a training sends is what the tracker's own reader finds."""

import sys
import warnings
from types import SimpleNamespace

import pytest

from seqkit import UsageError
from seqkit.training.trackers import tracker


def trained(found, steps=(3, 7)):
    trainer = SimpleNamespace(progress=SimpleNamespace(step=0))
    found.on_start(trainer)
    for step in steps:
        trainer.progress.step = step
        found.on_evaluate(trainer, {"epoch": step, "loss": 1 / step, "note": "text"}, better=True)
    found.on_stop(trainer)


def test_tensorboard_reads_back_every_number_at_its_step(tmp_path):
    with warnings.catch_warnings():
        # Of the packages that TensorBoard stands on.
        warnings.simplefilter("ignore")
        reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
        trained(tracker("tensorboard", tmp_path))
    events = reader.EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert sorted(events.Tags()["scalars"]) == ["epoch", "loss"]
    assert [(e.step, e.value) for e in events.Scalars("loss")] == [(3, pytest.approx(1 / 3)), (7, pytest.approx(1 / 7))]


@pytest.mark.parametrize("name", ["wandb", "trackio"])
def test_one_entry_for_each_evaluation_between_init_and_finish(name, tmp_path, monkeypatch):
    calls = []
    fake = SimpleNamespace(
        init=lambda **named: calls.append(("init", named)),
        log=lambda values, step: calls.append((step, values)),
        finish=lambda: calls.append("finish"),
    )
    monkeypatch.setitem(sys.modules, name, fake)
    trained(tracker(name, tmp_path / "mine"), steps=(3,))
    assert calls == [("init", {"project": "seqkit", "name": "mine"}), (3, {"epoch": 3, "loss": 1 / 3}), "finish"]


def test_a_package_that_is_not_installed_is_named_with_its_installation(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(UsageError, match="--log mlflow needs the package mlflow; install it with: pip install mlflow"):
        tracker("mlflow", tmp_path)
