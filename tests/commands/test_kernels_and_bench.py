"""The commands around the native kernels: what they print, and what a run notes of them."""

import json

import pytest

from seqkit.bench.cases import BLOCKS
from seqkit.kernels import ready

needs_native = pytest.mark.skipif(not ready(), reason="the native kernels are not built here")


@needs_native
def test_bench_prints_a_line_for_each_case_within_80_columns_and_keeps_json(seqkit, tmp_path):
    options = ["--cells", "gru", "--threads", "1", "--seconds", "0.001", "--json", tmp_path / "bench.json"]
    done = seqkit("bench", "small", *options)
    assert done.returncode == 0, done.stderr
    assert max(map(len, done.stdout.splitlines())) <= 80
    found = json.loads((tmp_path / "bench.json").read_text())
    assert found["threads"] == 1 and found["product_limit_gflops"] > 1
    assert len(found["rows"]) == 8
    for row in found["rows"]:
        assert row["cell"] == "gru" and "torch padded" in row["peers"]
        assert row["ratio"] == pytest.approx(row["peers"][row["best"]]["median"] / row["ours"]["median"])
    assert "Geometric mean" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["smal"], "did you mean 'small'"), (["small", "--cells", "lstn"], "no case for cells lstn")],
)
def test_bench_refuses_what_it_does_not_have(seqkit, arguments, message):
    done = seqkit("bench", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_the_help_of_bench_names_every_block(seqkit):
    words = seqkit("bench", "--help").stdout.replace(",", " ").replace(".", " ").split()
    assert set(BLOCKS) <= set(words)


def test_status_and_clear_say_where_builds_lie(seqkit, tmp_path):
    environment = {"XDG_CACHE_HOME": str(tmp_path)}
    status = seqkit("kernels", "status", env=environment)
    assert "not built" in status.stdout and str(tmp_path) in status.stdout
    assert seqkit("kernels", "clear", env=environment).stdout.startswith("deleted 0 builds")


OWN_CELL = """
import torch
from seqkit import Cell


class Leaky(Cell):
    gate_names = ("a",)
    stages = ()

    def step(self, x, r, state):
        return (state[0] / 2 + torch.tanh(x),)


class Sorted(Leaky):
    def step(self, x, r, state):
        return (x.sort(-1).values,)


class Optioned(Leaky):
    def __init__(self, rate):
        self.rate = rate
"""


def test_the_c_plus_plus_of_a_cell_in_a_file_can_be_seen(command, tmp_path):
    (tmp_path / "my.py").write_text(OWN_CELL)
    done = command("kernels", "build", "--show", "--cell", f"{tmp_path}/my.py:Leaky")
    assert done.returncode == 0, done.stderr
    assert "tanh(x[0])" in done.stdout and "s[0] * V(0.5f)" in done.stdout


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("my.py:Leeky", "did you mean 'Leaky'?"),
        ("your.py:Leaky", "there is no file"),
        ("my.py:Optioned", "cannot be made without options"),
        ("my.py:Sorted", "Sorted.step is not compiled: it uses"),
        ("broken.py:Leaky", "cannot be run (ZeroDivisionError"),
        ("lstn", "did you mean 'lstm'?"),
    ],
)
def test_a_cell_that_cannot_be_compiled_or_found_is_one_sentence(command, tmp_path, cell, message):
    (tmp_path / "my.py").write_text(OWN_CELL)
    (tmp_path / "broken.py").write_text("1 / 0\n")
    done = command("kernels", "build", "--show", "--cell", f"{tmp_path}/{cell}" if ".py" in cell else cell)
    assert done.returncode in (1, 2) and message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_build_without_a_compiler_fails_in_one_sentence(seqkit, tmp_path):
    done = seqkit("kernels", "build", env={"XDG_CACHE_HOME": str(tmp_path), "PATH": str(tmp_path), "CXX": ""})
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1 and "install g++" in done.stderr


@needs_native
def test_a_run_notes_its_kernels_and_says_so_when_they_are_gone(seqkit, reviews, small, tmp_path):
    run = tmp_path / "run"
    trained = seqkit("run", "sentiment", "--data", reviews, "--out", run, *small)
    assert trained.returncode == 0, trained.stderr
    assert json.loads((run / "run.json").read_text())["native"]
    elsewhere = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "PATH": str(tmp_path), "CXX": ""}
    done = seqkit("predict", run, "wonderful story", env=elsewhere)
    assert done.returncode == 0 and done.stdout.startswith("good")
    (run / "results.json").unlink()
    resumed = seqkit("resume", run, env=elsewhere)
    assert resumed.returncode == 0, resumed.stderr
    assert (
        "the native kernels that the run began with are not available: results may differ in the last bits"
        in " ".join(resumed.stderr.split())
    )


def test_a_run_begun_with_torchs_kernels_continues_with_them(seqkit, reviews, small, tmp_path):
    run = tmp_path / "run"
    trained = seqkit("run", "sentiment", "--data", reviews, "--out", run, "--kernel", "torch", *small)
    assert trained.returncode == 0, trained.stderr
    assert json.loads((run / "run.json").read_text())["native"] is None
    assert 'kernel = "torch"' in (run / "config.toml").read_text()
