import math

import pytest
import torch

from seqkit import UsageError
from seqkit.layers import TeacherForcing


def course(*arguments, count=6):
    forcing = TeacherForcing(*arguments)
    return [forcing() for _ in range(count)]


def test_constant_stays():
    assert course("constant", 0.7) == [0.7] * 6
    assert course() == [1.0] * 6


def test_linear_goes_down_to_the_floor():
    assert course("linear", 0.2, 4) == pytest.approx([1.0, 0.8, 0.6, 0.4, 0.2, 0.2])


def test_inverse_sigmoid_is_that_of_the_paper():
    k = 3
    assert course("inverse-sigmoid", 0.0, k) == pytest.approx([k / (k + math.exp(s / k)) for s in range(6)])
    late = TeacherForcing("inverse-sigmoid", 0.5, 2)
    late.step.fill_(10**6)
    assert late() == pytest.approx(0.5)


def test_its_place_in_the_schedule_goes_with_the_weights():
    one, other = TeacherForcing("linear", 0.0, 10), TeacherForcing("linear", 0.0, 10)
    for _ in range(3):
        one()
    other.load_state_dict(one.state_dict())
    assert other() == one() == pytest.approx(0.7)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("liner",), "unknown schedule of teacher forcing 'liner'; did you mean 'linear'"),
        (("linear", 1.5), "0 <= floor <= 1 and steps >= 1, not 1.5 and 1000"),
        (("linear", 0.5, 0), "not 0.5 and 0"),
    ],
)
def test_what_cannot_be_is_refused(arguments, message):
    with pytest.raises(UsageError, match=message):
        TeacherForcing(*arguments)


def test_the_step_is_not_a_weight():
    forcing = TeacherForcing()
    assert list(forcing.parameters()) == []
    assert forcing.state_dict()["step"].dtype == torch.int64
