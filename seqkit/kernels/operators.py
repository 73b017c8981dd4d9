"""The native operators as Python calls them, and what torch has to know of them: shapes and derivatives.

They are those of one C++ library, ``seqkit::forward`` and so on. Their schemas are flat; here alone do their arguments
have an order. B batch, T time, I inputs, H hidden units (a multiple of 16), G gates, S states, D directions.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from seqkit.cells import Cell
from seqkit.cells.gru import GRU
from seqkit.cells.lstm import LSTM
from seqkit.cells.lstm.lstm_coupled import CoupledLSTM
from seqkit.cells.lstm.lstm_layer_norm import LayerNormLSTM
from seqkit.cells.lstm.lstm_peephole import PeepholeLSTM
from seqkit.cells.rnn import RNN
from seqkit.kernels.layout import Layer, pad_units, weights_of
from seqkit.kernels.reference import Reference, gradients_with_graph

CELLS: dict[str, Cell] = {
    "rnn-tanh": RNN("tanh"),
    "rnn-relu": RNN("relu"),
    "lstm": LSTM(),
    "lstm-peephole": PeepholeLSTM(),
    "lstm-coupled": CoupledLSTM(),
    "lstm-layer-norm": LayerNormLSTM(),
    "gru-after": GRU("after"),
    "gru-before": GRU("before"),
}
"""The cells that the library of kernels has, by their names there, and those that were compiled since."""
STANDARD = tuple(CELLS)
"""The names of the former"""
_NAMES = {type(c): [(name, o.options) for name, o in CELLS.items() if type(o) is type(c)] for c in CELLS.values()}
"""For each class of cell the names of its C++, with the options that each stands for."""
_STEPS: dict[str, Callable[..., Any]] = {}
"""The step that was compiled, by the name of its C++: a class may be given another one."""
IN_PHASES: set[str] = set()
"""Those of the cells whose step is divided into phases"""


_PIECE = 1 << 16
"""Bytes of a tensor that have one fingerprint, as ``kPiece`` of the C++ has it."""


def operator_name(cell: Cell) -> str | None:
    """The name of a cell in C++, written or compiled; a class derived from one that has a name has none."""
    kind = type(cell)
    for name, options in _NAMES.get(kind, ()):
        if same_options(options, vars(cell)) and _STEPS.get(name, kind.step) is kind.step:
            return name
    return None


def same_options(first: dict[str, Any], second: dict[str, Any]) -> bool:
    """Whether two cells of a class compute the same; what cannot be compared, such as tensors, is never the same."""
    try:
        return first.keys() == second.keys() and all(_same(value, second[name]) for name, value in first.items())
    except (RuntimeError, ValueError, TypeError):
        return False


def _same(first: Any, second: Any) -> bool:
    if isinstance(first, Cell):
        return type(first) is type(second) and same_options(vars(first), vars(second))
    return bool(first == second)


def add_cell(name: str, cell: Cell) -> None:
    """A cell that was compiled; its operators are loaded, and what its class computes was compiled as it is now."""
    CELLS[name] = copy.copy(cell)
    if operator("runs_in_phases")(name):
        IN_PHASES.add(name)
    _STEPS[name] = type(cell).step
    _NAMES.setdefault(type(cell), []).append((name, dict(vars(cell))))


def operator(name: str, namespace: str = "seqkit") -> Any:
    """An operator of a loaded library, without the look-ups that take as long as a small operator."""
    # A compiler that traces the call warns of a cache, and needs none.
    look_up = _look_up.__wrapped__ if torch.compiler.is_compiling() else _look_up
    return look_up(name, namespace)


@cache
def _look_up(name: str, namespace: str) -> Any:
    return getattr(getattr(torch.ops, namespace), name).default


class Options(NamedTuple):
    """How a call of an operator is carried out."""

    units: int
    """hidden units without padding"""
    bf16: bool
    """whether both sides of each product are rounded to bfloat16"""
    slices: int
    """slices of the batch for each direction"""
    team: int
    """threads for each slice"""


def forward(
    name: str,
    x: Tensor,
    lengths: Tensor | None,
    layer: Sequence[Tensor],
    state: Tensor,
    options: Options,
    namespace: str = "seqkit",
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """A layer of the cell of that name over x (B, T, I), from state (S, B, D, H); differentiable.

    Args:
        name: the cell's in C++.
        x: (B, T, I).
        lengths: (B), None for T.
        layer: the tensors of a :class:`~seqkit.kernels.layout.Layer`.
        state: (S, B, D, H).
        options: how the call is carried out.
        namespace: the library's.

    Returns:
        The output (B, T, D·H), the final state, and what ``backward`` needs: h before each step and what else the cell
        keeps of it.
    """
    arguments = (name, x, lengths, *layer, state, *options)
    outputs: tuple[Tensor, Tensor, Tensor, Tensor]
    call = _LOOP if namespace == "seqkit" else operator("forward", namespace)
    outputs = call(*arguments)
    return outputs


def differentiable(
    name: str,
    save: Callable[[Any, tuple[Any, ...], tuple[Tensor, ...]], None],
    backward: Callable[..., tuple[Any, ...]],
) -> Callable[..., Any]:
    """An operator with its derivative, called without what torch's registration of a derivative does at each call.

    That takes some 40 to 100 microseconds, a quarter of a training step of a small layer. ``save`` and ``backward`` are
    those that are registered.
    """

    def run(arguments: tuple[Any, ...]) -> Any:
        with torch._C._AutoDispatchBelowAutograd():
            return operator(name)(*arguments)

    class Differentiable(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *arguments: Any) -> Any:
            output = run(arguments)
            save(ctx, arguments, output)
            return output

        @staticmethod
        def backward(ctx: Any, *grads: Any) -> Any:
            return backward(ctx, *grads)

    def call(*arguments: Any) -> Any:
        if _is_recorded():
            return operator(name)(*arguments)
        if not torch.is_grad_enabled():
            return run(arguments)
        return Differentiable.apply(*arguments)  # type: ignore[no-untyped-call]

    return call


def _is_recorded() -> bool:
    """Whether somebody looks at each operator that is called: a compiler, a tracer, a mode of torch's dispatch."""
    return bool(
        torch.compiler.is_compiling()
        or torch._C._len_torch_dispatch_stack()
        or torch._C._get_tracing_state() is not None
    )


