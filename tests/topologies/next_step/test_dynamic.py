"""Dynamic evaluation: what is scored, what is learned from it, and that the model stays as it is."""

import copy
import math

import numpy as np
import pytest
import torch
from torch.nn.functional import log_softmax

from seqkit import Decoder
from seqkit.data.corpus import Corpus, stretch
from seqkit.errors import SeqkitError, UsageError
from seqkit.topologies.next_step import (
    DynamicEvaluation,
    DynamicOptions,
    LanguageModelHead,
    NextStepOptions,
    StreamCodec,
    Text,
    dynamic,
    gradient_rms,
    gradient_sample,
    gradients,
)
from seqkit.training import StreamBatches

SYMBOLS = 7


def model(**options):
    torch.manual_seed(0)
    return LanguageModelHead(Decoder(SYMBOLS, 5, hidden_size=6, **options), start=2, banned=(0, 1)).double().eval()


def numbers(count, seed=0):
    return np.random.default_rng(seed).integers(2, SYMBOLS, count)


def text(tokens):
    return Text(tokens, len(tokens), 0)


def measured(head, segment=4):
    return gradient_rms(head, numbers(400, seed=1), segment)


def parameters(head):
    return {name: parameter.detach().clone() for name, parameter in head.named_parameters()}


def same(first, second):
    return all(torch.equal(first[name], second[name]) for name in first.keys() | second.keys())


def by_hand(head, rms, tokens, segment, learning_rate, decay):
    """Token by token: the nats of each, and the weights in the end, by the equations of the paper and of the class."""
    head = copy.deepcopy(head)
    trained = parameters(head)
    overall = torch.cat([size.flatten() for size in rms.values()]).square().mean().sqrt()
    average_gain = sum((rms[name] ** 2 / (rms[name] / overall + 1)).sum() for name in rms)
    nats, collected = [], []
    state, last = head.decoder.start(), torch.tensor([head.start])
    for number, token in enumerate(tokens, 1):
        logits, state = head.decoder.step(last, state)
        collected.append(-log_softmax(logits, 1)[0, token])
        nats.append(collected[-1].item())
        last = torch.tensor([token])
        if number % segment and number < len(tokens):
            continue
        head.zero_grad()
        (sum(collected) / segment).backward()
        collected, state = [], state.detach()
        with torch.no_grad():
            for name, weight in head.named_parameters():
                relative = rms[name] / overall
                back = torch.clamp(decay * segment / 1000 * relative, max=1)
                weight += back * (trained[name] - weight)
                weight -= learning_rate / average_gain * weight.grad / (relative + 1)
    return nats, parameters(head)


KINDS = [{}, {"num_layers": 2, "cell": "gru", "tie": True}, {"recall": 5}]


@pytest.mark.parametrize("options", KINDS, ids=str)
def test_every_token_is_scored_by_the_weights_that_have_learned_from_the_segments_before_it(options):
    head, tokens = model(**options), numbers(18)
    rms = measured(head)
    # A decay so high that it shows after five segments, the last of which is short.
    settings = {"segment": 4, "learning_rate": 0.5, "decay": 40.0}
    nats, weights = by_hand(head, rms, tokens, **settings)
    evaluation = DynamicEvaluation(head, rms, DynamicOptions(**settings))
    (scored,) = evaluation.predict([text(tokens)])
    # Both ways compute in float64, in another order.
    assert scored.nats == pytest.approx(sum(nats), rel=1e-9)
    for name, weight in parameters(evaluation.adapt(tokens)).items():
        torch.testing.assert_close(weight, weights[name], rtol=1e-9, atol=1e-12)
    for count in (3, 4, 5, 17):
        assert evaluation.predict([text(tokens[:count])])[0].nats == pytest.approx(sum(nats[:count]), rel=1e-9)


