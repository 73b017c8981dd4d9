"""The rows of embeddings that a step reads: only their gradients travel between processes.

R processes, P parameters, V rows of an embedding, n of them with a gradient, D numbers in a row.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class EmbeddingRows:
    """Packs the gradients of a step into one vector, with the read rows of embeddings alone, and unpacks such a vector.

    Rows that no process has read are zeros in every gradient, and so in every sum of them: the bits are the same as if
    they had travelled. Of the default model of ``sentiment`` three quarters of the numbers are in its embedding; steps
    over 100 Mbit/s took 0.31 s in place of 0.90.

    Args:
        parameters: P of them.
        embeddings: those among them, by number, that are tables of rows.
    """

    def __init__(self, parameters: Sequence[nn.Parameter], embeddings: Sequence[int]) -> None:
        self.embeddings = embeddings
        self._sizes = [len(parameters[number]) for number in embeddings]
        self._rows: dict[int, Tensor] = {}

    def read(self, sums: Sequence[Sequence[Tensor]]) -> Tensor:
        """Whether a row of an embedding has a gradient in one of these lists of P tensors: all V of each, one after
        the other."""
        masks = [torch.zeros(size, dtype=torch.bool) for size in self._sizes]
        for tensors in sums:
            for number, mask in zip(self.embeddings, masks, strict=True):
                gradient = tensors[number]
                if gradient.is_sparse:
                    mask[gradient.coalesce().indices()[0]] = True
                else:
                    # NaN differs from 0, too.
                    mask |= (gradient != 0).flatten(1).any(1).cpu()
        return torch.cat([torch.zeros(0, dtype=torch.bool), *masks])

    def agree(self, read: Tensor) -> None:
        """Takes note of what all processes have read, (R, all rows)."""
        masks = read.any(0).split(self._sizes)
        self._rows = {number: mask.nonzero().flatten() for number, mask in zip(self.embeddings, masks, strict=True)}

    def pack(self, tensors: Sequence[Tensor]) -> Tensor:
        """The numbers of a list of tensors as one vector."""
        return torch.cat([self._packed(number, tensor).flatten() for number, tensor in enumerate(tensors)])

    def unpack(self, vector: Tensor, shapes: Sequence[Tensor]) -> list[Tensor]:
        """The tensors, dense, that such a vector has; ``shapes`` has tensors of the same shapes."""
        rows = self._rows
        sizes = [
            shape.numel() // max(1, len(shape)) * len(rows[number]) if number in rows else shape.numel()
            for number, shape in enumerate(shapes)
        ]
        return [
            self._unpacked(number, piece, shape)
            for number, (piece, shape) in enumerate(zip(vector.split(sizes), shapes, strict=True))
        ]

    def _packed(self, number: int, tensor: Tensor) -> Tensor:
        rows = self._rows.get(number)
        if rows is None or not tensor.is_sparse:
            return tensor if rows is None else tensor[rows.to(tensor.device)]
        tensor = tensor.coalesce()
        packed = tensor.values().new_zeros(len(rows), *tensor.shape[1:])
        packed[torch.searchsorted(rows, tensor.indices()[0])] = tensor.values()
        return packed

    def _unpacked(self, number: int, piece: Tensor, shape: Tensor) -> Tensor:
        rows = self._rows.get(number)
        if rows is None:
            return piece.view(shape.shape)
        whole = piece.new_zeros(shape.shape)
        whole[rows.to(piece.device)] = piece.view(len(rows), *shape.shape[1:])
        return whole
