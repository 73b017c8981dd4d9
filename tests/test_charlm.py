import math
import random
from collections import Counter, defaultdict
from itertools import islice

import numpy as np
import pytest
import torch
from seqkit.tasks.charlm import CharLMHead, StreamCodec, Text, generate, witten_bell
from torch.nn.functional import cross_entropy

from seqkit import Decoder, SeqkitError
from seqkit.data import Vocabulary, tokenizer
from seqkit.search import Sampling
from seqkit.training import Chunk, StreamBatches

SYMBOLS = 7


def model(**options):
    torch.manual_seed(0)
    return CharLMHead(Decoder(SYMBOLS, 5, hidden_size=6, **options)).double()


def tokens(number, seed=0):
    return np.random.default_rng(seed).integers(2, SYMBOLS, number)


def gradients(head, loss):
    head.zero_grad()
    loss.backward()
    return [p.grad.clone() for p in head.parameters()]


def run_chunks(head, batches, carry=True):
    """The losses of an epoch's chunks, each after the other."""
    carried, losses = None, []
    for group in batches.plan(0):
        losses.append(head.loss(batches.batch(group, carried)))
        carried = losses[-1].carried if carry else None
    return losses


def test_one_chunk_over_the_whole_text_is_full_back_propagation():
    head, text = model(num_layers=2), tokens(13)
    (loss,) = run_chunks(head, StreamBatches(text, streams=1, chunk=12, seed=0))
    whole = torch.tensor(text)[None]
    features = head.decoder(whole[:, :-1], head.decoder.start()).features
    truth = cross_entropy(head.decoder.logits(features)[0], whole[0, 1:], reduction="sum")
    torch.testing.assert_close(loss.sum, truth)
    assert loss.count == 12
    for ours, theirs in zip(gradients(head, loss.sum), gradients(head, truth), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_chunks_with_their_state_lose_what_the_whole_text_loses_and_without_it_they_do_not():
    head, text = model(), tokens(13)
    (whole,) = run_chunks(head, StreamBatches(text, streams=1, chunk=12, seed=0))
    pieces = StreamBatches(text, streams=1, chunk=4, seed=0)
    pieces.plan = lambda epoch: [(start, 12) for start in (0, 4, 8)]
    pieces.batch = lambda group, carried: StreamBatches.batch(pieces, Group(*group), carried)
    carried, fresh = (sum(float(loss.sum) for loss in run_chunks(head, pieces, carry)) for carry in (True, False))
    assert carried == pytest.approx(float(whole.sum), rel=1e-12)
    assert abs(fresh - float(whole.sum)) > 1e-3
