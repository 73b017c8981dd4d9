import pytest
import torch

from seqkit import UsageError
from seqkit.layers.attention import ATTENTIONS, Attention

kinds = pytest.mark.parametrize("kind", ATTENTIONS)


def by_hand(attention, query, value):
    """The score of one place, from the papers' formulas."""
    if attention.kind == "additive":
        mixed = torch.tanh(attention.query.weight @ query + attention.query.bias + attention.key.weight @ value)
        return attention.score.weight[0] @ mixed
    if attention.kind == "general":
        return query @ (attention.key.weight @ value)
    return query @ value / (len(query) ** 0.5 if attention.kind == "scaled" else 1)


@kinds
def test_weights_are_the_softmax_of_the_papers_scores(kind):
    torch.manual_seed(0)
    attention = Attention(kind, 4, 4).double()
    values, query = torch.randn(1, 3, 4).double(), torch.randn(1, 4).double()
    found = attention(query, attention.memory(values, torch.tensor([3])))
    scores = torch.stack([by_hand(attention, query[0], value) for value in values[0]])
    torch.testing.assert_close(found.weights[0], torch.softmax(scores, 0))
    torch.testing.assert_close(found.context[0], (torch.softmax(scores, 0).unsqueeze(1) * values[0]).sum(0))


@kinds
def test_padding_gets_exactly_0_and_changes_nothing(kind):
    torch.manual_seed(1)
    attention = Attention(kind, 4, 4)
    values, query = torch.randn(3, 5, 4), torch.randn(3, 4)
    lengths = torch.tensor([5, 2, 0])
    memory = attention.memory(values, lengths)
    found = attention(query, memory)
    assert (found.weights[~memory.mask] == 0).all()
    torch.testing.assert_close(found.weights.sum(1), torch.tensor([1.0, 1.0, 0.0]))
    assert (found.context[2] == 0).all()
    alone = attention(query[1:2], attention.memory(values[1:2, :2], torch.tensor([2])))
    torch.testing.assert_close(alone.context[0], found.context[1])
    other = values.clone()
    other[1, 2:] = 1e6
    torch.testing.assert_close(attention(query, attention.memory(other, lengths)).context[1], found.context[1])


@kinds
def test_all_steps_at_once_equal_one_by_one_in_values_and_gradients(kind):
    torch.manual_seed(2)
    attention = Attention(kind, 4, 4).double()
    values = torch.randn(2, 5, 4, dtype=torch.double, requires_grad=True)
    queries = torch.randn(2, 3, 4, dtype=torch.double, requires_grad=True)
    memory = attention.memory(values, torch.tensor([5, 0]))
    whole = attention.all_steps(queries, memory)
    single = [attention(queries[:, t], memory) for t in range(3)]
    torch.testing.assert_close(whole.context, torch.stack([s.context for s in single], 1))
    torch.testing.assert_close(whole.weights, torch.stack([s.weights for s in single], 1))
    for one, other in zip(
        torch.autograd.grad(whole.context.sin().sum(), [values, queries], retain_graph=True),
        torch.autograd.grad(torch.stack([s.context for s in single]).sin().sum(), [values, queries]),
        strict=True,
    ):
        assert one.isfinite().all()
        torch.testing.assert_close(one, other)


@kinds
def test_a_place_that_was_covered_counts_less_once_that_is_learned(kind):
    torch.manual_seed(3)
    attention = Attention(kind, 4, 4, coverage=True)
    values = torch.randn(1, 1, 4).expand(1, 2, 4)
    with torch.no_grad():
        memory = attention.memory(values, torch.tensor([2]))
    query, seen = torch.randn(1, 4), torch.tensor([[1.0, 0.0]])
    torch.testing.assert_close(attention(query, memory, seen).weights, torch.tensor([[0.5, 0.5]]))
    optimizer = torch.optim.SGD([attention.covered], lr=1.0)
    for _ in range(20):
        loss = attention(query, memory, seen).weights[0, 0]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert attention(query, memory, seen).weights[0, 0] < 0.4


def test_rows_of_a_memory_can_be_chosen():
    attention = Attention("general", 3, 4)
    memory = attention.memory(torch.randn(3, 2, 4), torch.tensor([2, 1, 0]))
    chosen = memory.select(torch.tensor([2, 0, 0]))
    assert torch.equal(chosen.values[1], memory.values[0]) and torch.equal(chosen.mask[0], memory.mask[2])
    assert torch.equal(chosen.keys[2], memory.keys[0])


@pytest.mark.parametrize("index", [[0, 0, 1, 2], [0, 0, 1], [0, 1, 1], [1, 1, 0, 0], [2], []])
def test_queries_have_the_rows_that_were_chosen_for_them_even_where_these_are_not_equally_often_repeated(index):
    attention, queries = Attention("general", 3, 4), torch.randn(len(index), 3)
    memory = attention.memory(torch.randn(3, 2, 4), torch.tensor([2, 1, 2]))
    expected = [
        attention(query[None], memory.select(torch.tensor([n]))) for query, n in zip(queries, index, strict=True)
    ]
    found = attention(queries, memory.select(torch.tensor(index, dtype=torch.int64)))
    assert found.weights.shape == (len(index), 2)
    for number, one in enumerate(expected):
        torch.testing.assert_close(found.weights[number], one.weights[0])
        torch.testing.assert_close(found.context[number], one.context[0])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Attention("aditive", 4, 4), "did you mean 'additive'"),
        (lambda: Attention("dot", 4, 5), "one size, not 4 and 5"),
        (lambda: Attention("dot", 4, 4, attention_size=3), "attention_size is for 'additive'"),
        (lambda: Attention("general", 4, 4, coverage=True).all_steps(torch.ones(1, 1, 4), None), "step by step"),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(UsageError, match=message):
        make()


@kinds
@pytest.mark.parametrize("coverage", [False, True])
def test_hypotheses_share_the_memory_of_their_sentence(kind, coverage):
    torch.manual_seed(4)
    attention = Attention(kind, 4, 4, coverage=coverage).double()
    if coverage:
        torch.nn.init.normal_(attention.covered)
    memory = attention.memory(torch.randn(3, 5, 4).double(), torch.tensor([5, 2, 0]))
    copied, shared = memory, memory
    for index in ([0, 0, 1, 1, 2, 2], [1, 0, 2, 2, 5, 4], [0, 1, 4, 5], [3, 2, 2, 3], [0, 0, 3], [2, 0]):
        index = torch.tensor(index)
        query, seen = torch.randn(len(index), 4).double(), torch.rand(len(index), 5).double() if coverage else None
        copied = type(memory)(*(tensor[index] for tensor in copied[:3]))
        shared = shared.select(index)
        one, other = attention(query, copied, seen), attention(query, shared, seen)
        torch.testing.assert_close(one.context, other.context)
        torch.testing.assert_close(one.weights, other.weights)
        assert len(shared.mask) * shared.group == len(index)
        if not coverage:
            queries = torch.randn(len(index), 3, 4).double()
            whole = [attention.all_steps(queries, one) for one in (copied, shared)]
            torch.testing.assert_close(whole[0].context, whole[1].context)
            torch.testing.assert_close(whole[0].weights, whole[1].weights)
    beams = memory.select(torch.tensor([0, 0, 1, 1, 2, 2]))
    assert beams.group == 2
    assert beams.values is beams.select(torch.tensor([1, 0, 2, 2, 5, 4])).values is memory.values
