"""The native kernel: the time loop of our own cells in C++, for float32 on a CPU.

The C++ side (``native.cpp``) is registered as the torch operators ``seqkit::forward`` and ``seqkit::backward``; here
they get their derivative, their fake implementations, and weights in the layout that they want.
B batch, T time, I inputs, H hidden units, G gates, S states, D directions.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad
from torch.optim.optimizer import register_optimizer_step_post_hook

from seqkit.cells import Cell, CellState
from seqkit.cells.gru import GRU
from seqkit.cells.lstm import LSTM
from seqkit.cells.lstm_coupled import CoupledLSTM
from seqkit.cells.lstm_layer_norm import LayerNormLSTM
from seqkit.cells.lstm_peephole import PeepholeLSTM
from seqkit.cells.rnn import RNN
from seqkit.kernels.base import Weights
from seqkit.kernels.build import BuildError, build, built
from seqkit.kernels.reference import Reference

_CELLS: dict[str, Cell] = {
    "rnn-tanh": RNN("tanh"),
    "rnn-relu": RNN("relu"),
    "lstm": LSTM(),
    "lstm-peephole": PeepholeLSTM(),
    "lstm-coupled": CoupledLSTM(),
    "lstm-layer-norm": LayerNormLSTM(),
    "gru-after": GRU("after"),
    "gru-before": GRU("before"),
}
_NAMES = {type(c): [(name, o.options) for name, o in _CELLS.items() if type(o) is type(c)] for c in _CELLS.values()}
"""For each class of cell the names of its C++, with the options that each stands for."""
_LANES = 16


class Layer(NamedTuple):
    """The weights of all directions of a layer as the operators take them; H here is a multiple of 16."""

    weight_x: Tensor
    """(D, G·H, I)"""
    weight_h: Tensor
    """(D, G·H, H)"""
    bias: Tensor
    """(D, G·H)"""
    own: Tensor
    """(D, n, H): biases of recurrent parts and the cell's own parameters"""


class Packed(NamedTuple):
    """What inference reads of a layer, and keeps until a weight changes."""

    weights: Tensor
    """both weights of all directions in the blocks that the C++ side multiplies, float32 or bfloat16"""
    vectors: Tensor
    """(D, G + n, H): biases, then the ``own`` of :class:`Layer`"""


