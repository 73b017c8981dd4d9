"""The CRF against brute force: every labelling of short sequences is counted."""

import itertools
import math
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqkit import SeqkitError, UsageError
from seqkit.data.schemes import allowed_transitions
from seqkit.layers import CRF
from seqkit.layers import crf as layers_crf

LABELS, STEPS = 3, 4
LENGTHS = torch.tensor([4, 1, 0, 3, 2])
# 0 to 0 and 2 to 1 are forbidden, 2 cannot begin, 1 cannot end.
LIMITS = (
    torch.tensor([[0, 1, 1], [1, 1, 1], [1, 0, 1]]).bool(),
    torch.tensor([True, True, False]),
    torch.tensor([True, False, True]),
)


def crf(limits=(), labels=LABELS, seed=0):
    torch.manual_seed(seed)
    made = CRF(labels, *limits).double()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.normal_()
    return made


def logits_of(scale=1.0, seed=1, lengths=LENGTHS, labels=LABELS):
    torch.manual_seed(seed)
    return torch.randn(len(lengths), max(1, int(lengths.max())), labels, dtype=torch.double) * scale


@torch.no_grad()
def scored(made, logits, length):
    """Every labelling that the limits allow, with its score by the formula."""
    found = {}
    for labels in itertools.product(range(logits.shape[1]), repeat=length):
        links = list(itertools.pairwise(labels))
        if made.allowed is not None and labels:
            if not (made.may_start[labels[0]] and made.may_end[labels[-1]]):
                continue
            if not all(made.allowed[link] for link in links):
                continue
        score = sum(logits[time, label] for time, label in enumerate(labels)) + sum(made.transitions[k] for k in links)
        found[labels] = float(score + made.start[labels[0]] + made.end[labels[-1]]) if labels else 0.0
    return found


def log_sum(scores):
    most = max(scores)
    return most + math.log(sum(math.exp(score - most) for score in scores))


CASES = pytest.mark.parametrize("limits", [(), LIMITS], ids=["free", "limited"])
SCALES = pytest.mark.parametrize("scale", [1.0, 500.0])


@CASES
@SCALES
def test_the_partition_sums_over_every_labelling(limits, scale):
    made, logits = crf(limits), logits_of(scale)
    expected = [log_sum(scored(made, row, n).values()) for row, n in zip(logits, LENGTHS.tolist(), strict=True)]
    assert made.log_partition(logits, LENGTHS).tolist() == pytest.approx(expected, rel=1e-12)


