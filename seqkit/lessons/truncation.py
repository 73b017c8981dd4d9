"""Truncated back-propagation and carried state: how far back a network learns, and how far back it remembers.

B streams, T steps of a chunk.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot

from seqkit.drawing.lines import line_plot
from seqkit.layers import Recurrent
from seqkit.lessons.lesson import Lesson, figure_beside, mathematics, paragraphs
from seqkit.pages import muted, section, table
from seqkit.training.checkpoint import seeded

_DELAY = 4
_CHUNKS = (2, 4, 8, 16, 32)
_STREAMS, _UNITS, _UPDATES, _TESTED = 32, 32, 400, 160


def echo_accuracy(chunk: int, carried: bool, seed: int) -> float:
    """How often an LSTM repeats the bit of four steps ago, after training in chunks of this many steps.

    Args:
        chunk: steps of truncated back-propagation.
        carried: whether a chunk begins with the state in which the one before it ended, or with zeros.
        seed: of the bits and the weights.
    """
    with seeded(seed):
        bits = torch.randint(2, (_STREAMS, _UPDATES * chunk + _TESTED))
        layer, output = Recurrent("lstm", 2, _UNITS), nn.Linear(_UNITS, 2)
    optimizer = torch.optim.Adam([*layer.parameters(), *output.parameters()], lr=0.01)
    state, correct = None, list[Tensor]()
    for start in range(0, bits.shape[1], chunk):
        part = slice(start, start + chunk)
        h, state = layer(one_hot(bits[:, part], 2).float(), state=state if carried else None)
        logits, truth = output(h), bits.roll(_DELAY, 1)[:, part]
        if start < _UPDATES * chunk:
            optimizer.zero_grad()
            cross_entropy(logits.flatten(0, 1), truth.flatten()).backward()
            nn.utils.clip_grad_norm_(layer.parameters(), 1.0)
            optimizer.step()
        else:
            correct.append(logits.argmax(2) == truth)
        state = state.detach()  # here the gradient ends, and the state continues
    return float(torch.cat(correct, 1).float().mean())


def _sections(seed: int) -> list[str]:
    lines = {
        "state carried": [echo_accuracy(chunk, True, seed) for chunk in _CHUNKS],
        "state from zeros": [echo_accuracy(chunk, False, seed) for chunk in _CHUNKS],
    }
    return [_problem(), _results(lines)]


def _problem() -> str:
    text = paragraphs(
        "A text of a million letters is too long for one backward pass. It is read in chunks: the state at the end of "
        "one is the start of the next, but the gradient stops there. So a network may remember further back than it "
        "can learn to remember.",
        f"Here it reads random bits, and must say at each step which bit came {_DELAY} steps ago. Guessing is correct "
        "half the time.",
    )
    maths = mathematics("y_t = x_{t − 4}", "\\frac{∂ L_t}{∂ h_s} = 0  for s before the chunk of t")
    return section("Chunks", maths + text)


def _results(lines: Mapping[str, Sequence[float]]) -> str:
    carried, fresh = lines.values()
    plot = line_plot(
        lines, _CHUNKS, "steps of a chunk", "correct", log_across=True, limits=(0.4, 1.03), level=(0.5, "guessing")
    )
    short = [_percent(carried, chunk) for chunk in _CHUNKS if chunk <= _DELAY]
    long = [_percent(carried, chunk) for chunk in _CHUNKS if chunk > _DELAY]
    text = paragraphs(
        f"Carried state, chunks of up to {_DELAY} steps: {', '.join(short)}. No gradient ever reaches the bit that is "
        "asked for. What is above one half comes from traces that the state happens to keep, which the output learns "
        f"to read. With longer chunks: {', '.join(long)}. Within a chunk the gradient now reaches far enough, and what "
        "it teaches works across chunks as well.",
        f"From zeros, the first {_DELAY} steps of a chunk have nothing to look back on: at best "
        f"1 − {_DELAY}/(2 · chunk) is correct, the last column of the table.",
    )
    best = [max(0.5, 1 - _DELAY / (2 * chunk)) for chunk in _CHUNKS]
    rows = [[str(chunk), *(f"{v:.2f}" for v in row)] for chunk, *row in zip(_CHUNKS, carried, fresh, best, strict=True)]
    found = table(["chunk", *lines, "at best"], rows, numbers={1, 2, 3})
    text += muted(
        "The option --chunk of seqkit run charlm sets the steps of truncated back-propagation; it always carries the "
        "state."
    )
    return section("What is learned", figure_beside(plot + found, text))


def _percent(values: Sequence[float], chunk: int) -> str:
    return f"{values[_CHUNKS.index(chunk)]:.0%} with {chunk}"


_EXAMPLE = """
from seqkit.lessons.truncation import echo_accuracy

for chunk in (2, 4, 8):
    print(chunk, echo_accuracy(chunk, carried=True, seed={seed}))
"""

LESSON = Lesson(
    "Truncated back-propagation and carried state",
    "A text is read in chunks, and gradients stop at their boundaries. What does that cost?",
    _sections,
    (echo_accuracy,),
    _EXAMPLE,
)
