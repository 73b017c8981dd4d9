"""The cudnn kernel. What it hands to torch's operators is checked on the CPU, where they compute the same."""

import copy
import pickle
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
    start = None if state is None else list(state.values())
    return Cudnn().run_stack(layer.cell, stack, x, lengths, start, layer._memory[-1])


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
@pytest.mark.parametrize(("layers", "bidirectional", "joined"), [(1, False, True), (1, True, False), (3, True, True)])
def test_outputs_and_gradients_equal_the_references(cell, options, layers, bidirectional, joined, lengths):
    torch.manual_seed(0)
    layer = Recurrent(cell, 3, 4, layers, bidirectional, **options).double()
    x, state = torch.randn(5, 7, 3).double(), layer.initial_state(5).map(lambda t: torch.randn_like(t))
    if joined:
        layer.join_weights()
    found, expected = (outputs_and_gradients(layer, x, lengths, state, kernel) for kernel in (None, "reference"))
    # Double precision: only the order of sums differs.
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-11)


def replace_data(layer):
    layer.layers[0][0].weight_h.data = 2 * layer.layers[0][0].weight_h.data


def replace_parameter(layer):
    layer.layers[0][0].bias = torch.nn.Parameter(layer.layers[0][0].bias.detach() + 1)


def freeze_and_edit(layer):
    layer.layers[0][0].weight_x.requires_grad_(False).mul_(3)
    layer.layers[0][0].weight_x.requires_grad_()


