"""A language model goes on with a text."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import torch

from seqkit.errors import UsageError
from seqkit.search import Sampling
from seqkit.topologies.next_step.codec import StreamCodec
from seqkit.topologies.next_step.ensemble import LanguageModelEnsemble
from seqkit.topologies.next_step.head import LanguageModelHead

_SHOWN = 10
"""Unknown tokens of a prompt that are named."""


def generate_text(
    head: LanguageModelHead | LanguageModelEnsemble,
    codec: StreamCodec,
    prompt: str,
    sampling: Sampling,
    notes: list[str],
) -> Iterator[str]:
    """The text that follows the prompt, piece by piece: ``sampling.length`` tokens of it, or without end.

    What training has not seen is read as the unknown symbol, which is never written; ``notes`` is told of it. A
    reversed model gives the text before the prompt, in one piece. Raises :class:`UsageError` for one without end.
    """
    if codec.reverse and not sampling.length:
        raise UsageError("a reversed model writes a text from its end, so it can't be without one; give a length")
    tokens = dict.fromkeys(codec.tokenizer.split(prompt))
    if unknown := [token for token in tokens if token not in codec.vocabulary]:
        notes.append(f"not seen in training, and read as unknown: {' '.join(map(ascii, unknown[:_SHOWN]))}")
    numbers = head.write(torch.from_numpy(codec.encode(prompt).tokens), sampling)
    drawn = islice(numbers, sampling.length or None)
    return iter([codec.decode_reversed(drawn, prompt)]) if codec.reverse else codec.decode(drawn, prompt)