def backward(
    name: str,
    x: Tensor,
    lengths: Tensor | None,
    layer: Sequence[Tensor],
    kept: tuple[Tensor, Tensor],
    grads: tuple[Tensor, Tensor],
    options: Options,
    need_x: bool = True,
    namespace: str = "seqkit",
) -> tuple[Tensor, ...]:
    """Gradients of x (empty without ``need_x``), of each tensor of the layer, and of the state.

    ``kept`` are the last two outputs of ``forward``, ``grads`` the gradients of its first two.
    """
    gradients: tuple[Tensor, ...] = operator("backward", namespace)(
        name, x, lengths, *layer, *kept, *grads, *options, need_x
    )
    return gradients


def register() -> None:
    """Tells torch the shapes and the derivative of the operators, once they are loaded."""
    fakes: dict[str, Callable[..., Any]] = {
        "pack": _fake_pack,
        "forward": _fake_forward,
        "infer": _fake_infer,
        "step": _fake_step,
        "infer_in_place": _fake_infer_in_place,
        "step_in_place": _fake_step_in_place,
        "infer_verified": partial(_fake_verified, by=_fake_infer),
        "step_verified": partial(_fake_verified, by=_fake_step),
        "fingerprint": _fake_fingerprint,
        "rounded_product": _fake_rounded_product,
        "backward": _fake_backward,
        "single_step": _fake_single_step,
        "single_step_backward": _fake_single_step_backward,
    }
    for name, fake in fakes.items():
        torch.library.register_fake(f"seqkit::{name}", partial(_on_one_device, fake))
    torch.library.register_autograd("seqkit::forward", _backward, setup_context=_save)


