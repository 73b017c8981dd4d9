import pytest
import torch

from seqkit import UsageError
from seqkit.layers.words import WordEmbedding, Words, make_speller

SPELLED = torch.tensor([[0, 0, 0], [3, 4, 0], [5, 6, 7]])
SIZES = torch.tensor([0, 2, 3])


def words(tokens, spelling):
    return Words(torch.tensor(tokens), torch.tensor(spelling), SPELLED, SIZES)


@pytest.mark.parametrize("way", ["rnn", "cnn"])
def test_a_word_is_spelled_the_same_whatever_is_beside_it(way):
    torch.manual_seed(0)
    speller = make_speller(way, 9, 4, 6, cell="gru").eval()
    together = speller(SPELLED, SIZES)
    assert together.shape == (3, 6) == (3, speller.output_size)
    assert torch.equal(together[0], torch.zeros(6))
    assert (together[1:] != 0).any(1).all()
    torch.testing.assert_close(speller(SPELLED[1:2, :2], SIZES[1:2]), together[1:2])
    garbage = SPELLED.clone()
    garbage[1, 2] = 8
    torch.testing.assert_close(speller(garbage, SIZES), together)


def test_a_convolution_takes_the_largest_value_over_three_characters_at_a_time():
    torch.manual_seed(1)
    speller = make_speller("cnn", 9, 4, 6)
    vectors = speller.embedding(SPELLED[2])
    padded = torch.cat([torch.zeros(1, 4), vectors, torch.zeros(1, 4)])
    windows = torch.stack([padded[time : time + 3].T for time in range(3)])
    by_hand = torch.einsum("tew,oew->to", windows, speller.convolution.weight) + speller.convolution.bias
    torch.testing.assert_close(speller(SPELLED, SIZES)[2], by_hand.relu().amax(0))


def test_an_embedding_sets_the_vector_of_a_word_beside_its_spelling():
    torch.manual_seed(2)
    speller = make_speller("rnn", 9, 4, 6)
    embedding = WordEmbedding(torch.tensor([0.0, 0.0, 5.0]), 3, unknown=1, speller=speller).eval()
    made = embedding(words([[2, 1], [2, 0]], [[1, 2], [2, 0]]))
    assert made.shape == (2, 2, 9) == (2, 2, embedding.output_size)
    torch.testing.assert_close(made[0, 0, :3], made[1, 0, :3])
    torch.testing.assert_close(made[0, 1, 3:], made[1, 0, 3:])
    torch.testing.assert_close(made[0, 0, 3:], speller(SPELLED, SIZES)[1])
    assert torch.equal(made[1, 1], torch.zeros(9))


def test_rare_words_are_taken_for_unknown_ones_as_often_as_said_in_training_alone():
    torch.manual_seed(3)
    embedding = WordEmbedding(torch.tensor([0.0, 0.0, 1.0, 99.0]), 2, unknown=1, forgetting=1.0)
    tokens = torch.tensor([0, 2, 3]).repeat(4000, 1)
    given = words(tokens.tolist(), torch.zeros_like(tokens).tolist())
    unknown = (embedding(given) == embedding.words.weight[1]).all(2).float().mean(0)
    # a / (a + n): 1/2 and 1/100; four standard errors of 4,000 draws.
    assert unknown[0] == 0
    assert unknown[1] == pytest.approx(0.5, abs=0.032)
    assert unknown[2] == pytest.approx(0.01, abs=0.0063)
    embedding.eval()
    assert torch.equal(embedding(given), embedding.words.weight[tokens])


def test_another_way_to_spell_is_refused():
    with pytest.raises(UsageError, match="did you mean 'rnn'"):
        make_speller("rn", 9, 4, 6)
    assert make_speller("none", 9, 4, 6) is None
