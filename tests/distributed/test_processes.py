"""Runs that several processes share: the same bits for any number, kills, and what is refused."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from torch.distributed import TCPStore

from seqkit.training.checkpoint import read_tensors

pytestmark = pytest.mark.command
OPTIONS = ["--hidden-size", "8", "--embedding-size", "8", "--epochs", "2", "--batch-size", "30", "--min-count", "1"]
OPTIONS += ["--dropout", "0.2", "--shards", "4"]


def said(done):
    """The sentences that we have said, without those of torchrun."""
    return [line for line in done.stderr.splitlines() if line.startswith("seqkit:")]


def same_files(*runs):
    names = ("model.safetensors", "predictions.jsonl", "metrics.jsonl")
    return all(len({(run / name).read_bytes() for run in runs}) == 1 for name in names)


@pytest.fixture(scope="module")
def alone(reviews, command, tmp_path_factory):
    out = tmp_path_factory.mktemp("alone") / "run"
    done = command("run", "sentiment", "--data", reviews, *OPTIONS, "--out", out)
    assert done.returncode == 0, done.stderr
    return out


def test_two_processes_give_the_bits_of_one_and_speak_once(reviews, alone, torchrun, tmp_path):
    done = torchrun(2, "seqkit", "run", "sentiment", "--data", reviews, *OPTIONS, "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    assert same_files(tmp_path / "run", alone)
    assert done.stderr.count(" 1/2 ") == done.stdout.count("test split") == 1


@pytest.mark.slow
def test_processes_read_only_the_examples_of_their_shards_from_the_disk(reviews, torchrun, tmp_path, command):
    assert command("prepare", "sentiment", reviews, "--out", tmp_path / "data").returncode == 0
    (tmp_path / "reads.py").write_text(
        "import os, sys\n"
        "import seqkit.data.prepared.folder as folder\n"
        "from seqkit.commands import main\n"
        "from seqkit.training.windows import WindowBatches\n"
        "folder.WHOLE = 1000\n"
        "batch = WindowBatches.batch\n"
        "def noting(self, group, carried=None):\n"
        "    with open(f'{sys.argv[1]}-{os.environ.get(\"RANK\", 0)}', 'a') as file:\n"
        "        file.writelines(f'{number}\\n' for number in group)\n"
        "    return batch(self, group, carried)\n"
        "WindowBatches.batch = noting\n"
        "main(sys.argv[2:])\n"
    )
    options = ["run", "sentiment", tmp_path / "data", *OPTIONS, "--epochs", "1"]
    own = {"PYTHONPATH": str(tmp_path)}
    for processes, name in ((1, "one"), (2, "two")):
        done = torchrun(processes, "reads", tmp_path / name, *options, "--out", tmp_path / f"run-{name}", own=own)
        assert done.returncode == 0, done.stderr
    assert same_files(tmp_path / "run-two", tmp_path / "run-one")
    one, first, second = ((tmp_path / name).read_text().split() for name in ("one-0", "two-0", "two-1"))
    assert sorted(first + second) == sorted(one)
    assert len(set(one)) == len(one)
    assert not set(first) & set(second)


@pytest.mark.slow
def test_a_run_that_is_killed_in_one_of_four_processes_continues_in_two_to_the_same_bits(
    reviews, torchrun, tmp_path, command
):
    # A run's identity, which is in its files, covers all options.
    options = ["run", "sentiment", "--data", reviews, *OPTIONS, "--epochs", "8", "--patience", "0"]
    options += ["--set", "checkpoint_seconds=0"]
    assert command(*options, "--out", tmp_path / "whole").returncode == 0
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "4", "-m", "seqkit"]
    words = [*launcher, *map(str, options), "--out", str(tmp_path / "cut")]
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    with subprocess.Popen(words, env=environment, stderr=subprocess.PIPE, text=True) as running:
        wait_for_step(tmp_path / "cut", 9)
        os.kill(workers(running.pid)[2], signal.SIGKILL)
        _, errors = running.communicate(timeout=120)
    assert running.returncode == 1
    sentences = [line for line in errors.splitlines() if line.startswith("seqkit:")]
    assert len(sentences) == 1
    assert "another process of this training has ended" in sentences[0]
    done = torchrun(2, "seqkit", "resume", tmp_path / "cut")
    assert done.returncode == 0, done.stderr
    assert same_files(tmp_path / "cut", tmp_path / "whole")


def wait_for_step(run, step):
    end, path = time.monotonic() + 120, run / "checkpoint/last.safetensors"
    while time.monotonic() < end:
        if path.exists() and read_tensors(path)[1]["progress"]["step"] >= step:
            return
        time.sleep(0.05)
    pytest.fail("the run made no progress")


def workers(parent):
    """The processes that torchrun has started, in the order of their start."""
    return [int(child) for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]


@pytest.mark.slow
def test_the_trace_of_a_profile_has_all_processes_and_what_they_tell_each_other(reviews, alone, torchrun, tmp_path):
    run = tmp_path / "run"
    done = torchrun(2, "seqkit", "run", "sentiment", "--data", reviews, *OPTIONS, "--profile", "--out", run)
    assert done.returncode == 0, done.stderr
    assert same_files(run, alone)
    assert done.stdout.count("where the time of a step goes") == 1
    spans = [event for event in json.loads((run / "trace.json").read_text())["traceEvents"] if event["ph"] == "X"]
    for process in (0, 1):
        names = {event["name"] for event in spans if event["pid"] == process}
        assert names >= {"step", "data", "forward", "backward", "communication", "optimizer"}
    assert {event["pid"] for event in spans if event["name"] == "validation"} == {0, 1}


@pytest.mark.slow
def test_torchrun_starts_all_again_and_the_run_continues_from_its_checkpoint(reviews, alone, torchrun, tmp_path):
    # The second process of the first attempt ends itself when the run has a checkpoint.
    (tmp_path / "dies.py").write_text(
        "import os, signal, sys\n"
        "from seqkit.commands import main\n"
        "from seqkit.training.trainer import Trainer\n"
        "step = Trainer._step\n"
        "def deadly(self, groups):\n"
        "    second, first_attempt = os.environ['RANK'] == '1', os.environ['TORCHELASTIC_RESTART_COUNT'] == '0'\n"
        "    if self.progress.step == 10 and second and first_attempt:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    step(self, groups)\n"
        "Trainer._step = deadly\n"
        "main()\n"
    )
    environment = {"PYTHONPATH": f"{Path.cwd()}{os.pathsep}{tmp_path}"}
    words = ["run", "sentiment", "--data", reviews, *OPTIONS]
    done = torchrun(2, "dies", *words, restarts=1, cwd=tmp_path, own=environment)
    assert done.returncode == 0, done.stderr
    assert same_files(tmp_path / "runs/sentiment-1", alone)
    assert not (tmp_path / "runs/sentiment-2").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--shards", "3"], "3 shards cannot be divided equally among 2 processes; start 1 or 3"),
        (["--device", "cuda:7"], "there is no device 'cuda:7' on this machine"),
        (["--data", "nowhere.csv"], "nowhere.csv"),
    ],
    ids=["shards", "device", "data"],
)
def test_what_cannot_be_is_refused_in_one_sentence(options, sentence, reviews, torchrun, tmp_path):
    done = torchrun(2, "seqkit", "run", "sentiment", "--data", reviews, *OPTIONS, *options, "--out", tmp_path / "run")
    assert done.returncode == 1
    (only,) = said(done)
    assert sentence in only
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
@pytest.mark.parametrize("what", ["data", "version"])
def test_a_process_with_other_data_or_another_version_is_refused(what, reviews, torchrun, tmp_path):
    (tmp_path / "differs.py").write_text(
        "import os, sys, torch\n"
        "from pathlib import Path\n"
        "from seqkit.commands import main\n"
        "if os.environ['RANK'] == '1':\n"
        + (
            "    torch.__version__ = '1.0'\n"
            if what == "version"
            else "    os.chdir('other')\n"  # the same command means another file there
        )
        + "main()\n"
    )
    (tmp_path / "other").mkdir()
    text = reviews.read_text()
    (tmp_path / "own.csv").write_text(text)
    (tmp_path / "other/own.csv").write_text(text.replace("dull", "drab"))
    environment = {"PYTHONPATH": f"{Path.cwd()}{os.pathsep}{tmp_path}"}
    words = ["differs", "run", "sentiment", "--data", "own.csv", *OPTIONS]
    done = torchrun(2, *words, cwd=tmp_path, own=environment)
    assert done.returncode == 1
    (only,) = said(done)
    assert "process 1 on" in only
    assert ("set of examples" if what == "data" else "version of torch") in only
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_every_batch_that_is_scored_is_predicted_by_one_of_the_processes(reviews, torchrun, tmp_path):
    (tmp_path / "notes.py").write_text(
        "import os, sys\n"
        "import seqkit.topologies.prediction as prediction\n"
        "from seqkit.commands import main\n"
        "predicted = prediction._predicted\n"
        "def noting(head, codec, items, group, *others):\n"
        "    with open(f'{sys.argv[1]}-{os.environ.get(\"RANK\", 0)}', 'a') as file:\n"
        "        file.write(f'{items.name} {group}\\n')\n"
        "    return predicted(head, codec, items, group, *others)\n"
        "prediction._predicted = noting\n"
        "main(sys.argv[2:])\n"
    )
    options = ["run", "sentiment", "--data", reviews, *OPTIONS, "--batch-size", "2"]
    own = {"PYTHONPATH": f"{Path.cwd()}{os.pathsep}{tmp_path}"}
    for processes, name in ((1, "one"), (2, "two")):
        done = torchrun(processes, "notes", tmp_path / name, *options, "--out", tmp_path / f"run-{name}", own=own)
        assert done.returncode == 0, done.stderr
    assert same_files(tmp_path / "run-two", tmp_path / "run-one")
    one, first, second = ((tmp_path / name).read_text().splitlines() for name in ("one-0", "two-0", "two-1"))
    assert sorted(first + second) == sorted(one)
    for name in ("validation split", "test split"):
        shares = [sum(line.startswith(name) for line in lines) for lines in (first, second)]
        assert min(shares) > 0
        assert max(shares) <= min(shares) + 2  # one for each of two epochs


@pytest.mark.slow
def test_processes_evaluate_and_predict_together_as_one_does(alone, reviews, seqkit, torchrun, tmp_path):
    with (tmp_path / "many.csv").open("w") as file:
        file.write("n,text\n")
        file.writelines(f"{n},{'so ' * (n % 7)}fine film\n" if n % 100 else f"{n},\n" for n in range(20_000))
    own = {"OMP_NUM_THREADS": str(max(1, len(os.sched_getaffinity(0)) // 2))}
    words = [[alone, "--json"], [alone, "--data", reviews, "--json"]]
    for number, each in enumerate(words):
        done, expected = torchrun(2, "seqkit", "evaluate", *each), seqkit("evaluate", *each, env=own)
        assert done.returncode == expected.returncode == 0, done.stderr
        assert done.stdout == expected.stdout, number
    asked = ["predict", alone, "--input", tmp_path / "many.csv", "--json", "--output"]
    done, expected = torchrun(2, "seqkit", *asked, tmp_path / "two"), seqkit(*asked, tmp_path / "one", env=own)
    assert done.returncode == expected.returncode == 0, done.stderr
    assert (tmp_path / "two").read_bytes() == (tmp_path / "one").read_bytes()


@pytest.mark.slow
def test_a_row_that_cannot_be_read_ends_the_prediction_of_all_processes_after_those_before_it(
    alone, torchrun, tmp_path
):
    rows = [json.dumps({"text": f"film {n}"}) for n in range(9000)]
    (tmp_path / "rows.jsonl").write_text("\n".join([*rows, '{"text": 1', *rows]))
    words = ["predict", alone, "--input", tmp_path / "rows.jsonl", "--output", tmp_path / "answers.jsonl"]
    done = torchrun(2, "seqkit", *words)
    assert done.returncode == 1
    (only,) = said(done)
    assert "rows.jsonl:9001" in only
    assert len((tmp_path / "answers.jsonl.partial").read_text().splitlines()) == 9000


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["evaluate", "RUN", "--dynamic"], "--dynamic"),
        (["predict", "RUN", "a fine film"], "share the rows of a file"),
        (["predict", "RUN", "--stream"], "a stream is read in its order"),
    ],
    ids=["dynamic", "texts", "stream"],
)
def test_what_processes_cannot_answer_together_is_refused_in_one_sentence(words, sentence, alone, torchrun):
    done = torchrun(2, "seqkit", *(alone if word == "RUN" else word for word in words))
    assert done.returncode == 1
    (only,) = said(done)
    assert sentence in only


def test_commands_that_train_nothing_together_are_refused(seqkit):
    # What torchrun keeps for its processes.
    store = TCPStore("localhost", 0, is_master=True, wait_for_workers=False)
    launched = {"RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "localhost", "MASTER_PORT": str(store.port)}
    done = seqkit("list", env=launched)
    assert done.returncode == 2
    assert "call it without torchrun" in done.stderr


def test_a_run_without_shards_is_resumed_by_one_process_alone(trained, torchrun):
    run, _ = trained
    done = torchrun(2, "seqkit", "resume", run)
    assert done.returncode == 1
    (only,) = said(done)
    assert "began without shards, so one process continues it" in only
