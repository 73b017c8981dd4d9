"""Labels for frames as they arrive.

F features of a frame.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import linear

from seqkit.answers.steps import StreamedLabel, softmax
from seqkit.answers.streams import Snapshot
from seqkit.data.inputs.frames import FrameLines
from seqkit.devices import device_of
from seqkit.errors import UsageError
from seqkit.layers import State
from seqkit.topologies.codec import Codec
from seqkit.topologies.ensemble import LabelEnsemble, member_codecs
from seqkit.topologies.snapshots import as_arrays, as_state
from seqkit.topologies.synced.frames.codec import FrameCodec
from seqkit.topologies.synced.frames.head import FrameHead


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
        self._device = device_of(head)
        self._lines = FrameLines(codec)
        self._state: State | None = None
        self._read = 0

    def push(self, features: str | Sequence[float] | np.ndarray | Tensor) -> StreamedLabel | None:
        """Reads a frame: F numbers, or a line of text with them, between semicolons, commas, tabs or spaces.

        A line with the names of all features says which columns they are in, as the first line of a table does.

        Returns the label of the frame ``delay`` before it, None where there is none yet. Raises :class:`DataError` for
        what is not a frame; the stream is as it was, then.
        """
        logits = self.read(features)
        return None if logits is None else self._labelled(logits)

    def finish(self) -> list[StreamedLabel]:
        """Ends the sequence: the labels still owed. The next frame begins another one."""
        return [self._labelled(logits) for logits in self.read_rest()]

    def read(self, features: str | Sequence[float] | np.ndarray | Tensor) -> list[float] | None:
        """:meth:`push` with the logits (K) of the frame instead of its label."""
        frame = self._lines.read(features)
        return None if frame is None else self._step(torch.from_numpy(frame).to(self._device))

    def read_rest(self) -> Iterator[list[float]]:
        """:meth:`finish` with logits (K) instead of labels."""
        blank = torch.zeros(1, self.codec.scaling.size, device=self._device)
        for _ in range(self.head.delay if self._read else 0):
            if (logits := self._step(blank)) is not None:
                yield logits
        self._state, self._read = None, 0

    def snapshot(self) -> Snapshot:
        """All that the stream has kept of its sequence; another stream of this model continues from it, bit-equal."""
        facts = {"read": self._read, "columns": [*self._lines.columns], "width": self._lines.width}
        return Snapshot({} if self._state is None else as_arrays(self._state), facts)

    def restore(self, snapshot: Snapshot) -> None:
        """Goes on where the stream was that gave the snapshot."""
        arrays, facts = snapshot
        self._state = as_state(arrays, self._device) if arrays else None
        self._read, self._lines.columns, self._lines.width = facts["read"], facts["columns"], facts["width"]

    def _step(self, frame: Tensor) -> list[float] | None:
        with torch.inference_mode():
            outputs, self._state = self._encoder.step(frame, self._state)
            self._read += 1
            if self._read <= self.head.delay:
                return None
            (logits,) = linear(outputs, *self._output).tolist()
        return logits  # type: ignore[no-any-return]

    def _labelled(self, logits: Sequence[float]) -> StreamedLabel:
        return self._answer(self._read - self.head.delay, logits)

    def _answer(self, number: int, logits: Sequence[float]) -> StreamedLabel:
        """What is said of a frame with these logits (K)."""
        return StreamedLabel.of(number, self._labels, logits)


class FrameEnsembleStream:
    """Labels frames as they come by the average of several heads, each of which looks ahead as far as it was made to.

    A frame is labelled once the head that looks furthest ahead has seen enough. Arguments and errors are those of
    :class:`FrameStream`.
    """

    def __init__(self, head: LabelEnsemble, codec: Codec[Any, Any, Any]) -> None:
        members = cast("Sequence[FrameHead]", list(head.members))
        codecs = member_codecs(codec, len(members))
        self._streams = [FrameStream(*pair) for pair in zip(members, codecs, strict=True)]  # type: ignore[arg-type]
        self._waiting = [deque[list[float]]() for _ in members]
        self._labels, self._settled = members[0].labels, 0

    def push(self, features: str | Sequence[float] | np.ndarray | Tensor) -> StreamedLabel | None:
        """See :meth:`FrameStream.push`."""
        # Members read the same features, so a frame that cannot be read is refused by the first, before any reads it.
        for stream, waiting in zip(self._streams, self._waiting, strict=True):
            if (logits := stream.read(features)) is not None:
                waiting.append(softmax(logits))
        return next(self._settle(), None)

    def finish(self) -> list[StreamedLabel]:
        """See :meth:`FrameStream.finish`."""
        for stream, waiting in zip(self._streams, self._waiting, strict=True):
            waiting.extend(map(softmax, stream.read_rest()))
        owed, self._settled = list(self._settle()), 0
        return owed

    def snapshot(self) -> Snapshot:
        """See :meth:`FrameStream.snapshot`."""
        inside = [stream.snapshot() for stream in self._streams]
        arrays = {f"{n}.{name}": array for n, (own, _) in enumerate(inside) for name, array in own.items()}
        waiting = [list(rows) for rows in self._waiting]
        return Snapshot(
            arrays, {"streams": [own.facts for own in inside], "waiting": waiting, "settled": self._settled}
        )

    def restore(self, snapshot: Snapshot) -> None:
        """See :meth:`FrameStream.restore`."""
        arrays, facts = snapshot
        for number, (stream, own) in enumerate(zip(self._streams, facts["streams"], strict=True)):
            prefix = f"{number}."
            named = {name.removeprefix(prefix): a for name, a in arrays.items() if name.startswith(prefix)}
            stream.restore(Snapshot(named, own))
        self._waiting, self._settled = [deque(rows) for rows in facts["waiting"]], facts["settled"]

    def _settle(self) -> Iterator[StreamedLabel]:
        while all(self._waiting):
            rows = [waiting.popleft() for waiting in self._waiting]
            sums = [sum(column) for column in zip(*rows, strict=True)]
            most, self._settled = max(sums), self._settled + 1
            yield StreamedLabel(self._settled, self._labels[sums.index(most)], most / len(rows))
