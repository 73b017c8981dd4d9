"""The weights of a stack in one piece of memory, as cuDNN reads them.

cuDNN wants the matrices of all directions, then two biases for each. torch copies weights that lie otherwise at every
call, one by one, and warns of it. D directions of all layers together, G gates, H hidden units.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from seqkit.cells import Cell
from seqkit.cells.gru import GRU
from seqkit.kernels.base import Weights
from seqkit.kernels.joined import Joined


class OnePiece:
    """What is kept between calls for the weights of a stack: zeros where our cells have no bias, and no weights. Copies
    and pickles of it start empty.

    Whether the weights lie in one piece is seen in their addresses at every call, so that any edit of them counts.
    After :meth:`join` they do: the rnn and the lstm are then read from where they are, and the gates of a gru are put
    into torch's order by one gather and one product. Weights that lie elsewhere are first copied together.
    """

    def __init__(self) -> None:
        self._zeros: list[Tensor] = []
        self._orders: dict[tuple[Any, ...], _Order] = {}
        self._joined: Joined | None = None

    def __reduce__(self) -> tuple[type[OnePiece], tuple[()]]:
        return OnePiece, ()

    @torch.no_grad()
    def join(self, cell: Cell, directions: Sequence[Weights]) -> None:
        """Moves parameters into one piece of memory."""
        pieces = self._pieces(cell, directions)
        whole = torch.cat([piece.detach().reshape(-1) for piece in pieces])
        places = whole.split([piece.numel() for piece in pieces])
        self._zeros = [
            place for piece, place in zip(pieces, places, strict=True) if not isinstance(piece, nn.Parameter)
        ]
        for piece, place in zip(pieces, places, strict=True):
            if isinstance(piece, nn.Parameter):
                piece.data = place.view(piece.shape)

    def in_torchs_order(self, cell: Cell, directions: Sequence[Weights], dtype: torch.dtype) -> list[Tensor]:
        """torch's ``w_ih, w_hh, b_ih, b_hh`` of each direction, as views of one piece of memory; differentiable."""
        parts: Sequence[Tensor] = self._pieces(cell, directions)
        if type(cell) is GRU or parts[0].dtype is not dtype or not in_one_piece(parts):
            order = self._order(cell, parts)
            if torch.is_grad_enabled() and any(part.requires_grad for part in parts):
                parts = _Laid.apply(order, dtype, *parts)  # type: ignore[no-untyped-call]
            else:
                parts = _laid(order, dtype, parts)
        return _by_direction(parts)

    def joined(self, cell: Cell, layers: int, tensors: list[Tensor], weights: Callable[[], list[Weights]]) -> Joined:
        """What is known of the weights of so many layers since they were looked at; looked at again if need be.

        Args:
            cell: rnn, lstm or gru.
            layers: L.
            tensors: the weights, direction by direction.
            weights: gives them as such.

        Raises:
            LookupError: they do not lie in one piece of memory.
        """
        found = self._joined
        if found is None or not found.is_still(cell, tensors):
            with torch.inference_mode(False), torch.no_grad():
                found = self._joined = self._found(cell, layers, tensors, weights())
        return found

    def _found(self, cell: Cell, layers: int, tensors: list[Tensor], directions: list[Weights]) -> Joined:
        pieces = self._pieces(cell, directions)
        if not in_one_piece(pieces):
            raise LookupError("the weights do not lie in one piece of memory")
        layout = Layout([piece.shape for piece in pieces], self._order(cell, pieces))
        return Joined(cell, layers, tensors, _flat(pieces), layout)

    def _pieces(self, cell: Cell, directions: Sequence[Weights]) -> list[Tensor]:
        """Our weights as they lie in memory; zeros are the second biases, or a row that a gru's are made of."""
        pieces = [matrix for w in directions for matrix in (w.weight_x, w.weight_h)]
        if type(cell) is GRU:
            biases = [bias for w in directions for bias in (w.bias, w.bias_h) if bias is not None]
            return [*pieces, *biases, *self._no_bias(1, directions[0].weight_h, directions[0].weight_h.shape[1])]
        zeros = self._no_bias(len(directions), directions[0].bias, len(directions[0].bias))
        return pieces + [bias for w, none in zip(directions, zeros, strict=True) for bias in (w.bias, none)]

    def _no_bias(self, number: int, like: Tensor, size: int) -> list[Tensor]:
        kept = self._zeros
        fits = len(kept) == number and len(kept[0]) == size
        if not (fits and kept[0].dtype is like.dtype and kept[0].device == like.device):
            # Kept for training, too, which refuses tensors of the inference mode.
            with torch.inference_mode(False):
                kept = self._zeros = [torch.zeros(size, dtype=like.dtype, device=like.device)] * number
        return kept

    def _order(self, cell: Cell, pieces: Sequence[Tensor]) -> _Order | None:
        if type(cell) is not GRU:
            return None
        device = pieces[0].device
        key = (device, *(piece.shape for piece in pieces))
        if key not in self._orders:
            with torch.inference_mode(False):
                self._orders[key] = _gru_order(pieces, device)
        return self._orders[key]


