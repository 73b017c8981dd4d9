import pytest
import torch

from seqkit import Encoder, Pooling, UsageError
from seqkit.layers.encoder import locked_dropout

WAYS = ["last", "mean", "max", "attention", "mean+max", "last + attention"]


@pytest.mark.parametrize("ways", WAYS)
def test_padding_and_empty_texts_never_change_a_pooled_vector(ways):
    torch.manual_seed(0)
    encoder = Encoder(20, 4, hidden_size=3, pooling=ways).eval()
    tokens = torch.randint(1, 20, (3, 6))
    lengths = torch.tensor([6, 0, 2])
    pooled = encoder(tokens, lengths).pooled
    alone = encoder(tokens[2:, :2], lengths[2:]).pooled
    torch.testing.assert_close(pooled[2:], alone)
    assert pooled.shape == (3, encoder.output_size)
    assert torch.equal(pooled[1], torch.zeros_like(pooled[1]))
    assert pooled.isfinite().all()


def test_pooling_by_hand():
    outputs = torch.tensor([[[1.0, -5.0], [3.0, -1.0], [0.0, 0.0]]])
    final, lengths = torch.tensor([[7.0, 8.0]]), torch.tensor([2])
    assert Pooling("last+mean+max", 2)(outputs, final, lengths).tolist() == [[7, 8, 2, -3, 3, -1]]


def test_attention_weighs_steps_by_their_softmax():
    pooling = Pooling("attention", 2)
    outputs = torch.randn(1, 3, 2)
    weights = torch.softmax(pooling.score(outputs[:, :2]), 1)
    expected = (weights * outputs[:, :2]).sum(1)
    torch.testing.assert_close(pooling(outputs, torch.zeros(1, 2), torch.tensor([2])), expected)


def test_last_is_each_directions_own_end():
    encoder = Encoder(9, 3, hidden_size=2, pooling="last").eval()
    encoded = encoder(torch.randint(1, 9, (2, 4)), torch.tensor([4, 3]))
    forward, backward = encoded.pooled.split(2, 1)
    torch.testing.assert_close(forward[1], encoded.outputs[1, 2, :2])
    torch.testing.assert_close(backward, encoded.outputs[:, 0, 2:])


def test_given_vectors_start_the_embedding_and_the_others_are_drawn():
    vectors = torch.tensor([[0.0, 0.0], [0.0, 0.0], [1.0, 2.0]])
    weight = Encoder(3, 2, hidden_size=2, vectors=vectors).embedding.weight
    assert weight[2].tolist() == [1, 2]
    assert weight[0].tolist() == [0, 0]
    assert weight[1].abs().sum() > 0


def test_word_dropout_leaves_out_tokens_only_while_training():
    torch.manual_seed(1)
    encoder = Encoder(9, 3, hidden_size=2, word_dropout=0.5)
    tokens, lengths = torch.randint(1, 9, (4, 5)), torch.full((4,), 5)
    assert not torch.equal(encoder(tokens, lengths).pooled, encoder(tokens, lengths).pooled)
    encoder.eval()
    assert torch.equal(encoder(tokens, lengths).pooled, encoder(tokens, lengths).pooled)


def test_any_module_that_makes_vectors_can_be_read_and_nothing_need_be_pooled():
    torch.manual_seed(3)
    encoder = Encoder(torch.nn.Linear(5, 3), 3, hidden_size=2, bidirectional=False, pooling=None)
    frames = torch.randn(2, 4, 5)
    encoded = encoder(frames, torch.tensor([4, 2]))
    assert encoded.pooled.shape == (2, 0)
    state = None
    for time in range(4):
        output, state = encoder.step(frames[:, time], state)
        torch.testing.assert_close(output[0], encoded.outputs[0, time])


def test_locked_dropout_zeroes_a_feature_at_every_step():
    torch.manual_seed(2)
    x = locked_dropout(torch.ones(5, 7, 11), 0.5, True)
    assert set(x.unique().tolist()) == {0.0, 2.0}
    assert torch.equal(x, x[:, :1].expand_as(x))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pooling": "maxx"}, "did you mean 'max'"),
        ({"pooling": "max+max"}, "names a way twice"),
        ({"inputs": 0}, "at least 1 symbol to read, not 0"),
        ({"vectors": torch.zeros(3, 3)}, r"vectors must be \(9, 3\), not \(3, 3\)"),
    ],
)
def test_what_cannot_be_is_refused(options, message):
    with pytest.raises(UsageError, match=message):
        Encoder(**{"inputs": 9, "embedding_size": 3, "hidden_size": 2, **options})
