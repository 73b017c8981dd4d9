"""Searches against the enumeration of every sequence, on small random models."""

import itertools
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqkit.errors import SeqkitError, UsageError
from seqkit.search import Limits, beam, choose, greedy, length_penalty, sample

START, END = 0, 1


class History:
    """A state that is the tokens so far and the sentence that they belong to."""

    def __init__(self, sentence, tokens):
        self.sentence, self.tokens = sentence, tokens

    def select(self, index):
        return History(self.sentence[index], self.tokens[index])


class Model:
    """Logits that follow at random, but always alike, from the sentence and all tokens so far."""

    def __init__(self, seed, symbols):
        self.seed, self.symbols, self.calls = seed, symbols, []

    def logits(self, sentence, tokens):
        number = hash((self.seed, sentence, tokens)) % 2**31
        return torch.randn(self.symbols, generator=torch.Generator().manual_seed(number), dtype=torch.double)

    def __call__(self, last, state):
        self.calls.append(len(last))
        tokens = torch.cat([state.tokens, last.unsqueeze(1)], 1)
        rows = [self.logits(int(s), tuple(t[1:].tolist())) for s, t in zip(state.sentence, tokens, strict=True)]
        return torch.stack(rows), History(state.sentence, tokens)

    def start(self, batch):
        return History(torch.arange(batch), torch.empty(batch, 0, dtype=torch.int64))

    def every(self, sentence, limits):
        """Every sequence that may be, with its log-probability."""
        found = {}
        free = [s for s in range(self.symbols) if s != END and s not in limits.banned]
        for length in range(limits.min_length, limits.max_length + 1):
            for tokens in itertools.product(free, repeat=length):
                prefix = limits.prefixes[sentence] if limits.prefixes else ()
                if tokens[: len(prefix)] != tuple(prefix):
                    continue
                steps = [*tokens, END]
                found[tokens] = sum(
                    float(torch.log_softmax(self.logits(sentence, tuple(steps[:n])), 0)[symbol])
                    for n, symbol in enumerate(steps)
                )
        return found


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 1000),
    alpha=st.sampled_from([0.0, 0.6, 1.0]),
    shortest=st.integers(0, 2),
    prefix=st.sampled_from([None, [2], [3, 2]]),
)
def test_a_wide_beam_finds_what_an_exhaustive_search_finds(seed, alpha, shortest, prefix):
    model = Model(seed, 4)
    limits = Limits(START, END, 3, shortest, None if prefix is None else [prefix, []], banned=[START])
    found = beam(model, model.start(2), 2, limits, 40, alpha=alpha, n_best=3)
    for sentence in range(2):
        truth = {
            tokens: value / length_penalty(len(tokens) + 1, alpha)
            for tokens, value in model.every(sentence, limits).items()
        }
        best = sorted(truth.items(), key=lambda item: -item[1])[:3]
        assert [h.tokens for h in found[sentence]] == [tokens for tokens, _ in best]
        assert [h.score for h in found[sentence]] == pytest.approx([score for _, score in best])


@settings(max_examples=25, deadline=None, derandomize=True)
@given(seed=st.integers(0, 1000), alpha=st.sampled_from([0.0, 1.0]), batch=st.integers(1, 4))
def test_a_beam_of_1_is_greedy_search(seed, alpha, batch):
    model, limits = Model(seed, 5), Limits(START, END, 6, banned=[START])
    for one, (other,) in zip(
        greedy(model, model.start(batch), batch, limits),
        beam(model, model.start(batch), batch, limits, 1, alpha=alpha),
        strict=True,
    ):
        assert one.tokens == other.tokens
        assert one.log_probability == pytest.approx(other.log_probability)


def test_a_sentence_is_searched_alike_alone_and_in_a_batch():
    model, limits = Model(3, 6), Limits(START, END, 5, banned=[START])
    together = beam(model, model.start(4), 4, limits, 3, alpha=0.6, n_best=2)
    for sentence in range(4):
        alone = beam(model, model.start(4).select(torch.tensor([sentence])), 1, limits, 3, alpha=0.6, n_best=2)
        assert [h.tokens for h in alone[0]] == [h.tokens for h in together[sentence]]


def test_finished_sentences_leave_the_batch():
    model = Model(5, 3)
    greedy(model, model.start(8), 8, Limits(START, END, 20))
    assert model.calls[0] == 8
    assert model.calls == sorted(model.calls, reverse=True) and model.calls[-1] < 8
    model.calls.clear()
    beam(model, model.start(8), 8, Limits(START, END, 20), 2)
    assert model.calls[0] == 16 and model.calls[-1] < 16


