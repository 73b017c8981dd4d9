"""What a recurrent layer is called with, and whether it fits: one sentence for what does not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral

import torch
from torch import Tensor, fx

from seqkit.cells import Cell
from seqkit.errors import UsageError
from seqkit.kernels import Weights, traced, transformed

Lengths = Tensor | Sequence[int]


def check_sizes(**sizes: int) -> None:
    """Raises :class:`UsageError` for a size below 1, and for what is no whole number."""
    for name, size in sizes.items():
        if isinstance(size, bool) or not isinstance(size, Integral) or size < 1:
            raise UsageError(f"{name} must be a whole number of at least 1, not {size!r}")


def check_kinds(x: object, state: object) -> None:
    """Raises :class:`UsageError` for an input that is not a tensor, and for a state that is not a mapping."""
    if isinstance(x, fx.Proxy) or traced():
        tool = "torch.fx" if isinstance(x, fx.Proxy) else "torch.jit.trace"
        raise UsageError(f"{tool} cannot record a recurrent layer, whose loop depends on the input; use torch.export")
    if not isinstance(x, Tensor):
        raise UsageError(f"input must be a tensor, not {type(x).__name__}; torch.as_tensor converts it")
    if x.is_nested or x.layout is not torch.strided:
        kind = "nested" if x.is_nested else f"of layout {str(x.layout).removeprefix('torch.')}"
        raise UsageError(f"input must be a dense tensor, and this one is {kind}; pad it, and give lengths")
    if state is not None and not isinstance(state, Mapping):
        raise UsageError(f"state must be a State, not {type(state).__name__}: State({{'h': h}}), with 'c' for an LSTM")


def check_weights(given: Weights, cell: Cell, inputs: int, hidden: int, number: int) -> None:
    """Raises :class:`UsageError` for weights of a direction in layer ``number`` of other shapes than it needs."""
    rows = len(cell.gate_names) * hidden
    needed_x, needed_h = (rows, inputs), (cell.recurrent_gates * hidden, hidden)
    if given.weight_x.shape != needed_x or given.weight_h.shape != needed_h:
        raise UsageError(
            f"the weights in layers[{number}] are {tuple(given.weight_x.shape)} and {tuple(given.weight_h.shape)}, but "
            f"this layer needs {needed_x} and {needed_h}"
        )
    _check_one_kind(given, number)
    inner = len(cell.recurrent_bias) * hidden
    for name, bias, size in (("bias", given.bias, rows), ("bias_h", given.bias_h, inner)):
        shape, needed = None if bias is None else tuple(bias.shape), (size,) if size else None
        if shape != needed:
            actual = "missing" if shape is None else shape
            raise UsageError(f"{name} in layers[{number}] is {actual}, but this layer needs {needed or 'none'}")


def _check_one_kind(given: Weights, number: int) -> None:
    main = given.weight_h
    named: dict[str, Tensor | None] = {
        "weight_x": given.weight_x,
        "bias": given.bias,
        "bias_h": given.bias_h,
        **given.own,
    }
    for name, tensor in named.items():
        if tensor is not None and (tensor.dtype != main.dtype or tensor.device != main.device):
            actual, needed = (f"{t.dtype} on {t.device}".removeprefix("torch.") for t in (tensor, main))
            raise UsageError(f"{name} in layers[{number}] is {actual}, but weight_h is {needed}; convert one of them")


def check_state(state: Mapping[str, Tensor] | None, names: Sequence[str], shape: tuple[int, int, int]) -> None:
    """Raises :class:`UsageError` for a state that lacks a tensor of that shape under one of the names."""
    if state is None or torch.compiler.is_exporting():
        return
    for name in names:
        tensor = state.get(name)
        if not isinstance(tensor, Tensor):
            actual = "missing" if name not in state else type(tensor).__name__
            raise UsageError(f"state '{name}' must be a tensor {shape}, not {actual}")
        if tensor.shape != shape:
            raise UsageError(f"state '{name}' must be {shape}, not {tuple(tensor.shape)}")
        if tensor.layout is not torch.strided:
            raise UsageError(f"state '{name}' must be a dense tensor; to_dense() makes one")


def check_fit(x: Tensor, state: Mapping[str, Tensor] | None, weight: Tensor) -> None:
    """Raises :class:`UsageError` for an input or a state of another dtype than the weights, or on another device."""
    dtype, device = weight.dtype, weight.device
    given = {"input": x} if state is None else {"input": x, **{f"state '{n}'": t for n, t in state.items()}}
    for name, tensor in given.items():
        if tensor.dtype != dtype:
            ours, theirs = (str(each).removeprefix("torch.") for each in (dtype, tensor.dtype))
            raise UsageError(f"{name} is {theirs}, but the layer's weights are {ours}; convert one: x.to({dtype})")
        if tensor.device != device:
            raise UsageError(
                f"{name} is on {tensor.device}, but the layer's weights are on {device}; move one: x.to('{device}')"
            )


def check_gradients(precision: str, tensors: Iterable[Tensor]) -> None:
    """Raises :class:`UsageError` for gradients of products of 8-bit integers, which have none."""
    if precision == "int8" and torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors):
        raise UsageError(
            "precision 'int8' is for inference and has no gradients; call the layer inside torch.no_grad(), or train "
            "with 'f32' or 'bf16'"
        )


def checked_lengths(lengths: Lengths, x: Tensor) -> Tensor | None:
    """Those of the sequences of x (B, T, I), or None where nothing is padding; raises :class:`UsageError`.

    They are on the CPU, where the cudnn kernel reads them too: a GPU ends all its work before a number is read.
    """
    batch, steps, _ = x.shape
    if not isinstance(lengths, Tensor):
        try:
            # An array by its numbers: one that is read backwards is no tensor.
            numbers = lengths.tolist() if hasattr(lengths, "tolist") else lengths
            lengths = torch.as_tensor(numbers, dtype=None if len(numbers) else torch.int64)
        except (TypeError, ValueError, RuntimeError) as error:
            raise UsageError(f"lengths must be whole numbers, not {lengths!r}") from error
    if lengths.is_floating_point() or lengths.is_complex() or lengths.dtype is torch.bool:
        raise UsageError(f"lengths must be whole numbers, not {str(lengths.dtype).removeprefix('torch.')}")
    if lengths.is_meta and not x.is_meta:
        raise UsageError("lengths are on meta, where they have no values; make them on the cpu")
    lengths = lengths.to(torch.int64)
    if lengths.shape != (batch,):
        raise UsageError(f"lengths must be one number for each of {batch} sequences, not {tuple(lengths.shape)}")
    if transformed():
        return lengths.to(x.device)  # whose values may be those of many calls at once
    if torch.compiler.is_compiling():
        # A graph cannot ask for values and continue; it can refuse them when it runs.
        torch._assert_async(((lengths >= 0) & (lengths <= steps)).all(), "lengths must lie between 0 and T")
        return lengths.cpu()
    lengths = lengths.cpu()
    # By Python, which takes a tenth of the time that torch does to find both.
    values = lengths.tolist() or [steps]
    shortest = min(values)
    if not 0 <= shortest <= max(values) <= steps:
        raise UsageError(f"lengths must lie between 0 and the {steps} steps given, not {values}")
    return None if shortest == steps else lengths
