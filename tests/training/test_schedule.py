"""The learning rate over a training."""

import pytest

from seqkit.training.schedule import learning_rate


@pytest.mark.parametrize(
    ("schedule", "done", "expected"),
    [
        ("linear", 0.0, 0.01), ("linear", 0.05, 0.5), ("linear", 0.1, 1.0), ("linear", 0.55, 0.5), ("linear", 1.0, 0.0),
        ("cosine", 0.55, 0.5), ("cosine", 1.0, 0.0), ("constant", 0.9, 1.0),
    ],
)  # fmt: skip
def test_the_learning_rate_rises_and_falls(schedule, done, expected):
    assert learning_rate(schedule, 1.0, 0.1, done) == pytest.approx(expected)
