"""Where output goes: what is shown may be lost, what is written may not."""

import fcntl
import io
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from seqkit.commands import _sentence
from seqkit.commands.answering import PredictRequest, answer
from seqkit.commands.signals import STOP_AT_END, noted_signals
from seqkit.commands.terminal import Reporter, print_tables
from seqkit.data import DataError
from seqkit.errors import SeqkitError, UsageError
from seqkit.runs import load
from seqkit.tables import Table


class Gone(io.StringIO):
    """A pipe without a reader."""

    def write(self, text):
        raise BrokenPipeError(32, "Broken pipe")


@pytest.fixture(scope="module")
def model(trained):
    return load(trained[0])


def ask(model, source, output):
    answer(model, PredictRequest([], source, None, output, False), {})


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_run_whose_reader_has_gone_and_whose_terminal_is_ascii_is_whole(seqkit, reviews, small, tmp_path):
    reading, writing = os.pipe()
    os.close(reading)
    options = {"stdout": writing, "stderr": writing, "env": {"PYTHONIOENCODING": "ascii"}}
    done = seqkit("run", "sentiment", "--data", reviews, *small, "--out", tmp_path / "run", **options)
    os.close(writing)
    assert done.returncode == 0
    assert {"results.json", "report.json", "report.html", "predictions.jsonl"} <= {*names(tmp_path / "run")}


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_behind_standard_output_is_named(seqkit, unbuffered):
    with Path("/dev/full").open("w") as full:
        done = seqkit("list", stdout=full, stderr=subprocess.PIPE, env={"PYTHONUNBUFFERED": unbuffered})
    sentence = "seqkit: what is printed here cannot be written: No space left on device; free some space\n"
    assert (done.returncode, done.stderr) == (1, sentence)


NO_MEMORY = "not enough memory; use smaller sizes or batches, or a machine with more memory"


@pytest.mark.parametrize(
    "error",
    [
        ImportError("libscipy_openblas.so: failed to map segment from shared object"),
        SystemError("error return without exception set"),
        RuntimeError("can't start new thread"),
    ],
)
def test_errors_under_a_limit_of_memory_say_that_it_has_ended(error, monkeypatch):
    monkeypatch.setattr("resource.getrlimit", lambda what: (10**9, -1))
    assert _sentence(error) == NO_MEMORY
    monkeypatch.setattr("resource.getrlimit", lambda what: (-1, -1))
    assert _sentence(error).startswith(f"unexpected {type(error).__name__}: ")


