"""What each gate of an LSTM does while it reads a review.

T words, H hidden units.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean
from typing import Any, NamedTuple

from torch import Tensor

from seqkit.drawing.heat import heat_map
from seqkit.drawing.lines import line_plot
from seqkit.errors import UsageError
from seqkit.inspection.record import record
from seqkit.lessons.lesson import Lesson, figure_beside, mathematics, paragraphs
from seqkit.lessons.training import Trained, train
from seqkit.pages import muted, safe, section
from seqkit.runs import Model

_UNITS, _EPOCHS = 24, 3
_SHOWN = 8
"""Units that are shown"""
_LENGTHS = range(8, 17)
_GATES = {"i": "i, writes", "f": "f, keeps", "o": "o, shows"}


class Reading(NamedTuple):
    """What happened at each word: gates and states (T, H) by name, and the probability of a positive review so far."""

    words: Sequence[str]
    gates: dict[str, Tensor]
    cell: Tensor
    positive: Sequence[float]


def learn_sentiment(seed: int) -> Trained:
    """An LSTM that reads film reviews from left to right and judges by its last state alone."""
    network: dict[str, Any] = {"bidirectional": False, "pooling": "last", "ngrams": False}
    network |= {"hidden_size": _UNITS, "embedding_size": 64}
    # A large rate and little dropout: gates move far from where they begin.
    training: dict[str, Any] = {
        "learning_rate": 0.02,
        "dropout": 0.2,
        "embedding_dropout": 0.3,
        "epochs": _EPOCHS,
        "minutes": 0.0,
    }
    return train("sentiment", **network, **training, seed=seed)


def read_review(model: Model, text: str) -> Reading:
    """Records the gates while the model reads, and asks for its judgement after each word."""
    with record(model) as trace:
        model.predict([text])
    (layer,), words = trace.layers, split(model, text)
    beginnings = [" ".join(words[: count + 1]) for count in range(len(words))]
    positive = [probabilities["positive"] for probabilities in model.predict_proba(beginnings)]
    gates = {name: values[0, : len(words)] for name, values in layer.gates.items()}
    return Reading(words, gates, layer.states["c"][0, : len(words)], positive)


def split(model: Model, text: str) -> list[str]:
    """The words of a text as the model reads them."""
    codec: Any = model.codec
    words: list[str] = codec.split(text)
    return words


def most_turning(trained: Trained) -> tuple[str, str]:
    """A review of the test split that the model judges correctly, and whose judgement changes most on the way."""
    model, test = trained.model, trained.splits.test
    predictions = model.predict([example.text for example in test])
    found = [
        (example.text, example.label)
        for example, prediction in zip(test, predictions, strict=True)
        if prediction.label == example.label and len(split(model, example.text)) in _LENGTHS
    ]
    if not found:
        raise UsageError("the model judges no short review correctly; make the lesson with another --seed")
    return max(found, key=lambda pair: _swing(read_review(model, pair[0]).positive))


def _swing(values: Sequence[float]) -> float:
    return max(values) - min(values)


def _sections(seed: int) -> list[str]:
    trained = learn_sentiment(seed)
    text, label = most_turning(trained)
    reading = read_review(trained.model, text)
    accuracy = max(record["accuracy"] for record in trained.history)
    return [_judgement(reading, label, accuracy), _averages(reading), _units(reading)]


def _judgement(reading: Reading, label: str, accuracy: float) -> str:
    plot = line_plot(
        {"positive": reading.positive},
        range(1, len(reading.words) + 1),
        "words read",
        "probability of positive",
        limits=(-0.03, 1.03),
        level=(0.5, "undecided"),
    )
    changes = [after - before for before, after in zip([0.5, *reading.positive], reading.positive, strict=False)]
    order = sorted(range(len(changes)), key=lambda place: -abs(changes[place]))[:3]
    moved = [f"“{reading.words[place]}” ({changes[place]:+.2f})" for place in sorted(order)]
    text = paragraphs(
        f"An LSTM of {_UNITS} units reads film reviews from left to right. After {_EPOCHS} epochs it is correct on "
        f"{accuracy:.0%} of the validation split. This review is {label}: of the short reviews in the test split that "
        "the LSTM judges correctly, it is the one about which it changes its mind most.",
        f"What moved it most: {', '.join(moved)}.",
    )
    shown = f"<p><strong>{safe(' '.join(reading.words))}</strong></p>"
    return section("A review", shown + figure_beside(plot, text))


def _averages(reading: Reading) -> str:
    rows = [reading.gates[name].mean(1).tolist() for name in _GATES]
    heat = heat_map(rows, reading.words, [*_GATES.values()], "average of each gate at each word")
    maths = mathematics(
        "i_t = σ(W_i x_t + U_i h_{t−1} + b_i)", "c_t = f_t ⊙ c_{t−1} + i_t ⊙ g_t", "h_t = o_t ⊙ tanh(c_t)"
    )
    i, f, _ = rows
    text = paragraphs(
        "Each gate is a number from 0 to 1 for each unit, and each has its own weights, like those of i below. The "
        "input gate i decides how much of the new candidate g is written into c, the forget gate f how much of c is "
        "kept, the output gate o how much of it is shown to the layers above and to the next step.",
        f"Averaged over the units, i opens widest at {_extremes(i, reading.words, max)}, and stays most closed at "
        f"{_extremes(i, reading.words, min)}. The forget gate averages {fmean(f):.2f}: it lets go most at "
        f"{_extremes(f, reading.words, min)}.",
    )
    return section("What the gates do at each word", figure_beside(heat + maths, text))


def _extremes(values: Sequence[float], words: Sequence[str], which: Callable[..., float]) -> str:
    """The word with the largest or smallest value, and that value."""
    value = which(values)
    return f"“{words[list(values).index(value)]}” ({value:.2f})"


def _units(reading: Reading) -> str:
    deviations = reading.cell.std(0, correction=0)
    units = deviations.topk(_SHOWN).indices.tolist()
    names = [f"unit {unit}" for unit in units]
    states = heat_map(reading.cell.T[units].tolist(), reading.words, names, "cell state at each word", signed=True)
    kept = heat_map(reading.gates["f"].T[units].tolist(), reading.words, names, "forget gate at each word")
    jumps = (reading.cell[1:] - reading.cell[:-1]).abs()[:, units[0]]
    word = reading.words[int(jumps.argmax()) + 1]
    text = muted(
        f"The {_SHOWN} units whose c changes most; blue above 0, orange below. The first changes most at “{word}”. "
        "A unit whose f is strongly coloured carries its c on unchanged; where f is faint it lets go. Point at a cell "
        "to read its value."
    )
    return section(
        "Single units",
        figure_beside(f"<h3>The cell state c</h3>{states}", f"<h3>Their forget gate f</h3>{kept}") + text,
    )


_EXAMPLE = """
from seqkit.lessons.gates import learn_sentiment, most_turning, read_review

trained = learn_sentiment(seed={seed})
text, label = most_turning(trained)
reading = read_review(trained.model, text)
for word, positive, kept in zip(reading.words, reading.positive, reading.gates["f"].mean(1)):
    print(f"{{word:12}} {{positive:.2f}} {{kept:.2f}}")
"""

LESSON = Lesson(
    "What each gate does",
    "What do the input, forget and output gates of an LSTM do while it reads a sentence?",
    _sections,
    (learn_sentiment, read_review, most_turning),
    _EXAMPLE,
)
