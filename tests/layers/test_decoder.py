import math

import pytest
import torch

from seqkit import Encoder, UsageError
from seqkit.layers import Decoder, Source
from seqkit.layers.decoder import coverage_penalty
from seqkit.search import Limits, beam, greedy

WAYS = {
    "plain": {},
    "attention": {"attention": "additive"},
    "feeding": {"attention": "general", "input_feeding": True},
    "coverage": {"attention": "additive", "input_feeding": True, "coverage": True},
    "tied": {"attention": "additive", "tie": True},
}
ways = pytest.mark.parametrize("options", WAYS.values(), ids=WAYS)
LENGTHS = torch.tensor([5, 3, 0])


def make(options, encoder_cell="lstm", decoder_cell="gru", **encoder_options):
    torch.manual_seed(0)
    encoder = Encoder(11, 4, cell=encoder_cell, hidden_size=6, num_layers=2, **encoder_options).double().eval()
    source = Source.of(encoder.recurrent)
    decoder = Decoder(9, 5, cell=decoder_cell, hidden_size=7, num_layers=3, source=source, **options).double().eval()
    tokens = torch.randint(1, 11, (3, 5))
    return encoder, decoder, decoder.start(encoder(tokens, LENGTHS)), tokens


@ways
@pytest.mark.parametrize("cells", [("lstm", "gru"), ("gru", "lstm"), ("rnn", "lstm-peephole")])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_single_steps_equal_the_whole_sequence(options, cells, bidirectional):
    _, decoder, state, _ = make(options, *cells, bidirectional=bidirectional)
    tokens = torch.randint(1, 9, (3, 6))
    whole = decoder(tokens, state)
    logits = decoder.logits(whole.features)
    for t in range(6):
        step, state = decoder.step(tokens[:, t], state)
        torch.testing.assert_close(step, logits[:, t])
    for name in state.recurrent:
        torch.testing.assert_close(state.recurrent[name], whole.state.recurrent[name])


@ways
def test_padding_of_source_and_target_changes_nothing(options):
    encoder, decoder, state, tokens = make(options)
    targets = torch.randint(1, 9, (3, 6))
    whole = decoder(targets, state).features
    alone_state = decoder.start(encoder(tokens[1:2, :3], torch.tensor([3])))
    torch.testing.assert_close(decoder(targets[1:2, :4], alone_state).features[0], whole[1, :4])


@ways
def test_rows_can_be_chosen_and_the_state_cut_from_the_graph(options):
    _, decoder, state, _ = make(options)
    index = torch.tensor([2, 0, 0, 1])
    token = torch.tensor([3, 4, 5])
    logits, after = decoder.step(token, state)
    chosen, chosen_after = decoder.step(token[index], state.select(index))
    torch.testing.assert_close(chosen, logits[index])
    torch.testing.assert_close(chosen_after.select(torch.tensor([1])).recurrent.h, after.recurrent.h[:1])
    assert after.recurrent.h.requires_grad and not after.detach().recurrent.h.requires_grad


def test_every_part_of_the_encoders_state_reaches_the_decoder():
    encoder, decoder, _, tokens = make({}, "lstm", "lstm")
    encoded = encoder(tokens, LENGTHS)
    state = encoded.state.map(lambda s: s.detach().requires_grad_())
    start = decoder.start(encoded._replace(state=state)).recurrent
    for name in ("h", "c"):
        grads = torch.autograd.grad(start[name].square().sum(), list(state.values()), retain_graph=True)
        assert all((grad.abs().sum((0, 2)) > 0).all() for grad in grads)


def test_tied_scores_use_the_embedding():
    _, decoder, _, _ = make({"tie": True})
    assert decoder.output.weight is decoder.embedding.weight
    assert sum(p is decoder.embedding.weight for p in decoder.parameters()) == 1


@ways
def test_a_decoder_is_searched_alike_in_a_batch_and_alone(options):
    encoder, decoder, state, tokens = make(options)
    limits = Limits(1, 2, 8, banned=[0, 1])
    together = beam(decoder.step, state, 3, limits, 4, alpha=0.6)
    for row in range(2):
        length = int(LENGTHS[row])
        alone = decoder.start(encoder(tokens[row : row + 1, :length], LENGTHS[row : row + 1]))
        assert beam(decoder.step, alone, 1, limits, 4, alpha=0.6)[0][0].tokens == together[row][0].tokens
    assert [h.tokens for h in greedy(decoder.step, state, 3, limits)] == [
        h[0].tokens for h in beam(decoder.step, state, 3, limits, 1)
    ]


def test_a_decoder_learns_to_turn_a_sequence_round():
    torch.manual_seed(4)
    encoder = Encoder(8, 16, cell="gru", hidden_size=32)
    decoder = Decoder(8, 16, cell="gru", hidden_size=32, source=Source.of(encoder.recurrent), attention="general")
    tokens = torch.randint(3, 8, (64, 5))
    targets = torch.cat([tokens.flip(1), torch.full((64, 1), 2)], 1)
    inputs = torch.cat([torch.full((64, 1), 1), targets[:, :-1]], 1)
    lengths = torch.full((64,), 5)
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=0.01)
    for _ in range(150):
        features = decoder(inputs, decoder.start(encoder(tokens, lengths))).features
        loss = torch.nn.functional.cross_entropy(decoder.logits(features).flatten(0, 1), targets.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    encoder.eval(), decoder.eval()
    found = greedy(decoder.step, decoder.start(encoder(tokens, lengths)), 64, Limits(1, 2, 10))
    right = [list(h.tokens) == t for h, t in zip(found, tokens.flip(1).tolist(), strict=True)]
    assert sum(right) >= 62


def test_without_a_source_it_starts_from_zeros():
    decoder = Decoder(5, hidden_size=3)
    assert (decoder.start(batch_size=4).recurrent.h == 0).all()
    assert decoder.step(torch.tensor([1, 2, 3, 4]), decoder.start(batch_size=4))[0].shape == (4, 5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Decoder(5, attention="dot"), "attention needs a source"),
        (lambda: Decoder(5, input_feeding=True), "feeds what attention found"),
        (lambda: Decoder(5, source=Source(3, (3,)), attention="additive", coverage=True), "input_feeding=True"),
        (lambda: Decoder(5, source=Source(3, (3,))).start(), "needs an encoded source"),
    ],
)
def test_what_does_not_go_together_is_refused(make, message):
    with pytest.raises(UsageError, match=message):
        make()


