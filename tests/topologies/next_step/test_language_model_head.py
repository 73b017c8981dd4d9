"""Chunks and the state that they carry, what a text costs, and what is written after it."""

from itertools import islice

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy, log_softmax

from seqkit import Decoder
from seqkit.data.inputs import windows as inputs
from seqkit.search import Sampling
from seqkit.topologies.next_step import LanguageModelHead, Text
from seqkit.topologies.next_step import head as head_module
from seqkit.topologies.next_step.carried import from_tensors, to_tensors
from seqkit.training import Chunk, StreamBatches

SYMBOLS = 7


def model(**options):
    torch.manual_seed(0)
    return LanguageModelHead(Decoder(SYMBOLS, 5, hidden_size=6, **options), start=2, banned=(0, 1)).double().eval()


def numbers(count, seed=0):
    return np.random.default_rng(seed).integers(2, SYMBOLS, count)


def chunks(text, steps):
    """The text as chunks of one stream."""
    window = torch.from_numpy(text)[None]
    return [Chunk(window[:, n : n + steps], window[:, n + 1 : n + steps + 1]) for n in range(0, len(text) - 1, steps)]


def losses(head, pieces, carry=True):
    each, state = [], None
    for piece in pieces:
        each.append(head.loss(piece._replace(state=state)))
        state = each[-1].carried if carry else None
    return each


def gradients(head, loss):
    return torch.autograd.grad(loss, [p for p in head.parameters() if p.requires_grad])


def full(head, text):
    """The loss of the whole text by plain back-propagation."""
    whole = torch.from_numpy(text)[None]
    features = head.decoder(whole[:, :-1], head.decoder.start()).features
    return cross_entropy(head.decoder.logits(features)[0], whole[0, 1:], reduction="sum")


@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "cell": "gru"}, {"tie": True}, {"recall": 5}], ids=str)
def test_one_chunk_over_the_whole_text_is_full_back_propagation(options):
    head, text = model(**options), numbers(13)
    batches = StreamBatches(text, streams=1, chunk=12, seed=0)
    (group,) = batches.plan(0)
    loss = head.loss(batches.batch(group))
    truth = full(head, text)
    assert loss.count == 12
    torch.testing.assert_close(loss.sum, truth)
    for ours, theirs in zip(gradients(head, loss.sum), gradients(head, truth), strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("options", [{}, {"recall": 6}], ids=str)
def test_the_carried_state_makes_chunks_lose_what_the_whole_text_loses(options):
    head, text = model(**options), numbers(13)
    carried, fresh = (sum(loss.sum.item() for loss in losses(head, chunks(text, 4), way)) for way in (True, False))
    truth = full(head, text).item()
    assert carried == pytest.approx(truth, rel=1e-9)
    assert abs(fresh - truth) > 1e-3


@pytest.mark.parametrize("options", [{}, {"recall": 6}], ids=str)
def test_no_gradient_crosses_a_chunk(options):
    head, text = model(**options), numbers(13)
    pieces = chunks(text, 6)
    first, second = losses(head, pieces)
    assert not any(tensor.requires_grad for tensor in first.carried.values())
    # The second chunk from the same numbers, given as constants, has the same gradients.
    constants = first.carried.map(lambda tensor: torch.tensor(tensor.tolist(), dtype=tensor.dtype))
    alone = head.loss(pieces[1]._replace(state=constants))
    carried, expected = gradients(head, second.sum), gradients(head, alone.sum)
    through = torch.autograd.grad(full(head, text), list(head.parameters()))
    both = [a + b for a, b in zip(gradients(head, first.sum), carried, strict=True)]
    for ours, theirs in zip(carried, expected, strict=True):
        torch.testing.assert_close(ours, theirs)
    assert any((ours - theirs).abs().max() > 1e-4 for ours, theirs in zip(both, through, strict=True))


@pytest.mark.parametrize("steps", [5, 1024])
def test_a_text_is_scored_token_by_token_whatever_is_beside_it(monkeypatch, steps):
    monkeypatch.setattr(inputs, "STEPS", steps)
    head = model()
    texts = [Text(numbers(count, count), count, 0) for count in (17, 0, 1, 6)]
    for scored, text in zip(head.predict(texts), texts, strict=True):
        state, last, cost = head.decoder.start(), torch.tensor([head.start]), 0.0
        for token in text.tokens:
            logits, state = head.decoder.step(last, state)
            cost -= log_softmax(logits, 1)[0, token].item()
            last = torch.tensor([token])
        assert scored.nats == pytest.approx(cost, rel=1e-9)
        assert (scored.tokens, scored.characters) == (len(text.tokens), len(text.tokens))


def test_a_long_text_in_stretches_costs_what_it_costs_in_one_row(monkeypatch):
    head, text = model(), Text(numbers(4000), 4000, 0)
    (whole,) = head.predict([text])
    monkeypatch.setattr(inputs, "STEPS", 50)
    (stretches,) = head.predict([text])
    # 15 stretches forget what lies more than 256 tokens back: nothing of weight in a model that small.
    assert stretches.nats == pytest.approx(whole.nats, rel=1e-6)
    monkeypatch.setattr(inputs, "_LEAD", 0)
    assert head.predict([text])[0].nats != pytest.approx(whole.nats, rel=1e-6)


def written(head, prompt, count=8, **options):
    return list(islice(head.write(torch.from_numpy(prompt), Sampling(**options)), count))


def test_what_is_written_follows_from_the_seed_and_holds_no_special_symbol(monkeypatch):
    head = model()
    first, again, other = (written(head, numbers(5), 50, seed=seed) for seed in (1, 1, 2))
    assert first == again != other
    assert not {0, 1} & {*first, *other}
    whole = written(head, numbers(40), temperature=0)
    monkeypatch.setattr(head_module, "STEPS", 7)
    assert written(head, numbers(40), temperature=0) == whole
    assert len(written(head, numbers(0))) == 8


@pytest.mark.parametrize("options", [{}, {"recall": 6}], ids=str)
def test_a_state_as_named_tensors_is_the_same_state(options):
    head, read = model(**options), torch.from_numpy(numbers(9))[None]
    state = head.decoder(read[:, :5], head.decoder.start()).state
    tensors = to_tensors(state)
    # Checkpoints of earlier versions have these names.
    past = {"past.outputs", "past.made", "past.vectors"} if options else set()
    assert tensors.keys() == {"h", "c"} | past
    logits, again, fresh = (
        head.decoder.step(read[:, 5], before)[0] for before in (state, from_tensors(tensors), head.decoder.start())
    )
    assert torch.equal(logits, again)
    assert not torch.equal(logits, fresh)


def test_after_batch_is_called_for_every_window_so_that_a_long_validation_can_be_stopped(monkeypatch):
    monkeypatch.setattr(inputs, "STEPS", 10)
    calls = []
    model().predict([Text(numbers(25), 25, 0)], after_batch=lambda: calls.append(1))
    assert len(calls) == 3
