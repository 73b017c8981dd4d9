"""``RNN``, ``LSTM`` and ``GRU`` of ``torch.nn`` with our kernels inside.

B batch, T time, L layers, D directions, H hidden units.
"""

from __future__ import annotations

from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, fx, nn
from torch.nn.utils.rnn import PackedSequence

from seqkit.kernels.packed import PackedStack
from seqkit.nn.conditions import is_plain, runs_plainly
from seqkit.nn.forms import form_of, steps_and_rows
from seqkit.nn.projected import ProjectedStack, compiled_cell
from seqkit.nn.running import CELLS, Stack
from seqkit.nn.worth import Size, worth_inferring, worth_training


class OurSequences(nn.RNNBase):
    """What the three have in common: the call, which our kernels run where they can, and torch's own code elsewhere."""

    def forward(self, input: Any, hx: Any = None) -> Any:
        """As torch's: (T, B, I), (B, T, I) with ``batch_first``, (T, I) or a ``PackedSequence``, and a first state.

        Returns:
            The outputs in the form of the input, and the last state: (L·D, B, H), of an LSTM a pair of them.
        """
        if isinstance(input, fx.Proxy):
            return recorded(self, input, hx)
        ours = _run(self, input, hx)
        return super().forward(input, hx) if ours is None else ours

    def __prepare_scriptable__(self) -> nn.Module:
        """For ``torch.jit.script``, which cannot read our call: torch's own module with the same parameters."""
        return as_torch(self)


class RNN(OurSequences, nn.RNN):
    """:class:`torch.nn.RNN` with our kernels inside; arguments, weights and results are the same.

    ``h' = tanh(W_ih x + b_ih + W_hh h + b_hh)``, or the relu of it with ``nonlinearity="relu"``.

    Examples:
        >>> import torch
        >>> out, h = RNN(10, 20)(torch.zeros(5, 3, 10))
        >>> out.shape, h.shape
        (torch.Size([5, 3, 20]), torch.Size([1, 3, 20]))
    """


class LSTM(OurSequences, nn.LSTM):
    """:class:`torch.nn.LSTM` with our kernels inside; arguments, weights and results are the same.

    ``i, f, o = σ(·)``, ``g = tanh(·)`` of ``W_ih x + b_ih + W_hh h + b_hh``, ``c' = f⊙c + i⊙g``, ``h' = o⊙tanh(c')``.
    With ``proj_size`` ours runs once the cell is compiled: by :func:`~seqkit.nn.speed_up`, or by ``seqkit kernels build
    --cell lstm-projected`` for a memory of twice the projection.

    Examples:
        >>> import torch
        >>> lstm = LSTM(10, 20, bidirectional=True, batch_first=True)
        >>> out, (h, c) = lstm(torch.zeros(3, 5, 10))
        >>> out.shape, h.shape, c.shape
        (torch.Size([3, 5, 40]), torch.Size([2, 3, 20]), torch.Size([2, 3, 20]))
    """


class GRU(OurSequences, nn.GRU):
    """:class:`torch.nn.GRU` with our kernels inside; arguments, weights and results are the same.

    ``r, z = σ(·)``, ``n = tanh(W_in x + b_in + r⊙(W_hn h + b_hn))``, ``h' = (1 - z)⊙n + z⊙h``.

    Examples:
        >>> import torch
        >>> out, h = GRU(10, 20, num_layers=2)(torch.zeros(5, 3, 10))
        >>> out.shape, h.shape
        (torch.Size([5, 3, 20]), torch.Size([2, 3, 20]))
    """


def as_torch(module: nn.Module) -> nn.Module:
    """A module of torch's own class that shares all that one of ours has."""
    theirs: Any = next(kind for kind in type(module).__mro__ if kind.__module__ == "torch.nn.modules.rnn")
    other: nn.Module = theirs.__new__(theirs)
    other.__dict__.update(vars(module))
    drop_kept_weights(other)
    return other


def kept_weights(module: nn.Module) -> PackedStack:
    """What a module keeps of its weights for inference; it may have come by our class without our constructor."""
    kept = module.__dict__.get("_kept_weights")
    if kept is None:
        kept = module.__dict__["_kept_weights"] = PackedStack()
    return cast(PackedStack, kept)


