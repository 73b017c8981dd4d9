"""Labels for frames as they arrive.

F features of a frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import linear

from seqkit.data import DataError
from seqkit.data.frames import parse_number, split_line
from seqkit.errors import UsageError
from seqkit.layers import State
from seqkit.topologies.synced.frames.codec import FrameCodec
from seqkit.topologies.synced.frames.head import FrameHead


class StreamedLabel(NamedTuple):
    """The prediction for one frame of a stream; frames are counted from 1 in each sequence."""

    frame: int
    label: str
    confidence: float


class FrameStream:
    """Labels frames as they come, in constant memory, as :meth:`FrameHead.predict` would the whole sequence.

    ``FrameStream(model.head, model.codec).push([0.1, 0.2, 0.3])``. Raises :class:`UsageError` for a model that reads
    from the end, too.
    """

    def __init__(self, head: FrameHead, codec: FrameCodec) -> None:
        if head.encoder.recurrent.bidirectional:
            raise UsageError(
                "this model reads each sequence from its end, too, so it cannot label a stream; train one with "
                "--bidirectional false"
            )
        self.head, self.codec = head.eval(), codec
        # nn.Module looks up submodules and parameters in Python: these would cost 3 µs a frame.
        self._encoder, self._labels, self._output = head.encoder, head.labels, (head.output.weight, head.output.bias)
        self._blank = torch.zeros(1, codec.scaling.size)
        self._columns: list[int] = []
        self._width = 0
        self._state: State | None = None
        self._read = 0

    def push(self, features: str | Sequence[float] | np.ndarray | Tensor) -> StreamedLabel | None:
        """Reads a frame: F numbers, or a line of text with them, between semicolons, commas, tabs or spaces.

        A line with the names of all features says which columns they are in, as the first line of a table does.

        Returns the label of the frame ``delay`` before it, None where there is none yet. Raises :class:`DataError` for
        what is no frame; the stream is as it was, then.
        """
        if isinstance(features, str):
            cells = split_line(features)
            if self._is_header(cells):
                return None
            features = [parse_number(cell) for cell in self._select(cells)]
        values = np.asarray(features, np.float64)
        self.codec.check(values.shape[-1] if values.ndim == 1 else -1)
        return self._step(torch.from_numpy(self.codec.scaling(values[None])))

    def finish(self) -> list[StreamedLabel]:
        """Ends the sequence: the labels still owed. The next frame begins another one."""
        ahead = self.head.delay if self._read else 0
        owed = [label for _ in range(ahead) if (label := self._step(self._blank))]
        self._state, self._read = None, 0
        return owed

    def _is_header(self, cells: list[str]) -> bool:
        names = self.codec.layout.names
        if not names or not set(names) <= set(cells):
            return False
        self._columns, self._width = [cells.index(name) for name in names], len(cells)
        return True

    def _select(self, cells: list[str]) -> list[str]:
        """The cells that are features, in the order of the codec."""
        if not self._columns:
            return cells
        if len(cells) != self._width:
            raise DataError(f"{len(cells)} values, but the header names {self._width} columns; mend the line")
        return [cells[column] for column in self._columns]

    def _step(self, frame: Tensor) -> StreamedLabel | None:
        with torch.inference_mode():
            outputs, self._state = self._encoder.step(frame, self._state)
            self._read += 1
            number = self._read - self.head.delay
            if number < 1:
                return None
            (logits,) = linear(outputs, *self._output).tolist()
        return self._answer(number, logits)

    def _answer(self, number: int, logits: Sequence[float]) -> StreamedLabel:
        """What is said of a frame with these logits (K)."""
        # A handful of numbers is quicker in plain Python than in one tensor after another.
        most = max(logits)
        return StreamedLabel(number, self._labels[logits.index(most)], 1 / sum([exp(value - most) for value in logits]))
