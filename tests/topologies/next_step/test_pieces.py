"""A long text is scored in pieces."""

import random

import pytest
import torch

from seqkit.data import Vocabulary, tokenizer
from seqkit.runs import find_task
from seqkit.topologies.next_step import StreamCodec


def test_the_pieces_of_a_long_text_cost_together_what_the_text_does():
    torch.manual_seed(0)
    task = find_task("charlm")
    text = "".join(random.Random(0).choices("abc ", k=20_000))
    config = task.config(hidden_size=4, embedding_size=4)
    codec = StreamCodec(tokenizer("char"), Vocabulary.build([list(text)], 1, 100))
    (whole,) = task.build_head(config, codec).eval().predict([codec.encode(text)])
    pieces = [piece for piece, _ in task.resampling_units(whole, None)]
    assert len(pieces) == 32 and max(piece.tokens for piece in pieces) <= 1024
    assert sum(piece.tokens for piece in pieces) == sum(piece.characters for piece in pieces) == 20_000
    assert sum(piece.nats for piece in pieces) == pytest.approx(whole.nats, rel=1e-9)
    assert task.score(pieces, [])["bpc"] == pytest.approx(task.score([whole], [])["bpc"])
    assert "pieces" not in task.format_prediction(whole)[1]