def in_one_piece(tensors: Sequence[Tensor]) -> bool:
    """Whether each tensor begins where the one before it ends, and the first where its memory does."""
    if torch.compiler.is_compiling():
        return False  # addresses are not known yet
    first = tensors[0]
    place = start = first.data_ptr()
    dtype, memory = first.dtype, first.untyped_storage()
    for tensor in tensors:
        if tensor.data_ptr() != place or tensor.dtype is not dtype or not tensor.is_contiguous():
            return False
        place += tensor.numel() * dtype.itemsize
    return memory.data_ptr() == start and memory.nbytes() >= place - start


def _flat(tensors: Sequence[Tensor]) -> Tensor:
    """All numbers one after another; without a copy where they lie like that."""
    if in_one_piece(tensors):
        return tensors[0].detach().as_strided((sum(tensor.numel() for tensor in tensors),), (1,))
    return torch.cat([tensor.reshape(-1) for tensor in tensors])


class _Order(NamedTuple):
    """Torch's rows of H numbers by ours, those of all weights one after another, and ours by torch's."""

    theirs: Tensor
    signs: Tensor
    ours: Tensor
    our_signs: Tensor
    sizes: list[int]
    """Of torch's weights in memory"""


def _gru_order(pieces: Sequence[Tensor], device: torch.device) -> _Order:
    """torch's gru has r before z, and 1 - z for our z: 1 - σ(a) = σ(-a). Its second bias is for n alone, ours is too.

    A gate of any piece is a whole number of rows, whatever the size of the inputs.
    """
    *weights, zeros = pieces
    hidden, matrices = len(zeros), 2 * len(weights) // 4
    last = sum(weight.numel() for weight in weights) // hidden
    place, theirs, signs, sizes = 0, list[int](), list[float](), list[int]()
    for number, weight in enumerate(weights):
        rows = list(range(place, place := place + weight.numel() // hidden))
        size = len(rows) // 3
        if number >= matrices and number % 2:
            theirs, signs = [*theirs, last, last, *rows], [*signs, 1.0, 1.0, 1.0]
            sizes.append(3 * hidden)
            continue
        theirs += [*rows[size : 2 * size], *rows[:size], *rows[2 * size :]]
        signs += [1.0] * size + [-1.0] * size + [1.0] * size
        sizes.append(weight.numel())
    index, factors = torch.tensor(theirs), torch.tensor(signs, dtype=zeros.dtype)
    ours = torch.zeros(last + 1, dtype=torch.int64).index_put_((index,), torch.arange(len(index)))[:last]
    there = index.to(device), factors.to(device).unsqueeze(1), ours.to(device), factors[ours].to(device).unsqueeze(1)
    return _Order(*there, sizes)


class Layout:
    """Brings weights as they lie in one piece of memory into torch's order, and gradients back.

    Args:
        shapes: of the pieces.
        order: torch's, if it is another than ours.
    """

    def __init__(self, shapes: Sequence[torch.Size], order: _Order | None) -> None:
        self.shapes, self.order = shapes, order
        self.sizes = [shape.numel() for shape in shapes]
        self.directions = len(shapes) // 4

    def buffer(self, whole: Tensor, dtype: torch.dtype) -> Tensor:
        """All weights in torch's order, in the dtype of the products."""
        order = self.order
        if order is not None:
            rows = whole.view(-1, self.sizes[-1]).index_select(0, order.theirs)
            whole = rows.mul_(order.signs).view(-1)
        return whole.to(dtype)

    def weights(self, buffer: Tensor) -> list[Tensor]:
        """torch's ``w_ih, w_hh, b_ih, b_hh`` of each direction."""
        sizes = self.sizes if self.order is None else self.order.sizes
        return _by_direction(_cut(buffer, self.shapes, sizes))

    def gradient(self, grads: Sequence[Tensor]) -> Tensor:
        """Those of our weights as they lie in memory, of those of torch's."""
        places = [n for kind in ((0, 1), (2, 3)) for k in range(0, len(grads), 4) for n in (k + kind[0], k + kind[1])]
        whole, order = _flat([grads[n] for n in places]), self.order
        if order is None:
            return whole
        return whole.view(-1, self.sizes[-1]).index_select(0, order.ours).mul_(order.our_signs).view(-1)

    def apart(self, whole: Tensor) -> list[Tensor]:
        """Of each weight, direction by direction."""
        parts, biases = _cut(whole, self.shapes, self.sizes[: 4 * self.directions]), 2 * self.directions
        ours = (0, 1) if self.order is not None else (0,)
        return [
            part
            for k in range(0, biases, 2)
            for part in (parts[k], parts[k + 1], *(parts[biases + k + n] for n in ours))
        ]


def _by_direction(parts: Sequence[Tensor]) -> list[Tensor]:
    """Matrices of all directions and then their biases, direction by direction."""
    biases = len(parts) // 4 * 2
    return [parts[start + k] for k in range(0, biases, 2) for start in (k, biases + k) for k in (0, 1)]


def _laid(order: _Order | None, dtype: torch.dtype, pieces: Sequence[Tensor]) -> list[Tensor]:
    """The weights that :class:`_Laid` makes of the pieces."""
    whole, sizes = _flat(pieces), None
    if order is not None:
        rows = whole.view(-1, len(pieces[-1])).index_select(0, order.theirs).mul_(order.signs)
        whole, sizes = rows.view(-1), order.sizes
    return _cut(whole.to(dtype), [piece.shape for piece in pieces], sizes or [piece.numel() for piece in pieces])


def _cut(whole: Tensor, shapes: Sequence[torch.Size], sizes: list[int]) -> list[Tensor]:
    """Views of so many numbers each; a matrix has the shape that it has in the other order, too."""
    parts = whole.split(sizes)
    return [part.view(shape) if len(shape) == 2 else part for part, shape in zip(parts, shapes, strict=False)]


class _Laid(torch.autograd.Function):
    """Weights in one piece of memory, in our order or in another; a gradient takes the way back by a gather, too.

    autograd's own would be sums into zeros, in an order that changes from call to call.
    """

    @staticmethod
    def forward(ctx: Any, order: _Order | None, dtype: torch.dtype, *pieces: Tensor) -> Any:
        ctx.order, ctx.dtype = order, pieces[0].dtype
        ctx.shapes, ctx.sizes = [piece.shape for piece in pieces], [piece.numel() for piece in pieces]
        return tuple(_laid(order, dtype, pieces))

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Any, ...]:
        order, shapes, sizes = ctx.order, ctx.shapes, ctx.sizes
        whole = _flat(grads).to(ctx.dtype)
        if order is None:
            return None, None, *_cut(whole, shapes, sizes)
        rows = whole.view(-1, sizes[-1]).index_select(0, order.ours).mul_(order.our_signs)
        # The row of zeros comes last, and has no gradient.
        return None, None, *_cut(rows.view(-1), shapes[:-1], sizes[:-1]), None
