"""``seqkit runs``: what is in a folder, and taking it away."""

import io
import json
import os
import shutil
import time

import pytest

from seqkit.machine import this_process
from seqkit.runs.listing import list_runs
from seqkit.tables import TERMINAL_WIDTH

MADE = "tests/runs/made_by_0_1_0"


@pytest.fixture
def folder(tmp_path, request):
    for name in ("tag", "tag-stopped", "digit"):
        shutil.copytree(request.config.rootpath / MADE / name, tmp_path / "runs" / "deeper" / name)
    return tmp_path / "runs"


def test_runs_are_listed_with_task_score_and_state_wherever_they_lie_below(folder, command, monkeypatch):
    monkeypatch.chdir(folder.parent)
    done = command("runs")
    assert done.returncode == 0 and max(map(len, done.stdout.splitlines())) <= TERMINAL_WIDTH
    found = {run.path.name: run for run in list_runs(folder)}
    assert found.keys() == {"tag", "tag-stopped", "digit"}
    results = json.loads((folder / "deeper/tag/results.json").read_text())
    assert found["tag"].score == results["test"][results["metric"]]
    assert (found["tag"].task, found["tag"].state, found["tag-stopped"].state) == ("tag", "finished", "stopped")
    for expected in ("tag", f"f1 {found['tag'].score:.4g} (baseline", "stopped"):
        assert expected in done.stdout


def test_trials_of_studies_are_listed_and_what_lies_deeper_is_not(folder):
    for place in ("studies/trials/0001", "studies/mine/trials/0001"):
        shutil.copytree(folder / "deeper/tag", folder / place)
    found = {str(run.path.relative_to(folder)) for run in list_runs(folder)}
    assert found == {"studies/trials/0001", "deeper/tag", "deeper/tag-stopped", "deeper/digit"}


def test_json_has_a_line_for_each_run(folder, command):
    lines = [json.loads(line) for line in command("runs", folder, "--json").stdout.splitlines()]
    assert {line["state"] for line in lines} == {"finished", "stopped"} and len(lines) == 3


def test_a_damaged_run_is_listed_with_what_is_wrong(folder, command):
    (folder / "deeper/tag/results.json").write_text("{")
    out = command("runs", folder).stdout
    assert "damaged:" in out and "restore it from a backup" in " ".join(out.split()) and "digit" in out


def test_a_run_at_which_a_process_works_is_running_and_stays(folder, command):
    run = folder / "deeper" / "tag-stopped"
    (run / "lock.json").write_text(
        json.dumps({**this_process(), "process": os.getppid(), "started": None, "token": "x"})
    )
    assert next(r for r in list_runs(run)).state == "running"
    done = command("runs", "rm", "--yes", run)
    assert done.returncode == 2 and "in use by process" in done.stderr and run.exists()


@pytest.mark.parametrize("closed", [False, True])
def test_where_nobody_can_answer_nothing_is_deleted(folder, command, monkeypatch, closed):
    run = folder / "deeper" / "digit"
    monkeypatch.setattr("sys.stdin", None if closed else io.StringIO())
    done = command("runs", "rm", run)
    assert done.returncode == 2 and run.exists()
    assert done.stderr.splitlines()[-1].endswith("as nobody answers; to delete without a question, add --yes")


def test_only_runs_are_deleted_and_only_after_a_yes(folder, command, monkeypatch):
    run = folder / "deeper" / "digit"
    monkeypatch.setattr("click.confirm", lambda *_, **__: False)
    assert "nothing was deleted" in command("runs", "rm", run).stderr and run.exists()
    assert command("runs", "rm", "--yes", run).stdout.startswith(f"deleted {run}, ") and not run.exists()
    done = command("runs", "rm", "--yes", folder)
    assert done.returncode == 2 and "is not a run, and nothing was deleted" in done.stderr and folder.exists()


def test_what_is_not_a_run_is_refused_before_a_question_and_before_others_are_deleted(folder, command, monkeypatch):
    def asked(*_, **__):
        raise AssertionError("asked about what is not there")

    monkeypatch.setattr("click.confirm", asked)
    run = folder / "deeper" / "digit"
    for options in ([], ["--yes"]):
        done = command("runs", "rm", *options, run, folder / "none")
        assert done.returncode == 2 and "none is not a run" in done.stderr and run.exists()


def test_the_question_names_every_run(folder, command, monkeypatch):
    questions = []
    monkeypatch.setattr("click.confirm", lambda question, **_: questions.append(question))
    one, other = folder / "deeper" / "digit", folder / "deeper" / "tag"
    command("runs", "rm", one)
    command("runs", "rm", one, other)
    assert questions == [f"Delete {one} and everything in it?", f"Delete {one}, {other} and everything in them?"]


def test_a_link_to_a_run_is_not_followed(folder, command, tmp_path):
    (tmp_path / "link").symlink_to(folder / "deeper" / "digit")
    done = command("runs", "rm", "--yes", tmp_path / "link")
    assert done.returncode == 2 and (folder / "deeper" / "digit" / "run.json").exists()


def test_a_folder_without_runs_says_how_to_make_one(tmp_path, command):
    assert "No runs in" in command("runs", tmp_path).stdout
    assert "there is no folder" in command("runs", tmp_path / "none").stderr


def test_the_latest_run_comes_last(folder):
    later = time.time() + 60
    os.utime(folder / "deeper/digit/results.json", (later, later))
    assert list_runs(folder)[-1].path.name == "digit"
