"""Rows of a file are answered by several threads as by one, in their order."""

import threading

import pytest
import torch

from seqkit import load
from seqkit.data import DataError, SourceLocation
from seqkit.runs.answers import ahead, predict_rows
from seqkit.runs.rows import InputRow

WORDS = ["a", "the", "film", "it", "and", "so", "dull", "fine", "moving", "boring"]


@pytest.fixture(scope="module")
def model(opinions, tiny_run, tmp_path_factory):
    return load(tiny_run(opinions, tmp_path_factory.mktemp("answers") / "run"))


@pytest.fixture
def two_threads():
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(1)


def groups(count=6, size=70):
    texts = [" ".join(WORDS[(n * k) % len(WORDS)] for k in range(n % 7)) for n in range(count * size)]
    rows = [InputRow(text, SourceLocation("rows.csv", n + 2)) for n, text in enumerate(texts)]
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def quiet(note):
    raise AssertionError(note)


def test_several_threads_answer_as_one_does(model, two_threads):
    eager = list(predict_rows(model, groups(), quiet, True))
    assert torch.get_num_threads() == 2
    torch.set_num_threads(1)
    alone = [row for group in predict_rows(model, groups(), quiet) for row in group]
    assert [len(group) for group in eager] == [70] * 6
    assert [row for group in eager for row in group] == alone
    assert alone[0].prediction is None and alone[1].prediction is not None


def test_batches_are_predicted_by_several_threads_of_one_thread_of_torch_each(model, two_threads, monkeypatch):
    seen = set()
    predict = model.head.predict

    def noted(batch):
        seen.add((threading.current_thread().name, torch.get_num_threads()))
        barrier.wait(20)
        return predict(batch)

    # Two batches that wait for each other: one thread alone would never end.
    barrier = threading.Barrier(2)
    monkeypatch.setattr(model.head, "predict", noted)
    monkeypatch.setattr("seqkit.topologies.prediction._groups", lambda codec, items, config: [[0], [1]])
    assert len(list(predict_rows(model, [groups(1)[0][1:3]], quiet, True))) == 1
    assert len(seen) == 2 and {number for _, number in seen} == {1}


@pytest.mark.parametrize("eager", [False, True])
def test_a_row_that_cannot_be_encoded_is_named_after_the_answers_before_it(model, eager, two_threads, monkeypatch):
    split = model.codec.split

    def refusing(text):
        if text == "broken":
            raise DataError("it is broken")
        return split(text)

    monkeypatch.setattr(model.codec, "split", refusing)
    rows = [row for group in groups(3) for row in group]
    rows[150] = rows[150]._replace(text="broken")
    found = predict_rows(model, [rows[:70], rows[70:140], rows[140:]], quiet, eager)
    assert [len(next(found)) for _ in range(3)] == [70, 70, 10]
    with pytest.raises(DataError, match=r"^rows\.csv:152: it is broken"):
        next(found)


def test_who_wants_no_more_waits_for_a_batch_and_not_for_a_group(model, two_threads, monkeypatch):
    monkeypatch.setattr(
        "seqkit.topologies.prediction._groups", lambda codec, items, config: [[n] for n in range(len(items))]
    )
    predict, done, second = model.head.predict, [], threading.Event()

    def slow(batch):
        done.append(batch)
        if len(done) > 60:  # the first group has 60 texts that are not blank
            second.set()
            threading.Event().wait(0.02)
        return predict(batch)

    monkeypatch.setattr(model.head, "predict", slow)
    found = predict_rows(model, groups(9), quiet, True)
    next(found)
    assert second.wait(20)
    found.close()
    assert len(done) < 100
    assert torch.get_num_threads() == 2


def test_values_that_are_made_ahead_come_in_order_and_an_error_after_those_before_it():
    def values():
        yield 1
        yield 2
        raise ValueError("no third")

    found = ahead(values())
    assert [next(found), next(found)] == [1, 2]
    with pytest.raises(ValueError, match="no third"):
        next(found)


def test_a_long_input_is_noted_once(model):
    notes = []
    long = [InputRow("film " * 500, SourceLocation("rows.csv", n)) for n in (2, 3)]
    torch.set_num_threads(1)
    assert len([*predict_rows(model, [long, long], notes.append, True)]) == 2
    assert len(notes) == 1 and notes[0].startswith("rows.csv:2: the input has 500 tokens")
