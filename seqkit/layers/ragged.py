"""Other ways to say which steps are real than padding at the end: torch's packed sequences, and masks.

B batch, T time.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from seqkit.errors import UsageError
from seqkit.kernels import transformed


def unpacked(packed: PackedSequence) -> tuple[Tensor, Tensor]:
    """A packed sequence as a padded one, (B, T, ·), with its lengths (B), in the order of the caller's batch.

    Raises :class:`UsageError` inside a transform of ``torch.func``, which torch's own unpacking does not know.
    """
    if transformed():
        raise UsageError(
            "transforms of torch.func and forward mode cannot unpack a PackedSequence; give padded input with lengths"
        )
    padded, lengths = pad_packed_sequence(packed, batch_first=True)
    return padded, lengths


def packed_like(out: Tensor, lengths: Tensor, given: PackedSequence) -> PackedSequence:
    """Outputs (B, T, ·) packed in the order of the input that they belong to."""
    order = given.sorted_indices
    if order is not None:
        out, lengths = out.index_select(0, order), lengths.index_select(0, order.to(lengths.device))
    data = pack_padded_sequence(out, lengths, batch_first=True).data
    return PackedSequence(data, given.batch_sizes, given.sorted_indices, given.unsorted_indices)


class Mask:
    """Which steps of a batch are real: holes and padding anywhere.

    Args:
        mask: (B, T) of bool, True at real steps.
        x: the input (B, T, ·) that it is for.

    Raises:
        UsageError: for another shape or dtype.
    """

    def __init__(self, mask: Tensor, x: Tensor) -> None:
        if not isinstance(mask, Tensor) or mask.dtype is not torch.bool or mask.shape != x.shape[:2]:
            what = f"{tuple(mask.shape)} of {mask.dtype}" if isinstance(mask, Tensor) else type(mask).__name__
            raise UsageError(f"mask must be {tuple(x.shape[:2])} of torch.bool, True at real steps, not {what}")
        self.lengths = mask.sum(1)
        # Real steps first, in their order.
        self._order = (~mask).to(torch.uint8).argsort(stable=True, dim=1)

    def together(self, x: Tensor) -> Tensor:
        """x (B, T, ·) with the real steps of each sequence at its beginning."""
        return _rearranged(x, self._order)

    def apart(self, out: Tensor) -> Tensor:
        """The inverse of :meth:`together`."""
        return _rearranged(out, self._order.argsort(1))


def _rearranged(x: Tensor, order: Tensor) -> Tensor:
    return x.gather(1, order.unsqueeze(2).expand(-1, -1, x.shape[2]))
