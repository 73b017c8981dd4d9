"""When data are too large for memory."""

import pytest

from seqkit.config import make_config
from seqkit.data.prepared.folder import MANIFEST
from seqkit.runs import find_task, sizes
from seqkit.runs.sizes import exceeds_memory


def exceeds(name, path):
    task = find_task(name)
    return exceeds_memory(task, make_config(task.config, {"data": str(path)}))


@pytest.fixture(autouse=True)
def little_memory(monkeypatch):
    monkeypatch.setattr(sizes, "IN_MEMORY", 100)


@pytest.mark.parametrize(
    ("name", "size", "large"),
    [("a.csv", 100, False), ("a.csv", 101, True), ("a.csv.gz", 25, False), ("a.csv.gz", 26, True)],
)
def test_a_file_is_too_large_beyond_a_size_and_packed_ones_count_four_times(tmp_path, name, size, large):
    (tmp_path / name).write_bytes(b"x" * size)
    assert exceeds("sentiment", tmp_path / name) == large


def test_prepared_data_are_read_as_they_are(tmp_path):
    (tmp_path / MANIFEST).write_bytes(b"x" * 200)
    assert not exceeds("sentiment", tmp_path)


def test_a_task_that_reads_its_data_as_a_whole_does_so(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"x" * 200)
    assert not exceeds("digit", tmp_path / "a.csv")
