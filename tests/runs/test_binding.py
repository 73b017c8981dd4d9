"""The files of a run belong together: what was damaged, or comes from another run, is refused by its name."""

import json
import shutil

import pytest
import torch

from seqkit import SeqkitError, load
from seqkit.config import make_config
from seqkit.report.page import write_report
from seqkit.runs import find_task, resume, start
from seqkit.runs.directory import RunDirectory
from seqkit.training import Callback, Stopped
from seqkit.training.checkpoint import tensor_bytes

VALUES = {"hidden_size": 4, "embedding_size": 4, "batch_size": 64, "min_count": 1, "epochs": 2}


class StopAt(Callback):
    def on_step(self, trainer):
        trainer.stopping = trainer.progress.step == 5


def train(reviews, out, **values):
    task = find_task("sentiment")
    return start(task, make_config(task.config, {**VALUES, "data": str(reviews), **values}), out, [])


@pytest.fixture(scope="module")
def runs(reviews, tmp_path_factory):
    """A finished run, one that was stopped, and each with another seed."""
    folder = tmp_path_factory.mktemp("runs")
    for seed in (1, 2):
        session = train(reviews, folder / f"finished-{seed}", seed=seed)
        session.train()
        session.finish()
        with pytest.raises(Stopped):
            train(reviews, folder / f"stopped-{seed}", seed=seed).train([StopAt()])
    write_report(folder / "finished-1")
    return folder


@pytest.fixture
def copies(runs, tmp_path):
    """A copy of the runs, to be damaged."""
    return shutil.copytree(runs, tmp_path / "runs")


def test_the_model_of_another_run_is_refused(copies):
    shutil.copy(copies / "finished-2/model.safetensors", copies / "finished-1/model.safetensors")
    with pytest.raises(SeqkitError, match=r"finished-1/model.safetensors is of another run"):
        load(copies / "finished-1")


def test_the_checkpoint_of_another_seed_is_refused(copies):
    name = "checkpoint/last.safetensors"
    shutil.copy(copies / "stopped-2" / name, copies / "stopped-1" / name)
    with pytest.raises(SeqkitError, match=r"stopped-1/checkpoint/last.safetensors is of another run"):
        resume(copies / "stopped-1", []).train()


def test_an_earlier_model_of_the_same_run_is_refused_once_it_is_finished(copies):
    run, _ = RunDirectory.open(copies / "finished-1")
    tensors, facts = run.read_tensors(run.model)
    run.write_tensors(run.model, {name: tensor + 1 for name, tensor in tensors.items()}, facts)
    with pytest.raises(SeqkitError, match=r"model.safetensors was changed after the run was finished"):
        load(run.path)


@pytest.mark.parametrize("name", ["results.json", "report.json", "metrics.jsonl"])
def test_a_flipped_bit_in_what_a_run_has_found_is_refused(name, copies, command):
    path = copies / "finished-1" / name
    content = bytearray(path.read_bytes())
    # A digit of a number: another number, and JSON as good as before.
    place = next(place for place, sign in enumerate(content) if sign in b"0123" and content[place - 1 : place] == b".")
    content[place] ^= 4
    json.loads(bytes(content).splitlines()[0] if name.endswith("l") else bytes(content))
    path.write_bytes(content)
    for arguments in (["report", path.parent], ["resume", path.parent]):
        done = command(*arguments)
        assert done.returncode == 1
        assert f"{name} was changed after the run was finished" in done.stderr


def test_any_flipped_bit_of_the_manifest_is_refused_or_changes_nothing(copies):
    path = copies / "finished-1/run.json"
    before, facts = path.read_bytes(), RunDirectory(path.parent).read_facts()
    for place in range(0, len(before), 7):
        content = bytearray(before)
        content[place] ^= 1 << place % 8
        path.write_bytes(content)
        try:
            assert RunDirectory(path.parent).read_facts() == facts
        except SeqkitError as error:
            assert "run.json" in str(error) or "newer seqkit" in str(error)


def test_checks_cannot_be_turned_off_unnoticed(copies):
    path = copies / "finished-1/run.json"
    facts = json.loads(path.read_text())
    path.write_text(json.dumps({**facts, "digests": {}}))
    with pytest.raises(SeqkitError, match=r"run.json was changed after it was written"):
        load(path.parent)
    # As runs of 0.2.0 and before, which have no digest of the manifest.
    old = {name: value for name, value in facts.items() if name not in ("identity", "digest", "files", "notes")}
    path.write_text(json.dumps({**old, "digests": {}}))
    with pytest.raises(SeqkitError, match=r"run.json is damaged: it has no digest of config.toml"):
        load(path.parent)


def test_a_run_without_the_later_fields_works_as_before(copies, reviews):
    """As made by 0.2.0: no identity, no digest of the manifest, nothing about what was found."""
    for run in (copies / "finished-1", copies / "stopped-1"):
        facts = json.loads((run / "run.json").read_text())
        old = {name: value for name, value in facts.items() if name not in ("identity", "digest", "files", "notes")}
        (run / "run.json").write_text(json.dumps(old))
    assert load(copies / "finished-1").predict(["a fine film"])
    assert write_report(copies / "finished-1").exists()
    session = resume(copies / "stopped-1", [])
    session.train()
    session.finish()
    ours, theirs = (RunDirectory(copies / name) for name in ("stopped-1", "finished-1"))
    first, second = (run.read_tensors(run.model)[0] for run in (ours, theirs))
    assert all(torch.equal(first[name], second[name]) for name in second)


def test_a_replacement_that_breaks_off_leaves_a_run_that_is_whole(copies, monkeypatch):
    run, _ = RunDirectory.open(copies / "finished-1")
    left = [0]

    def breaks_off(self, path, content, write=RunDirectory.write):
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        write(self, path, content)

    monkeypatch.setattr(RunDirectory, "write", breaks_off)
    for writes in range(4):
        left[0] = writes
        with pytest.raises(KeyboardInterrupt):
            run.replace_files({"metrics.jsonl": b"{}\n", "report.html": b"new"}, run.read_facts())
        run.check_found(run.read_facts())
    left[0] = 99
    # A later replacement of another file forgets nothing of the first.
    run.replace_files({"report.json": b"{}"}, run.read_facts())
    run.check_found(run.read_facts())
    assert "changing" not in run.read_facts()


def test_a_link_in_the_folder_is_not_embedded_in_the_report(copies, tmp_path):
    from seqkit.report.answers import pictures
    from seqkit.report.run_files import read_run_files

    run = copies / "finished-1"
    (tmp_path / "secret.png").write_bytes(b"secret")
    (run / "attention.png").symlink_to(tmp_path / "secret.png")
    files = read_run_files(run)
    assert pictures(files._replace(findings={**files.findings, "pictures": ["attention.png"]})) == ""


def test_tensors_are_the_same_bytes_every_time():
    tensors, facts = {"b": torch.ones(3), "a": torch.zeros(2, 2)}, {"epoch": 1, "word": "é"}
    # Eight keys in an order drawn anew would agree once in forty thousand times.
    assert len({tensor_bytes(tensors, facts) for _ in range(20)}) == 1