def has_exactly(tokens, required, reserved):
    return sorted(token for token in tokens if token in reserved) == sorted(required)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 1000),
    required=st.sampled_from([[[2], [3, 2]], [[], [3, 3]], [[2, 3], []]]),
    alpha=st.sampled_from([0.0, 1.0]),
)
def test_what_is_required_is_written_and_nothing_else_that_is_reserved(seed, required, alpha):
    model, limits = Model(seed, 5), Limits(START, END, 3, banned=[START], required=required, reserved=[2, 3])
    found = beam(model, model.start(2), 2, limits, 100, alpha=alpha, n_best=2)
    for sentence in range(2):
        every = model.every(sentence, Limits(START, END, 3, banned=[START]))
        truth = sorted(
            (
                (value / length_penalty(len(tokens) + 1, alpha), tokens)
                for tokens, value in every.items()
                if has_exactly(tokens, required[sentence], [2, 3])
            ),
            reverse=True,
        )
        assert [h.tokens for h in found[sentence]] == [tokens for _, tokens in truth[:2]]
    for hypothesis, wanted in zip(greedy(model, model.start(2), 2, limits), required, strict=True):
        assert has_exactly(hypothesis.tokens, wanted, [2, 3])


def test_every_row_has_its_own_longest():
    model, lengths = Model(11, 6), [1, 4, 2]
    hopeless = Limits(START, END, lengths, banned=[START])
    for size in (1, 3):
        found = beam(model, model.start(3), 3, hopeless, size)
        assert all(len(row[0].tokens) <= length for row, length in zip(found, lengths, strict=True))
    for row, length in enumerate(lengths):
        alone = beam(
            model, model.start(3).select(torch.tensor([row])), 1, Limits(START, END, length, banned=[START]), 3
        )
        assert alone[0][0] == found[row][0]


def test_a_penalty_counts_when_a_hypothesis_ends():
    model, limits = Model(7, 4), Limits(START, END, 2, banned=[START])
    hated = beam(model, model.start(1), 1, limits, 20)[0][0].tokens

    def penalty(state):
        return torch.tensor([-100.0 if tuple(t[1:].tolist()) == hated else 0.0 for t in state.tokens])

    found = beam(model, model.start(1), 1, limits, 20, n_best=2, penalty=penalty)[0]
    truth = sorted(model.every(0, limits).items(), key=lambda item: -item[1])
    assert found[0].tokens == truth[1][0]


def test_the_most_likely_few_are_drawn_as_often_as_they_are_likely():
    generator = torch.Generator().manual_seed(0)
    logits = torch.tensor([0.5, 0.3, 0.15, 0.05]).log().repeat(20000, 1)

    def shares(**options):
        return torch.bincount(choose(logits, generator, **options), minlength=4) / len(logits)

    torch.testing.assert_close(shares(), torch.tensor([0.5, 0.3, 0.15, 0.05]), atol=0.015, rtol=0)
    torch.testing.assert_close(shares(top_k=2), torch.tensor([0.625, 0.375, 0, 0]), atol=0.015, rtol=0)
    torch.testing.assert_close(shares(top_p=0.6), torch.tensor([0.625, 0.375, 0, 0]), atol=0.015, rtol=0)
    torch.testing.assert_close(shares(top_p=0.4), torch.tensor([1.0, 0, 0, 0]), atol=0, rtol=0)
    torch.testing.assert_close(shares(temperature=0.0), torch.tensor([1.0, 0, 0, 0]), atol=0, rtol=0)
    squared = torch.tensor([0.25, 0.09, 0.0225, 0.0025])
    torch.testing.assert_close(shares(temperature=0.5), squared / squared.sum(), atol=0.015, rtol=0)


def test_samples_follow_from_the_seed_alone():
    model = Model(9, 10)

    def draw(seed):
        symbols = sample(model, model.start(2), torch.zeros(2, dtype=torch.int64), torch.Generator().manual_seed(seed))
        return [next(symbols).tolist() for _ in range(10)]

    assert draw(1) == draw(1) != draw(2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: beam(None, None, 1, Limits(0, 1, 3), 0), "beam must be at least 1, not 0"),
        (lambda: beam(None, None, 1, Limits(0, 1, 3), 2, n_best=3), "between 1 and the beam of 2, not 3"),
        (lambda: beam(None, None, 1, Limits(0, 1, 3), 2, alpha=-1), "at least 0, not -1"),
        (lambda: Limits(0, 1, 2, min_length=3), "min_length <= max_length"),
        (lambda: Limits(0, 1, 2, prefixes=[[3, 3, 3]]), "a prefix of 3 tokens"),
        (lambda: Limits(0, 1, [2, 0]), "1 <= max_length"),
        (lambda: Limits(0, 1, 2, required=[[3]]), "and be reserved"),
        (lambda: Limits(0, 1, 1, required=[[3, 3]], reserved=[3]), "2 required symbols must fit 1"),
        (lambda: choose(torch.zeros(1, 3), torch.Generator(), temperature=-1), "temperature >= 0"),
        (lambda: choose(torch.zeros(1, 3), torch.Generator(), top_p=0), "0 < top_p <= 1"),
    ],
)
def test_what_cannot_be_is_refused(call, message):
    with pytest.raises(UsageError, match=message):
        call()