@CASES
@SCALES
def test_the_loss_is_what_a_labelling_costs(limits, scale):
    made, logits = crf(limits), logits_of(scale)
    tables = [scored(made, row, n) for row, n in zip(logits, LENGTHS.tolist(), strict=True)]
    targets = torch.zeros(len(LENGTHS), STEPS, dtype=torch.int64)
    expected = 0.0
    for row, table in enumerate(tables):
        labels = list(table)[len(table) // 2]
        targets[row, : len(labels)] = torch.tensor(labels, dtype=torch.int64)
        expected += log_sum(table.values()) - table[labels]
    assert float(made.loss(logits, targets, LENGTHS).detach()) == pytest.approx(expected, rel=1e-9)


@CASES
@SCALES
def test_marginals_are_the_sum_of_the_labellings_with_a_label(limits, scale):
    made, logits = crf(limits), logits_of(scale)
    found = made.marginals(logits, LENGTHS)
    for row, (values, length) in enumerate(zip(logits, LENGTHS.tolist(), strict=True)):
        table = scored(made, values, length)
        whole = log_sum(table.values())
        expected = torch.zeros(STEPS, LABELS, dtype=torch.double)
        for labels, score in table.items():
            for time, label in enumerate(labels):
                expected[time, label] += math.exp(score - whole)
        torch.testing.assert_close(found[row], expected, atol=1e-9, rtol=1e-9)
        torch.testing.assert_close(found[row, :length].sum(1), torch.ones(length, dtype=torch.double))


@CASES
@SCALES
@pytest.mark.parametrize("n_best", [1, 3, 100])
def test_the_best_labellings_are_found_in_order(limits, scale, n_best):
    made, logits = crf(limits), logits_of(scale)
    for found, values, length in zip(made.decode(logits, LENGTHS, n_best), logits, LENGTHS.tolist(), strict=True):
        table = scored(made, values, length)
        ranked = sorted(table.items(), key=lambda item: -item[1])[:n_best]
        whole = log_sum(table.values())
        assert [tuple(path.labels) for path in found] == [labels for labels, _ in ranked]
        scores = [score - whole for _, score in ranked]
        assert [path.score for path in found] == pytest.approx(scores, rel=1e-9, abs=1e-9)


@CASES
@SCALES
def test_gradients_equal_finite_differences(limits, scale):
    made, logits = crf(limits), logits_of(scale).requires_grad_()
    targets = torch.tensor([[1, 2, 2, 0], [0, 0, 0, 0], [0, 0, 0, 0], [0, 1, 2, 0], [1, 0, 0, 0]])

    def run(logits, *_):
        return made.loss(logits, targets, LENGTHS)

    assert torch.autograd.gradcheck(run, (logits, *made.parameters()))


def plain(made, logits, lengths):
    """The same by autograd through a loop on logarithms, sequence by sequence."""
    found = []
    for values, length in zip(logits, lengths.tolist(), strict=True):
        ways = made.start + values[0]
        for time in range(1, length):
            ways = torch.logsumexp(ways.unsqueeze(1) + made.transitions, 0) + values[time]
        found.append(torch.logsumexp(ways + made.end, 0) if length else logits.sum() * 0)
    return torch.stack(found)


@pytest.mark.parametrize("scale", [1.0, 30.0, 900.0])
def test_gradients_equal_those_of_autograd_through_a_plain_loop(scale):
    lengths = torch.tensor([9, 1, 0, 5, 7])
    made, logits = crf(labels=5), logits_of(scale, lengths=lengths, labels=5).requires_grad_()
    weights = torch.tensor([1.0, -2.0, 3.0, 0.5, 1.5], dtype=torch.double)
    inputs = (logits, *made.parameters())
    expected = torch.autograd.grad((plain(made, logits, lengths) * weights).sum(), inputs)
    found = torch.autograd.grad((made.log_partition(logits, lengths) * weights).sum(), inputs)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-9, rtol=1e-9)


def assert_exact(made, logits):
    """Partition, marginals and best labelling of one whole sequence (1, T, K) are those of brute force."""
    steps = logits.shape[1]
    length, table = torch.tensor([steps]), scored(made, logits[0], steps)
    whole = log_sum(table.values())
    assert float(made.log_partition(logits, length).detach()) == pytest.approx(whole, rel=1e-12, abs=1e-9)
    expected = torch.zeros_like(logits[0])
    for labels, score in table.items():
        expected[range(steps), labels] += math.exp(score - whole)
    torch.testing.assert_close(made.marginals(logits, length)[0], expected, atol=1e-9, rtol=1e-9)
    assert tuple(made.decode(logits, length)[0][0].labels) == max(table, key=table.get)


@pytest.mark.parametrize("seed", range(60))
def test_scores_and_limits_of_any_size_are_exact(seed):
    torch.manual_seed(seed)
    sizes = torch.tensor([1.0, 50.0, 150.0, 190.0, 900.0])[torch.randint(5, (4,))].tolist()
    allowed, (start, end) = torch.rand(LABELS, LABELS) < 0.7, torch.rand(2, LABELS) < 0.8
    start[0] = end[0] = True
    made, logits = CRF(LABELS, allowed, start, end).double(), logits_of(sizes[0], seed)[:1]
    with torch.no_grad():
        for parameter, size in zip(made.parameters(), sizes[1:], strict=True):
            parameter.normal_().mul_(size)
    if not scored(made, logits[0], STEPS):
        with pytest.raises(UsageError, match="no labelling of length 4"):
            made.log_partition(logits, torch.tensor([STEPS]))
    else:
        assert_exact(made, logits)


def test_a_label_can_be_ruled_out_by_its_logit():
    logits = logits_of()[:1]
    logits[0, 1, 2] = logits[0, 3, 0] = -math.inf
    assert_exact(crf(), logits)


