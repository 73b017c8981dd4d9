"""Which calls are recorded as CUDA graphs; what records and replays them is not there without a GPU."""

from types import SimpleNamespace

import pytest
import torch

from seqkit.kernels import graphs
from seqkit.kernels.graphs import Graphs


class Recorded:
    """In place of a graph: it notes that it is used."""

    bytes = 100

    def __init__(self, function, tensors):
        self.function = function

    def replay(self, tensors):
        return "replayed", *self.function(*tensors)


@pytest.fixture(autouse=True)
def a_gpu(monkeypatch):
    """One of 1,600 bytes, of which 1,500 are free."""
    monkeypatch.setattr(graphs, "_Graph", Recorded)
    answers = {
        "is_current_stream_capturing": False, "current_stream": 0, "memory_reserved": 0, "memory_allocated": 0,
        "mem_get_info": (1500, 1600), "get_device_properties": SimpleNamespace(total_memory=1600),
    }  # fmt: skip
    for name, answer in answers.items():
        monkeypatch.setattr(torch.cuda, name, lambda answer=answer: answer)


def replays(table, key, size=1):
    found = table.call(key, lambda a, b: (a + 1, b), (torch.zeros(size), None))
    assert torch.equal(found[-2], torch.ones(size)) and found[-1] is None
    return len(found) == 3


def test_a_call_is_recorded_when_it_comes_again():
    table = Graphs(share=1)
    assert [replays(table, "a") for _ in range(3)] == [False, True, True]
    assert [replays(table, "b") for _ in range(3)] == [False, True, True]


def test_a_full_table_lets_in_what_comes_often():
    table = Graphs(most=2, share=1)
    for key in "aabb":
        replays(table, key)
    assert [replays(table, "c") for _ in range(8)] == [False] * 7 + [True]
    assert len(table) == 2 and replays(table, "b") and not replays(table, "a")


def test_memory_is_a_limit_too():
    table = Graphs(share=0.19)
    for key in "aaabbb":
        replays(table, key)
    # 100 for each, and 4 times its operands, 16, for one more, of 304.
    assert len(table) == 2 and [replays(table, "c", 30) for _ in range(8)] == [False] * 8
    assert [replays(table, "d") for _ in range(2)] == [False, True]
    assert [replays(table, "e") for _ in range(8)] == [False] * 7 + [True]
    assert len(table) == 3


def test_nothing_is_recorded_where_little_is_free(monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (20, 1600))
    assert not any(replays(Graphs(share=1), "a") for _ in range(3))


def test_a_call_under_other_switches_or_without_an_operand_is_another(monkeypatch):
    table = Graphs(share=1)
    assert [replays(table, "a") for _ in range(2)] == [False, True]
    monkeypatch.setattr(graphs, "_switches", lambda: ("tf32", "tf32"))
    assert not replays(table, "a")


def test_nothing_is_recorded_within_somebody_elses_recording(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: True)
    table = Graphs(share=1)
    assert not any(replays(table, "a") for _ in range(3)) and not len(table)
