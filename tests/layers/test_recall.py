import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqkit import Decoder
from seqkit.errors import UsageError
from seqkit.layers import recall as module
from seqkit.layers.recall import Recall

HIDDEN, VECTOR = 5, 3


def layer(window=4):
    torch.manual_seed(0)
    return Recall(HIDDEN, VECTOR, window, 6).double().eval()


def sequence(steps, batch=2):
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(batch, steps, size, generator=generator, dtype=torch.float64) for size in (HIDDEN, VECTOR)]


def by_hand(recall, outputs, vectors):
    """The equations, step by step and place by place."""
    rows = []
    for h, e in zip(outputs, vectors, strict=True):
        before = torch.cat([h.new_zeros(1, HIDDEN), h])
        for t in range(len(h)):
            places = range(max(0, t - recall.window + 1), t + 1)
            scores = torch.stack([recall.query(h[t]) @ recall.make(before[j])[:6] / 6**0.5 for j in places])
            values = torch.stack([torch.cat([recall.make(h[j])[6:], e[j]]) for j in places])
            rows.append(torch.tanh(recall.mix(torch.cat([h[t], torch.softmax(scores, 0) @ values]))))
    return torch.stack(rows).view_as(outputs)


@settings(deadline=None)
@given(st.integers(1, 12), st.integers(1, 6), st.integers(1, 5))
def test_recall_is_its_equations_whatever_pieces_it_goes_in(steps, window, piece):
    recall, (outputs, vectors) = layer(window), sequence(steps)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_PIECE", piece)
        found, _ = recall(outputs, vectors, recall.start(2))
    torch.testing.assert_close(found, by_hand(recall, outputs, vectors))


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("cut", [1, 3, 7])
def test_the_past_that_is_handed_on_stands_for_what_was_read(cut, training):
    recall, (outputs, vectors) = layer().train(training), sequence(9)
    whole, _ = recall(outputs, vectors, recall.start(2))
    first, past = recall(outputs[:, :cut], vectors[:, :cut], recall.start(2))
    second, _ = recall(outputs[:, cut:], vectors[:, cut:], past)
    torch.testing.assert_close(torch.cat([first, second], 1), whole)
    assert past.vectors.shape[1] == min(cut, recall.window)


def test_what_lies_before_the_window_and_what_is_to_come_change_nothing():
    recall, (outputs, vectors) = layer(window=3), sequence(8)
    found, _ = recall(outputs, vectors, recall.start(2))
    other = outputs.clone()
    other[:, 0], other[:, 6:] = 100, -100
    changed, _ = recall(other, vectors, recall.start(2))
    # The key of step 2 is the output of step 1, so step 0 reaches the features of steps 0 to 3.
    torch.testing.assert_close(changed[:, 4:6], found[:, 4:6])
    assert (changed[:, 3] - found[:, 3]).abs().max() > 1e-3


def test_a_word_that_came_before_can_be_found_again():
    recall = layer(window=8)
    with torch.no_grad():
        recall.query.weight.copy_(100 * torch.eye(6, HIDDEN))
        recall.make.weight[:6] = 100 * torch.eye(6, HIDDEN)
        recall.query.bias.zero_()
        recall.mix.weight.zero_()
        recall.mix.bias.zero_()
        recall.mix.weight[:VECTOR, HIDDEN + 6 :] = torch.eye(VECTOR)
    outputs, vectors = sequence(6, batch=1)
    outputs[0, 5] = outputs[0, 1]
    found, _ = recall(outputs, vectors, recall.start(1))
    torch.testing.assert_close(found[0, 5, :VECTOR], torch.tanh(vectors[0, 2]))


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_a_decoder_with_recall_steps_as_it_reads(cell):
    torch.manual_seed(0)
    decoder = Decoder(7, 4, cell=cell, hidden_size=5, recall=3).double().eval()
    tokens = torch.randint(7, (2, 8))
    whole = decoder.logits(decoder(tokens, decoder.start(batch_size=2)).features)
    state, steps = decoder.start(batch_size=2), []
    for token in tokens.unbind(1):
        logits, state = decoder.step(token, state)
        steps.append(logits)
    torch.testing.assert_close(torch.stack(steps, 1), whole)
    rows = torch.tensor([1, 1, 0])
    logits, _ = decoder.step(tokens[rows, 0], state.select(rows))
    expected, _ = decoder.step(tokens[:, 0], state)
    torch.testing.assert_close(logits, expected[rows])


@pytest.mark.parametrize("options", [{"window": 0}, {"window": 3, "size": 0}])
def test_sizes_that_cannot_be_are_refused(options):
    with pytest.raises(UsageError, match="at least 1"):
        Recall(4, 3, **options)


def test_recall_is_for_a_decoder_without_attention():
    from seqkit.layers.decoder import Source

    with pytest.raises(UsageError, match="give attention or recall"):
        Decoder(7, 4, hidden_size=5, source=Source(5, (5, 5)), attention="general", recall=3)
