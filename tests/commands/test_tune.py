"""``seqkit tune``: a study ends in an ordinary run and a page; it is joined, killed, gone on with; what is refused."""

import json
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time

import pytest

from seqkit.training.checkpoint import read_tensors
from seqkit.tuning.record import State
from seqkit.tuning.record import trials_of as read
from tests.starting import Command


@pytest.fixture(scope="module")
def options(points):
    return ["digit", "--data", points, "--hidden-size", "8", "--epochs", "2", "--batch-size", "32"]


@pytest.fixture(scope="module")
def whole(options, command, tmp_path_factory):
    """A finished study of 3 trials, and what it printed."""
    out = tmp_path_factory.mktemp("tune") / "whole"
    done = command("tune", *options, "--trials", "3", "--out", out)
    assert done.returncode == 0, done.stderr
    return out, done


def trials_of(folder):
    import optuna
    from optuna.storages.journal import JournalFileBackend

    storage = optuna.storages.JournalStorage(JournalFileBackend(str(folder / "journal.jsonl")))
    study = optuna.load_study(study_name="seqkit", storage=storage)
    return read(study.get_trials())


def process(*words):
    return Command(*words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_study_ends_in_an_ordinary_run_that_predicts(whole, command):
    out = whole[0]
    trials = trials_of(out)
    best = max(trials, key=lambda trial: (trial.score, -trial.facts["loss"]))
    results = json.loads((out / "best/results.json").read_text())
    assert results["tuning"] == {
        "trial": best.label,
        "trials": 3,
        "score": "accuracy",
        "valid": best.score,
        "note": results["tuning"]["note"],
    }
    assert "optimistic" in results["tuning"]["note"]
    assert results["valid"]["accuracy"] == best.score and {"test", "baseline", "epochs"} <= results.keys()
    assert "among 3: its accuracy on validation" in (out / "best/report.html").read_text()
    told = command("predict", out / "best", "1.0,0.2,7")
    assert told.returncode == 0 and told.stdout.split()[0] in {"-1", "1"}
    for again in (["evaluate", out / "best"], ["resume", out / "best"], ["report", out / "best"]):
        assert command(*again).returncode == 0, again
    assert [path.name for path in (out / "trials").iterdir()] == [] == [*(out / "workers").iterdir()]


def test_it_says_what_it_searches_and_how_each_trial_went(whole):
    out, done = whole
    lines = done.stderr.splitlines()
    assert lines[0] == f"digit in {out}: 3 trials"
    assert "  learning-rate       0.0005..0.02:log" in lines and not any("hidden-size  " in line for line in lines)
    for number, trial in enumerate(trials_of(out), 1):
        (line,) = (line for line in lines if line.startswith(f"trial {number}/3"))
        assert re.search(rf"accuracy {trial.score:.4f}  in \d+:\d\d .* left$", line)
    assert all(len(line) <= 80 for line in [*lines[1:], *done.stdout.splitlines()] if str(out) not in line)


def test_the_command_that_it_prints_trains_the_same_run(whole, command, tmp_path):
    out, done = whole
    text = re.search(r"By hand:\n(.*?)\nThe study's page", done.stdout, re.DOTALL)[1]
    words = shlex.split(text.replace("\\\n", " "))
    assert words[:3] == ["seqkit", "run", "digit"]
    assert command(*words[1:], "--out", tmp_path / "by-hand").returncode == 0
    one, other = (read_tensors(run / "model.safetensors")[0] for run in (out / "best", tmp_path / "by-hand"))
    assert all(one[name].equal(other[name]) for name in one.keys() | other.keys())


def test_its_page_needs_nothing_from_outside_and_shows_every_trial(whole):
    page = (whole[0] / "tune.html").read_text("utf-8")
    assert not re.search(r'(src|href)="?(?!data:|#)', page.replace('xlink:href="#', ""))
    assert "http" not in re.sub(r'xmlns(:xlink)?="http://www\.w3\.org[^"]*"', "", page)
    for title in ("Scores by trial", "The best trials", "By hand", "What mattered", "Each option against the score"):
        assert f"<h2>{title}</h2>" in page
    for trial in trials_of(whole[0]):
        assert f"{trial.score:.4f}" in page and f"{trial.values['learning_rate']}" in page
    assert "too few complete trials to say what mattered" in page


def test_a_finished_study_is_shown_again_and_continues_with_more_trials(whole, options, command, tmp_path):
    out = tmp_path / "again"
    shutil.copytree(whole[0], out)
    model = (out / "best/model.safetensors").stat().st_mtime_ns
    # Options that are not said again are those that it began with.
    again = command("tune", "digit", "--out", out, "--trials", "3")
    assert again.returncode == 0 and "resuming a study of 3 trials" in again.stderr
    assert "Best of 3 trials" in again.stdout and "scoring" not in again.stderr
    assert (out / "best/model.safetensors").stat().st_mtime_ns == model
    more = command("tune", *options, "--out", out, "--trials", "4")
    assert more.returncode == 0 and "Best of 4 trials" in more.stdout
    assert json.loads((out / "best/results.json").read_text())["tuning"]["trials"] == 4
    assert trials_of(out)[:3] == trials_of(whole[0])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--epochs", "3"],
            "was started with epochs 2, not 3; give the options it was started with",
        ),
        (["--dropout", "0.1"], "was started with dropout 0.2, not 0.1"),
        (["--search", "noise=0..2"], "searches noise in 0.0..1.0:linear, not in 0.0..2.0:linear; leave out --search"),
        (["--only", "--search", "noise=0..1"], "searches learning_rate in 0.0005..0.02:log, not in nothing"),
    ],
)
def test_another_search_cannot_join_a_study(words, message, whole, command):
    done = command("tune", "digit", "--out", whole[0], *words)
    assert (done.returncode, done.stdout) == (2, "") and message in done.stderr


