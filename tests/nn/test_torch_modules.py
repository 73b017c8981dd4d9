"""What torch tests its own recurrent modules with, on ours: its inputs, references and errors.

Of what torch runs for each of these entries, two things do not apply. Its comparison of processors needs a GPU, where
torch's own code runs; and memory formats, such as channels last, are of pictures.
"""

import copy

import pytest
import torch
from torch.nn.utils.rnn import PackedSequence
from torch.testing._internal.common_modules import ModuleErrorEnum, module_db
from torch.testing._internal.common_utils import freeze_rng_state

from seqkit import nn

pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections")  # torch's, of its own code

NAMES = ("RNN", "LSTM", "GRU", "RNNCell", "LSTMCell", "GRUCell")
ENTRIES = {name: next(one for one in module_db if one.name == f"nn.{name}") for name in NAMES}
DTYPES = (torch.float32, torch.float64)


def inputs_of(name, dtype, training=False):
    torch.manual_seed(0)
    entry = ENTRIES[name]
    options = {"device": "cpu", "dtype": dtype, "requires_grad": True, "training": training}
    if name in ("RNN", "GRU"):
        options["with_packed_sequence"] = True
    return entry.module_inputs_func(entry, **options)


def pair_of(name, sample, dtype, training=False):
    """Torch's module and ours with the same weights."""
    given = sample.constructor_input
    theirs = getattr(torch.nn, name)(*given.args, **given.kwargs, dtype=dtype).train(training)
    ours = getattr(nn, name)(*given.args, **given.kwargs, dtype=dtype).train(training)
    ours.load_state_dict(theirs.state_dict())
    return theirs, ours


def tensors_in(value):
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, PackedSequence):
        return [value.data]
    return [tensor for part in value for tensor in tensors_in(part)]


def results_of(module, sample):
    """Outputs, and the gradients of the inputs and the parameters, each output weighed differently."""
    given = sample.forward_input
    inputs = [tensor for tensor in tensors_in(given.args) if tensor.requires_grad]
    outputs = tensors_in(module(*given.args, **given.kwargs))
    total = sum((out * torch.arange(1.0, out.numel() + 1).view(out.shape).sqrt()).sum() for out in outputs)
    return outputs, torch.autograd.grad(total, [*inputs, *module.parameters()])


def assert_close_in_scale(found, expected):
    """Torch's inputs reach 9, where gates are shut: what is left of a gradient there has few digits of the largest."""
    for one, other in zip(tensors_in(found), tensors_in(expected), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-5 * max(1.0, other.detach().abs().max().item()))


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_values_and_gradients_are_those_of_torch(ours, name, dtype, training):
    samples = inputs_of(name, dtype, training)
    for sample in samples:
        theirs, mine = pair_of(name, sample, dtype, training)
        assert_close_in_scale(results_of(mine, sample), results_of(theirs, sample))
    projected = sum(sample.constructor_input.kwargs.get("proj_size", 0) > 0 for sample in samples)
    # Whether ours ran: not with projections, not in another dtype, and not in single steps without a batch.
    never = dtype is torch.float64 or name.endswith("Cell")
    assert len(ours) == (0 if never else len(samples) - projected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_outputs_are_those_of_torchs_references(ours, name, dtype):
    for sample in inputs_of(name, dtype):
        _, mine = pair_of(name, sample, dtype)
        given = sample.forward_input
        with freeze_rng_state():
            out = mine(*given.args, **given.kwargs)
            if isinstance(given.args[0], PackedSequence):
                continue  # torch's reference is of inputs without a batch
            expected = sample.reference_fn(mine, *given.args, **given.kwargs)
        torch.testing.assert_close(out, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_wrong_arguments_are_refused_in_torchs_words(ours, name):
    entry = ENTRIES[name]
    wrong = entry.module_error_inputs_func(
        entry, device="cpu", dtype=torch.float32, requires_grad=False, training=False
    )
    assert wrong
    for case in wrong:
        made, given = case.module_error_input.constructor_input, case.module_error_input.forward_input
        with pytest.raises(case.error_type, match=case.error_regex):
            module = getattr(nn, name)(*made.args, **made.kwargs)
            if case.error_on is ModuleErrorEnum.FORWARD_ERROR:
                module(*given.args, **given.kwargs)
    assert not ours


@pytest.mark.parametrize("name", NAMES)
def test_constructors_give_the_device_and_dtype_and_the_same_first_weights(name):
    for sample in inputs_of(name, torch.float64):
        given = sample.constructor_input
        made = {}
        for where in (torch.nn, nn):
            torch.manual_seed(0)
            made[where] = getattr(where, name)(*given.args, **given.kwargs, device="cpu", dtype=torch.float64)
        torch.testing.assert_close(made[nn].state_dict(), made[torch.nn].state_dict(), rtol=0, atol=0)
        assert repr(made[nn]) == repr(made[torch.nn])
        on_meta = getattr(nn, name)(*given.args, **given.kwargs, device="meta")
        assert {weight.device.type for weight in on_meta.parameters()} == {"meta"}


@pytest.mark.parametrize("name", NAMES)
def test_copies_and_state_dicts_give_the_same_outputs(ours, name):
    for sample in inputs_of(name, torch.float32):
        _, mine = pair_of(name, sample, torch.float32)
        given = sample.forward_input
        with torch.no_grad():
            expected = mine(*given.args, **given.kwargs)
            for other in (copy.deepcopy(mine), copy.copy(mine)):
                torch.testing.assert_close(other(*given.args, **given.kwargs), expected, rtol=0, atol=0)


@pytest.mark.parametrize("name", NAMES)
def test_layouts_of_inputs_in_memory_do_not_matter(ours, name):
    for sample in inputs_of(name, torch.float32):
        _, mine = pair_of(name, sample, torch.float32)
        given = sample.forward_input
        if isinstance(given.args[0], PackedSequence):
            continue  # it holds what packing made
        apart = [stretched(argument) for argument in given.args]
        torch.testing.assert_close(mine(*apart), mine(*given.args), rtol=1e-6, atol=1e-7)


def stretched(value):
    """The same numbers with gaps between them in memory."""
    if isinstance(value, tuple):
        return tuple(map(stretched, value))
    return torch.stack([value, torch.full_like(value, torch.nan)], -1)[..., 0]