class Native:
    """Runs every cell of ours for which C++ was written.

    Args:
        bf16: round both sides of each product to bfloat16 where the processor multiplies those; sums, gates, states
            and gradients stay float32.
    """

    def __init__(self, bf16: bool = False) -> None:
        self.bf16 = bf16

    def supports(self, cell: Cell, x: Tensor) -> bool:
        """float32 on a CPU, and a cell that the C++ source has."""
        return x.dtype is torch.float32 and x.is_cpu and operator_name(cell) is not None

    def run(
        self,
        cell: Cell,
        weights: Sequence[Weights],
        x: Tensor,
        lengths: Tensor | None,
        states: Sequence[Tensor] | None,
        cache: dict[str, Any] | None = None,
    ) -> tuple[Tensor, CellState]:
        """See :class:`~seqkit.kernels.base.Kernel`."""
        tensors = _tensors(weights)
        if torch.is_grad_enabled() and any(t.requires_grad for t in (x, *(states or ()), *tensors)):
            return self._run_for_gradients(cell, weights, x, lengths, states)
        if x.dim() == 2:
            steps, after = self.run(cell, weights, x.unsqueeze(1), None, states, cache)
            return steps.squeeze(1), after
        packed, vectors = _packed(weights, tensors, cache, self._rounds())
        units, hidden = weights[0].weight_h.shape[1], vectors.shape[2]
        h, c = (*(states or ()), None, None)[:2]
        slices, team = plan(len(weights), x.shape[0], hidden, len(cell.gate_names), single=x.shape[1] == 1)
        name = operator_name(cell)
        out, *final = _operator("infer")(name, x, lengths, packed, vectors, h, c, units, slices, team)
        if units != hidden:
            out = _cut(out, len(weights), units)
        return out, tuple(final[: len(cell.state_names)])

    def prepare_step(
        self,
        cell: Cell,
        weights: Sequence[Weights],
        parameters: Sequence[Mapping[str, Tensor | None]],
        caches: Sequence[dict[str, Any]],
    ) -> PreparedStep | None:
        """Steps through a stack of layers in one direction, for as long as its weights stay as they are.

        ``weights`` and ``caches`` are those of each layer, ``parameters`` the dictionaries in which the weights are
        looked up again. None where :meth:`run` has to serve: weights made in inference mode show no change.
        """
        if _stamp(_tensors(weights)) is None:
            return None
        packed = [_packed([w], _tensors([w]), cache, self._rounds()) for w, cache in zip(weights, caches, strict=True)]
        one = packed[0] if len(packed) == 1 else Packed(*(torch.cat(same) for same in zip(*packed, strict=True)))
        return PreparedStep(cell, parameters, one, weights[0].weight_h.shape[1])

    def _rounds(self) -> bool:
        return self.bf16 and has_bf16()

    def _run_for_gradients(
        self, cell: Cell, weights: Sequence[Weights], x: Tensor, lengths: Tensor | None, states: Sequence[Tensor] | None
    ) -> tuple[Tensor, CellState]:
        layer, units = layer_of(weights), weights[0].weight_h.shape[1]
        hidden = layer.weight_h.shape[2]
        if states is None:
            state = x.new_zeros(len(cell.state_names), len(x), len(weights), hidden)
        else:
            state = pad_units(_stacked(states), units)
        whole = x if x.dim() == 3 else x.unsqueeze(1)
        options = (units, self._rounds(), *plan(len(weights), len(x), hidden, len(cell.gate_names), training=True))
        out, final, _, _ = torch.ops.seqkit.forward(operator_name(cell), whole, lengths, *layer, state, *options)
        if units != hidden:
            out, final = _cut(out, len(weights), units), final[..., :units]
        return out if x.dim() == 3 else out.squeeze(1), final.unbind(0)


class PreparedStep:
    """One time step with all looked up beforehand that stays the same from step to step.

    A step of a small layer takes microseconds; to choose, check and look up anew would take as long again.
    """

    def __init__(
        self, cell: Cell, parameters: Sequence[Mapping[str, Tensor | None]], packed: Packed, units: int
    ) -> None:
        self._parameters = parameters
        # Held on to, as in _packed.
        self._held = [t.detach() for t in self._found()]
        self._places, self._versions = [t.data_ptr() for t in self._held], [t._version for t in self._found()]
        self._steps_taken = _steps_taken[0]
        self._name, self._two = operator_name(cell), "c" in cell.state_names
        self._packed, self._vectors = packed
        self._gates, self._units = len(cell.gate_names), units

    def _found(self) -> list[Tensor]:
        return [t for found in self._parameters for t in found.values() if t is not None]

    def fits(self) -> bool:
        """Whether the weights are still those that were prepared; see :func:`_packed` for what shows a change."""
        found = self._found()
        return (
            [t._version for t in found] == self._versions
            and [t.data_ptr() for t in found] == self._places
            and _steps_taken[0] == self._steps_taken
        )

    def __call__(self, x: Tensor, state: Mapping[str, Tensor] | None) -> tuple[Tensor, dict[str, Tensor]]:
        """x (B, I) and each state (B, L, H), None for zeros, to the output (B, H) and the states after it.

        Raises:
            RuntimeError: a shape, dtype or device is not that of a step of this layer.
            KeyError: a state is missing.
        """
        slices, team = plan(1, x.shape[0], self._units, self._gates, single=True)
        h = c = None
        if state is not None:
            h, c = state["h"], state["c"] if self._two else None
        out, h, c = _operator("step")(self._name, x, self._packed, self._vectors, h, c, self._units, slices, team)
        return out, {"h": h, "c": c} if self._two else {"h": h}


@cache
def _operator(name: str) -> Any:
    return getattr(torch.ops.seqkit, name).default  # by look-ups that take as long as a small operator


