"""Trackers: what a training sends is what the tracker's own reader finds."""

import json
import os
import sqlite3
import subprocess
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

from seqkit import SeqkitError, UsageError
from seqkit.training.trackers import tracker


@dataclass
class Config:
    epochs: int = 3
    cell: str = "gru"


def trained(found, steps=(3, 7)):
    trainer = SimpleNamespace(progress=SimpleNamespace(step=0), config=Config())
    found.on_start(trainer)
    for step in steps:
        trainer.progress.step = step
        found.on_evaluate(trainer, {"epoch": step, "loss": 1 / step, "note": "text"}, better=True)
    found.on_stop(trainer)


def unheard(sentence):
    raise AssertionError(sentence)


@pytest.fixture
def imported():
    """Imports a tracker, or skips; the warnings of what it stands on are its own affair."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield lambda name: pytest.importorskip(name, reason=f"{name} is not installed")


def test_tensorboard_reads_back_every_number_at_its_step(imported, tmp_path):
    reader = imported("tensorboard.backend.event_processing.event_accumulator")
    trained(tracker("tensorboard", tmp_path, unheard))
    trained(tracker("tensorboard", tmp_path, unheard), steps=(9,))  # resumed
    events = reader.EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert sorted(events.Tags()["scalars"]) == ["epoch", "loss"]
    assert [(e.step, e.value) for e in events.Scalars("loss")] == [(s, pytest.approx(1 / s)) for s in (3, 7, 9)]
    (options,) = {e.tensor_proto.string_val[0].decode() for e in events.Tensors("options/text_summary")}
    assert options == "- epochs: `3`\n- cell: `gru`"


def test_the_file_store_of_mlflow_has_every_number_at_its_step_and_the_options(imported, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "store").as_uri())
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    mlflow = imported("mlflow")
    trained(tracker("mlflow", tmp_path / "mine", unheard))
    client = mlflow.MlflowClient((tmp_path / "store").as_uri())
    (run,) = client.search_runs(["0"])
    assert (run.info.run_name, run.info.status) == ("mine", "FINISHED")
    assert run.data.params == {"epochs": "3", "cell": "gru"}
    assert {*run.data.metrics} == {"epoch", "loss"}
    assert [(m.step, m.value) for m in client.get_metric_history(run.info.run_id, "loss")] == [(3, 1 / 3), (7, 1 / 7)]


def test_wandb_keeps_a_run_without_a_network(imported, tmp_path):
    imported("wandb")
    # It writes its file when the process ends.
    code = f"""
import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_trackers import *
trained(tracker("wandb", Path("mine"), unheard))
"""
    offline = {"WANDB_MODE": "offline", "WANDB_SILENT": "true"}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env={**os.environ, **offline}, check=True, timeout=120)
    (kept,) = tmp_path.glob("wandb/offline-run-*/*.wandb")
    content = kept.read_bytes()
    assert all(part in content for part in (b"seqkit", b"mine", b"loss", str(1 / 7)[:12].encode(), b"gru"))


def test_trackio_keeps_every_number_in_its_database(imported, tmp_path, monkeypatch):
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "kept"))
    imported("trackio")
    trained(tracker("trackio", tmp_path / "mine", unheard))
    (file,) = (tmp_path / "kept").glob("seqkit.db")
    rows = sqlite3.connect(file).execute("SELECT run_name, step, metrics FROM metrics ORDER BY step").fetchall()
    assert [(name, step, json.loads(values)["loss"]) for name, step, values in rows] == [
        ("mine", 3, pytest.approx(1 / 3)),
        ("mine", 7, pytest.approx(1 / 7)),
    ]


@pytest.mark.parametrize("name", ["wandb", "trackio"])
def test_one_entry_for_each_evaluation_between_init_and_finish(name, tmp_path, monkeypatch):
    calls = []
    fake = SimpleNamespace(
        init=lambda **named: calls.append(("init", named)),
        log=lambda values, step: calls.append((step, values)),
        finish=lambda: calls.append("finish"),
    )
    monkeypatch.setitem(sys.modules, name, fake)
    trained(tracker(name, tmp_path / "mine", unheard), steps=(3,))
    options = {"epochs": 3, "cell": "gru"}
    begun = ("init", {"project": "seqkit", "name": "mine", "config": options})
    assert calls == [begun, (3, {"epoch": 3, "loss": 1 / 3}), "finish"]


def test_a_package_that_is_not_installed_is_named_with_its_installation(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(UsageError, match="--log mlflow needs the package mlflow; install it with: pip install mlflow"):
        tracker("mlflow", tmp_path, unheard)


def failing(*arguments, **named):
    raise RuntimeError("no network\n  at all")


def test_a_tracker_that_cannot_be_opened_ends_the_training_with_what_it_says(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(init=failing))
    with pytest.raises(SeqkitError, match="--log wandb: no network at all; correct its settings, then resume the run"):
        trained(tracker("wandb", tmp_path, unheard))


def test_a_tracker_that_fails_later_costs_a_line_and_not_the_training(tmp_path, monkeypatch):
    fake = SimpleNamespace(init=lambda **named: None, log=failing, finish=failing)
    monkeypatch.setitem(sys.modules, "wandb", fake)
    said = []
    trained(tracker("wandb", tmp_path, said.append))
    assert said == [
        "--log wandb failed (no network at all); nothing more is sent to it, and training continues",
    ]
