"""A process that is killed at any write: resuming what it leaves gives exactly the files of an undisturbed run."""

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import seqkit.files
from seqkit import SeqkitError, UsageError
from seqkit.commands.terminal import Reporter
from seqkit.commands.training import write_findings
from seqkit.config import make_config
from seqkit.machine import this_process
from seqkit.runs import directory, find_task, resume, start
from seqkit.training import Callback, Stopped

VALUES = {"hidden_size": 4, "embedding_size": 4, "batch_size": 64, "min_count": 1, "epochs": 1}
TIMED = ("second", "memory", "finished")


@pytest.fixture(scope="module")
def few(reviews, tmp_path_factory):
    """Sixty of the reviews."""
    head, *rows = reviews.read_text().splitlines()
    path = tmp_path_factory.mktemp("few") / "few.csv"
    path.write_text("\n".join([head, *rows[:30], *rows[-30:]]))
    return path


def begin(few, out, **values):
    task = find_task("sentiment")
    return start(task, make_config(task.config, {**VALUES, "data": str(few), **values}), out, [])


def finish(session):
    session.train()
    write_findings(session, session.finish(), [], Reporter())


@pytest.fixture(scope="module")
def killed(few, tmp_path_factory):
    """A run, and copies of its folder at each of its writes, each with the file that was about to be renamed."""
    folder, process = tmp_path_factory.mktemp("killed"), subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    out, write, copies = folder / "run", seqkit.files.write_atomic, []

    def copying(path, content, check=lambda: None):
        copy = shutil.copytree(out, folder / f"copy-{len(copies)}")
        copies.append(copy)
        # The holder is one that has been killed.
        (copy / "lock.json").write_text(json.dumps({**this_process(), "process": process.pid, "started": 1}))
        half = copy / path.relative_to(out).with_name(f".{path.name}.0123456789abcdef.tmp")
        half.write_bytes(content[: len(content) // 2])
        write(path, content, check)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(directory, "write_atomic", copying)
        finish(begin(few, out))
    return out, copies


def content_of(folder):
    """What is in each file, but for times."""
    return {str(p.relative_to(folder)): plain(p) for p in folder.rglob("*") if p.is_file() and p.name != "log.txt"}


def plain(path):
    if path.name in ("results.json", "report.json"):
        facts = json.loads(path.read_text())
        return {name: value for name, value in facts.items() if not any(timed in name for timed in TIMED)}
    if path.name in ("run.json", "report.html") or path.parent.name == "checkpoint":
        return None  # digests of times; times; the seconds of the training
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("every", [7, pytest.param(1, marks=pytest.mark.slow)])
def test_after_a_kill_at_any_write_the_run_ends_with_the_same_files(every, killed, few, tmp_path, command):
    run, copies = killed
    assert len(copies) > 15
    # The last of them has everything, but for a word that it is whole.
    for copy in dict.fromkeys([*copies[::every], copies[-1]]):
        copy = shutil.copytree(copy, tmp_path / copy.name)
        again = command("resume", copy)
        if again.returncode == 2:
            assert "was stopped before its run began; start it again with the same --out" in again.stderr
            finish(begin(few, copy))
        else:
            assert again.returncode == 0, again.stderr
        assert content_of(copy) == content_of(run), copy.name
        assert "nothing to resume" in command("resume", copy).stderr


def test_a_run_that_cannot_be_made_leaves_nothing_behind(few, tmp_path, monkeypatch):
    def full(path, content, check=None):
        raise SeqkitError(f"cannot write {path}: No space left on device")

    monkeypatch.setattr(directory, "write_atomic", full)
    (tmp_path / "empty").mkdir()
    for out in (tmp_path / "run", tmp_path / "empty"):
        with pytest.raises(SeqkitError, match="No space left"):
            begin(few, out)
    assert [path.name for path in tmp_path.rglob("*")] == ["empty"]


def test_a_folder_with_files_of_somebody_is_not_taken(few, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "lock.json").write_text("{}")
    with pytest.raises(UsageError, match="is not empty"):
        begin(few, tmp_path)
    assert (tmp_path / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("outside", ["vectors", "init_from", "pretrain", "nothing"])
def test_a_run_never_begins_anew_without_what_it_began_with(outside, few, killed, tmp_path):
    (tmp_path / "vectors.txt").write_text("film 1 2 3 4\nstory 2 3 4 5\n")
    values = {
        "vectors": str(tmp_path / "vectors.txt"),
        "init_from": str(killed[0]),
        "pretrain": str(tmp_path / "vectors.txt"),
    }
    begin(few, tmp_path / "run", **{name: value for name, value in values.items() if name == outside})
    checkpoint = tmp_path / "run/checkpoint/last.safetensors"
    assert checkpoint.exists()
    checkpoint.unlink()
    with pytest.raises(SeqkitError, match=r"last.safetensors is missing, and with it what the run began with"):
        resume(tmp_path / "run", []).train()


def test_a_paused_writer_that_wakes_changes_nothing(few, killed, tmp_path):
    run = tmp_path / "run"

    class TakenOver(Callback):
        def on_step(self, trainer):
            """Meanwhile, another process has finished the run."""
            shutil.rmtree(run)
            shutil.copytree(killed[0], run)

    with pytest.raises(SeqkitError, match="nothing more is written"):
        begin(few, run).train([TakenOver()])
    assert content_of(run) == content_of(killed[0])


def test_a_run_under_way_is_not_resumed_a_second_time(few, tmp_path):
    refused = []

    class Second(Callback):
        def on_step(self, trainer):
            with pytest.raises(UsageError, match="is in use by process") as error:
                resume(tmp_path / "run", [])
            refused.append(error)

    begin(few, tmp_path / "run").train([Second()])
    assert refused


@pytest.mark.parametrize("name", ["predictions.jsonl", "metrics.jsonl", "report.json", "report.html", "card.md"])
def test_resume_makes_what_a_finished_run_is_missing(name, killed, tmp_path, command):
    run = shutil.copytree(killed[0], tmp_path / "run")
    (run / name).unlink()
    done = command("resume", run)
    assert (done.returncode, f"made what was missing: {name}" in done.stderr) == (0, True)
    assert content_of(run) == content_of(killed[0])


def test_predictions_that_are_rebuilt_are_those_of_the_best_epoch_and_not_of_the_last(few, tmp_path, command):
    run = tmp_path / "run"
    finish(begin(few, run, epochs=4, learning_rate=0.5))
    results, predictions = json.loads((run / "results.json").read_text()), run / "predictions.jsonl"
    assert results["best_epoch"] < results["epochs"] == 4
    before = predictions.read_bytes()
    predictions.unlink()
    assert command("resume", run).returncode == 0
    assert predictions.read_bytes() == before


def test_the_same_run_has_the_same_bytes(few, killed, tmp_path):
    finish(begin(few, tmp_path / "run"))
    assert (tmp_path / "run/model.safetensors").read_bytes() == (killed[0] / "model.safetensors").read_bytes()


def test_what_was_left_half_written_is_removed(killed, tmp_path):
    run = Path(shutil.copytree(killed[0], tmp_path / "run"))
    for name in (".model.safetensors.4711.tmp", "checkpoint/.last.safetensors.0123456789abcdef.tmp"):
        (run / name).write_text("half")
    resume(run, [])
    assert content_of(run) == content_of(killed[0])


def test_a_resumed_training_knows_at_its_start_how_far_it_is(few, tmp_path):
    """Or the time left would be reckoned from a share that is not done."""
    seen = []

    class Watch(Callback):
        def on_start(self, trainer):
            seen.append(trainer.done)

        def on_step(self, trainer):
            trainer.stopping = trainer.progress.step == 3
            seen.append(trainer.done)

    with pytest.raises(Stopped):
        begin(few, tmp_path / "run", batch_size=8).train([Watch()])
    stopped = seen[-1]
    assert 0 < stopped < 1
    seen.clear()
    resume(tmp_path / "run", []).train([Watch()])
    assert seen[0] == stopped
