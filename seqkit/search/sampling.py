"""Drawing sequences at random, as a language model would write them."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from seqkit.answers.sampling import COLDEST, HOTTEST, Sampling, check_drawing
from seqkit.search.base import S, Step, refuse_nan
from seqkit.search.repeats import Repeats

__all__ = ["Sampling", "choose", "sample"]


def choose(
    logits: Tensor, generator: torch.Generator, temperature: float = 1.0, top_k: int = 0, top_p: float = 1.0
) -> Tensor:
    """Draws one symbol (N) for each row of logits (N, V).

    Args:
        temperature: logits are divided by it; 0 takes the most likely symbol.
        top_k: only the k most likely symbols may be drawn; 0: all.
        top_p: only the most likely that together reach this probability may be drawn (Holtzman et al., 2020,
            arXiv:1904.09751).

    Raises:
        UsageError: for values outside of temperature >= 0, top_k >= 0, 0 < top_p <= 1.
        SeqkitError: for logits that are not numbers.
    """
    check_drawing(temperature, top_k, top_p)
    refuse_nan(logits)
    if temperature < COLDEST:
        return logits.argmax(1)
    scaled = logits if temperature == 1 else logits / min(temperature, HOTTEST)
    if top_k == 0 and top_p == 1:
        return _draw(torch.softmax(scaled, 1), generator)
    values, symbols = scaled.sort(1, descending=True)
    if top_k:
        values[:, top_k:] = -torch.inf
    probabilities = torch.softmax(values, 1)
    if top_p < 1:
        # A symbol stays if those before it have not yet reached the sum; the first always does.
        before = probabilities.cumsum(1) - probabilities
        probabilities = probabilities.masked_fill(before >= top_p, 0.0)
    return symbols.gather(1, _draw(probabilities, generator).unsqueeze(1)).squeeze(1)


def sample(
    step: Step[S],
    state: S,
    last: Tensor,
    generator: torch.Generator,
    *,
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
    repeats: Repeats | None = None,
) -> Iterator[Tensor]:
    """Symbols (N), step after step without end, each drawn by :func:`choose` and then read as the next ``last``.

    The step must run without gradients: the graph of an endless text would grow without end. With ``repeats`` no n-gram
    comes twice.
    """
    while True:
        logits, state = step(last, state)
        allowed = logits if repeats is None else repeats.block(logits)
        last = choose(allowed, generator, temperature, top_k, top_p)
        if repeats is not None:
            repeats.read(last)
        yield last


def _draw(probabilities: Tensor, generator: torch.Generator) -> Tensor:
    """A race of exponential clocks, in which symbol i rings first with probability p_i.

    Measured twice as fast as ``torch.multinomial``. The generator's own device draws, so that a seed of the CPU gives
    the same text on a GPU.
    """
    clocks = torch.empty_like(probabilities, device=generator.device).exponential_(generator=generator)
    return (probabilities / clocks.to(probabilities.device)).argmax(1)