@ways
def test_a_decoder_that_never_reads_the_truth_reads_what_it_draws(options):
    _, decoder, state, _ = make(options)
    tokens = torch.randint(1, 9, (3, 6))
    torch.manual_seed(3)
    drawn = decoder(tokens, state, forcing=0.0)
    torch.manual_seed(3)
    read, now, found = tokens[:, 0], state, []
    for _ in range(6):
        logits, now = decoder.step(read, now)
        found.append(logits)
        read = torch.multinomial(torch.softmax(logits, 1), 1).squeeze(1)
        torch.rand(3)
    torch.testing.assert_close(decoder.logits(drawn.features), torch.stack(found, 1))


def test_scheduled_sampling_reads_the_truth_as_often_as_it_is_told():
    _, decoder, state, _ = make({})
    with torch.no_grad():
        decoder.output.bias.fill_(-50)[8] = 50
    state = state.select(torch.zeros(400, dtype=torch.int64))
    tokens = torch.full((400, 2), 3)
    torch.manual_seed(0)
    after = decoder(tokens, state, forcing=0.75).features[:, 1]
    truth, drawn = (
        decoder(torch.tensor([[3, second]]), state.select(torch.tensor([0]))).features[:, 1] for second in (3, 8)
    )
    near = [(after - other).abs().amax(1) < 1e-9 for other in (truth, drawn)]
    assert (near[0] ^ near[1]).all()
    # Four deviations of 400 draws.
    assert near[0].double().mean() == pytest.approx(0.75, abs=4 * (0.75 * 0.25 / 400) ** 0.5)


def test_tracking_coverage_changes_nothing_and_sums_up_the_attention():
    encoder, decoder, state, tokens = make({"attention": "general"})
    targets = torch.randint(1, 9, (3, 6))
    tracking = decoder.start(encoder(tokens, LENGTHS), track_coverage=True)
    one, other = decoder(targets, state), decoder(targets, tracking)
    torch.testing.assert_close(one.features, other.features)
    torch.testing.assert_close(other.state.coverage, one.weights.sum(1))


def test_the_coverage_penalty_is_that_of_its_formula():
    encoder, decoder, _, tokens = make({"attention": "general"})
    state = decoder(torch.randint(1, 9, (3, 6)), decoder.start(encoder(tokens, LENGTHS), track_coverage=True)).state
    found, seen = coverage_penalty(state, 0.3), state.coverage.tolist()
    for row, length in enumerate(LENGTHS.tolist()):
        logs = [min(0.0, math.log(seen[row][place])) for place in range(length)]
        assert found[row].item() == pytest.approx(0.3 * sum(logs))
    assert found[2].item() == 0
    with pytest.raises(UsageError, match="track_coverage=True"):
        coverage_penalty(decoder.start(encoder(tokens, LENGTHS)), 0.3)


def lexical_decoder(**options):
    torch.manual_seed(0)
    encoder = Encoder(9, 5, cell="gru", hidden_size=4)
    source = Source.of(encoder.recurrent)
    decoder = Decoder(11, 6, cell="gru", hidden_size=7, source=source, attention="general", lexical=5, **options)
    encoded = encoder(torch.tensor([[1, 2, 3], [4, 5, 0]]), torch.tensor([3, 2]))
    return decoder.eval(), encoded


@pytest.mark.parametrize("options", [{}, {"tie": True}, {"input_feeding": True}])
def test_the_lexical_path_adds_the_token_vectors_that_attention_has_averaged(options):
    decoder, encoded = lexical_decoder(**options)
    decoded = decoder(torch.tensor([[1, 2], [3, 4]]), decoder.start(encoded))
    average = decoded.weights @ encoded.vectors
    torch.testing.assert_close(decoded.features[..., 7:], average)
    with_path = decoder.logits(decoded.features)
    added = decoder.lexical(average) @ decoder.output.weight.T
    with torch.no_grad():
        decoder.lexical.weight.zero_()
    torch.testing.assert_close(with_path, decoder.logits(decoded.features) + added)


@pytest.mark.parametrize("options", [{}, {"input_feeding": True}])
def test_steps_with_a_lexical_path_are_those_of_a_whole_sequence(options):
    decoder, encoded = lexical_decoder(**options)
    tokens = torch.tensor([[1, 2, 3], [3, 4, 5]])
    whole = decoder.logits(decoder(tokens, decoder.start(encoded)).features)
    state = decoder.start(encoded)
    for t in range(3):
        logits, state = decoder.step(tokens[:, t], state)
        torch.testing.assert_close(logits, whole[:, t])


def test_a_lexical_path_without_attention_or_vectors_is_refused():
    with pytest.raises(UsageError, match="goes through attention"):
        Decoder(11, 6, lexical=5)
    decoder, encoded = lexical_decoder()
    with pytest.raises(UsageError, match="needs the token vectors"):
        decoder.start(encoded._replace(vectors=None))