@pytest.mark.parametrize("options", KINDS, ids=str)
def test_a_later_token_never_changes_what_the_earlier_ones_cost(options, monkeypatch):
    monkeypatch.setattr(dynamic, "STEPS", 4)
    head, tokens, other = model(**options), numbers(24), numbers(24)
    other[13] = 2 + (other[13] - 1) % (SYMBOLS - 2)
    evaluation = DynamicEvaluation(head, measured(head), DynamicOptions(segment=4))
    (first, second) = (scored.pieces for scored in evaluation.predict([text(tokens), text(other)]))
    assert [count for _, count in first] == [4] * 6
    assert first[:3] == second[:3]
    # The change stands in the fourth segment; the rest of the text is the same, and reads it in the weights.
    assert all(a != b for a, b in zip(first[3:], second[3:], strict=True))


@pytest.mark.parametrize("options", KINDS, ids=str)
def test_without_a_learning_rate_a_text_costs_what_it_costs_the_model_itself(options):
    head = model(**options)
    texts = [text(numbers(count, count)) for count in (1500, 0, 1, 20)]
    evaluation = DynamicEvaluation(head, measured(head), DynamicOptions(learning_rate=0))
    for adaptive, static in zip(evaluation.predict(texts), head.predict(texts), strict=True):
        # The same numbers, summed in pieces of another length.
        assert adaptive.nats == pytest.approx(static.nats, rel=1e-12)
        assert (adaptive.tokens, adaptive.characters) == (static.tokens, static.characters)


def test_what_repeats_itself_becomes_cheap():
    head, tokens = model(), np.tile(numbers(10), 150)
    evaluation = DynamicEvaluation.from_training(head, numbers(400, seed=1), DynamicOptions(segment=10))
    (adaptive,), (static,) = evaluation.predict([text(tokens)]), head.predict([text(tokens)])
    # A model that has learned nothing is sure of nothing; ten tokens in the same order can be known by heart.
    assert static.nats > 0.9 * len(tokens) * math.log(SYMBOLS)
    assert adaptive.nats < 0.5 * static.nats


def test_a_text_begins_with_the_trained_weights_whatever_was_read_before_it():
    head = model()
    evaluation, texts = DynamicEvaluation(head, measured(head)), [text(numbers(90, 1)), text(numbers(50, 2))]
    forwards, backwards = evaluation.predict(texts), evaluation.predict(texts[::-1])
    assert [scored.nats for scored in forwards] == [scored.nats for scored in backwards[::-1]]


def test_the_model_never_changes_even_if_the_reading_is_interrupted():
    head = model()
    before, alone = parameters(head), head.predict([text(numbers(50))])
    evaluation = DynamicEvaluation(head, measured(head))
    read = []

    def interrupt(count):
        read.append(count)
        if len(read) == 2:
            # In the middle of a reading the model itself answers as ever.
            assert head.predict([text(numbers(50))]) == alone
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluation.predict([text(numbers(90))], interrupt)
    assert read == [20, 20]
    assert same(parameters(head), before)
    assert all(parameter.grad is None for parameter in head.parameters())
    assert not same(parameters(evaluation.head), before)
    # What was interrupted leaves nothing behind either.
    fresh = DynamicEvaluation(head, measured(head))
    assert evaluation.predict([text(numbers(60))]) == fresh.predict([text(numbers(60))])


def test_an_adapted_model_is_its_own_and_the_same_every_time():
    head = model()
    evaluation = DynamicEvaluation(head, measured(head))
    adapted = evaluation.adapt(numbers(100))
    weights = parameters(adapted)
    assert not same(weights, parameters(head))
    assert same(parameters(evaluation.adapt(numbers(0))), parameters(head))
    assert same(parameters(adapted), weights)
    assert same(parameters(evaluation.adapt(numbers(100))), weights)


def test_dropout_plays_no_part(monkeypatch):
    head = model(dropout=0.5, embedding_dropout=0.5, weight_dropout=0.5)
    rms = measured(head)
    head.train()
    assert same(measured(head), rms)
    first, again = (DynamicEvaluation(head, rms).predict([text(numbers(60))]) for _ in range(2))
    assert first == again
    assert head.training


