"""The loss of a student: its labels and its teacher's probabilities."""

import math

import pytest
import torch

from seqkit import Encoder, UsageError
from seqkit.data import Example, SourceLocation, Vocabulary, tokenizer
from seqkit.layers import CRF, Head, Loss
from seqkit.topologies.distillation import DistillationLoss, DistilledBatch, DistilledBatches, SoftTargets
from seqkit.topologies.many_to_one import ClassificationHead, TextCodec
from seqkit.topologies.one_to_one import VectorHead
from seqkit.topologies.one_to_one.codec import VectorBatch
from seqkit.topologies.synced.tagging import TagBatch

LABELS = ("x", "y", "z")


def student(**options):
    torch.manual_seed(0)
    return VectorHead(2, LABELS, 4, **options).double()


def batch(rows=3, weights=None):
    return VectorBatch(torch.randn(rows, 2, dtype=torch.float64), torch.tensor([0, 1, 2])[:rows], weights)


def test_the_loss_is_what_the_paper_says():
    head, vectors, weight, temperature = student(), batch(), 0.6, 3.0
    teacher = torch.tensor([[0.7, 0.2, 0.1], [1.0, 0.0, 0.0], [0.3, 0.3, 0.4]], dtype=torch.float64)
    found = DistillationLoss(head, weight, temperature)(DistilledBatch(vectors, teacher))
    expected = 0.0
    for logits, probabilities, target in zip(head(vectors).tolist(), teacher.tolist(), (0, 1, 2), strict=True):
        soft = [p ** (1 / temperature) for p in probabilities]
        soft = [value / sum(soft) for value in soft]
        hot, cool = ([math.exp(value / t) for value in logits] for t in (temperature, 1.0))
        divergence = sum(q * math.log(q / (e / sum(hot))) for q, e in zip(soft, hot, strict=True) if q)
        expected += weight * temperature**2 * divergence - (1 - weight) * math.log(cool[target] / sum(cool))
    assert found.sum.item() == pytest.approx(expected)
    assert found.count == 3


def test_a_teacher_without_weight_leaves_the_loss_of_the_labels_bit_for_bit():
    head, vectors = student(class_weights=[1.0, 2.0, 0.5]), batch(weights=torch.tensor([1.0, 3.0, 1.0]))
    found = DistillationLoss(head, 0.0, 2.0)(DistilledBatch(vectors, torch.full((3, 3), 1 / 3)))
    own = head.loss(vectors)
    assert torch.equal(found.sum, own.sum)
    assert found[1:] == own[1:]


def test_a_student_that_says_what_the_teacher_says_has_nothing_to_learn():
    head, vectors = student(), batch()
    teacher = torch.softmax(head(vectors), 1).detach()
    loss = DistillationLoss(head, 1.0, 4.0)(DistilledBatch(vectors, teacher))
    loss.sum.backward()
    # Zero up to the rounding of float64.
    assert abs(loss.sum.item()) < 1e-12
    assert all(parameter.grad.abs().max() < 1e-12 for parameter in head.parameters())


@pytest.mark.parametrize("copies", [2, 3])
def test_a_weight_is_as_many_copies_of_a_row_for_the_teacher_too(copies):
    head, teacher = student(), torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]], dtype=torch.float64)
    loss, vectors = DistillationLoss(head, 0.5, 2.0), batch(2)
    weighted = loss(DistilledBatch(vectors._replace(weights=torch.tensor([1.0, float(copies)])), teacher))
    index = torch.tensor([0] + [1] * copies)
    repeated = loss(DistilledBatch(VectorBatch(vectors.vectors[index], vectors.targets[index]), teacher[index]))
    torch.testing.assert_close(weighted.sum, repeated.sum)
    assert weighted.count == repeated.count


class Steps(Head):
    """Logits of steps that are given."""

    def __init__(self, logits):
        super().__init__()
        self.logits = torch.nn.Parameter(logits)

    def forward(self, batch):
        return self.logits

    def loss(self, batch):
        return Loss(self.logits.sum() * 0, int((batch.targets >= 0).sum()))

    def predict(self, batch):
        return []


def test_steps_after_the_end_of_a_sequence_teach_nothing():
    head = Steps(torch.randn(2, 4, 3))
    teacher = SoftTargets([torch.softmax(torch.randn(size, 3), 1) for size in (4, 2)])
    ragged = VectorBatch(torch.zeros(0), torch.tensor([[0, 1, 2, 0], [1, 1, -1, -1]]))
    loss = DistillationLoss(head, 1.0, 2.0)(DistilledBatch(ragged, teacher.batch([0, 1])))
    loss.sum.backward()
    inside = head.logits.grad.abs().sum(2) > 0
    assert inside.tolist() == [[True] * 4, [True, True, False, False]]
    assert loss.sum.isfinite()


def test_a_sentence_with_a_label_that_training_has_not_seen_teaches_a_crf_nothing():
    head = Steps(torch.randn(3, 4, 3))
    head.crf = CRF(3)
    teacher = SoftTargets([torch.softmax(torch.randn(size, 3), 1) for size in (4, 2, 3)])
    targets = torch.tensor([[0, 1, 2, 0], [1, 1, -1, -1], [0, -1, 2, -1]])
    ragged = TagBatch((), None, torch.tensor([4, 2, 3]), targets)
    DistillationLoss(head, 1.0, 2.0)(DistilledBatch(ragged, teacher.batch([0, 1, 2]))).sum.backward()
    taught = head.logits.grad.abs().sum(2) > 0
    assert taught.tolist() == [[True] * 4, [True, True, False, False], [False] * 4]
    assert all(parameter.grad is None for parameter in head.crf.parameters())


def test_dropout_is_drawn_once_for_labels_and_teacher():
    words = tokenizer("word")
    codec = TextCodec(words, Vocabulary.build([["a", "b"]]), LABELS, 9)
    torch.manual_seed(0)
    head = ClassificationHead(Encoder(len(codec.vocabulary), 4, hidden_size=4), LABELS, dropout=0.5).train()
    texts = codec.collate([codec.encode("a b", Example("a b", "y", SourceLocation("f", 1)))])
    calls = []
    head.encoder.register_forward_hook(lambda *_: calls.append(1))
    DistillationLoss(head, 0.5, 2.0)(DistilledBatch(texts, torch.full((1, 3), 1 / 3)))
    assert len(calls) == 1


def test_what_the_teacher_said_is_the_same_after_it_was_written_and_read():
    for rows in ([torch.rand(3) for _ in range(4)], [torch.rand(size, 3) for size in (3, 0, 1)]):
        again = SoftTargets.from_bytes(SoftTargets(rows).to_bytes())
        assert [row.shape for row in again.rows] == [row.shape for row in rows]
        assert all(torch.equal(one, other) for one, other in zip(again.rows, rows, strict=True))


def test_each_example_meets_what_the_teacher_said_of_it():
    class Numbers:
        def plan(self, epoch):
            return [[2, 0], [1]]

        def batch(self, group, carried=None):
            return list(group)

    teacher = SoftTargets([torch.tensor([float(number), 0.0]) for number in range(3)])
    batches = DistilledBatches(Numbers(), teacher)
    for group in batches.plan(0):
        made = batches.batch(group)
        assert made.teacher[:, 0].tolist() == made.batch


def test_what_cannot_be_is_refused():
    with pytest.raises(UsageError, match=r"teacher_weight must be between 0 and 1, not 1\.5"):
        DistillationLoss(student(), 1.5, 2.0)
