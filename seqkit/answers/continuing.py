"""A text that continues, as tokens are drawn one by one: where it ends, and which pieces of it are certain."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

import numpy as np

from seqkit.answers.sampling import Sampling
from seqkit.data.inputs.tokens import TokenReader
from seqkit.errors import UsageError

_SHOWN = 10
"""Unknown tokens of a prompt that are named."""


def continued(
    write: Callable[[np.ndarray, Sampling], Iterator[int]],
    codec: TokenReader,
    prompt: str,
    sampling: Sampling,
    notes: list[str],
) -> Iterator[str]:
    """The text that follows the prompt as ``write`` draws its tokens, piece by piece.

    It has ``sampling.length`` tokens, or no end; it ends before the first text to stop at, wherever tokens begin and
    end. What training has not seen is read as the unknown symbol, which is never written; ``notes`` says so. A
    reversed model gives the text before the prompt, in one piece. Raises :class:`UsageError` for one without end.
    """
    if codec.reverse and not sampling.length:
        raise UsageError("a reversed model writes a text from its end, so it can't be without one; give a length")
    tokens = dict.fromkeys(codec.tokenizer.split(prompt))
    if unknown := [token for token in tokens if token not in codec.vocabulary]:
        notes.append(f"not seen in training, and read as unknown: {' '.join(map(ascii, unknown[:_SHOWN]))}")
    stops = [_as_written(codec, stop, notes) for stop in sampling.stops]
    numbers = write(codec.read(prompt).tokens, sampling)
    drawn = islice(numbers, sampling.length or None)
    if codec.reverse:
        return iter([after_last(codec.decode_reversed(drawn, prompt), stops)])
    return before_first(codec.decode(drawn, prompt), stops)


def before_first(pieces: Iterator[str], stops: Sequence[str]) -> Iterator[str]:
    """The text of the pieces up to the stop that is complete first, each part as soon as it can't belong to one."""
    held = ""
    for piece in pieces:
        held += piece
        found = [(at + len(stop), at) for stop in stops if (at := held.find(stop)) >= 0]
        if found:
            yield held[: min(found)[1]]
            return
        kept = max((_begun(held, stop) for stop in stops), default=0)
        if len(held) > kept:
            yield held[: len(held) - kept]
            held = held[len(held) - kept :]
    if held:
        yield held


def after_last(text: str, stops: Sequence[str]) -> str:
    """What follows the last of the stops in a text that was written from its end."""
    found = [(at, at + len(stop)) for stop in stops if (at := text.rfind(stop)) >= 0]
    return text[max(found)[1] :] if found else text


def _begun(text: str, stop: str) -> int:
    """How many characters at the end of a text are the beginning of a stop."""
    return next((size for size in range(min(len(text), len(stop) - 1), 0, -1) if text.endswith(stop[:size])), 0)


def _as_written(codec: TokenReader, stop: str, notes: list[str]) -> str:
    """A text to stop at as the model would write it."""
    tokens = codec.tokenizer
    if not tokens.lossless and any(mark.isspace() and mark != " " for mark in stop):
        notes.append(f"the text will not stop at {stop!a}: a model of {tokens.unit} writes no white space but spaces")
    return tokens.normal(stop).lower() if getattr(tokens, "lowercase", False) else tokens.normal(stop)
