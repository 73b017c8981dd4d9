"""A language model: what a text costs it, and how it continues.

R rows, T steps, N tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from seqkit.answers.continuing import continued
from seqkit.answers.sampling import Sampling
from seqkit.answers.streams import LIKELIEST, Snapshot, StreamedText
from seqkit.answers.written import Scored
from seqkit.data.inputs.tokens import Text, TokenReader
from seqkit.data.inputs.windows import Window, rows_of, windows
from seqkit.errors import UsageError
from seqkit.runtime.arrays import Array, log_softmax, softmax
from seqkit.runtime.drawing import Repeats, choose
from seqkit.runtime.family import Family
from seqkit.runtime.manifest import Opened
from seqkit.runtime.parts import Arrays, Part, advance


class Language(Family):
    """See :class:`Family`."""

    generates = True

    def __init__(self, opened: Opened, parts: Mapping[str, Part]) -> None:
        super().__init__(opened, parts)
        self.reader = TokenReader(**TokenReader.fields_of(opened.codec))
        self.backward = self.reader.reverse
        self.step, self.start = parts["step"], int(self.settings["start"])
        self.learned = self.settings.get("state")

    def encode(self, raw: str) -> Text:
        """All tokens of a text."""
        return self.reader.read(raw)

    def length(self, item: Text) -> int:
        """Tokens."""
        return len(item.tokens)

    def predict(self, items: Sequence[Text]) -> list[Scored]:
        """What each text costs, every token given all before it."""
        rows = rows_of([len(text.tokens) for text in items])
        pieces: list[list[tuple[float, int]]] = [[] for _ in items]
        state = self.step.first_state(len(rows), self.learned)
        for window in windows([text.tokens for text in items], rows, self.start):
            costs, state = self._read(window, state)
            for row, cost, counted in zip(rows, costs.tolist(), (window.targets >= 0).sum(1).tolist(), strict=True):
                pieces[row.text] += [(cost, counted)] if counted else []
        return [Scored.of(text, costs) for text, costs in zip(items, pieces, strict=True)]

    def _read(self, window: Window, state: Arrays) -> tuple[Array, Arrays]:
        """The nats that a window costs in each row (R), and the state after it."""
        costs, rows = np.zeros(len(window.tokens)), np.arange(len(window.tokens))
        for tokens, targets in zip(window.tokens.T, window.targets.T, strict=True):
            outputs, state = advance(self.step, state, token=np.ascontiguousarray(tokens))
            nats = -log_softmax(outputs["logits"])[rows, targets.clip(min=0)]
            costs += np.where(targets >= 0, nats, 0.0)
        return costs, state

    def generate(self, prompt: str, sampling: Sampling, notes: list[str]) -> Iterator[str]:
        """The text that follows the prompt, see :func:`~seqkit.answers.continuing.continued`."""
        return continued(self._write, self.reader, prompt, sampling, notes)

    def next_logits(self, last: int, state: Arrays) -> tuple[Array, Arrays]:
        """The logits (V) of the token after the last one, and the state after it."""
        outputs, state = advance(self.step, state, token=np.array([last], np.int64))
        return outputs["logits"][0], state

    def _write(self, prompt: Array, sampling: Sampling) -> Iterator[int]:
        """Tokens that continue the prompt (N), one at a time and without end."""
        generator, repeats = np.random.default_rng(sampling.seed), Repeats(sampling.no_repeat_ngram, prompt.tolist())
        read: list[int] = [self.start, *prompt.tolist()]
        last = read.pop()
        state, banned = self.step.first_state(1, self.learned), self.settings["banned"]
        for token in read:
            _, state = self.next_logits(token, state)
        while True:
            found, state = self.next_logits(last, state)
            logits = found.copy()
            logits[banned] = -np.inf
            last = choose(repeats.block(logits), generator, sampling)
            repeats.read(last)
            yield last


class TextStream:
    """Reads a text in pieces, token by token, so that it makes no difference where it is cut.

    Raises :class:`UsageError` for a model that reads texts from their end.
    """

    _state: Arrays
    _last: int

    def __init__(self, family: Language) -> None:
        if family.backward:
            raise UsageError("this model reads texts from their end, so it cannot follow one that is being written")
        self._family = family
        self._begin()

    def push(self, line: str) -> StreamedText:
        """Reads a piece of the text."""
        nats, tokens = 0.0, self._family.encode(line).tokens.tolist()
        for token in tokens:
            logits, self._state = self._family.next_logits(self._last, self._state)
            nats -= float(log_softmax(logits)[token])
            self._last = token
        return StreamedText(len(tokens), nats, self._next())

    def finish(self) -> list[StreamedText]:
        """Ends the text; nothing is owed. The next piece begins another one."""
        self._begin()
        return []

    def snapshot(self) -> Snapshot:
        """All that the stream has kept; another stream of this model continues from it, bit-equal."""
        return Snapshot(self._state, {"last": self._last})

    def restore(self, snapshot: Snapshot) -> None:
        """Goes on where the stream was that gave the snapshot."""
        self._state, self._last = dict(snapshot.arrays), int(snapshot.facts["last"])

    def _begin(self) -> None:
        self._state = self._family.step.first_state(1, self._family.learned)
        self._last = self._family.start

    def _next(self) -> dict[str, float]:
        logits = self._family.next_logits(self._last, self._state)[0].copy()
        logits[self._family.settings["banned"]] = -np.inf
        probabilities, symbols = softmax(logits), self._family.reader.vocabulary.symbols
        likeliest = np.argsort(-probabilities, kind="stable")[:LIKELIEST].tolist()
        return {symbols[number]: float(probabilities[number]) for number in likeliest}
