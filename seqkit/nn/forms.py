"""The forms in which torch's modules take sequences, and the one in which our kernels do: batch first, with lengths.

B batch, T time, N steps of all sequences together.
"""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from seqkit.kernels.base import stands_for_several


class Form(Protocol):
    """A batch of sequences in the form that a caller gave it."""

    @property
    def x(self) -> Tensor:
        """(B, T, I), for the kernels."""

    @property
    def lengths(self) -> Tensor | None:
        """(B), or None for T."""

    def state_shape(self, count: int, units: int) -> tuple[int, ...]:
        """The shape of each of the caller's states, for so many layers and directions."""

    def states_in(self, states: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """The caller's states as (L·D, B, H)."""

    def states_out(self, states: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """The inverse of :meth:`states_in`."""

    def output(self, out: Tensor) -> Any:
        """The outputs (B, T, D·H) in the caller's form."""

    def dropout(self, out: Tensor, p: float) -> Tensor:
        """Zeroes outputs (B, T, D·H) with probability p, the very ones that torch would zero from the same seed."""


class Padded:
    """A tensor (T, B, I), or (B, T, I) with ``batch_first``."""

    lengths = None

    def __init__(self, x: Tensor, batch_first: bool) -> None:
        self.batch_first = batch_first
        self.x = x if batch_first else x.transpose(0, 1)

    def state_shape(self, count: int, units: int) -> tuple[int, ...]:
        """See :class:`Form`."""
        return count, self.x.shape[0], units

    def states_in(self, states: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """See :class:`Form`."""
        return states

    states_out = states_in

    def output(self, out: Tensor) -> Tensor:
        """See :class:`Form`."""
        return out if self.batch_first else out.transpose(0, 1).contiguous()

    def dropout(self, out: Tensor, p: float) -> Tensor:
        """See :class:`Form`; torch draws with the time first, whatever ``batch_first`` is."""
        batch, steps, width = out.shape
        return out * _noise(out, (steps, batch, width), p).transpose(0, 1)


class Unbatched(Padded):
    """A single sequence (T, I); its states have no batch either."""

    def __init__(self, x: Tensor) -> None:
        super().__init__(x.unsqueeze(0), True)

    def state_shape(self, count: int, units: int) -> tuple[int, ...]:
        """See :class:`Form`."""
        return count, units

    def states_in(self, states: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """See :class:`Form`."""
        return tuple(state.unsqueeze(1) for state in states)

    def states_out(self, states: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """See :class:`Form`."""
        return tuple(state.squeeze(1) for state in states)

    def output(self, out: Tensor) -> Tensor:
        """See :class:`Form`."""
        return out.squeeze(0)


class Packed:
    """A ``PackedSequence``: its steps lie time first, longest sequence first, without padding."""

    def __init__(self, packed: PackedSequence) -> None:
        self.packed = packed
        steps, batch = len(packed.batch_sizes), int(packed.batch_sizes[0])
        running = torch.arange(batch) < packed.batch_sizes.unsqueeze(1)
        self.lengths = running.sum(0)
        time, sequence = running.nonzero(as_tuple=True)
        self._rows, self._shape = sequence * steps + time, (batch, steps)
        self.x = self._pad(packed.data)

    def _pad(self, data: Tensor) -> Tensor:
        """(N, ·) to (B, T, ·)."""
        padded: Tensor = _Scatter.apply(data, self._rows, self._shape[0] * self._shape[1])  # type: ignore[no-untyped-call]
        return padded.view(*self._shape, -1)

    def state_shape(self, count: int, units: int) -> tuple[int, ...]:
        """See :class:`Form`."""
        return count, self._shape[0], units

    def states_in(self, states: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """See :class:`Form`."""
        return _permute(states, self.packed.sorted_indices)

    def states_out(self, states: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """See :class:`Form`."""
        return _permute(states, self.packed.unsorted_indices)

    def output(self, out: Tensor) -> PackedSequence:
        """See :class:`Form`."""
        data: Tensor = _Gather.apply(out.flatten(0, 1), self._rows)  # type: ignore[no-untyped-call]
        return PackedSequence(data, *self.packed[1:])

    def dropout(self, out: Tensor, p: float) -> Tensor:
        """See :class:`Form`; torch draws for the steps as they lie in the packed sequence."""
        return out * self._pad(_noise(out, (len(self._rows), out.shape[2]), p))


def steps_and_rows(x: object, input_size: int, batch_first: bool) -> tuple[int, int] | None:
    """The number of time steps, and of the steps of all sequences; None for what is not an input of such a size."""
    if isinstance(x, PackedSequence):
        fits = x.data.dim() == 2 and x.data.shape[1] == input_size and x.batch_sizes.is_cpu
        return (len(x.batch_sizes), len(x.data)) if fits and len(x.data) else None
    shape: tuple[int, ...] = tuple(x.shape) if isinstance(x, Tensor) else ()
    if len(shape) not in (2, 3) or shape[-1] != input_size or 0 in shape:
        return None
    steps = shape[1] if batch_first and len(shape) == 3 else shape[0]
    return steps, steps if len(shape) == 2 else shape[0] * shape[1]


def form_of(x: Tensor | PackedSequence, batch_first: bool) -> Form:
    """The form of an input that :func:`steps_and_rows` takes."""
    if isinstance(x, PackedSequence):
        return Packed(x)
    return Unbatched(x) if x.dim() == 2 else Padded(x, batch_first)


def _noise(like: Tensor, shape: tuple[int, ...], p: float) -> Tensor:
    return like.new_empty(shape).bernoulli_(1 - p).div_(1 - p)


def _permute(states: tuple[Tensor, ...], order: Tensor | None) -> tuple[Tensor, ...]:
    return states if order is None else tuple(state.index_select(1, order) for state in states)


class _Scatter(torch.autograd.Function):
    """Rows (N, ·) to their places among so many; the gradient takes them from there."""

    # With this and a context of its own, gradients of several outputs at once go through it.
    generate_vmap_rule = True

    @staticmethod
    def forward(data: Tensor, rows: Tensor, count: int) -> Tensor:
        zeros = data.new_zeros(count, data.shape[1])
        return zeros.index_copy(0, rows, data) if stands_for_several(data) else zeros.index_copy_(0, rows, data)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.save_for_backward(inputs[1])

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        (rows,) = ctx.saved_tensors
        return _Gather.apply(grad, rows), None, None  # type: ignore[no-untyped-call]


class _Gather(torch.autograd.Function):
    """The inverse of :class:`_Scatter`: each row is taken once, so that its gradient can be copied and not added."""

    generate_vmap_rule = True

    @staticmethod
    def forward(padded: Tensor, rows: Tensor) -> Tensor:
        return padded.index_select(0, rows)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        padded, rows = inputs
        ctx.save_for_backward(rows)
        ctx.count = len(padded)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (rows,) = ctx.saved_tensors
        return _Scatter.apply(grad, rows, ctx.count), None  # type: ignore[no-untyped-call]
