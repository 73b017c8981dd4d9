"""No n-gram twice: in beam search, greedy search and sampling."""

import pytest
import torch

from seqkit import UsageError
from seqkit.search import Limits, Repeats, Sampling, beam, greedy, sample

START, END = 0, 1


class Rows:
    """A state without content."""

    def select(self, index):
        return self


class Loop:
    """Likes to write 2, 3, 4 over and over, and hardly ever to end."""

    def __init__(self, symbols=6):
        self.symbols = symbols

    def __call__(self, last, state):
        liked = torch.where(last >= 2, 2 + (last - 1) % 3, 2)
        return torch.full((len(last), self.symbols), -8.0).scatter_(1, liked.unsqueeze(1), 4.0), state


def grams(tokens, size):
    return [tuple(tokens[n : n + size]) for n in range(len(tokens) - size + 1)]


def twice(tokens, size):
    found = grams(tokens, size)
    return len(found) - len(set(found))


def written(size, width, **limits):
    model, most = Loop(), Limits(START, END, 20, no_repeat_ngram=size, **limits)
    if width == 1:
        return [found.tokens for found in greedy(model, Rows(), 2, most)]
    return [found[0].tokens for found in beam(model, Rows(), 2, most, width)]


def test_left_alone_the_model_repeats_itself():
    assert twice(written(0, 1)[0], 3) > 10


@pytest.mark.parametrize("width", [1, 3])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_no_ngram_comes_twice(size, width):
    for tokens in written(size, width, min_length=4):
        assert twice(tokens, size) == 0
        assert len(tokens) >= 4


def test_blocking_is_by_row():
    model, limits = Loop(), Limits(START, END, [4, 12], no_repeat_ngram=2)
    short, long = greedy(model, Rows(), 2, limits)
    assert long.tokens[:4] == short.tokens
    assert len(long.tokens) > 4


def test_what_a_row_must_write_may_come_again():
    limits = {"required": [[5, 5], []], "reserved": [5]}
    first, second = written(1, 1, **limits)
    assert first.count(5) == 2
    assert 5 not in second


def test_a_row_with_nothing_left_to_write_continues():
    # Five of six symbols may be written once; then the shortest length leaves nothing that is not a repetition.
    tokens = written(1, 1, min_length=9, banned=[START])[0]
    assert len(tokens) >= 9


def test_a_negative_size_is_refused():
    with pytest.raises(UsageError, match="no_repeat_ngram must be the size"):
        Limits(START, END, 5, no_repeat_ngram=-1)
    with pytest.raises(UsageError, match="no_repeat_ngram must be the size"):
        Sampling(no_repeat_ngram=-1)


@pytest.mark.parametrize("size", [2, 3])
def test_sampling_repeats_no_ngram_of_the_prompt_or_its_own(size):
    model, prompt = Loop(9), [2, 3, 4, 2]
    drawn = sample(
        model,
        Rows(),
        torch.tensor(prompt[-1:]),
        torch.Generator().manual_seed(0),
        repeats=Repeats(size, [prompt]),
    )
    tokens = [int(next(drawn)) for _ in range(30)]
    assert twice(prompt + tokens, size) == 0


def test_blocking_as_the_text_grows_is_blocking_by_all_that_is_written():
    generator = torch.Generator().manual_seed(1)
    text = torch.randint(4, (60,), generator=generator).tolist()
    for size in (1, 2, 3):
        repeats = Repeats(size, [text[:10]])
        for at in range(10, 60):
            allowed = repeats.block(torch.zeros(1, 9))[0]
            expected = {symbol for symbol in range(9) if (*text[at - size + 1 : at], symbol) in grams(text[:at], size)}
            assert {*allowed.isneginf().nonzero().flatten().tolist()} == expected
            repeats.read(torch.tensor([text[at]]))


def test_sampling_with_every_symbol_used_continues():
    model = Loop(5)
    drawn = sample(model, Rows(), torch.tensor([2]), torch.Generator().manual_seed(0), repeats=Repeats(1, [[2]]))
    assert len([int(next(drawn)) for _ in range(9)]) == 9
