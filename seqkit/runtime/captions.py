"""A caption for a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from seqkit.answers.written import Caption
from seqkit.data.inputs.pictures import START, PictureReader
from seqkit.data.pictures import Picture
from seqkit.data.vocab import PAD, UNK
from seqkit.runtime.arrays import Array
from seqkit.runtime.family import Family
from seqkit.runtime.manifest import Opened
from seqkit.runtime.parts import Arrays, Part, advance
from seqkit.runtime.search import Limits, beam


class Captions(Family):
    """See :class:`Family`."""

    def __init__(self, opened: Opened, parts: Mapping[str, Part]) -> None:
        super().__init__(opened, parts)
        self.reader = PictureReader(**PictureReader.fields_of(opened.codec))
        self.encoder, self.step = parts["encoder"], parts["step"]

    def parse_input(self, text: str) -> Path:
        """The file of a picture."""
        return Path(text)

    def encode(self, raw: Picture | Path | str) -> Array:
        """The numbers of a picture, channels first, or its vectors."""
        values = self.reader.read(raw).values
        return values.transpose(2, 0, 1) if values.ndim == 3 else values

    def predict(
        self,
        items: Sequence[Array],
        *,
        beam_size: int | None = None,
        length_penalty: float | None = None,
        no_repeat_ngram: int | None = None,
    ) -> list[Caption]:
        """The best captions that beam search finds; an option that is given replaces the run's own."""
        given = {"beam_size": beam_size, "length_penalty": length_penalty, "no_repeat_ngram": no_repeat_ngram}
        options = {**self.settings, **{name: value for name, value in given.items() if value is not None}}
        limits = Limits(
            self.reader.start,
            self.reader.end,
            options["limit"],
            banned=[self.reader.vocabulary.special(name) for name in (PAD, UNK, START)],
            no_repeat_ngram=options["no_repeat_ngram"],
        )
        state = self.encoder(pictures=np.stack(items))
        found = beam(self._step, state, len(items), limits, options["beam_size"], alpha=options["length_penalty"])
        return [Caption(*self.reader.written(best.tokens), best.log_probability) for best, *_ in found]

    def _step(self, token: Array, state: Arrays) -> tuple[Array, Arrays]:
        outputs, after = advance(self.step, state, token=token)
        return outputs["logits"], after