def test_another_task_or_other_data_cannot_join_a_study(whole, reviews, command, tmp_path):
    done = command("tune", "sentiment", "--data", reviews, "--out", whole[0])
    assert (done.returncode, done.stdout) == (2, "") and "is a study of digit, not of sentiment" in done.stderr
    other = tmp_path / "other.csv"
    other.write_text("x,y,same,class\n" + "".join(f"{n},{n},7,{n % 2}\n" for n in range(60)))
    done = command("tune", "digit", "--data", other, "--out", whole[0])
    assert done.returncode == 2 and "was started with other data; give the same, or another folder" in done.stderr


def test_a_folder_of_something_else_is_not_a_study(whole, command):
    done = command("tune", "digit", "--out", whole[0] / "best")
    assert done.returncode == 2 and "exists and is not empty" in done.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--search", "noize=0..1"], "unknown option to search 'noize'; did you mean 'noise'?"),
        (["--search", "noise=1..0"], "--search noise=1..0 must go from a smaller to a larger number"),
        (["--search", "noise=-1..1"], "noise must be at least 0, not -1.0"),
        (["--search", "activation=relu,rulu"], "unknown activation 'rulu'; did you mean 'relu'?"),
        (["--only"], "nothing is left to search; name options, such as --search learning-rate=1e-4..1e-2"),
        (["--trials", "0"], "0 is not in the range"),
        (["--minutes", "0"], "0.0 is not in the range"),
        (["--select", "acuracy"], "did you mean 'accuracy'?"),
        (["--data", "nowhere.csv"], "nowhere.csv"),
    ],
)
def test_what_cannot_be_searched_is_refused(words, message, options, command, tmp_path):
    done = command("tune", *options, "--trials", "2", "--out", tmp_path / "out", *words)
    assert (done.returncode in (1, 2), done.stdout) == (True, "") and message in done.stderr


def test_without_optuna_it_says_what_to_install(options, command, monkeypatch, tmp_path):
    import seqkit.commands.tune

    monkeypatch.setattr(seqkit.commands.tune, "find_spec", lambda name: None)
    done = command("tune", *options, "--out", tmp_path / "out")
    wanted = "seqkit: seqkit tune needs optuna; install it with: pip install 'seqkit[tune]'\n"
    assert (done.returncode, done.stderr, (tmp_path / "out").exists()) == (2, wanted, False)


def test_help_imports_neither_optuna_nor_torch():
    script = "import sys, seqkit.commands.tune; sys.exit(len({'optuna', 'torch'} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_minutes_end_a_study_in_the_run_of_its_best(options, command, tmp_path):
    began = time.monotonic()
    words = [*options, "--epochs", "100000", "--set", "patience=0", "--minutes", "0.02"]
    done = command("tune", *words, "--out", tmp_path / "out")
    # 1.2 seconds, and a while for reading, scoring and the pages on a busy machine.
    assert done.returncode == 0 and time.monotonic() - began < 30, done.stderr
    assert (
        f"digit in {tmp_path / 'out'}: 0.02 minutes" in done.stderr
        and "stopped by the time limit after epoch" in done.stderr
    )
    assert json.loads((tmp_path / "out/best/results.json").read_text())["tuning"]["trials"] == 1


