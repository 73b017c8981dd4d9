"""A text that is written from another: by an encoder, a decoder with attention, and a search.

B batch, S source tokens, N hypotheses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from seqkit.answers.searching import Hypothesis, SearchOptions, output_limits_of, reranked, rescored
from seqkit.answers.written import Translated
from seqkit.data.inputs.pair_memory import Recalled
from seqkit.data.inputs.pairs import START, PairReader, ReadSource
from seqkit.data.pronunciations import ENTRY, typed_entry
from seqkit.errors import UsageError
from seqkit.runtime.arrays import Array, pad
from seqkit.runtime.family import Family
from seqkit.runtime.manifest import Opened
from seqkit.runtime.parts import Arrays, Part, advance, select
from seqkit.runtime.search import Limits, beam, greedy

_ATTENDED = "attended"
"""The sum of the weights of each place (N, S), in a state whose model does not sum them up"""


class Pairs(Family):
    """See :class:`Family`."""

    def __init__(self, opened: Opened, parts: Mapping[str, Part]) -> None:
        super().__init__(opened, parts)
        self.reader = PairReader(**PairReader.fields_of(opened.codec))
        self.encoder, self.step = parts["encoder"], parts["step"]
        self.search, self.threshold = SearchOptions(**self.settings["search"]), self.settings["threshold"]
        # Folders of an earlier version know no such weight.
        self.joint_weight = float(self.settings.get("joint_weight", 0.0))

    def parse_input(self, text: str) -> str:
        """A text, or a word as a dictionary has it."""
        return typed_entry(text) if self.settings["reads"] == ENTRY else text

    def encode(self, raw: str) -> ReadSource:
        """The symbols of a source."""
        return self.reader.read(raw)

    def length(self, item: ReadSource) -> int:
        """Symbols."""
        return len(item.symbols)

    def format_prediction(self, prediction: Translated) -> tuple[str, dict[str, Any]]:
        """The text; as JSON with its score, and the others where more than one was requested."""
        return prediction.text, prediction.to_json(self.settings["output"])

    def predict(
        self,
        items: Sequence[ReadSource],
        *,
        beam_size: int | None = None,
        length_penalty: float | None = None,
        coverage_penalty: float | None = None,
        n_best: int | None = None,
        max_ratio: float | None = None,
        max_extra: int | None = None,
        no_repeat_ngram: int | None = None,
        copy_unknown: bool | None = None,
    ) -> list[Translated]:
        """The best texts for each source; an option that is given replaces the run's own."""
        options = self.search.replace(
            beam_size=beam_size,
            length_penalty=length_penalty,
            coverage_penalty=coverage_penalty,
            n_best=n_best,
            max_ratio=max_ratio,
            max_extra=max_extra,
            no_repeat_ngram=no_repeat_ngram,
            copy_unknown=copy_unknown,
        )
        if options.copy_unknown and not self.step.attends:
            raise UsageError("copying unknown words needs the attention of one decoder; leave out copy_unknown")
        tokens, lengths = pad([item.symbols for item in items], self.reader.source.vocabulary.pad)
        state = self.encoder(tokens=tokens, lengths=lengths)
        hypotheses = self._hypotheses(items, state, options)
        rows = zip(items, self._texts(items, state, hypotheses), hypotheses, strict=True)
        return [Translated.of(texts, [h.score for h in found], self._recalled(item)) for item, texts, found in rows]

    def _hypotheses(self, items: Sequence[ReadSource], state: Arrays, options: SearchOptions) -> list[list[Hypothesis]]:
        """The ``n_best`` sequences of symbols for each source, the best first, also by n-grams of aligned symbols."""
        joint, weight = self.reader.joint, self.joint_weight
        if joint is None or weight == 0 or options.beam_size == 1:
            return self._found(items, state, options)
        found = self._found(items, state, options.replace(n_best=options.beam_size))
        scores = [partial(joint.log_probability, item.symbols) for item in items]
        alpha, n_best = options.length_penalty, options.n_best
        return [reranked(row, other, weight, alpha, n_best) for row, other in zip(found, scores, strict=True)]

    def _found(self, items: Sequence[ReadSource], state: Arrays, options: SearchOptions) -> list[list[Hypothesis]]:
        """The ``n_best`` sequences of symbols by the network alone, the best first."""
        required = [self.reader.required(item.symbols) for item in items]
        lengths = [len(item.symbols) for item in items]
        limits = Limits(**output_limits_of(self.reader.target, lengths, required, options))
        alpha, beta = options.length_penalty, options.coverage_penalty
        if options.beam_size == 1 and beta == 0:
            found = greedy(self._step, dict(state), len(items), limits)
            return [[rescored(hypothesis, alpha)] for hypothesis in found]
        if beta > 0 and not self.step.attends:
            raise UsageError("a coverage penalty needs a model with attention; leave out coverage_penalty")
        if beta > 0 and "coverage" not in state:
            state = {**state, _ATTENDED: np.zeros(state["mask"].shape, np.float32)}
        penalty = (lambda after: _coverage_penalty(after, beta)) if beta > 0 else None
        return beam(
            self._step,
            dict(state),
            len(items),
            limits,
            options.beam_size,
            alpha=alpha,
            n_best=options.n_best,
            penalty=penalty,
        )

    def _step(self, token: Array, state: Arrays) -> tuple[Array, Arrays]:
        attended = state.get(_ATTENDED)
        outputs, after = advance(self.step, {n: v for n, v in state.items() if n != _ATTENDED}, token=token)
        if attended is not None:
            after[_ATTENDED] = attended + outputs["weights"]
        return outputs["logits"], after

    def _texts(
        self, items: Sequence[ReadSource], state: Arrays, hypotheses: Sequence[Sequence[Hypothesis]]
    ) -> list[list[str]]:
        """What the hypotheses of each source say; words of the source stand for symbols that are unknown."""
        texts: list[list[str]] = []
        unk = self.reader.target.vocabulary.unk
        for row, (item, found) in enumerate(zip(items, hypotheses, strict=True)):
            texts.append([])
            for hypothesis in found:
                tokens = hypothesis.tokens
                copied = self._copied(item, select(state, np.array([row])), tokens) if unk in tokens else ()
                texts[-1].append(self.reader.write(tokens, item.placeholders, copied))
        return texts

    def _copied(self, item: ReadSource, state: Arrays, tokens: Sequence[int]) -> tuple[str, ...]:
        """The tokens that stand for the unknown symbols of an output, by the attention while it was written."""
        vocabulary = self.reader.target.vocabulary
        looked, last = [], vocabulary.special(START)
        slots = np.isin(item.symbols, self.reader.source.slots)
        for token in tokens:
            outputs, state = advance(self.step, state, token=np.array([last], np.int64))
            if token == vocabulary.unk:
                weights = outputs["weights"][0, : len(item.symbols)]
                looked.append(np.where(slots, 0.0, weights).tolist() or [0.0])
            last = token
        return self.reader.copied(item.symbols, item.unknown, looked)

    def _recalled(self, item: ReadSource) -> Recalled | None:
        """The training pair whose target answers in the place of the network, if there is one."""
        if self.threshold is None:
            return None
        found = self.reader.recall(item.masked, item.placeholders)
        return found if found is not None and found.similarity >= self.threshold else None


def _coverage_penalty(state: Arrays, beta: float) -> Array:
    """``β Σ log(min(coverage, 1))`` (N), see :func:`seqkit.layers.decoder.coverage_penalty`."""
    coverage = state[_ATTENDED] if _ATTENDED in state else state["coverage"]
    logs = np.log(coverage.clip(1e-6, 1.0))
    found: Array = beta * np.where(state["mask"], logs, 0.0).sum(1)
    return found
