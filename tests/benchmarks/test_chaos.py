"""The small version of ``python -m benchmarks.chaos``, which disturbs runs in every way: a few trials of each."""

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.chaos.contents import differences, left_over
from benchmarks.chaos.damage import _damaged

pytestmark = pytest.mark.command
ONLY = {"kills": "run digit", "writers": "run digit", "full": "run digit", "damage": "digit"}
ROOT = Path(__file__).parents[2]


def test_disturbed_runs_end_as_others_do():
    ways = {"kills": 6, "writers": 1, "full": 6, "damage": 60}
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
