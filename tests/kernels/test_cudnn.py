"""The cudnn kernel. What it hands to torch's operators is checked on the CPU, where they compute the same."""

import warnings

import pytest
import torch

from seqkit import Recurrent
from seqkit.kernels import KERNELS, Cudnn
from seqkit.kernels.cudnn import pack_steps
from seqkit.layers.direction import weights_of

CELLS = [("lstm", {}), ("gru", {}), ("rnn", {}), ("rnn", {"nonlinearity": "relu"})]
LENGTHS = [None, [5, 2, 7, 0, 1], [3, 3, 3, 3, 3]]


def run(layer, x, lengths, state, kernel=None):
    """Through the kernel where it is, or its parts on the CPU; else by the layer's own way."""
    if kernel is not None:
        return layer(x, lengths, state, kernel=kernel)
    stack = [list(map(weights_of, directions)) for directions in layer.layers]
    lengths = None if lengths is None else torch.tensor(lengths, device=x.device)
    return Cudnn().run_stack(layer.cell, stack, x, lengths, None if state is None else list(state.values()))


def outputs_and_gradients(layer, x, lengths, state, kernel=None):
    x = x.clone().requires_grad_()
    out, final = run(layer, x, lengths, state, kernel)
    finals = final.values() if hasattr(final, "values") else final
    # Weights of their own for all that comes out, so that no two mistakes cancel.
    weights = [torch.linspace(-1, 2, t.numel(), device=t.device, dtype=t.dtype).view_as(t) for t in (out, *finals)]
    total = sum((t * weight).sum() for t, weight in zip((out, *finals), weights, strict=True))
    grads = torch.autograd.grad(total, [x, *layer.parameters()])
    return [out.detach(), *(t.detach() for t in finals), *grads]


@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize(("cell", "options"), CELLS)
@pytest.mark.parametrize(("layers", "bidirectional"), [(1, False), (1, True), (3, True)])
def test_outputs_and_gradients_equal_the_references(cell, options, layers, bidirectional, lengths):
    torch.manual_seed(0)
    layer = Recurrent(cell, 3, 4, layers, bidirectional, **options).double()
    x, state = torch.randn(5, 7, 3).double(), layer.initial_state(5).map(lambda t: torch.randn_like(t))
    found, expected = (outputs_and_gradients(layer, x, lengths, state, kernel) for kernel in (None, "reference"))
    # Double precision: only the order of sums differs.
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-11)


def test_what_stands_in_the_padding_reaches_neither_outputs_nor_gradients():
    torch.manual_seed(0)
    layer, x = Recurrent("lstm", 3, 4), torch.randn(2, 6, 3)
    spoiled = x.clone()
    spoiled[0, 2:] = torch.nan
    clean, other = (outputs_and_gradients(layer, each, [2, 6], None) for each in (x, spoiled))
    for one, second in zip(clean, other, strict=True):
        torch.testing.assert_close(one, second, rtol=0, atol=0)


def test_sequences_without_a_step_give_zeros_and_keep_their_state():
    layer, x = Recurrent("lstm", 3, 4), torch.randn(2, 6, 3)
    state = layer.initial_state(2).map(torch.ones_like)
    out, final = run(layer, x, [0, 0], state)
    assert not out.any() and all(bool((s == 1).all()) for s in final)


def test_a_step_is_the_first_of_a_sequence():
    torch.manual_seed(0)
    layer, x = Recurrent("gru", 3, 4, 2), torch.randn(2, 1, 3)
    stack = [list(map(weights_of, directions)) for directions in layer.layers]
    out, (final,) = Cudnn().run_stack(layer.cell, stack, x[:, 0], None, None)
    whole, state = layer(x, kernel="reference")
    torch.testing.assert_close(out, whole[:, 0])
    torch.testing.assert_close(final, state.h)


