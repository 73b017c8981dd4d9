"""Commands that tests fork are what they would be if they were started from nothing."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.starting import Command, environment_of_forks

PIPES = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}


@pytest.mark.command
@pytest.mark.parametrize("words", [["list", "cells"], ["lst"], ["predict", "nowhere", "--input", "-"]], ids=" ".join)
def test_a_fork_says_what_a_process_that_was_started_says(words, tmp_path):
    ends = []
    for environment in ({}, {"SEQKIT_KERNELS": "auto"}):
        with Command(*words, cwd=tmp_path, env={**environment_of_forks(), **environment}, **PIPES) as process:
            assert process.forked == (not environment)
            ends.append((*process.communicate("a line\n", timeout=120), process.returncode))
    assert ends[0] == ends[1]


@contextmanager
def killed_in_the_end(process):
    """A process that would not end by itself if a test of it fails."""
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.command
def test_a_fork_is_a_child_with_its_folder_environment_and_signals(points, tmp_path):
    words = ["run", "digit", "--data", points, "--out", "run", "--epochs", "100000", "--set", "patience=0"]
    with killed_in_the_end(
        Command(*words, cwd=tmp_path, env={**environment_of_forks(), "COLUMNS": "71"}, **PIPES)
    ) as process:
        assert process.forked and process.poll() is None
        while not process.stderr.readline().startswith("epoch"):
            assert process.poll() is None
        facts = Path("/proc", str(process.pid))
        parent = int(facts.joinpath("stat").read_text().rpartition(")")[2].split()[1])
        assert (facts.joinpath("cwd").readlink(), parent) == (tmp_path, os.getpid())
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL


@pytest.mark.command
def test_options_that_a_fork_cannot_have_start_a_process(tmp_path):
    with Command("--version", start_new_session=True, **PIPES) as process:
        assert not process.forked
        assert process.communicate(timeout=120)[0].startswith("seqkit")
    assert process.args[:3] == [sys.executable, "-m", "seqkit"]
