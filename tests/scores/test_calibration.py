"""Calibration by hand."""

import pytest

from seqkit.scores.calibration import calibrate


def test_the_calibration_error_of_five_answers_by_hand():
    found = calibrate([(0.95, True), (0.92, False), (0.55, True), (0.51, True), (1.0, True)])
    assert [(b.low, b.answers) for b in found.bins] == [(0.5, 2), (0.9, 3)]
    assert found.bins[1].confidence == pytest.approx((0.95 + 0.92 + 1.0) / 3)
    assert found.bins[1].accuracy == pytest.approx(2 / 3)
    assert found.error == pytest.approx((2 * abs(1 - 0.53) + 3 * abs(2 / 3 - 2.87 / 3)) / 5)
    assert calibrate([]) == ([], 0.0, 0)