def plan(
    directions: int, batch: int, hidden: int, gates: int, *, single: bool = False, training: bool = False
) -> tuple[int, int]:
    """Slices of the batch for each direction, and threads for each slice; ``single``: of one step, not many."""
    threads = torch.get_num_threads()
    workers = threads // directions if threads >= directions else 1
    if workers == 1:
        return 1, 1
    # A slice of few rows waits for its weights: where these are large, threads rather share them among each other.
    # What training does beside the products makes up for it up to twice the size.
    large = gates * hidden * hidden >= (2**21 if training else 2**20)
    slices = max(1, min(workers, batch // (16 if large else 4)))
    # Below this a step is over before two threads have met; one step alone must earn their start, too.
    team = workers // slices if gates * hidden * hidden >= (2**17 if single else 2**15) else 1
    return slices, team


def operator_name(cell: Cell) -> str | None:
    """The name of a cell in the C++ source; a class derived from one of ours has none."""
    for name, options in _NAMES.get(type(cell), ()):
        if options == vars(cell):
            return name
    return None


def _tensors(weights: Sequence[Weights]) -> list[Tensor]:
    return [t for w in weights for t in (*w[:4], *w.own.values()) if t is not None]


def _cut(out: Tensor, directions: int, units: int) -> Tensor:
    """Outputs (..., D·H) without the padding of each direction."""
    each: Tensor = out.unflatten(-1, (directions, -1))
    return each[..., :units].flatten(-2)


def pad_units(tensor: Tensor, hidden: int) -> Tensor:
    """Zeros at the end of the last dimension, so that ``hidden`` units become a multiple of 16."""
    missing = -hidden % _LANES
    return pad(tensor, [0, missing]) if missing else tensor


def layer_of(weights: Sequence[Weights]) -> Layer:
    """The parameters of a layer side by side; differentiable."""
    rows, hidden = weights[0].weight_h.shape
    gates = rows // hidden

    def padded(tensor: Tensor) -> Tensor:
        """(G·H, n) with padding units in each gate."""
        if hidden % _LANES == 0:
            return tensor
        wider: Tensor = pad(tensor.unflatten(0, (gates, hidden)), [0, 0, 0, -hidden % _LANES])
        return wider.view(-1, tensor.shape[1])

    return Layer(
        _stacked([padded(w.weight_x) for w in weights]),
        _stacked([pad_units(padded(w.weight_h), hidden) for w in weights]),
        _stacked([padded(w.bias.unsqueeze(1)).squeeze(1) for w in weights]),
        _stacked([pad_units(_own(w, hidden), hidden) for w in weights]),
    )


def _stacked(tensors: Sequence[Tensor]) -> Tensor:
    """One more dimension in front; of a single tensor without a copy."""
    return torch.stack(tuple(tensors)) if len(tensors) > 1 else tensors[0].unsqueeze(0)


def _own(weights: Weights, hidden: int) -> Tensor:
    given = [weights.bias_h] if weights.bias_h is not None else []
    rows = [value.reshape(-1, hidden) for value in (*given, *weights.own.values())]
    return torch.cat(rows) if rows else weights.bias.new_zeros(0, hidden)


def weights_of(cell: Cell, layer: Layer, units: int) -> list[Weights]:
    """The way back from :func:`layer_of`, without the padding; differentiable."""
    gates = len(cell.gate_names)
    directions, _, hidden = layer.weight_h.shape

    def cut(tensor: Tensor) -> Tensor:
        each: Tensor = tensor.unflatten(0, (gates, hidden))
        return each[:, :units].flatten(0, 1)

    found = []
    for d in range(directions):
        own = layer.own[d][:, :units]
        inner = len(cell.recurrent_bias)
        parameters, start = {}, inner
        for name, value in cell.own_parameters(units).items():
            rows = value.numel() // units
            parameters[name] = own[start : start + rows].reshape(value.shape)
            start += rows
        bias_h = own[:inner].flatten() if inner else None
        weight_h = cut(layer.weight_h[d])[:, :units]
        found.append(Weights(cut(layer.weight_x[d]), weight_h, cut(layer.bias[d]), bias_h, parameters))
    return found


def _packed(weights: Sequence[Weights], tensors: list[Tensor], cache: dict[str, Any] | None, bf16: bool) -> Packed:
    """What inference needs of the weights, kept until one changes.

    A change shows in a tensor's version, or in an optimizer's step (fused ones leave the version alone); one that is
    made through ``.data`` shows in neither. A tensor made in inference mode has no version, so nothing is kept of it.
    """
    stamp = None if cache is None or torch.compiler.is_compiling() else _stamp(tensors)
    if cache is None or stamp is None:
        return _pack(weights, bf16)
    key = (bf16, _steps_taken[0], stamp)
    if cache.get("key") != key:
        # The tensors are held on to: another one could else come to lie in the place of one that is gone.
        cache.update(key=key, value=_pack(weights, bf16), held=[t.detach() for t in tensors])
    value: Packed = cache["value"]
    return value


def _stamp(tensors: list[Tensor]) -> list[tuple[int, int]] | None:
    """Place and version of each; None if one was made in inference mode: asking for its version is an error."""
    try:
        return [(t.data_ptr(), t._version) for t in tensors]
    except RuntimeError:
        return None


def _pack(weights: Sequence[Weights], bf16: bool) -> Packed:
    layer = layer_of(weights)
    directions, _, hidden = layer.weight_h.shape
    vectors = torch.cat([layer.bias.view(directions, -1, hidden), layer.own], 1)
    return Packed(torch.ops.seqkit.pack(layer.weight_x, layer.weight_h, bf16), vectors)


_loaded: list[str] = []
"""The library of this process, once it is loaded."""
_steps_taken = [0]
"""Steps of all optimizers of this process."""


def _count_step(*_: Any) -> None:
    _steps_taken[0] += 1


@cache
def load(path: str) -> None:
    """Loads the library into this process, and tells torch the shapes and the derivative of its operators.

    Raises:
        BuildError: the file is no library that fits this torch.
    """
    register_optimizer_step_post_hook(_count_step)
    try:
        torch.ops.load_library(path)
    except OSError as error:
        why = error.__cause__ or error
        raise BuildError(f"{path} cannot be loaded ({why}); clear it: seqkit kernels clear") from error
    _loaded.append(path)
    torch.library.register_fake("seqkit::pack", _fake_pack)
    torch.library.register_fake("seqkit::forward", _fake_forward)
    torch.library.register_fake("seqkit::infer", _fake_infer)
    torch.library.register_fake("seqkit::step", _fake_step)
    torch.library.register_fake("seqkit::backward", _fake_backward)
    torch.library.register_autograd("seqkit::forward", _backward, setup_context=_save)


@cache
def has_bf16() -> bool:
    """Whether this processor multiplies bfloat16, and torch exports a product that does; asks the loaded library."""
    found: bool = torch.ops.seqkit.has_bf16()
    return found


def ready() -> bool:
    """Whether the kernels were built here; loads them if so. It looks once in a process."""
    return bool(_loaded) or _find()


@cache
def _find() -> bool:
    path = built()
    if path is None:
        return False
    try:
        load(str(path))
    except BuildError as error:
        warnings.warn(f"torch's own kernels serve: {error}", stacklevel=5)
        return False
    return True


def ensure(say: Callable[[str], None]) -> bool:
    """Builds the kernels if need be and loads them; if that cannot be, says why in one line and returns False."""
    try:
        load(str(build(say)))
    except BuildError as error:
        say(f"The native kernels do not run here, torch's own serve: {error}")
        return False
    return True


def ensure_or_warn() -> bool:
    """:func:`ensure`, once in a process, for Python code that has no other voice than a warning."""
    return bool(_loaded) or _ensure_once()


@cache
def _ensure_once() -> bool:
    return ensure(lambda line: warnings.warn(line, stacklevel=5))


def _fake_pack(weight_x: Tensor, weight_h: Tensor, bf16: bool) -> Tensor:
    if not bf16:
        return weight_x.new_empty(weight_x.numel() + weight_h.numel())
    directions, rows, inputs = weight_x.shape
    return weight_x.new_empty(directions * rows * (inputs + inputs % 2) + weight_h.numel(), dtype=torch.bfloat16)


def _fake_forward(
    cell: str, x: Tensor, lengths: Tensor | None, weight_x: Tensor, weight_h: Tensor, bias: Tensor, own: Tensor,
    state: Tensor, units: int, bf16: bool, slices: int, team: int,
) -> tuple[Tensor, ...]:  # fmt: skip
    (batch, steps, _), (directions, _, hidden) = x.shape, weight_h.shape
    kept = torch.ops.seqkit.kept_floats(cell, hidden)
    return (
        x.new_empty(batch, steps, directions * hidden),
        torch.empty_like(state, memory_format=torch.contiguous_format),
        # What an RNN keeps of each step is its state, which need not be kept twice.
        x.new_empty(directions, batch if isinstance(_CELLS[cell], RNN) else batch * steps, hidden),
        x.new_empty(directions, batch * steps, kept),
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


def _fake_states(cell: str, x: Tensor, shape: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    return x.new_empty(shape), x.new_empty(shape if len(_CELLS[cell].state_names) > 1 else 0)


def _fake_backward(
    cell: str, x: Tensor, lengths: Tensor | None, weight_x: Tensor, weight_h: Tensor, bias: Tensor, own: Tensor,
    kept_h: Tensor, kept: Tensor, grad_out: Tensor, grad_final: Tensor, units: int, bf16: bool, slices: int,
    team: int, need_x: bool,
) -> tuple[Tensor, ...]:  # fmt: skip
    grad_x = x.new_empty(x.shape) if need_x else x.new_empty(0)
    return grad_x, *(t.new_empty(t.shape) for t in (weight_x, weight_h, bias, own, grad_final))


def _save(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    cell, x, lengths, weight_x, weight_h, bias, own, state, units, *plan = inputs
    _, _, kept_h, kept = output
    # Zeros for what was kept would be as large as all of it.
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(x, lengths, weight_x, weight_h, bias, own, state, kept_h, kept)
    ctx.options = (cell, units, plan)


def _backward(ctx: Any, grad_out: Tensor | None, grad_final: Tensor | None, *_: Any) -> tuple[Any, ...]:
    cell, units, plan = ctx.options
    x, lengths, *layer, state, kept_h, kept = ctx.saved_tensors
    if grad_out is None:
        grad_out = x.new_zeros(*x.shape[:2], len(kept_h) * state.shape[3])
    if grad_final is None:
        grad_final = torch.zeros_like(state)
    if torch.is_grad_enabled():
        grads = _differentiable_gradients(cell, units, (x, *layer, state), lengths, (grad_out, grad_final))
        return None, grads[0], None, *grads[1:], None, None, None, None
    need_x = ctx.needs_input_grad[1]
    grad_x, *grads = torch.ops.seqkit.backward(
        cell, x, lengths, *layer, kept_h, kept, grad_out, grad_final, units, *plan, need_x
    )
    return None, grad_x if need_x else None, None, *grads, None, None, None, None


def _differentiable_gradients(
    name: str, units: int, tensors: tuple[Tensor, ...], lengths: Tensor | None, grads: tuple[Tensor, Tensor]
) -> list[Tensor | None]:
    """For a second derivative: the same gradients from the reference loop, so that they have a graph."""
    x, *layer, state = tensors
    cell, hidden = _CELLS[name], state.shape[3]
    weights = weights_of(cell, Layer(*layer), units)
    out, finals = Reference().run(cell, weights, x, lengths, state[..., :units].unbind(0))
    final = pad_units(torch.stack(finals), units)
    out = pad_units(out.unflatten(2, (len(weights), units)), units).flatten(2)
    assert final.shape[3] == hidden
    wanted = [t for t in tensors if t.requires_grad]
    found = iter(torch.autograd.grad((out, final), wanted, grads, create_graph=True, allow_unused=True))
    return [next(found) if t.requires_grad else None for t in tensors]
