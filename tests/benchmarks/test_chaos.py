"""The small version of ``python -m benchmarks.chaos``, which disturbs runs in every way: a few trials of each."""

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.chaos import guided
from benchmarks.chaos.contents import differences, left_over
from benchmarks.chaos.damage import _damaged
from benchmarks.chaos.fuzz import _carry_out
from benchmarks.chaos.reader import Reader, outcome
from benchmarks.chaos.readers import READERS
from seqkit.errors import SeqkitError

pytestmark = pytest.mark.command
ONLY = {
    "kills": "run digit",
    "windows": "run text: a number",
    "writers": "run digit",
    "full": "run digit",
    "damage": "digit",
}
ROOT = Path(__file__).parents[2]
NEEDED = {
    "request": ("starlette", "httpx2"),
    "study": ("optuna",),
    "export": ("onnx", "onnxruntime"),
    "table .parquet": ("pyarrow",),
    "table .feather": ("pyarrow",),
}
SLOW = ("report", "run", "new", "study", "export", "compare")
"""Readers that load a model, or draw a page"""


def test_disturbed_runs_end_as_others_do():
    ways = {"kills": 6, "windows": 2, "writers": 1, "full": 6, "damage": 60}
    words = [word for way, count in ways.items() for word in (way, "--count", str(count), "--only", ONLY[way])]
    # A process of its own: only one without threads may fork.
    command = [sys.executable, "-m", "benchmarks.chaos", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr.count("Tally") == len(ways)


def test_a_comparison_of_folders_sees_a_bit_and_no_time(tmp_path):
    for name, seconds in (("one", 1.0), ("other", 2.0)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "results.json").write_text(json.dumps({"score": 0.5, "seconds": seconds}))
        (tmp_path / name / "model").write_bytes(b"same")
    assert differences(tmp_path / "one", tmp_path / "other") == []
    (tmp_path / "one/model").write_bytes(b"sama")
    (tmp_path / "other/results.json").write_text(json.dumps({"score": 0.25, "seconds": 1.0}))
    (tmp_path / "one/.model.0a.tmp").touch()
    assert {*differences(tmp_path / "one", tmp_path / "other")} == {"model", "results.json", ".model.0a.tmp"}
    assert left_over(tmp_path) == [".model.0a.tmp"]


def test_a_page_of_a_slower_run_is_the_same_page(tmp_path):
    # A training under load took more than a minute, and its page counted as another one.
    for name, time in (("one", "59.8 s, 32 texts a second"), ("other", "1 min 5 s, 9 texts a second")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "report.html").write_text(f"<td>training</td><td>{time}</td>")
    assert differences(tmp_path / "one", tmp_path / "other") == []
    (tmp_path / "one/report.html").write_text("<td>training</td><td>59.8 s, 32 words a second</td>")
    assert differences(tmp_path / "one", tmp_path / "other") == ["report.html"]


def test_each_way_to_damage_a_file_is_taken_and_changes_it(tmp_path):
    content, other = json.dumps({"a": [1, 2], "b": "text"}).encode(), tmp_path / "other"
    other.write_bytes(b"another")
    found = [_damaged(content, other, random.Random(seed)) for seed in range(60)]
    assert {how for how, _ in found} == {"flip", "cut", "swap", "other run's", "wrong type"}
    # An exchange of nothing, or a value for itself, changes nothing.
    assert sum(damaged != content for _, damaged in found) > 50


@pytest.fixture(params=READERS)
def name(request):
    """Of a reader."""
    for beginning, packages in NEEDED.items():
        if request.param.startswith(beginning):
            for package in packages:
                pytest.importorskip(package)
    return request.param


def test_a_reader_reads_its_own_files(name, tmp_path):
    reader = READERS[name](tmp_path)
    path = tmp_path / f"file{reader.ending}"
    for seed in reader.seeds:
        path.write_bytes(seed)
        # These need more than one file, and one encoding cannot be told from the text.
        expected = {"read", "refused"} if name in ("task caption", "task frames", "lines") else {"read"}
        assert outcome(reader, path) in expected


def test_changed_files_are_read_or_refused(name, tmp_path):
    _carry_out(name, tmp_path, random.Random(name), 8 if name.startswith(SLOW) else 60)
    outcomes = (tmp_path / "notes").read_text("utf-8").splitlines()
    assert {*outcomes} <= {"read", "refused"}


def test_what_a_reader_does_wrong_is_seen(tmp_path):
    def read(path):
        match path.read_bytes():
            case b"good":
                return
            case b"bad":
                raise SeqkitError("it is bad")
            case b"long":
                raise SeqkitError("it is\nbad")
        raise KeyError(3)

    outcomes = []
    for content in (b"good", b"bad", b"long", b"other"):
        (path := tmp_path / "file").write_bytes(content)
        outcomes.append(outcome(Reader("", [], read), path))
    assert outcomes[:2] == ["read", "refused"]
    assert outcomes[2].startswith("two lines:")
    assert outcomes[3].startswith("KeyError ['3'] at test_chaos.py:")


def test_without_atheris_guided_fuzzing_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(guided, "find_spec", lambda name: None)
    with pytest.raises(SystemExit, match="pip install atheris"):
        guided.guide("lines", tmp_path, 1, random.Random(0))


def test_guided_fuzzing_tries_files_and_keeps_those_that_reach_more(tmp_path):
    pytest.importorskip("atheris")
    tally = guided.guide("tags .conll", tmp_path / "scratch", 2, random.Random(0))
    assert not tally.bad, tally
    # Few on a busy machine; more are kept than the files that it began with.
    assert tally.disturbed > tally.finished > len(READERS["tags .conll"](tmp_path).seeds)