@pytest.mark.command
def test_two_processes_share_a_study(options, tmp_path):
    out = tmp_path / "shared"
    words = ["tune", *options, "--epochs", "20", "--trials", "6", "--out", out]
    with process(*words) as one, process(*words) as other:
        told = [running.communicate(timeout=120) for running in (one, other)]
    assert (one.returncode, other.returncode) == (0, 0), told
    trials = trials_of(out)
    assert sorted(trial.place for trial in trials) == [*range(6)]
    assert all(trial.state in (State.COMPLETE, State.PRUNED) for trial in trials)
    assert len({trial.worker for trial in trials}) == 2, "one of them did everything"
    assert (out / "best/results.json").exists() and not any((out / "trials").iterdir())
    assert sum("Best of 6 trials" in stdout for stdout, _ in told) >= 1


def test_a_study_that_was_killed_ends_with_the_same_trials(options, command, tmp_path):
    searched = ["--only", "--search", "learning-rate=1e-3..1e-1", "--search", "dropout=0..0.5", "--epochs", "30"]
    words = ["tune", *options, *searched, "--trials", "4", "--out"]
    assert command(*words, tmp_path / "whole").returncode == 0
    out = tmp_path / "cut"
    with process(*words, out) as running:
        end = time.monotonic() + 60
        # In the training of the third trial.
        while time.monotonic() < end and not (out / "trials/0002/metrics.jsonl").exists():
            time.sleep(0.005)
        running.kill()
        running.communicate(timeout=60)
    assert (out / "trials/0002").exists() and not (out / "best").exists()
    done = command(*words, out)
    assert done.returncode == 0, done.stderr
    trials = trials_of(out)
    assert [trial.killed for trial in trials] == [False, False, True, False, False]
    assert [(trial.values, trial.score) for trial in trials if not trial.killed] == [
        (trial.values, trial.score) for trial in trials_of(tmp_path / "whole")
    ]
    assert not any((out / "trials").iterdir())


def test_a_signal_stops_a_study_cleanly_and_it_says_how_to_continue(options, command, tmp_path):
    out = tmp_path / "cut"
    words = ["tune", *options, "--epochs", "100000", "--set", "patience=0", "--trials", "2", "--out", out]
    with process(*words) as running:
        end = time.monotonic() + 60
        while time.monotonic() < end and not (out / "trials/0000/metrics.jsonl").exists():
            time.sleep(0.005)
        running.send_signal(signal.SIGINT)
        told = running.communicate(timeout=60)[1]
    assert running.returncode == 130, told
    assert told.splitlines()[-1] == f"stopped; resume with: seqkit tune digit --out {out} --trials 2"
    (trial,) = trials_of(out)
    assert trial.state is State.ABANDONED and not trial.killed
    assert not any((out / "workers").iterdir()) and (out / "tune.html").exists()


OTHERS_TASK = """
from dataclasses import dataclass
from seqkit.config import option
from seqkit.tasks.digit import Digit, DigitConfig

@dataclass(frozen=True, kw_only=True)
class PointsConfig(DigitConfig):
    minutes: float = option(7.0, "an option that is called like one of the study", above=0)

class Points(Digit):
    name = "points"
    summary = "points"
    config = PointsConfig

TASK = Points()
"""


def test_a_third_party_task_is_searched_without_a_word_of_its_own(points, command, monkeypatch, tmp_path):
    (tmp_path / "points.py").write_text(OTHERS_TASK)
    facts = tmp_path / "points-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: points\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text("[seqkit.tasks]\npoints = points:TASK\n")
    monkeypatch.syspath_prepend(tmp_path)
    out, words = tmp_path / "out", ["--data", points, "--epochs", "1", "--trials", "1", "--minutes", "5"]
    done = command("tune", "points", *words, "--set", "minutes=3", "--out", out)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"The study's page: {out / 'tune.html'}"
    assert done.stderr.startswith(f"points in {out}: 1 trial, at most 5 minutes\n")
    assert "minutes = 3.0" in (out / "best/config.toml").read_text()