EDITS = [
    lambda layer: layer.layers[0][0].weight_x.data.add_(1),
    lambda layer: layer.layers[0][0].bias.detach().numpy().fill(0.5),
    lambda layer: layer.load_state_dict({name: 2 * tensor for name, tensor in layer.state_dict().items()}),
    replace_data,
    replace_parameter,
    freeze_and_edit,
]


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_after_any_edit_of_weights_in_one_piece_the_call_is_the_references(cell, edit):
    torch.manual_seed(0)
    layer = Recurrent(cell, 3, 4, 2).double()
    layer.join_weights()
    x = torch.randn(5, 7, 3).double()
    before = outputs_and_gradients(layer, x, None, None)
    edit(layer)
    found, expected = (outputs_and_gradients(layer, x, None, None, kernel) for kernel in (None, "reference"))
    assert not torch.equal(found[0], before[0])
    # Double precision: only the order of sums differs.
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(("dropout", "stacks"), [(0.0, 1), (0.5, 2)])
@pytest.mark.parametrize("cell", ["lstm", "rnn"])
def test_weights_in_one_piece_are_handed_on_as_they_lie(cell, dropout, stacks):
    layer = Recurrent(cell, 3, 4, 2, True, dropout)
    values = {name: tensor.clone() for name, tensor in layer.state_dict().items()}
    parameters = list(layer.parameters())
    layer.join_weights()
    assert all(one is other for one, other in zip(layer.parameters(), parameters, strict=True))
    assert all(torch.equal(tensor, values[name]) for name, tensor in layer.state_dict().items())
    weights = [list(map(weights_of, directions)) for directions in layer.layers]
    groups = {-1: weights[0] + weights[1]} if stacks == 1 else dict(enumerate(weights))
    for number, directions in groups.items():
        handed = layer._memory[number].in_torchs_order(layer.cell, directions, torch.float32)
        own = [t for w in directions for t in (w.weight_x, w.weight_h, w.bias)]
        assert all(any(one is other for other in handed) for one in own)
        # torch's own test: matrices first, then biases, from the beginning of the memory to its end.
        order = sorted(handed, key=lambda t: t.storage_offset())
        assert [t.dim() for t in order] == [2] * (len(handed) // 2) + [1] * (len(handed) // 2)
        assert sum(t.numel() for t in handed) == order[0].untyped_storage().nbytes() // 4
        assert all(not bias.any() for bias in handed[3::4])


def test_tied_weights_and_copies_of_weights_in_one_piece_compute_the_same():
    torch.manual_seed(0)
    layer, other = Recurrent("gru", 3, 4), Recurrent("gru", 3, 4)
    layer.join_weights()
    other.layers[0][0].weight_h = layer.layers[0][0].weight_h
    other.join_weights()
    x = torch.randn(5, 7, 3)
    for each in (layer, other, copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        # float32: sums of 4 products in another order.
        torch.testing.assert_close(run(each, x, None, None)[0], each(x, kernel="reference")[0], rtol=1e-5, atol=1e-6)


def test_weights_that_were_first_read_without_gradients_can_be_trained():
    layer, x = Recurrent("gru", 3, 4), torch.randn(2, 6, 3)
    with torch.inference_mode():
        run(layer, x, None, None)
    assert len(outputs_and_gradients(layer, x, [2, 6], None)) == 7


def test_what_is_in_the_padding_reaches_neither_outputs_nor_gradients():
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
    rows, order, sizes = pack_steps(lengths, steps, x.device)
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
    # The outputs of float32 to 1e-5; gradients are sums over 35 steps of values up to about 10. If nothing is packed,
    # torch takes cuDNN's kernel for few units, whose tanh of a plain rnn is less exact: on an H200 2.2e-5 and 1.7e-4.
    # That is not TF32, which relu would show as well.
    loose = 10 if cell == "rnn" and not options and lengths is None else 1
    for number, (one, other) in enumerate(zip(found, expected, strict=True)):
        tolerance = loose * (1e-5 if number <= len(state) else 1e-4)
        torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance)


@gpu
def test_a_layer_that_moves_to_a_gpu_hands_its_own_weights_to_cudnn():
    layer = Recurrent("lstm", 24, 32, 2, True).cuda()
    directions = [weights_of(direction) for directions in layer.layers for direction in directions]
    handed = layer._memory[-1].in_torchs_order(layer.cell, directions, torch.float32)
    own = [t for w in directions for t in (w.weight_x, w.weight_h, w.bias)]
    assert all(any(one is other for other in handed) for one in own)


@gpu
@pytest.mark.parametrize("lengths", LENGTHS[:2])
@pytest.mark.parametrize(("cell", "options"), CELLS)
def test_on_a_gpu_values_are_those_of_torchs_own_layer(cell, options, lengths):
    torch.manual_seed(0)
    layer = Recurrent(cell, 24, 32, 2, True, **options).cuda()
    x, module = torch.randn(5, 7, 24).cuda(), layer.to_torch().cuda()
    if lengths is None:
        expected = module(x)[0]
    else:
        lengths = [5, 2, 7, 3, 1]  # torch packs no sequence without a step
        packed = torch.nn.utils.rnn.pack_padded_sequence(x, torch.tensor(lengths), True, enforce_sorted=False)
        expected = torch.nn.utils.rnn.pad_packed_sequence(module(packed)[0], True, total_length=7)[0]
    # The same call of cuDNN, but for the sum of two biases in another order.
    torch.testing.assert_close(layer(x, lengths, kernel="cudnn")[0], expected, rtol=1e-5, atol=1e-6)


@gpu
@pytest.mark.parametrize("precision", ["f32", "bf16"])
def test_on_a_gpu_auto_takes_cudnn_for_standard_cells_alone(precision):
    from seqkit.kernels import choose_kernel

    x = torch.ones(2, 3, 4).cuda()
    for cell, options in CELLS:
        assert isinstance(choose_kernel(Recurrent(cell, 4, 4, **options).cell, x, "auto", precision), Cudnn)
    for cell, options in (("gru", {"reset": "before"}), ("lstm-layer-norm", {}), ("lstm-peephole", {})):
        assert not isinstance(choose_kernel(Recurrent(cell, 4, 4, **options).cell, x, "auto", precision), Cudnn)


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