def test_steps_are_packed_as_torch_packs_them():
    lengths, steps = torch.tensor([2, 0, 5, 1, 5]), 6
    x = torch.arange(5 * steps).view(5, steps, 1)
    rows, order, sizes = pack_steps(lengths, steps)
    present = lengths > 0
    theirs = torch.nn.utils.rnn.pack_padded_sequence(x[present], lengths[present], True, enforce_sorted=False)
    assert torch.equal(x.reshape(-1)[rows], theirs.data.squeeze(1)) and torch.equal(sizes, theirs.batch_sizes)
    assert torch.equal(present.nonzero().squeeze(1)[theirs.sorted_indices], order)


def test_bfloat16_is_inside_alone():
    torch.manual_seed(0)
    layer, x = Recurrent("lstm", 3, 4), torch.randn(2, 6, 3)
    stack = [list(map(weights_of, directions)) for directions in layer.layers]
    exact, (out, states) = layer(x)[0], Cudnn(bf16=True).run_stack(layer.cell, stack, x, None, None)
    assert {t.dtype for t in (out, *states)} == {torch.float32}
    # bfloat16 keeps 8 bits: rounding moves values below 1 by up to 2^-9, several times in a row here.
    assert 1e-5 < float((out - exact).detach().abs().max()) < 0.03


def test_a_cpu_has_no_cudnn():
    assert not KERNELS["cudnn"].supports(Recurrent("lstm", 1, 1).cell, torch.ones(1, 1, 1))


gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA")


@pytest.fixture
def exact_products(monkeypatch):
    """Products in float32: torch's own layers round to TF32 otherwise."""
    monkeypatch.setattr(torch.backends.cudnn.rnn, "fp32_precision", "ieee")
    monkeypatch.setattr(torch.backends.cuda.matmul, "fp32_precision", "ieee")


@gpu
@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize(("cell", "options"), CELLS)
@pytest.mark.parametrize(("layers", "bidirectional"), [(1, False), (2, True)])
def test_on_a_gpu_values_equal_the_references(cell, options, layers, bidirectional, lengths, exact_products):
    torch.manual_seed(0)
    layer = Recurrent(cell, 24, 32, layers, bidirectional, **options).cuda()
    x, state = torch.randn(5, 7, 24).cuda(), layer.initial_state(5).map(lambda t: torch.randn_like(t))
    with warnings.catch_warnings():
        # torch warns where weights are not in one piece, in the order of cuDNN.
        warnings.simplefilter("error")
        found = outputs_and_gradients(layer, x, lengths, state, "cudnn")
    expected = outputs_and_gradients(layer, x, lengths, state, "reference")
    # The outputs of float32 to 1e-5; gradients are sums over 35 steps of values up to about 10.
    for number, (one, other) in enumerate(zip(found, expected, strict=True)):
        tolerance = 1e-5 if number <= len(state) else 1e-4
        torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance)


@gpu
@pytest.mark.parametrize("precision", ["f32", "bf16"])
def test_on_a_gpu_auto_takes_cudnn_for_standard_cells_and_the_loop_for_others(precision):
    from seqkit.kernels import choose_kernel

    x = torch.ones(2, 3, 4).cuda()
    for cell, options in CELLS:
        assert isinstance(choose_kernel(Recurrent(cell, 4, 4, **options).cell, x, "auto", precision), Cudnn)
    for cell, options in (("gru", {"reset": "before"}), ("lstm-layer-norm", {}), ("lstm-peephole", {})):
        assert choose_kernel(Recurrent(cell, 4, 4, **options).cell, x, "auto", precision) is KERNELS["reference"]


@gpu
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_on_a_gpu_bfloat16_trains_weights_in_float32(cell):
    torch.manual_seed(0)
    layer = Recurrent(cell, 24, 32, 2, True, precision="bf16").cuda()
    x = torch.randn(5, 7, 24).cuda()
    exact, rounded = (outputs_and_gradients(layer, x, [5, 2, 7, 0, 1], None, k) for k in ("reference", "auto"))
    assert {t.dtype for t in rounded} == {torch.float32}
    for one, other in zip(rounded, exact, strict=True):
        # 8 bits of each side, in sums that partly cancel: within 5 % of the largest value.
        assert float((one - other).abs().max()) <= 0.05 * float(other.abs().max()) + 1e-3
