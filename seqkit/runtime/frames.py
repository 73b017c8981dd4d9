"""A label, or a set of labels, for each frame of a sequence.

B batch, T frames, D values that the model reads, K labels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from seqkit.answers.steps import Framed, FramedSets, StreamedLabel, StreamedSet
from seqkit.answers.streams import Snapshot
from seqkit.data.inputs.frames import FrameLines, FrameReader
from seqkit.errors import UsageError
from seqkit.runtime.arrays import Array
from seqkit.runtime.family import Family
from seqkit.runtime.manifest import Opened
from seqkit.runtime.parts import Arrays, Part, advance


class Frames(Family):
    """One label for each frame; see :class:`Family`."""

    def __init__(self, opened: Opened, parts: Mapping[str, Part]) -> None:
        super().__init__(opened, parts)
        self.reader = FrameReader(**FrameReader.fields_of(opened.codec))
        self.labels = self.reader.labels
        self.delay = int(self.settings["delay"])

    def parse_input(self, text: str) -> Path:
        """The file that a text names."""
        return Path(text)

    def encode(self, raw: Any) -> Array:
        """The scaled frames (T, D) of a file, or of features (T, F)."""
        return self.reader.read(raw)

    def length(self, item: Array) -> int:
        """Frames."""
        return len(item)

    def predict(self, items: Sequence[Array], *, all_probabilities: bool = False) -> list[Any]:
        """The most likely label of every frame; with ``all_probabilities``, the probability of every label, too."""
        found = []
        for probabilities in self.each(items):
            best = probabilities.argmax(1)
            confidences = tuple(probabilities[np.arange(len(best)), best].tolist())
            framed = Framed(tuple(self.reader.labels[number] for number in best.tolist()), confidences)
            rows = tuple(map(tuple, probabilities.tolist())) if all_probabilities else ()
            found.append(replace(framed, probabilities=rows))
        return found

    def each(self, items: Sequence[Array]) -> Iterator[Array]:
        """The probabilities (T, K) of the frames of each item."""
        lengths = np.array([len(item) for item in items], np.int64)
        frames = np.zeros((len(items), max(1, int(lengths.max())), self.reader.scaling.size), np.float32)
        for row, item in zip(frames, items, strict=True):
            row[: len(item)] = item
        probabilities = self.parts["model"](frames=frames, lengths=lengths)["probabilities"]
        return (row[:length] for row, length in zip(probabilities, lengths.tolist(), strict=True))

    def open_stream(self) -> FrameStream:
        """See :class:`FrameStream`."""
        if "step" not in self.parts:
            raise UsageError(
                "this model reads each sequence from its end, too, or it is an ensemble, so it cannot label a stream; "
                "export one that was trained with --bidirectional false"
            )
        return FrameStream(self)

    def streamed(self, frame: int, logits: Sequence[float]) -> StreamedLabel | StreamedSet:
        """The prediction for a frame of a stream from its logits (K)."""
        return StreamedLabel.of(frame, self.reader.labels, logits)


class SetFrames(Frames):
    """A set of labels for each frame."""

    def predict(self, items: Sequence[Array]) -> list[Any]:  # type: ignore[override]  # sets always have them
        """The labels of every frame, with the probability of every label."""
        labels, thresholds = self.reader.labels, self.settings["thresholds"]
        return [FramedSets.of(labels, probabilities.tolist(), thresholds) for probabilities in self.each(items)]

    def streamed(self, frame: int, logits: Sequence[float]) -> StreamedSet:
        """See :meth:`Frames.streamed`."""
        return StreamedSet.of(frame, self.reader.labels, logits, self.settings["thresholds"])


class FrameStream:
    """Labels frames as they come, in constant memory, as :meth:`Frames.predict` would the whole sequence."""

    _state: Arrays
    _read: int

    def __init__(self, family: Frames) -> None:
        self._family, self._step = family, family.parts["step"]
        self._lines = FrameLines(family.reader)
        self._begin()

    def push(self, features: str | Sequence[float] | Array) -> StreamedLabel | StreamedSet | None:
        """Reads a frame, numbers or a line of them; the prediction that it settles, None if there is none yet.

        Raises :class:`DataError` for what is not a frame; the stream is as it was, then.
        """
        frame = self._lines.read(features)
        return None if frame is None else self._read_frame(frame)

    def finish(self) -> list[StreamedLabel | StreamedSet]:
        """Ends the sequence: the predictions still owed. The next frame begins another one."""
        blank = np.zeros((1, self._family.reader.scaling.size), np.float32)
        owed = [self._read_frame(blank) for _ in range(self._family.delay if self._read else 0)]
        self._begin()
        return [found for found in owed if found is not None]

    def snapshot(self) -> Snapshot:
        """All that the stream has kept of its sequence; another stream of this model continues from it, bit-equal."""
        facts = {"read": self._read, "columns": [*self._lines.columns], "width": self._lines.width}
        return Snapshot(self._state, facts)

    def restore(self, snapshot: Snapshot) -> None:
        """Goes on where the stream was that gave the snapshot."""
        self._state, facts = dict(snapshot.arrays), snapshot.facts
        self._read, self._lines.columns, self._lines.width = facts["read"], facts["columns"], facts["width"]

    def _begin(self) -> None:
        self._state: Arrays = self._step.first_state(1, self._family.settings.get("state"))
        self._read = 0

    def _read_frame(self, frame: Array) -> StreamedLabel | StreamedSet | None:
        outputs, self._state = advance(self._step, self._state, frame=frame)
        self._read += 1
        number = self._read - self._family.delay
        return None if number < 1 else self._family.streamed(number, outputs["logits"][0].tolist())