@pytest.mark.parametrize("cost", [60.0, 100.0, 150.0, 250.0, 1000.0])
def test_what_is_forced_counts_however_unlikely_it_is(cost):
    # 0 then 1 is the only way to 2, which must come last; labels 0 and 1 are far worse than 3.
    allowed = torch.tensor([[0, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 0], [1, 0, 0, 1]]).bool()
    start, end = torch.tensor([True, False, False, True]), torch.tensor([False, False, True, False])
    made = crf((allowed, start, end), labels=4)
    logits = torch.zeros(1, 6, 4, dtype=torch.double)
    logits[:, :, :2], logits[:, :, 3] = -cost, cost
    assert_exact(made, logits)


@pytest.mark.parametrize("cost", [150.0, 250.0, 800.0])
def test_a_forced_transition_counts_however_unlikely_it_is(cost):
    allowed, first = torch.tensor([[True, True], [False, True]]), torch.tensor([True, False])
    made = crf((allowed, first, ~first), labels=2)
    made.transitions.data[0, 1] = -cost
    assert_exact(made, logits_of(labels=2)[:1])


def test_a_chain_of_unlikely_transitions_counts():
    # 0, 1, 2, 3, 4 is the only way; until its last step the logits make up for its transitions.
    allowed = torch.diag(torch.ones(5), 1).bool()
    allowed[4, 5], allowed[5, 5] = False, True
    start, end = torch.tensor([1, 0, 0, 0, 0, 1]).bool(), torch.tensor([0, 0, 0, 0, 1, 0]).bool()
    made = crf((allowed, start, end), labels=6)
    made.transitions.data[:4] = -190.0
    logits = torch.zeros(1, 5, 6, dtype=torch.double)
    logits[0, range(1, 4), range(1, 4)], logits[0, 4, 4] = 190.0, -600.0
    assert_exact(made, logits)


def test_float32_is_exact_to_its_last_digits():
    lengths = torch.tensor([40, 23])
    made, logits = crf(labels=9), logits_of(20.0, lengths=lengths, labels=9)
    single = CRF(9)
    single.load_state_dict({name: value.float() for name, value in made.state_dict().items()})
    found = single.log_partition(logits.float(), lengths)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), made.log_partition(logits, lengths), rtol=1e-6, atol=0)


@pytest.mark.parametrize("temperature", [1.0, 2.5])
@CASES
def test_the_divergence_from_a_teacher_is_that_of_all_labellings(limits, temperature):
    made, logits = crf(limits), logits_of()
    teacher = torch.softmax(torch.randn_like(logits), 2)
    start, transitions, end = made.start.tolist(), made.transitions.tolist(), made.end.tolist()
    found = made.divergence(logits, teacher, LENGTHS, temperature)
    softened = torch.softmax(teacher.log() / temperature, 2)
    for row, length in enumerate(LENGTHS.tolist()):
        scores = {y: score / temperature for y, score in scored(made, logits[row], length).items()}
        total = log_sum(list(scores.values()))
        expected = 0.0
        for labels in itertools.product(range(LABELS), repeat=length):
            q = math.prod(float(softened[row, time, label]) for time, label in enumerate(labels))
            score = sum(float(logits[row, time, label]) for time, label in enumerate(labels))
            score += sum(transitions[one][next_] for one, next_ in itertools.pairwise(labels) if may(made, one, next_))
            if labels:
                score += start[labels[0]] if made.may_start is None or made.may_start[labels[0]] else 0.0
                score += end[labels[-1]] if made.may_end is None or made.may_end[labels[-1]] else 0.0
            expected += q * (math.log(q) - score / temperature + total)
        assert found[row].item() == pytest.approx(temperature**2 * expected)


def may(made, one, following):
    return made.allowed is None or bool(made.allowed[one, following])


@CASES
def test_a_crf_that_gives_each_step_what_the_teacher_gives_it_has_nothing_to_learn(limits):
    made, logits = crf(limits), logits_of().requires_grad_()
    teacher = made.marginals(logits, LENGTHS)
    made.divergence(logits, teacher.masked_fill(teacher.sum(2, keepdim=True) == 0, 1.0), LENGTHS).sum().backward()
    assert logits.grad.abs().max() < 1e-12
    assert all(parameter.grad is None for parameter in made.parameters())


