"""Heads, priors, thresholds and scores of sets of labels, numbers and pairs, against numbers worked out by hand."""

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, f1_score, mean_absolute_error, r2_score, root_mean_squared_error

from seqkit import Encoder
from seqkit.data.readers import NumberExample, SourceLocation
from seqkit.scores.label_sets import indicator_scores, indicators, set_counts
from seqkit.scores.numbers import number_counts
from seqkit.topologies.many_to_one import LabelSetHead, NumberHead, TextBatch
from seqkit.topologies.many_to_one.label_sets.prior import LabelSetPrior
from seqkit.topologies.many_to_one.numbers.codec import Scale
from seqkit.topologies.many_to_one.numbers.head import pinball
from seqkit.topologies.many_to_one.numbers.prior import NumberPrior
from seqkit.topologies.many_to_one.numbers.scores import conformal_quantile, shrinkage
from seqkit.topologies.many_to_one.text_head import pair_features
from seqkit.topologies.thresholds import tune_thresholds


def test_numbers_are_scaled_by_the_mean_and_deviation_of_texts_with_their_weights():
    rows = [((0.0, 7.0), 3.0), ((10.0, 7.0), 1.0)]
    train = [NumberExample("x", numbers, ("a", "same"), SourceLocation("a.csv", 2), weight) for numbers, weight in rows]
    scale = Scale.learn(train, 0.9)
    # Of one that never changes the deviation is 1.
    assert scale.mean == (2.5, 7.0) and scale.deviation == (math.sqrt((3 * 2.5**2 + 7.5**2) / 4), 1.0)
    assert scale.undo(scale.apply((10.0, 7.0))) == pytest.approx([10.0, 7.0])


@pytest.fixture
def encoder():
    torch.manual_seed(0)
    return Encoder(5, 3, hidden_size=2)


def batch(targets, weights=None):
    return TextBatch(torch.tensor([[1, 2, 3], [4, 2, 0]]), torch.tensor([3, 2]), torch.tensor(targets), weights)


def test_the_loss_of_a_set_is_binary_cross_entropy_summed_over_its_labels(encoder):
    head = LabelSetHead(encoder, ["a", "b"], class_weights=[3.0, 1.0]).eval()
    given = batch([[1.0, 0.0], [0.0, 1.0]], torch.tensor([1.0, 0.5]))
    p = torch.sigmoid(head(given)).tolist()
    expected = -(3 * math.log(p[0][0]) + math.log(1 - p[0][1])) - 0.5 * (math.log(1 - p[1][0]) + math.log(p[1][1]))
    loss = head.loss(given)
    assert loss.sum.item() == pytest.approx(expected, rel=1e-5) and loss.count == 1.5 and loss.items == 2


def test_labels_are_predicted_from_their_own_thresholds_on(encoder):
    head = LabelSetHead(encoder, ["a", "b"]).eval()
    (first, _) = head.predict(batch([[0.0, 0.0]] * 2))
    head.thresholds.copy_(
        torch.tensor([first.probabilities["a"], first.probabilities["b"] + 1e-9], dtype=torch.float64)
    )
    assert head.predict(batch([[0.0, 0.0]] * 2))[0].labels == ("a",)


def test_a_prior_of_sets_judges_a_text_by_the_others_and_says_nothing_of_what_it_has_not_seen():
    # Of 4 texts, 2 have the label; the first n-gram is in 3 of them, 2 with the label; the second in its text alone.
    prior = LabelSetPrior([[2, 3], [1, 1]], [2], 4)
    with_label, without = (2 + 0.5) / (3 * 0.5 + 0.5), (1 + 0.5) / (3 * 0.5 + 0.5)
    assert prior(torch.tensor([[0]])).item() == pytest.approx(math.log(with_label / without))
    # Without its own text: 3 texts, 1 has the label; 2 have the first n-gram, 1 with the label; none has the second.
    left = math.log((1 + 0.5) / (2 / 3 + 0.5)) - math.log((1 + 0.5) / (4 / 3 + 0.5))
    own = prior(torch.tensor([[0, 1, prior.padding]]), torch.tensor([[1.0]]))
    assert own.item() == pytest.approx(left / math.sqrt(2))


def test_a_prior_of_numbers_judges_a_text_by_the_others():
    prior = NumberPrior([[3], [1]], [[1.5], [2.0]], 1)
    assert prior(torch.tensor([[0, 2]])).tolist() == [[pytest.approx(1.5 / 5), 0.0, 0.0]]
    own = prior(torch.tensor([[0, 1]]), torch.tensor([[2.0]]))
    assert own[0, 0].item() == pytest.approx((1.5 - 2.0) / (2 + 2) / math.sqrt(2))