def plain_beam(model, sentence, limits, size):
    """Beam search by its definition: the best extensions in order, and those that have ended keep their places."""
    growing, ended = [(0.0, ())], []
    for length in range(limits.max_length + 1):
        extensions = []
        for value, tokens in growing:
            logits = model.logits(sentence, tokens)
            scores = torch.log_softmax(logits, 0).tolist()
            allowed = [END] if length == limits.max_length else [s for s in range(model.symbols) if s != START]
            extensions += [(value + scores[symbol], (*tokens, symbol)) for symbol in allowed]
        best = sorted(extensions, reverse=True)[: size - len(ended)]
        ended += [(value, tokens[:-1]) for value, tokens in best if tokens[-1] == END]
        growing = [(value, tokens) for value, tokens in best if tokens[-1] != END]
    return sorted(ended, reverse=True)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(seed=st.integers(0, 1000), size=st.integers(2, 4))
def test_a_narrow_beam_keeps_the_places_that_its_definition_keeps(seed, size):
    model, limits = Model(seed, 6), Limits(START, END, 4, banned=[START])
    found = beam(model, model.start(2), 2, limits, size, n_best=size)
    for sentence in range(2):
        truth = plain_beam(model, sentence, limits, size)
        assert [h.tokens for h in found[sentence]] == [tokens for _, tokens in truth]
        assert [h.score for h in found[sentence]] == pytest.approx([value for value, _ in truth])


@pytest.mark.parametrize("temperature", [1e-300, 1e-40, 1e40, 1e300])
def test_a_temperature_of_any_size_draws_what_may_be_drawn(temperature):
    logits = torch.tensor([[-torch.inf, 1.0, 3.0]])
    drawn = {int(choose(logits, torch.Generator().manual_seed(n), temperature)) for n in range(40)}
    assert drawn == ({1, 2} if temperature > 1 else {2})


def test_logits_that_are_not_numbers_are_refused():
    def broken(last, state):
        return torch.full((len(last), 5), torch.nan), state

    limits = Limits(START, END, max_length=4)
    for search in (greedy, partial(beam, size=2)):
        with pytest.raises(SeqkitError, match="the model gives NaN in place of probabilities"):
            search(broken, History(torch.arange(2), torch.empty(2, 0, dtype=torch.int64)), 2, limits)
    with pytest.raises(SeqkitError, match="the model gives NaN"):
        choose(torch.full((1, 5), torch.nan), torch.Generator())


@pytest.mark.parametrize("temperature", [1e-10, 1e-40, 1e-300])
def test_a_temperature_near_zero_takes_the_most_likely_symbol(temperature):
    logits = torch.tensor([[0.0, 2.0, 1.0, -torch.inf], [3.0, -100.0, 2.9, 0.0]])
    assert choose(logits, torch.Generator(), temperature).tolist() == [1, 0]


def test_unless_asked_otherwise_the_symbols_are_drawn_as_the_model_gives_them():
    logits = torch.tensor([0.5, 0.3, 0.15, 0.05]).log().repeat(20000, 1)
    drawn = choose(logits, torch.Generator().manual_seed(0))
    torch.testing.assert_close(
        torch.bincount(drawn, minlength=4) / len(logits), torch.tensor([0.5, 0.3, 0.15, 0.05]), atol=0.015, rtol=0
    )
    written = sample(lambda last, state: (logits, state), None, None, torch.Generator().manual_seed(0))
    assert next(written).equal(drawn)


@pytest.mark.parametrize(
    ("length", "alpha", "penalty"),
    [(1, 0.7, 1.0), (9, 0.0, 1.0), (7, 1.0, 2.0), (13, 1.0, 3.0), (19, 0.5, 2.0), (7, 2.0, 4.0)],
)
def test_the_length_penalty_has_the_values_of_its_equation(length, alpha, penalty):
    """(5 + length)^alpha / 6^alpha: Wu et al., 2016, equation 14."""
    assert length_penalty(length, alpha) == pytest.approx(penalty)


def test_a_prefix_may_hold_the_first_symbol_of_the_vocabulary():
    last, unlikely = 4, torch.tensor([[-9.0, 0.0, 2.0, 1.0, -9.0]])
    limits = Limits(last, END, 3, prefixes=[[0, 3]], banned=[last])
    assert limits.apply(unlikely, [0], torch.empty(1, 0, dtype=torch.int64)).argmax(1).item() == 0
    assert limits.apply(unlikely, [0], torch.tensor([[0]])).argmax(1).item() == 3
    assert limits.apply(unlikely, [0], torch.tensor([[0, 3]])).argmax(1).item() == 2