@settings(max_examples=40, deadline=None, derandomize=True)
@given(lengths=st.lists(st.integers(0, 5), min_size=1, max_size=4), data=st.data(), limited=st.booleans())
def test_padding_and_order_never_change_a_result(lengths, data, limited):
    made = crf(LIMITS if limited else ())
    sizes = torch.tensor(lengths)
    logits = logits_of(lengths=torch.tensor([5] * len(lengths)))
    dirty = logits.masked_fill((torch.arange(5) >= sizes.unsqueeze(1)).unsqueeze(2), math.nan)
    whole, chances, paths = made.log_partition(dirty, sizes), made.marginals(dirty, sizes), made.decode(dirty, sizes, 2)
    for row, length in enumerate(lengths):
        one, size = logits[row : row + 1, : max(1, length)], sizes[row : row + 1]
        torch.testing.assert_close(whole[row : row + 1], made.log_partition(one, size))
        torch.testing.assert_close(chances[row, :length], made.marginals(one, size)[0, :length])
        assert (chances[row, length:] == 0).all()
        (alone,) = made.decode(one, size, 2)
        assert [path.labels for path in paths[row]] == [path.labels for path in alone]
    order = data.draw(st.permutations(range(len(lengths))))
    torch.testing.assert_close(made.log_partition(dirty[order], sizes[order]), whole[order])


@pytest.mark.parametrize("scheme", ["bio", "bioes", "iob1"])
@pytest.mark.parametrize("scale", [1.0, 300.0])
def test_a_scheme_is_never_left(scheme, scale):
    labels = ["O", "B-X", "I-X", "B-Y", "I-Y"]
    labels += ["E-X", "S-X", "E-Y", "S-Y"] if scheme == "bioes" else []
    limits = [torch.from_numpy(limit) for limit in allowed_transitions(labels, scheme)]
    lengths = torch.tensor([7, 3, 1, 5])
    made, logits = crf(limits, len(labels)), logits_of(scale, lengths=lengths, labels=len(labels))
    for found in made.decode(logits, lengths, 6):
        assert found
        for path in found:
            assert limits[1][path.labels[0]] and limits[2][path.labels[-1]]
            assert all(limits[0][link] for link in itertools.pairwise(path.labels))
    chances = made.marginals(logits, lengths)
    assert (chances[:, 0, ~limits[1]] == 0).all()
    torch.testing.assert_close(chances[0].sum(1), torch.ones(7, dtype=torch.double))


def test_a_length_without_a_labelling_is_refused():
    # 0 then 1, and no more.
    made, logits = CRF(2, torch.tensor([[False, True], [False, False]])), torch.zeros(3, 4, 2)
    assert made.marginals(logits, torch.tensor([2, 1, 0])).sum((1, 2)).tolist() == pytest.approx([2, 1, 0])
    for ask in (made.log_partition, made.marginals, made.decode):
        with pytest.raises(UsageError, match="no labelling of length 3"):
            ask(logits, torch.tensor([2, 3, 1]))


def test_a_lone_step_needs_no_transition():
    made = CRF(2, torch.zeros(2, 2).bool())
    found = made.log_partition(torch.zeros(1, 3, 2), torch.tensor([1]))
    torch.testing.assert_close(found, torch.logsumexp(made.start + made.end, 0, keepdim=True))
    found.sum().backward()
    torch.testing.assert_close(made.start.grad, torch.softmax(made.start + made.end, 0))


@CASES
def test_ordinary_scores_are_summed_as_probabilities_and_only_extreme_ones_as_logarithms(limits, monkeypatch):
    """Logarithms give the same sums, and take longer."""
    slow, on_logarithms, made = [], layers_crf._on_logarithms, crf(limits)
    monkeypatch.setattr(layers_crf, "_on_logarithms", lambda *scores: slow.append(on_logarithms(*scores)) or slow[-1])
    made.log_partition(logits_of(), LENGTHS)
    assert not slow
    made.log_partition(logits_of(500.0), LENGTHS)
    assert len(slow) == 1


