"""Sampling temperature: the same model, from repetition to noise.

V symbols of the vocabulary.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

import torch
from torch import Tensor

from seqkit.data.corpus import stretch
from seqkit.data.sources.python_reference import python_reference
from seqkit.drawing.lines import line_plot
from seqkit.layers import Decoder
from seqkit.lessons.lesson import Lesson, figure_beside, mathematics, paragraphs
from seqkit.lessons.training import Trained, train
from seqkit.pages import muted, safe, section, table
from seqkit.runs import Model

_TEMPERATURES = (0.0, 0.3, 0.6, 1.0, 1.5)
_PROMPT, _CHARACTERS, _SHOWN = "The ", 2000, 240
_RANKS = 10
_EPOCHS = 4


def learn_characters(seed: int) -> Trained:
    """A language model of the characters of Python's reference."""
    network: dict[str, Any] = {"hidden_size": 128, "embedding_size": 32, "streams": 16}
    return train("charlm", **network, epochs=_EPOCHS, minutes=0, seed=seed)


def next_characters(model: Model, prompt: str) -> Tensor:
    """The logits (V) of the character that follows a prompt."""
    decoder = model.head.get_submodule("decoder")
    assert isinstance(decoder, Decoder)
    with torch.no_grad():
        tokens = torch.from_numpy(model.codec.encode(prompt).tokens).unsqueeze(0)
        return decoder.logits(decoder(tokens, decoder.start()).features[:, -1])[0]


def write(model: Model, temperature: float, seed: int) -> str:
    """A text sampled from the model at that temperature."""
    return "".join(model.generate(_PROMPT, length=_CHARACTERS, temperature=temperature, seed=seed))


def known_words(text: str, known: Container[str]) -> float:
    """The fraction of the words of a text that are words of the reference."""
    words = text.split()[:-1]  # the last one is cut
    return sum(word in known for word in words) / max(1, len(words))


def _sections(seed: int) -> list[str]:
    trained = learn_characters(seed)
    model, known = trained.model, _reference_words()
    texts = {temperature: write(model, temperature, seed) for temperature in _TEMPERATURES}
    perplexity = min(record["perplexity"] for record in trained.history)
    return [_softmax(next_characters(model, _PROMPT), model, perplexity), _texts(texts), _words(texts, known)]


def _reference_words() -> set[str]:
    return set("".join(stretch(python_reference()).blocks()).split())


def _softmax(logits: Tensor, model: Model, perplexity: float) -> str:
    codec: Any = model.codec
    symbols = codec.vocabulary.symbols
    order = logits.argsort(descending=True)[:_RANKS].tolist()
    lines = {f"T = {t:g}": torch.softmax(logits / t, 0)[order].tolist() for t in (0.3, 1.0, 2.0)}
    plot = line_plot(lines, range(1, _RANKS + 1), "rank of the next character", "probability")
    text = paragraphs(
        "A language model gives each possible next character a score z. The temperature T divides the scores before "
        "they become probabilities: below 1 the likely ones gain, at 0 the most likely one is always taken, above 1 "
        "all become more alike.",
        f"This model has read Python's reference {_EPOCHS} times, and is on average as unsure as if it chose among "
        f"{perplexity:.1f} characters. The plot shows the {_RANKS} most likely to follow “{_PROMPT}”.",
    )
    rows = [
        [_visible(symbols[number]), *(f"{line[rank]:.3f}" for line in lines.values())]
        for rank, number in enumerate(order)
    ]
    chances = table(["next", *lines], rows[:5], numbers={1, 2, 3})
    maths = mathematics("p_k = \\frac{exp(z_k / T)}{∑_j exp(z_j / T)}")
    return section("From scores to probabilities", figure_beside(plot + chances, maths + text))


def _visible(symbol: str) -> str:
    return {" ": "(space)", "\n": "(end of line)"}.get(symbol, symbol)


def _texts(texts: Mapping[float, str]) -> str:
    drawn = "".join(
        f"<h3>T = {temperature:g}</h3><pre class='fold'>{safe(_PROMPT + text[:_SHOWN])}</pre>"
        for temperature, text in texts.items()
    )
    return section("What it writes", drawn + muted(f"The first {_SHOWN} of {_CHARACTERS:,} characters of each."))


def _words(texts: Mapping[float, str], known: Container[str]) -> str:
    correct = [known_words(text, known) for text in texts.values()]
    different = [len(set(text.split())) / max(1, len(text.split())) for text in texts.values()]
    lines = {"words of the reference": correct, "different from one another": different}
    plot = line_plot(lines, _TEMPERATURES, "temperature", "fraction of the words", limits=(-0.03, 1.03))
    text = paragraphs(
        f"At T = {_TEMPERATURES[0]:g}, {correct[0]:.0%} of the words are words of the reference, but only "
        f"{different[0]:.1%} differ from one another: it repeats itself. At T = {_TEMPERATURES[-1]:g}, "
        f"{different[-1]:.0%} differ, and {correct[-1]:.0%} are words. Something between, such as 0.7, is usual.",
    )
    rows = [[f"{t:g}", f"{a:.3f}", f"{b:.3f}"] for t, a, b in zip(_TEMPERATURES, correct, different, strict=True)]
    more = muted(f"Counted in {_CHARACTERS:,} characters at each temperature.")
    found = table(["T", "are words", "differ"], rows, numbers={1, 2})
    return section("Repetition and noise", figure_beside(plot, text + found + more))


_EXAMPLE = """
from seqkit.lessons.temperature import learn_characters, write

model = learn_characters(seed={seed}).model
for temperature in (0.0, 0.6, 1.5):
    print(temperature, write(model, temperature, seed={seed})[:80])
"""

LESSON = Lesson(
    "Sampling temperature",
    "How does one number turn the same model from repetition to noise?",
    _sections,
    (learn_characters, next_characters, write, known_words),
    _EXAMPLE,
)