def _on_one_device(fake: Callable[..., Any], *arguments: Any) -> Any:
    """One tensor without numbers among others, on the meta device, would make results of what is in memory."""
    found = {tensor.device for tensor in pytree.tree_iter(arguments) if isinstance(tensor, Tensor)}
    if len(found) > 1:
        raise RuntimeError(f"all tensors must be on one device, not on {', '.join(sorted(map(str, found)))}")
    return fake(*arguments)


def _fake_pack(weight_x: Tensor, weight_h: Tensor, precision: str) -> Tensor:
    if precision == "f32":
        return weight_x.new_empty(weight_x.numel() + weight_h.numel())
    directions, rows, inputs = weight_x.shape
    if precision == "int8":
        # In fours, and for each column a scale and a sum, four bytes each, in both blocks of weights.
        size = directions * rows * (inputs + -inputs % 4 + weight_h.shape[2] + 16)
        return weight_x.new_empty(size, dtype=torch.uint8)
    return weight_x.new_empty(directions * rows * (inputs + inputs % 2) + weight_h.numel(), dtype=torch.bfloat16)


def _fake_forward(
    cell: str, x: Tensor, lengths: Tensor | None, weight_x: Tensor, weight_h: Tensor, bias: Tensor, own: Tensor,
    state: Tensor, *options: Any,
) -> tuple[Tensor, ...]:  # fmt: skip
    (batch, steps, _), (directions, _, hidden) = x.shape, weight_h.shape
    return (
        x.new_empty(batch, steps, directions * hidden),
        torch.empty_like(state, memory_format=torch.contiguous_format),
        # A cell that keeps the state of each step alone need not keep it twice.
        x.new_empty(directions, batch if operator("keeps_only_h")(cell) else batch * steps, hidden),
        x.new_empty(directions, batch * steps, operator("kept_floats")(cell, hidden)),
    )


def _fake_infer(
    cell: str, x: Tensor, lengths: Tensor | None, packed: Tensor, vectors: Tensor, h: Tensor | None, c: Tensor | None,
    units: int, slices: int, team: int,
) -> tuple[Tensor, ...]:  # fmt: skip
    directions, _, hidden = vectors.shape
    return x.new_empty(*x.shape[:-1], directions * hidden), *_fake_states(cell, x, (x.shape[0], directions, units))


def _fake_step(
    cell: str, x: Tensor, packed: Tensor, vectors: Tensor, h: Tensor | None, c: Tensor | None, units: int,
    slices: int, team: int,
) -> tuple[Tensor, ...]:  # fmt: skip
    return x.new_empty(x.shape[0], units), *_fake_states(cell, x, (x.shape[0], vectors.shape[0], units))


def _fake_infer_in_place(
    cell: str, x: Tensor, weights: Sequence[Tensor], directions: int, h: Tensor | None, c: Tensor | None, team: int
) -> tuple[Tensor, ...]:
    units = weights[1].shape[1]
    out = x.new_empty(*x.shape[:-1], directions * (units + -units % 16))
    return out, *_fake_states(cell, x, (x.shape[0], directions, units))


def _fake_step_in_place(
    cell: str, x: Tensor, weights: Sequence[Tensor], layers: int, h: Tensor | None, c: Tensor | None, team: int
) -> tuple[Tensor, ...]:
    units = weights[1].shape[1]
    return x.new_empty(x.shape[0], units), *_fake_states(cell, x, (x.shape[0], layers, units))


def _fake_verified(*arguments: Any, by: Callable[..., tuple[Tensor, ...]]) -> tuple[Any, ...]:
    """Of an operator that is called with the weights and their fingerprint, too, and says whether they fit."""
    return *by(*arguments[:-2]), True