def test_a_command_without_memory_says_one_sentence_even_if_its_end_finds_none():
    program = """
import atexit
from seqkit import commands
def fail(*arguments, **settings):
    raise MemoryError
atexit.register(fail)
commands.program.main = fail
commands.main(["list"])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"seqkit: {NO_MEMORY}\n")


def test_a_table_without_a_reader_is_not_a_failure_of_the_program():
    # rich itself would end the process with 1.
    with pytest.raises(BrokenPipeError):
        print_tables([Table("scores", ["", "value"], [["accuracy", 0.5]])], Gone())


def test_progress_without_a_reader_stops_nothing_and_is_logged(tmp_path):
    Reporter(tmp_path / "log.txt", Gone()).line("epoch 1")
    assert "epoch 1" in (tmp_path / "log.txt").read_text()


def test_progress_that_cannot_be_shown_is_shown_as_far_as_it_can():
    content = io.BytesIO()
    stream = io.TextIOWrapper(content, "ascii", write_through=True)
    Reporter(stream=stream).line("naïve")
    assert content.getvalue() == b"na?ve\n"


def test_a_terminal_that_goes_away_stops_the_work_where_it_can_and_nohup_does_not():
    with noted_signals() as received:
        os.kill(os.getpid(), signal.SIGHUP)
        assert received == [signal.SIGHUP]
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with noted_signals() as received:
            os.kill(os.getpid(), signal.SIGHUP)
            assert received == []
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_process_stops_when_the_one_that_started_it_is_killed():
    program = (
        "import signal, sys, time; from seqkit.commands.signals import stop_with_parent; "
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(7)); stop_with_parent(); time.sleep(60)"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, env={**os.environ, STOP_AT_END: "1"}
    )
    time.sleep(0.2)
    assert child.poll() is None
    child.stdin.close()  # as the system does for one that is killed
    assert child.wait(30) == 7


def test_answers_replace_a_file_when_all_are_there(model, tmp_path):
    source, output = tmp_path / "in.txt", tmp_path / "out.txt"
    source.write_text("a fine film\na dull film\n")
    output.write_text("old")
    output.chmod(0o640)
    ask(model, source, output)
    assert len(output.read_text().splitlines()) == 2
    assert output.stat().st_mode & 0o777 == 0o640
    assert names(tmp_path) == ["in.txt", "out.txt"]


def test_answers_before_an_error_are_kept_beside_the_old_file(model, tmp_path, monkeypatch, capsys):
    source, output = tmp_path / "in.txt", tmp_path / "out.txt"
    source.write_text("a fine film\n")
    output.write_text("old")

    def fails(*arguments, **options):
        from seqkit.runs.answers import predict_rows

        yield from predict_rows(*arguments, **options)
        raise DataError("this line is no text", None)

    monkeypatch.setattr("seqkit.commands.answering.predict_rows", fails)
    with pytest.raises(DataError):
        ask(model, source, output)
    assert output.read_text() == "old"
    assert (tmp_path / "out.txt.partial").read_text().endswith("\ta fine film\n")
    assert "out.txt.partial" in capsys.readouterr().err


def test_an_input_that_cannot_be_read_leaves_the_old_file_and_nothing_else(trained, command, tmp_path):
    (tmp_path / "in.csv").write_text("other\nx\n")
    (tmp_path / "out.csv").write_text("old")
    done = command("predict", trained[0], "--input", tmp_path / "in.csv", "--output", tmp_path / "out.csv")
    assert done.returncode != 0
    assert (tmp_path / "out.csv").read_text() == "old"
    assert names(tmp_path) == ["in.csv", "out.csv"]


def test_one_command_at_a_time_writes_to_a_file(model, tmp_path):
    source, output = tmp_path / "in.txt", tmp_path / "out.txt"
    source.write_text("a fine film\n")
    with (tmp_path / "out.txt.partial").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(UsageError, match=r"another command is writing to .*out.txt"):
            ask(model, source, output)
    ask(model, source, output)
    assert names(tmp_path) == ["in.txt", "out.txt"]


def test_answers_go_through_a_link_and_into_a_pipe(model, tmp_path):
    source, output = tmp_path / "in.txt", tmp_path / "out.txt"
    source.write_text("a fine film\n")
    (tmp_path / "link.txt").symlink_to(output)
    ask(model, source, tmp_path / "link.txt")
    assert (tmp_path / "link.txt").is_symlink()
    assert output.read_text().endswith("\ta fine film\n")
    os.mkfifo(tmp_path / "pipe")
    reader = subprocess.Popen(["cat", tmp_path / "pipe"], stdout=subprocess.PIPE)
    ask(model, source, tmp_path / "pipe")
    assert reader.communicate()[0] == output.read_bytes()


def test_a_full_device_is_named(model, tmp_path):
    (tmp_path / "in.txt").write_text("a fine film\n")
    with pytest.raises(SeqkitError, match="cannot write /dev/full: No space left on device; free some space"):
        ask(model, tmp_path / "in.txt", Path("/dev/full"))


def test_closed_standard_input_is_reported(trained, command, monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    for words in ([], ["--input", "-"]):
        done = command("predict", trained[0], *words)
        assert (done.returncode, "standard input is closed" in done.stderr) == (2, True)


@pytest.mark.parametrize("compiler", ["'", " ", "no-such-compiler"])
def test_a_compiler_that_is_not_a_command_is_not_a_compiler(compiler, monkeypatch):
    from seqkit.kernels.build import _compiler

    monkeypatch.setenv("CXX", compiler)
    assert _compiler() is None


def test_a_run_resumed_at_the_end_of_an_epoch_has_no_speed_and_no_time_left_yet():
    progress = SimpleNamespace(examples=640, epoch=1, history=[], finished=False, seconds=9.0)
    config = SimpleNamespace(epochs=4, minutes=0.0)
    criterion = SimpleNamespace(score="loss")
    trainer = SimpleNamespace(
        progress=progress, config=config, done=0.25, metric="accuracy", criterion=criterion, samples=[]
    )
    shown = io.StringIO()
    reporter = Reporter(stream=shown)
    reporter.on_start(trainer)
    record = {"epoch": 1, "loss": 0.5, "train_loss": 0.6, "accuracy": 0.75}
    reporter.on_evaluate(trainer, record, better=False)
    assert shown.getvalue() == "epoch  1/4  loss 0.600  valid loss 0.500  accuracy 0.750\n"
    progress.examples, trainer.done = 1280, 0.5
    reporter.on_evaluate(trainer, record, better=False)
    assert re.fullmatch(r"epoch  1/4  .*  [\d,]+/s  0:0\d left", shown.getvalue().splitlines()[1])
