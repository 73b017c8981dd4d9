"""One writer at a time: who holds a folder, when it is taken over, and what a writer does that has lost it."""

import json
import os
import subprocess
import sys
import time

import pytest

from seqkit import SeqkitError, UsageError
from seqkit.machine import has_ended, this_process
from seqkit.runs.directory import RunDirectory
from seqkit.runs.lock import _put_aside


def hold(folder, silent=0, **facts):
    """A lock as another process leaves it."""
    lock = folder / "lock.json"
    lock.write_text(json.dumps({**this_process(), "since": "2026-01-01 10:00:00", "token": "other", **facts}))
    os.utime(lock, (time.time() - silent,) * 2)
    return lock


@pytest.fixture(scope="module")
def ended():
    """What names a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return {"process": process.pid, "started": 1}


def test_a_second_writer_is_refused_with_the_name_of_the_first(tmp_path):
    with RunDirectory(tmp_path).writing():
        name = f"process {os.getpid()} on {this_process()['host']} since 20"
        with pytest.raises(UsageError, match=name), RunDirectory(tmp_path).writing():
            pass
    assert not [*tmp_path.iterdir()]


def test_a_process_that_has_ended_holds_nothing(tmp_path, ended):
    hold(tmp_path, **ended)
    with RunDirectory(tmp_path).writing():
        assert json.loads((tmp_path / "lock.json").read_text())["process"] == os.getpid()


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")], ids=["pipe", "endless"])
def test_a_lock_that_is_no_ordinary_file_is_held_by_nobody_and_not_opened(make, tmp_path):
    make(tmp_path / "lock.json")
    with RunDirectory(tmp_path).writing():
        assert json.loads((tmp_path / "lock.json").read_text())["process"] == os.getpid()


def test_a_process_whose_number_no_process_can_have_has_ended():
    assert has_ended({**this_process(), "process": 10**30})


def test_another_process_with_the_same_number_is_another_process(tmp_path):
    hold(tmp_path, started=1)
    with RunDirectory(tmp_path).writing():
        pass


def test_a_child_that_was_killed_and_not_waited_for_has_ended():
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    facts = {**this_process(), "process": process.pid, "started": None}
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert has_ended({**facts, "started": 1})
    process.communicate()
    assert has_ended(facts)


def test_a_process_of_another_machine_is_given_up_when_it_has_been_silent(tmp_path):
    hold(tmp_path, silent=60, machine="elsewhere")
    with pytest.raises(UsageError, match="in use"), RunDirectory(tmp_path).writing():
        pass
    hold(tmp_path, silent=600, machine="elsewhere")
    with RunDirectory(tmp_path).writing():
        pass


def test_a_paused_process_of_this_machine_is_not_given_up(tmp_path):
    hold(tmp_path, silent=6000)
    with pytest.raises(UsageError, match="in use"), RunDirectory(tmp_path).writing():
        pass


DAMAGED = ["", "{", "[]", "\xff", "null", '{"process": -1}', '{"process": "x", "token": 3}', "[" * 5000]


@pytest.mark.parametrize("content", DAMAGED)
def test_a_damaged_lock_is_nobodys_and_taken_over_at_once(content, tmp_path):
    (tmp_path / "lock.json").write_text(content, "latin-1")
    with RunDirectory(tmp_path).writing():
        assert json.loads((tmp_path / "lock.json").read_text())["process"] == os.getpid()


def test_a_lock_with_a_flipped_bit_is_nobodys_for_its_holder_too(tmp_path):
    """Another process takes it over at once, so that whoever has written it must stop."""
    run, lock = RunDirectory(tmp_path), tmp_path / "lock.json"
    with run.writing():
        lock.write_bytes(lock.read_bytes().replace(b'"machine": "', b'"machine": "x'))
        with pytest.raises(SeqkitError, match=r"its lock.json is damaged; nothing more is written"):
            run.write(run.metrics, b"stale")
        with RunDirectory(tmp_path).writing():
            assert json.loads(lock.read_text())["process"] == os.getpid()


def test_a_writer_that_has_lost_its_lock_writes_nothing(tmp_path):
    run = RunDirectory(tmp_path)
    with run.writing():
        run.write(run.metrics, b"mine")
        hold(tmp_path)
        with pytest.raises(SeqkitError, match=r"process \d+ on .* has taken it over; nothing more is written"):
            run.write(run.metrics, b"stale")
        (tmp_path / "lock.json").unlink()
        with pytest.raises(SeqkitError, match=r"its lock.json is gone"):
            run.write(run.metrics, b"stale")
        lock = hold(tmp_path)
    assert run.metrics.read_bytes() == b"mine"
    assert lock.exists(), "the lock of the other process is not ours to remove"
    assert {path.name for path in tmp_path.iterdir()} == {"metrics.jsonl", "lock.json"}


def test_a_lock_that_somebody_else_has_just_taken_over_stays_theirs(tmp_path):
    lock = hold(tmp_path, token="quicker")
    _put_aside(lock, {"token": "gone"})
    assert json.loads(lock.read_text())["token"] == "quicker"
    assert [*tmp_path.iterdir()] == [lock]


def test_the_holder_may_enter_again_and_lets_go_at_the_end(tmp_path):
    run = RunDirectory(tmp_path)
    with run.writing():
        with run.writing():
            pass
        assert run.lock.path.exists()
    assert not run.lock.path.exists()


def test_a_file_system_that_loses_the_answer_of_a_link_does_not_lose_the_lock(tmp_path, monkeypatch):
    link = os.link

    def answer_lost(source, target):
        link(source, target)
        raise FileExistsError(17, "File exists", str(source))

    monkeypatch.setattr(os, "link", answer_lost)
    with RunDirectory(tmp_path).writing():
        assert json.loads((tmp_path / "lock.json").read_text())["process"] == os.getpid()


def test_a_run_is_made_only_where_nothing_is_and_asks_before_it_takes_the_lock(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UsageError, match="file is a file; choose a folder"):
        RunDirectory.create(tmp_path / "file", {}, {})
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "mine.txt").write_text("mine")
    hold(folder)
    with pytest.raises(UsageError, match="folder exists and is not empty; choose another folder"):
        RunDirectory.create(folder, {}, {})
