"""Attention is led along the diagonal in training, and only there."""

import math

import pytest
import torch
from seqkit.tasks.g2p import TASK

from seqkit.config import make_config
from seqkit.data import SourceLocation
from seqkit.data.pairs import Pair
from seqkit.topologies.delayed.guidance import diagonal_penalty


def penalty(weights, source, target):
    weights = torch.tensor([weights])
    return diagonal_penalty(weights, torch.tensor([source]), torch.tensor([target])).item()


def test_attention_on_the_diagonal_costs_nothing():
    assert penalty([[1.0, 0.0], [0.0, 1.0]], 2, 2) == 0
    # Middles of two thirds: at 1/4 and 3/4 of the whole, against 1/6 and 5/6.
    expected = 2 * (1 - math.exp(-((1 / 4 - 1 / 6) ** 2) / 0.08))
    assert penalty([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], 3, 2) == pytest.approx(expected, rel=1e-5)


def test_attention_across_costs_nearly_one_for_each_target():
    crossed = penalty([[0.0, 0.0, 0.0, 1.0], [1.0, 0.0, 0.0, 0.0]], 4, 2)
    assert 1.7 < crossed < 2


def test_what_follows_a_target_costs_nothing_and_padding_of_the_source_moves_nothing():
    weights = [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]
    assert penalty(weights, 2, 2) == 0 < penalty(weights, 2, 3)
    assert penalty([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], 2, 2) == 0


def pair(source, target):
    return Pair(source, (target,), SourceLocation("pairs.tsv", 1))


def loss_of(training, guidance):
    pairs = [pair("abba", "A B B A"), pair("ab", "A B")]
    values = {"dropout": 0.0, "embedding_dropout": 0.0, "label_smoothing": 0.0, "hidden_size": 8}
    config = make_config(TASK.config, {**values, "guidance": guidance})
    codec = TASK.learn_codec(config, pairs)
    torch.manual_seed(0)
    head = TASK.build_head(config, codec).train(training)
    return head.loss(codec.collate([codec.encode(p.source, p) for p in pairs])).sum.item()


def test_only_the_loss_of_training_has_it():
    assert loss_of(True, 1.0) > loss_of(True, 0.0) + 0.01
    assert loss_of(False, 1.0) == loss_of(False, 0.0)