def _fake_fingerprint(weights: Sequence[Tensor]) -> Tensor:
    pieces = sum(-(-tensor.numel() * tensor.element_size() // _PIECE) for tensor in weights)
    return weights[0].new_empty(pieces, 8, dtype=torch.int64)


def _fake_rounded_product(x: Tensor, weight: Tensor, bias: Tensor, precision: str) -> Tensor:
    return x.new_empty(len(x), len(weight))


def _fake_states(cell: str, x: Tensor, shape: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    return x.new_empty(shape), x.new_empty(shape if len(CELLS[cell].state_names) > 1 else 0)


def _fake_backward(
    cell: str, x: Tensor, lengths: Tensor | None, weight_x: Tensor, weight_h: Tensor, bias: Tensor, own: Tensor,
    kept_h: Tensor, kept: Tensor, grad_out: Tensor, grad_final: Tensor, units: int, bf16: bool, slices: int,
    team: int, need_x: bool,
) -> tuple[Tensor, ...]:  # fmt: skip
    grad_x = x.new_empty(x.shape) if need_x else x.new_empty(0)
    return grad_x, *(t.new_empty(t.shape) for t in (weight_x, weight_h, bias, own, grad_final))


def _fake_single_step(cell: str, x: Tensor, h: Tensor, c: Tensor | None, *_: Any) -> tuple[Tensor, ...]:
    kept = operator("kept_floats")(cell, 16) // 16
    return (
        h.new_empty(h.shape),
        h.new_empty(0 if c is None else len(h), h.shape[1]),
        h.new_empty(len(h), kept, h.shape[1]),
    )


def _fake_single_step_backward(
    cell: str, x: Tensor, h: Tensor, c: Tensor | None, weight_x: Tensor, weight_h: Tensor, bias_x: Tensor | None,
    bias_h: Tensor | None, kept: Tensor, grad_h: Tensor | None, grad_c: Tensor | None, *needs: bool,
) -> tuple[Tensor, ...]:  # fmt: skip
    need_x, need_h, need_weights = needs
    needed = (need_x, need_h, True, *(need_weights,) * 4)
    given = (x, h, c, weight_x, weight_h, bias_x, bias_h)
    return tuple(
        x.new_empty(tensor.shape if tensor is not None and need else 0)
        for tensor, need in zip(given, needed, strict=True)
    )


def _save(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    cell, x, lengths, weight_x, weight_h, bias, own, state, *options = inputs
    _, _, kept_h, kept = output
    # Zeros for what was kept would be as large as all of it.
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(x, lengths, weight_x, weight_h, bias, own, state, kept_h, kept)
    ctx.cell, ctx.options = cell, Options(*options)


def _backward(ctx: Any, grad_out: Tensor | None, grad_final: Tensor | None, *_: Any) -> tuple[Any, ...]:
    x, lengths, *layer, state, kept_h, kept = ctx.saved_tensors
    if grad_out is None:
        grad_out = x.new_zeros(*x.shape[:2], len(kept_h) * state.shape[3])
    if grad_final is None:
        grad_final = torch.zeros_like(state)
    grads = (grad_out, grad_final)
    grad_x: Tensor | None
    others: Sequence[Tensor | None]
    if torch.is_grad_enabled():
        tensors = (x, *layer, state)
        grad_x, *others = _differentiable_gradients(ctx.cell, ctx.options.units, tensors, lengths, grads)
    else:
        need_x = ctx.needs_input_grad[1]
        grad_x, *others = backward(ctx.cell, x, lengths, layer, (kept_h, kept), grads, ctx.options, need_x)
        grad_x = grad_x if need_x else None
    return None, grad_x, None, *others, *(None,) * len(ctx.options)


_LOOP = differentiable("forward", _save, _backward)


def _differentiable_gradients(
    name: str, units: int, tensors: Sequence[Tensor], lengths: Tensor | None, grads: tuple[Tensor, Tensor]
) -> list[Tensor | None]:
    """For a second derivative: the same gradients from the reference loop, so that they have a graph."""
    x, *layer, state = tensors
    cell = CELLS[name]
    weights = weights_of(cell, Layer(*layer), units)
    out, finals = Reference().run(cell, weights, x, lengths, state[..., :units].unbind(0))
    final = pad_units(torch.stack(finals), units)
    out = pad_units(out.unflatten(2, (len(weights), units)), units).flatten(2)
    return gradients_with_graph((out, final), grads, tensors)
