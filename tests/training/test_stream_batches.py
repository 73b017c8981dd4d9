"""One long text as parallel streams."""

from itertools import pairwise

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqkit.training import StreamBatches


@settings(deadline=None)
@given(st.integers(2, 300), st.integers(1, 9), st.integers(1, 12), st.integers(0, 3))
def test_streams_read_the_text_in_order_and_each_chunk_follows_the_one_before(count, streams, chunk, epoch):
    if count <= chunk:
        return
    text = np.arange(count)
    batches = StreamBatches(text, streams, chunk, seed=1)
    plan = batches.plan(epoch)
    assert plan == batches.plan(epoch)
    pieces = [batches.batch(group) for group in plan]
    assert all(piece.tokens.shape == (batches.streams, chunk) for piece in pieces)
    assert all(torch.equal(piece.targets, piece.tokens + 1) for piece in pieces)
    for before, after in pairwise(pieces):
        assert torch.equal(after.tokens[:, 0], before.targets[:, -1])
    read = torch.cat([piece.tokens for piece in pieces], 1)
    assert len(read.flatten().unique()) == read.numel()
    # Less than a chunk at the start, and of each stream, is left out, and a token of each stream to round.
    assert count - 1 - read.numel() < chunk + batches.streams * (chunk + 1)
