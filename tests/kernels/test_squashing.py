"""The squashing functions and the rounding of the C++, value by value, through the operators that layers call.

B batch, T time, D directions, H hidden units.
"""

import numpy as np
import pytest
import torch

from seqkit.kernels.library import ensure
from seqkit.kernels.operators import CELLS

pytestmark = pytest.mark.skipif(not ensure(print), reason="the native kernels cannot be built here")
OPERATORS = torch.ops.seqkit
H = 16
# The bound that squash.h promises; measured with these inputs: tanh 3.4, sigmoid 2.3 units in the last place.
ULPS = 4.0


def inputs():
    """Everything that the polynomial of e^x is used for: its whole range, both ends of a reduction, and near 0."""
    steps = np.log(2) * (np.arange(-40, 41) + 0.5)
    near = np.concatenate([steps * (1 + scale) for scale in (-1e-6, 0, 1e-6)])
    small = np.outer([1, -1], np.geomspace(1e-30, 1, 3000)).ravel()
    return np.concatenate([np.linspace(-20, 20, 60_000), near, near / 2, small])


def call(name, gate, x, state):
    """One step of a cell of which one gate sees the inputs as they are, and everything else is 0; its states."""
    gates = len(CELLS[name].gate_names)
    x = torch.from_numpy(np.resize(x, (-(-len(x) // H), 1, H)).astype(np.float32))
    weight_x = torch.zeros(1, gates * H, H)
    weight_x[0, gate * H : (gate + 1) * H] = torch.eye(H)
    own = torch.zeros(1, 0, H)
    starts = torch.stack([torch.full((len(x), 1, H), value) for value in state])
    weights = weight_x, torch.zeros(1, gates * H, H), torch.zeros(1, gates * H), own
    _, final, *_ = OPERATORS.forward(name, x, None, *weights, starts, H, False, 1, 1)
    return x.double().numpy().ravel(), final.flatten(1).double().numpy()


def ulps(found, truth):
    return (np.abs(found - truth) / np.spacing(np.abs(truth).astype(np.float32)).astype(np.float64)).max()


def test_tanh_is_within_4_units_in_the_last_place():
    x, (h,) = call("rnn-tanh", 0, inputs(), [0.0])
    assert ulps(h, np.tanh(x)) <= ULPS


def test_sigmoid_is_within_4_units_in_the_last_place():
    # c' = σ(f) · 1 + σ(0) tanh(0), and tanh(0) is 0.
    forget = CELLS["lstm"].gate_names.index("f")
    x, (_, c) = call("lstm", forget, inputs(), [0.0, 1.0])
    assert ulps(c, 1 / (1 + np.exp(-x))) <= ULPS
    assert (c >= 0).all() and (c <= 1).all()


def test_far_out_both_functions_reach_their_limits():
    far = np.array([-1e30, -1e4, -90.0, 90.0, 1e4, 1e30])
    x, (h,) = call("rnn-tanh", 0, far, [0.0])
    assert (h == np.sign(x)).all()
    _, (_, c) = call("lstm", CELLS["lstm"].gate_names.index("f"), far, [0.0, 1.0])
    # e^-87, where the argument is cut, is 1.6e-38.
    assert ((c == 1) | (c < 2e-38)).all()


def test_weights_are_rounded_to_the_nearest_bf16_and_ties_to_even():
    bits = np.random.default_rng(0).integers(0x3F00, 0x4100, (64, H)).astype(np.uint32) << 16
    # Just below a tie, a tie, just above: of numbers whose last bit is 0 and of numbers whose last bit is 1.
    bits |= np.random.default_rng(1).choice(np.array([0x7FFF, 0x8000, 0x8001], np.uint32), bits.shape)
    weight = torch.from_numpy(bits.view(np.float32)).unsqueeze(0)
    packed = OPERATORS.pack(weight, torch.zeros(1, 64, H), "bf16").view(torch.int16)
    # torch rounds ties to even; the order of packed weights is the kernels' own affair.
    expected = weight.bfloat16().view(torch.int16).flatten().sort().values
    assert torch.equal(packed[packed != 0].sort().values, expected)


def test_inputs_are_rounded_as_weights_are():
    if not OPERATORS.multiplies_bf16():
        pytest.skip("this processor has no bfloat16 products")
    ties = torch.tensor([1 + 2**-8, 1 + 3 * 2**-8, -1 - 2**-8, 1 + 2**-8 + 2**-20, 2 + 2**-7, 3.0]).repeat(H)[: 5 * H]
    x = ties.view(5, 1, H)
    weights = torch.eye(H).unsqueeze(0), torch.zeros(1, H, H), torch.zeros(1, H), torch.zeros(1, 0, H)
    out = OPERATORS.forward("rnn-relu", x, None, *weights, torch.zeros(1, 5, 1, H), H, True, 1, 1)[0]
    assert torch.equal(out, x.bfloat16().float().clamp(min=0))
