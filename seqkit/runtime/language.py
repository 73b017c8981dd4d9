"""A language model: what a text costs it, and how it continues.

R rows, T steps, N tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from seqkit.answers.continuing import continued
from seqkit.answers.sampling import Sampling
from seqkit.answers.written import Scored
from seqkit.data.inputs.tokens import Text, TokenReader
from seqkit.data.inputs.windows import Window, rows_of, windows
from seqkit.runtime.arrays import Array, log_softmax
from seqkit.runtime.drawing import Repeats, choose
from seqkit.runtime.family import Family
from seqkit.runtime.manifest import Opened
from seqkit.runtime.parts import Arrays, Part, advance


class Language(Family):
    """See :class:`Family`."""

    def __init__(self, opened: Opened, parts: Mapping[str, Part]) -> None:
        super().__init__(opened, parts)
        self.reader = TokenReader(**TokenReader.fields_of(opened.codec))
        self.backward = self.reader.reverse
        self.step, self.start = parts["step"], int(self.settings["start"])

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
        state = self.step.zeros(len(rows))
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

    def _write(self, prompt: Array, sampling: Sampling) -> Iterator[int]:
        """Tokens that continue the prompt (N), one at a time and without end."""
        generator, repeats = np.random.default_rng(sampling.seed), Repeats(sampling.no_repeat_ngram, prompt.tolist())
        read: list[int] = [self.start, *prompt.tolist()]
        last = read.pop()
        state, banned = self.step.zeros(1), self.settings["banned"]
        for token in read:
            _, state = advance(self.step, state, token=np.array([token], np.int64))
        while True:
            outputs, state = advance(self.step, state, token=np.array([last], np.int64))
            logits = outputs["logits"][0].copy()
            logits[banned] = -np.inf
            last = choose(repeats.block(logits), generator, sampling)
            repeats.read(last)
            yield last