def test_a_second_call_gives_the_same_bits():
    made, logits = CRF(LABELS, *LIMITS), logits_of().float().requires_grad_()
    targets = torch.tensor([[1, 2, 2, 0], [0, 0, 0, 0], [0, 0, 0, 0], [0, 1, 2, 0], [1, 0, 0, 0]])
    inputs = (logits, *made.parameters())
    first, second = (torch.autograd.grad(made.loss(logits, targets, LENGTHS), inputs) for _ in range(2))
    assert all(torch.equal(one, other) for one, other in zip(first, second, strict=True))


def test_a_second_derivative_is_refused():
    made, logits = crf(), logits_of().requires_grad_()
    (slope,) = torch.autograd.grad(made.log_partition(logits, LENGTHS).pow(2).sum(), logits, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        slope.pow(2).sum().backward()


def test_a_forbidden_labelling_costs_infinitely_much():
    made = crf(LIMITS)
    assert made.loss(logits_of()[:1], torch.tensor([[0, 0, 1, 2]]), LENGTHS[:1]).item() == math.inf


def test_limits_that_cannot_be_are_refused():
    with pytest.raises(UsageError, match=r"allowed must be \(3, 3\), not \(2, 2\)"):
        CRF(3, torch.ones(2, 2).bool())
    with pytest.raises(UsageError, match=r"end must be \(3,\), not \(1, 3\)"):
        CRF(3, end=torch.ones(1, 3).bool())
    with pytest.raises(UsageError, match="leave no labelling"):
        CRF(2, torch.eye(2).bool(), torch.tensor([True, False]), torch.tensor([False, True]))


@pytest.mark.parametrize("n_best", [1, 2])
def test_scores_that_are_not_numbers_have_no_best_labelling(n_best):
    crf, lengths = CRF(3), torch.tensor([2, 1])
    logits = torch.zeros(2, 2, 3)
    logits[1, 1] = torch.nan
    assert len(crf.decode(logits, lengths, n_best)) == 2  # padding is not read
    logits[0, 1, 2] = torch.nan
    with pytest.raises(SeqkitError, match="the scores of labels are NaN"):
        crf.decode(logits, lengths, n_best)


@pytest.mark.parametrize("given", [[4, 1, 0, 3, 2], (4, 1, 0, 3, 2), torch.tensor([4, 1, 0, 3, 2], dtype=torch.int32)])
def test_lengths_may_be_any_whole_numbers(given):
    made, logits = crf(LIMITS), logits_of()
    lengths = torch.tensor([4, 1, 0, 3, 2])
    targets, teacher = torch.zeros(5, 4, dtype=torch.int64), torch.softmax(logits, 2)
    calls = [made.log_partition, made.marginals, made.decode, partial(made.divergence, teacher=teacher)]
    for call in [*calls, partial(made.loss, targets=targets)]:
        one, other = call(logits, lengths=given), call(logits, lengths=lengths)
        assert one == other if isinstance(one, list) else torch.equal(one, other)


def test_without_lengths_all_steps_count():
    made, logits = crf(), logits_of()
    full = torch.full((5,), logits.shape[1])
    assert torch.equal(made.log_partition(logits), made.log_partition(logits, full))
    assert made.decode(logits) == made.decode(logits, full)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda made, x: made.decode(x[..., :2]), r"logits must be \(B, T, 3\), not \(5, 4, 2\)"),
        (lambda made, x: made.marginals(x[0]), r"logits must be \(B, T, 3\), not \(4, 3\)"),
        (lambda made, x: made.log_partition(x, [4, 1, 0, 3, 5]), "lengths must lie between 0 and the 4 steps given"),
        (lambda made, x: made.decode(x, [4, 1]), r"one number for each of 5 sequences, not \(2,\)"),
        (lambda made, x: made.decode(x, [0.5] * 5), "lengths must be whole numbers, not float"),
        (lambda made, x: made.loss(x, torch.zeros(5, 3).long()), r"targets must be \(5, 4\), not \(5, 3\)"),
    ],
)
def test_what_does_not_fit_is_said_in_one_sentence(call, message):
    with pytest.raises(UsageError, match=message):
        call(crf(), logits_of())