def test_gradients_are_those_of_each_segment_after_the_one_before(monkeypatch):
    monkeypatch.setattr(gradients, "_STREAMS", 1)
    head, tokens, segment = model(), numbers(43), 5
    rms = gradient_rms(head, tokens, segment)
    squares, state, plan = [], head.decoder.start(), StreamBatches(tokens, 1, segment, seed=0).plan(0)
    for piece in plan:
        window = torch.from_numpy(tokens[piece.start : piece.start + segment + 1])
        decoded = head.decoder(window[None, :-1], state)
        scores = log_softmax(head.decoder.logits(decoded.features[0]), 1)
        head.zero_grad()
        (-scores[torch.arange(segment), window[1:]].mean()).backward()
        squares.append({name: parameter.grad**2 for name, parameter in head.named_parameters()})
        state = decoded.state.detach()
    for name, size in rms.items():
        expected = (sum(square[name] for square in squares) / len(plan)).sqrt()
        torch.testing.assert_close(size, expected, rtol=1e-9, atol=1e-12)


def test_streams_side_by_side_measure_what_one_segment_alone_would():
    head, segment = model(), 5
    with torch.no_grad():
        head.decoder.output.weight.zero_()
        head.decoder.output.bias.zero_()
    tokens = np.random.default_rng(0).integers(0, SYMBOLS, 100_000)
    # All symbols are as likely as the model thinks: the gradient of a bias is the mean of S draws of 1/V - [v = token].
    expected = math.sqrt((1 / SYMBOLS) * (1 - 1 / SYMBOLS) / segment)
    rms = gradient_rms(head, tokens, segment)["decoder.output.bias"]
    # 1,250 squares in each: a standard deviation of 2 %.
    torch.testing.assert_close(rms, torch.full_like(rms, expected), rtol=0.1, atol=0)


def test_a_training_split_shorter_than_a_segment_is_enough():
    head = model()
    evaluation = DynamicEvaluation.from_training(head, numbers(9), DynamicOptions(segment=50))
    assert 0 < evaluation.predict([text(numbers(120))])[0].nats < math.inf


def test_gradients_are_measured_on_the_end_of_the_training_split(monkeypatch):
    monkeypatch.setattr(gradients, "_TOKENS", 50)
    monkeypatch.setattr(gradients, "_BYTES", 500)
    raw = "".join(chr(ord("à") + n % 25) for n in range(3000))
    split = stretch(Corpus("a text", (raw.encode(),)))
    codec = StreamCodec.learn(NextStepOptions(), [split])
    assert gradient_sample(codec, split).tolist() == codec.encode(raw[-50:]).tokens.tolist()


def test_tokens_are_counted_for_a_bar():
    head, read, measuring = model(), [], []
    evaluation = DynamicEvaluation.from_training(head, numbers(400), DynamicOptions(segment=8), measuring.append)
    evaluation.predict([text(numbers(20)), text(numbers(3))], read.append)
    assert read == [8, 8, 4, 3]
    # 16 streams of 24 tokens, 8 at a time; the few that are left over belong to none.
    assert measuring == [128] * 3


def test_a_learning_rate_beyond_all_bounds_is_an_error_in_a_sentence():
    head = model().float()
    evaluation = DynamicEvaluation(head, measured(head), DynamicOptions(learning_rate=1e300))
    with pytest.raises(SeqkitError, match="the loss is not finite after 20 tokens; take a lower learning_rate"):
        evaluation.predict([text(numbers(60))])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"segment": 0}, "segment must be at least 1, not 0"),
        ({"segment": 2000}, "segment must be below 1025, not 2000"),
        ({"learning_rate": -0.1}, "learning_rate must be at least 0, not -0.1"),
        ({"decay": math.nan}, "decay must be a finite number, not nan"),
    ],
)
def test_options_that_cannot_be_are_refused(settings, message):
    with pytest.raises(UsageError, match=message):
        DynamicOptions(**settings)