def test_the_quantile_makes_its_pinball_loss_smallest():
    values = torch.randn(2001, generator=torch.Generator().manual_seed(0))
    tried = torch.linspace(-2, 2, 401)
    losses = torch.stack([pinball(q, values, 0.9).mean() for q in tried])
    # The tried quantiles lie 0.01 apart.
    assert abs(float(tried[losses.argmin()]) - float(values.quantile(0.9))) < 0.02


def test_quantiles_do_not_move_the_mean_and_lie_around_it(encoder):
    head = NumberHead(encoder, Scale(("y",), (10.0,), (2.0,))).eval()
    given = batch([[0.5], [-1.0]])
    head.loss(given).sum.backward()
    mean = head(given)[:, 0].tolist()
    assert head.output.bias.grad[0].item() == pytest.approx(2 * (mean[0] - 0.5) + 2 * (mean[1] + 1), rel=1e-4)
    for prediction, z in zip(head.predict(given), mean, strict=True):
        assert prediction.numbers[0] == pytest.approx(10 + 2 * z, rel=1e-6)
        assert prediction.low[0] < prediction.numbers[0] < prediction.high[0]


def test_a_conformal_quantile_is_a_rank_of_one_more():
    scores = np.arange(1.0, 20.0)
    assert conformal_quantile(scores, 0.9) == 18 and conformal_quantile(scores[:5], 0.9) == 5


def test_features_of_a_pair_are_the_four_of_conneau():
    features = pair_features(torch.tensor([[1.0, -2.0]]), torch.tensor([[3.0, 0.5]]))
    assert features.tolist() == [[1, -2, 3, 0.5, 2, 2.5, 3, -1]]


def test_scores_of_sets_are_those_of_scikit_learn():
    draw = np.random.default_rng(0)
    truth, predicted = draw.random((2, 50, 6)) < 0.3
    scores = indicator_scores(truth, predicted)
    assert scores["micro_f1"] == pytest.approx(f1_score(truth, predicted, average="micro"))
    assert scores["macro_f1"] == pytest.approx(f1_score(truth, predicted, average="macro"))
    assert scores["exact_match"] == accuracy_score(truth, predicted)
    names = np.array(list("abcdef"))
    sets = [[tuple(names[row]) for row in side] for side in (truth, predicted)]
    counts = set_counts(*sets)
    assert counts.score(counts.rows.sum(0)) == pytest.approx(scores)
    assert (indicators(sets[0], list("abcdef")) == truth).all()


def test_scores_of_numbers_are_those_of_scikit_learn_far_from_zero_too():
    draw = np.random.default_rng(0)
    truth = draw.normal(1e6, 1, (40, 2))
    predicted = truth + draw.normal(0, 0.5, truth.shape)
    counts = number_counts(truth, predicted, predicted - 0.5, predicted + 0.5)
    scores = counts.score(counts.rows.sum(0))
    assert scores["mae"] == pytest.approx(mean_absolute_error(truth, predicted))
    assert scores["rmse"] == pytest.approx(root_mean_squared_error(truth, predicted))
    assert scores["r2"] == pytest.approx(r2_score(truth, predicted))
    assert scores["coverage"] == pytest.approx((np.abs(predicted - truth) <= 0.5).mean())
    assert scores["interval_width"] == pytest.approx(1.0)


def test_one_threshold_is_tuned_for_all_labels_and_own_ones_only_where_they_score_better():
    probabilities = np.array([[0.1 + 0.02 * n, 0.9 - 0.02 * n] for n in range(20)])
    truth = np.stack([probabilities[:, 0] >= 0.3, probabilities[:, 1] >= 0.8], 1)
    together = tune_thresholds(probabilities, truth, "micro_f1", each=False)
    apart = tune_thresholds(probabilities, truth, "micro_f1", each=True)
    assert len(set(together.values)) == 1 and together.score > together.score_at_half
    assert apart.score == 1.0 and 0.28 < apart.values[0] <= 0.3 < 0.78 < apart.values[1] <= 0.8
    rare = tune_thresholds(probabilities[:8], truth[:8] & [False, True], "micro_f1", each=True)
    # No text has the first label: its threshold is that of all.
    assert rare.values[0] == tune_thresholds(probabilities[:8], truth[:8] & [False, True], "micro_f1", False).values[0]


def test_numbers_that_lie_too_far_from_the_average_are_shrunk_and_never_grown():
    truth = np.array([[1.0, 1.0], [-1.0, -1.0], [2.0, 2.0]])
    assert shrinkage(truth * [2.0, 0.5], truth) == pytest.approx([0.5, 1.0])


def test_numbers_that_go_against_the_truth_leave_the_average():
    truth = np.array([[1.0], [-1.0]])
    assert shrinkage(-truth, truth) == pytest.approx([0.0])
    assert shrinkage(np.zeros((2, 1)), truth) == pytest.approx([1.0])
