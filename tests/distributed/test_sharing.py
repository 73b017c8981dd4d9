"""Predictions that several processes share: who computes which batch makes no difference, and failures reach all."""

from dataclasses import dataclass, field

import pytest
import torch

from seqkit.config import TrainingConfig
from seqkit.data import DataError, SourceLocation
from seqkit.layers import Head, Loss
from seqkit.runs import shared_answers
from seqkit.runs.rows import InputRow
from seqkit.topologies import SharedItems, help_predict, predict_items
from seqkit.training.distributed import PeerLost, Processes
from seqkit.training.values import from_bytes

NUMBERS = [float(number * number % 17) for number in range(40)]
CONFIG = TrainingConfig(batch_size=1, batch_tokens=16)


class Times(Head):
    """Multiplies each number by its only weight."""

    def __init__(self, weight, answer=float):
        super().__init__()
        self.weight, self.answer, self.seen = torch.nn.Parameter(torch.tensor(weight)), answer, []

    def loss(self, batch):
        return Loss((batch * self.weight).sum() / 3, len(batch))

    def predict(self, batch, *, plus=0):
        self.seen += batch.tolist()
        return [self.answer(number * float(self.weight) + plus) for number in batch.tolist()]


class Codec:
    def length(self, item):
        return 1

    def collate(self, items):
        return torch.tensor(items)


@dataclass(frozen=True)
class Second(Processes):
    """The second of two processes; it gives what it computes to the first."""

    given: list = field(default_factory=list)

    def collect(self, content):
        self.given.append(content)
        return []


@dataclass(frozen=True)
class First(Processes):
    """The first of two processes; the second computes when its share is needed."""

    head: Head | None = None
    said: list = field(default_factory=list)

    def share(self, content):
        self.said.append(content)
        return content

    def collect(self, content):
        second = Second(rank=1, size=2)
        items = SharedItems(NUMBERS, "numbers", second)
        _, request = from_bytes(self.said[-1])
        try:
            help_predict(self.head, Codec(), CONFIG, [SharedItems([], "others", second), items], request)
        except RuntimeError:
            assert second.given == [b""]
        return [content, *second.given]


def together(head, other, **options):
    items = SharedItems(NUMBERS, "numbers", First(size=2, head=other))
    return predict_items(head, Codec(), items, CONFIG, **options)


def test_each_process_of_a_machine_has_a_gpu_of_its_own_and_a_lone_one_that_which_is_named():
    lone, second = Processes(), Processes(rank=5, size=8, local_rank=1)
    assert [lone.device(name) for name in ("cuda", "cuda:2", "cpu")] == ["cuda", "cuda:2", "cpu"]
    assert [second.device(name) for name in ("cuda", "cuda:2", "cpu")] == ["cuda:1", "cuda:2", "cpu"]


def test_two_processes_predict_as_one_does_with_the_weights_of_the_first():
    head, other = Times(0.1), Times(7.0)
    expected = predict_items(Times(0.1), Codec(), NUMBERS, CONFIG, with_loss=True, plus=2)
    assert together(head, other, with_loss=True, plus=2) == expected
    assert sorted(head.seen + other.seen) == sorted(NUMBERS)
    assert len(head.seen) == len(other.seen) == 20


class Own:
    """A prediction that cannot be sent."""

    def __init__(self, value):
        self.value = value


def test_predictions_that_cannot_be_sent_are_made_by_the_first_process():
    found = together(Times(3.0, Own), Times(3.0, Own)).predictions
    assert [each.value for each in found] == [3 * number for number in NUMBERS]


def test_the_first_process_ends_where_another_one_fails():
    def fail(value):
        raise RuntimeError

    with pytest.raises(PeerLost, match="process 1 of this training has failed"):
        together(Times(1.0), Times(1.0, fail))


def test_a_process_that_fails_lets_the_others_go_on_first():
    def fail(value):
        raise ZeroDivisionError

    other = Times(1.0)
    with pytest.raises(ZeroDivisionError):
        together(Times(1.0, fail), other)
    assert other.seen  # the share of the other was asked for, so that it does not wait


def test_a_row_that_cannot_be_read_is_reported_after_the_answers_before_it(monkeypatch):
    def predict_rows(model, groups, say):
        yield [(row, row.text.upper()) for row in groups[0][:2]]
        raise DataError("not a number", groups[0][2].location)

    monkeypatch.setattr(shared_answers, "predict_rows", predict_rows)
    rows = [InputRow(text, SourceLocation("a.txt", line)) for line, text in enumerate("abcd", 1)]
    answers = shared_answers.predict_rows_together(Processes(), None, [rows], print)
    assert [(row.text, answer) for row, answer in next(answers)] == [("a", "A"), ("b", "B")]
    with pytest.raises(DataError, match=r"^a\.txt:3: not a number$"):
        next(answers)
