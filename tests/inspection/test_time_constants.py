"""How long units remember."""

import math

import pytest
import torch

from seqkit.inspection.time_constants import time_constants


def test_time_constants_are_the_steps_to_one_part_in_e():
    found = time_constants(torch.tensor([[0.4, 0.9], [0.6, 0.9]])).tolist()
    assert found == pytest.approx([1 / math.log(2), -1 / math.log(0.9)], rel=1e-6)
