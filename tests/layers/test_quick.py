"""Calls without gradients that one operator of the native kernel answers: they are taken, and equal to the others."""

import pytest
import torch

from seqkit import Recurrent
from seqkit.kernels import ready
from seqkit.layers import quick
from seqkit.layers.quick import quick_run, quick_step


@pytest.fixture
def layer():
    """A small layer that runs natively."""
    assert ready(), "build the kernels first: seqkit kernels build"
    return Recurrent("gru", 3, 5, kernel="native").eval()


@torch.no_grad()
def test_a_step_and_a_sequence_are_one_operator_and_equal_the_loop(layer):
    x = torch.randn(4, 6, 3)
    plain = Recurrent("gru", 3, 5, kernel="reference").eval()
    plain.load_state_dict(layer.state_dict())
    for found, expected in (
        (quick_run(layer, x, None, None), plain(x)),
        (quick_step(layer, x[:, 0], None), plain.step(x[:, 0])),
    ):
        assert found is not None
        torch.testing.assert_close(found[0], expected[0])
        torch.testing.assert_close(found[1].h, expected[1].h)


@torch.no_grad()
def test_weights_of_another_width_are_left_to_who_says_what_is_wrong(layer):
    direction = next(each for each in layer.modules() if hasattr(each, "weight_h"))
    direction.weight_h = torch.nn.Parameter(torch.zeros(15, 4))
    assert quick_run(layer, torch.randn(4, 6, 3), None, None) is None
    assert quick_step(layer, torch.randn(4, 3), None) is None


@torch.no_grad()
def test_the_kernel_of_a_layer_is_chosen_once_for_each_kind_of_input(layer, monkeypatch):
    choose, chosen = quick.choose_kernel, []
    monkeypatch.setattr(quick, "choose_kernel", lambda *words: chosen.append(words) or choose(*words))
    x = torch.randn(4, 6, 3)
    for _ in range(3):
        quick_run(layer, x, None, None)
        quick_step(layer, x[:, 0], None)
    assert len(chosen) == 1
    layer.kernel = "auto"
    quick_run(layer, x, None, None)
    assert len(chosen) == 2
