"""Streams, their state, scores, the baseline, and the text that is written on."""

import math
from itertools import islice, pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from seqkit.tasks.charlm import TASK, CharLMHead
from torch.nn.functional import cross_entropy, log_softmax

from seqkit import Decoder
from seqkit.cells import available_cells
from seqkit.data import Vocabulary, tokenizer
from seqkit.errors import UsageError
from seqkit.search import Sampling
from seqkit.topologies.next_step import NextStep, NextStepOptions, StreamCodec, Text, windows
from seqkit.topologies.next_step import head as head_module
from seqkit.topologies.next_step.baseline import witten_bell
from seqkit.topologies.next_step.carried import from_tensors, to_tensors
from seqkit.training import Chunk, StreamBatches

SYMBOLS = 7


def model(**options):
    torch.manual_seed(0)
    return CharLMHead(Decoder(SYMBOLS, 5, hidden_size=6, **options), start=2, banned=(0, 1)).double().eval()


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


@pytest.mark.parametrize("steps", [5, 1024])
def test_a_text_is_scored_token_by_token_whatever_stands_beside_it(monkeypatch, steps):
    monkeypatch.setattr(windows, "STEPS", steps)
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
    monkeypatch.setattr(windows, "STEPS", 50)
    (stretches,) = head.predict([text])
    # 15 stretches forget what lies more than 256 tokens back: nothing of weight in a model that small.
    assert stretches.nats == pytest.approx(whole.nats, rel=1e-6)
    monkeypatch.setattr(windows, "_LEAD", 0)
    assert head.predict([text])[0].nats != pytest.approx(whole.nats, rel=1e-6)


def probability(train, history, token, symbols):
    """Witten-Bell by its formula, counting anew each time."""
    lower = probability(train, history[1:], token, symbols) if history else 1 / symbols
    size = len(history)
    after = [train[n + size] for n in range(len(train) - size) if tuple(train[n : n + size]) == history]
    kinds = len(set(after))
    return (after.count(token) + kinds * lower) / (len(after) + kinds) if after else lower


def test_the_baseline_is_interpolated_witten_bell():
    train, test = numbers(120, 1) % 4, numbers(30, 2) % 5
    both = [*train.tolist(), *test.tolist()]
    expected = -sum(
        math.log(
            # A history is what lies before the token, and the test split follows the training split.
            probability(train.tolist(), tuple(both[place - 4 : place]), both[place], SYMBOLS)
        )
        for place in range(120, 150)
    )
    assert witten_bell(train, test, SYMBOLS).sum() == pytest.approx(expected, rel=1e-9)


def codec(name, text, **options):
    split = tokenizer(name, **options)
    return StreamCodec(split, Vocabulary.build([split.split(text)]))


POEM = "der Mond ist aufgegangen, die goldnen Sternlein prangen – am Himmel hell und klar.\n"


@pytest.mark.parametrize("cell", available_cells())
@pytest.mark.parametrize("name", ["char", "byte"])
def test_a_short_text_is_learned_by_heart_and_written_again(cell, name):
    torch.manual_seed(0)
    coding = codec(name, POEM)
    decoder = Decoder(len(coding.vocabulary), 24, cell=cell, hidden_size=48)
    head = CharLMHead(decoder, coding.start, (0, 1))
    text = coding.encode("\n" + POEM * 3).tokens
    batches = StreamBatches(text, streams=1, chunk=len(coding.encode(POEM).tokens), seed=0)
    optimizer = torch.optim.Adam(head.parameters(), lr=0.02)
    for epoch in range(100):
        carried = None
        for group in batches.plan(epoch):
            loss = head.loss(batches.batch(group, carried))
            optimizer.zero_grad()
            loss.mean.backward()
            torch.nn.utils.clip_grad_norm_(head.parameters(), 1.0)
            optimizer.step()
            carried = loss.carried
    head.eval()
    wanted = len(coding.encode(POEM).tokens) - len(coding.encode("der Mond").tokens)
    notes = []
    written = "".join(TASK.generate(head, coding, "der Mond", Sampling(length=wanted, temperature=0), notes))
    assert "der Mond" + written == POEM
    assert notes == []


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"])), st.sampled_from(["char", "byte"]))
def test_pieces_join_to_the_text_and_hold_no_half_character(text, name):
    coding = codec(name, text + "x")
    pieces = list(coding.decode(iter(coding.encode(text).tokens.tolist()), "x"))
    assert "".join(pieces) == text
    if "\ufffd" not in text:
        assert not any("\ufffd" in piece for piece in pieces)


def test_words_come_with_their_spaces():
    coding = codec("word", "a word ( or two ) , done .")
    pieces = coding.decode(iter(coding.encode("or (two), done.").tokens.tolist()), "a word")
    assert list(pieces) == [" or", " (", "two", ")", ",", " done", "."]


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


@pytest.mark.parametrize(
    ("kind", "text", "start"), [("char", "a\n", "\n"), ("byte", "a\n", "0a"), ("word", "a. b", ".")]
)
def test_a_text_begins_after_what_ends_one(kind, text, start):
    tokens = tokenizer(kind)
    codec = StreamCodec(tokens, Vocabulary.build([tokens.split(text)]))
    assert codec.vocabulary.symbols[codec.start] == start


def test_a_text_begins_after_an_unknown_token_where_nothing_ends_one():
    codec = StreamCodec(tokenizer("word"), Vocabulary.build([["a", "b"]]))
    assert codec.start == codec.vocabulary.unk


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
    monkeypatch.setattr(windows, "STEPS", 10)
    calls = []
    model().predict([Text(numbers(25), 25, 0)], after_batch=lambda: calls.append(1))
    assert len(calls) == 3


class Verse(NextStep[NextStepOptions]):
    name, summary, config = "verse", "the next word of a poem", NextStepOptions


def test_a_task_of_ones_own_needs_a_name_and_reads_any_text(tmp_path):
    (tmp_path / "poem.txt").write_text(POEM * 40, encoding="utf-8")
    task, config = Verse(), NextStepOptions(data=str(tmp_path / "poem.txt"), tokenizer="word", hidden_size=4)
    splits = task.read(config, [])
    codec = task.learn_codec(config, splits.train)
    head = task.build_head(config, codec).eval()
    predictions = head.predict([codec.encode(example) for example in splits.test])
    # Before any training all words are about as likely.
    assert task.score(predictions, splits.test)["perplexity"] == pytest.approx(len(codec.vocabulary), rel=0.2)
    with pytest.raises(UsageError, match="verse has no data set of its own; give --data"):
        task.read(NextStepOptions(), [])