def drop_kept_weights(module: nn.Module) -> None:
    """Leaves nothing of :func:`kept_weights` behind."""
    vars(module).pop("_kept_weights", None)


def recorded(module: nn.Module, input: fx.Proxy, hx: Any) -> fx.Proxy:
    """The call as one node of a graph: ``torch.fx`` takes torch's own modules so, and would look into ours."""
    tracer = input.tracer
    path = tracer.path_of_module(module)  # type: ignore[attr-defined]
    return tracer.create_proxy("call_module", path, (input, hx), {})


def _run(module: nn.RNNBase, input: Any, hx: object) -> Any:
    """The call on our kernels; None where torch's own code has to run it, or to refuse it in its own words."""
    # Small calls are many, and end here; a compiler is told so before it would look at sizes.
    if torch.compiler.is_compiling() or not _is_worth_it(module, input):
        return None
    if not runs_plainly() or not 0 <= module.dropout < 1:
        return None
    projected = compiled_cell(module) if module.proj_size else None
    if module.proj_size and projected is None:
        return None
    states = _states(module, hx)
    data = input.data if isinstance(input, PackedSequence) else input
    # A weight that was replaced since the last call is found here, as in torch's own call.
    module._update_flat_weights()
    weights = cast(list[Tensor], module._flat_weights)
    if states is None or not all(map(is_plain, (data, *states, *weights))):
        return None
    layers, form = _layers(module, weights), form_of(input, module.batch_first)
    units = (module.proj_size or module.hidden_size, module.hidden_size)
    if layers is None or any(
        s.shape != form.state_shape(len(layers) * len(layers[0]), size)
        for s, size in zip(states, units)  # noqa: B905
    ):
        return None
    learns = torch.is_grad_enabled() and any(t.requires_grad for t in (data, *states, *weights))
    p = module.dropout if module.training else 0.0
    between, start = partial(form.dropout, p=p) if p else None, form.states_in(states) if states else None
    if projected is not None:
        out, final = ProjectedStack(projected, layers, between).run(form.x, form.lengths, start)
    else:
        stack = Stack(CELLS[module.mode], layers, kept_weights(module), between)
        out, final = stack.run(form.x, form.lengths, start, learns)
    last = form.states_out(final)
    return form.output(out), last if module.mode == "LSTM" else last[0]


def _is_worth_it(module: nn.RNNBase, input: object) -> bool:
    """Whether the input is one of torch's forms, in its size, and large enough for us to gain."""
    inputs, units, mode = module.input_size, module.hidden_size, module.mode
    counts = steps_and_rows(input, inputs, module.batch_first)
    if counts is None or mode not in CELLS:
        return False
    steps, rows = counts
    size = Size(steps, rows, rows * len(CELLS[mode].gate_names) * units * (inputs + units))
    fused = mode == "LSTM" and not module.proj_size and not isinstance(input, PackedSequence)
    return worth_training(size, fused) if torch.is_grad_enabled() else worth_inferring(size, fused)


def _states(module: nn.RNNBase, hx: Any) -> tuple[Any, ...] | None:
    """The first state's tensors, none for zeros; None if this is no such state."""
    if hx is None:
        return ()
    if module.mode != "LSTM":
        return (hx,)
    return tuple(hx) if isinstance(hx, (tuple, list)) and len(hx) == 2 else None


def _layers(module: nn.RNNBase, weights: list[Tensor]) -> list[list[list[Tensor]]] | None:
    """The weights by layer and direction; None if their shapes are not those of the module's sizes."""
    each, width, units = (4 if module.bias else 2), (2 if module.bidirectional else 1), module.hidden_size
    out, extra = module.proj_size or units, [(module.proj_size, units)] if module.proj_size else []
    each += len(extra)
    if len(weights) != module.num_layers * width * each:
        return None
    rows, inputs, layers = len(CELLS[module.mode].gate_names) * units, module.input_size, []
    for start in range(0, len(weights), width * each):
        layer = [weights[at : at + each] for at in range(start, start + width * each, each)]
        shapes = [*[(rows, inputs), (rows, out), (rows,), (rows,)][: each - len(extra)], *extra]
        if any(tensor.shape != shape for direction in layer for tensor, shape in zip(direction, shapes, strict=True)):
            return None
        layers.append(layer)
        inputs = width * out
    return layers
