"""A dependency over a hundred steps: an LSTM learns it, a plain recurrent network does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from seqkit.data.sources.memory import lengths_of_test
from seqkit.drawing.lines import line_plot
from seqkit.lessons.lesson import Lesson, figure_beside, mathematics, paragraphs
from seqkit.lessons.training import Trained, train
from seqkit.pages import muted, safe, section, table

_LENGTH, _EPOCHS = 100, 10
_CELLS = ("rnn", "lstm", "gru")
_SHOWN = 24
"""Steps of the example that is shown"""


def learn_to_add(cell: str, seed: int) -> Trained:
    """A model of the adding problem: two of up to 100 digits are marked, and the answer is their sum."""
    return train("memory", problem="adding", length=_LENGTH, cell=cell, epochs=_EPOCHS, seed=seed)


def accuracy_by_length(trained: Trained) -> dict[str, float]:
    """The fraction of correct sums in the test split, whose longest sequences have four times the steps of training."""
    task, test = trained.model.task, trained.splits.test
    return task.score(trained.model.predict([task.input_of(example) for example in test]), test)


def _sections(seed: int) -> list[str]:
    trained = {cell: learn_to_add(cell, seed) for cell in _CELLS}
    scores = {cell: accuracy_by_length(of_cell) for cell, of_cell in trained.items()}
    one = next(iter(trained.values()))
    task = one.model.task
    baseline = task.score(task.predict_baseline(one.model.config, one.splits), one.splits.test)
    history = {cell: [record["accuracy"] for record in of_cell.history] for cell, of_cell in trained.items()}
    return [_problem(one), _learning(history), _lengths(scores, baseline)]


def _problem(trained: Trained) -> str:
    example = min(trained.splits.test, key=lambda example: len(example.words))
    text = paragraphs(
        "The adding problem (Hochreiter and Schmidhuber, 1997), with digits: two of them are marked with a plus sign, "
        "one in each half of the sequence, and at the end their sum is asked for. Nothing else matters, so a model "
        "must find the marked digits, keep the first until the second comes, and the sum until the end.",
    )
    words = " ".join(example.words)
    shown = f"<pre class='fold'>{safe(words)}   →   {safe(example.tags[-1])}</pre>"
    more = muted(
        f"The shortest of the test split; in training, sequences have {_LENGTH // 10} to {_LENGTH} steps, and the "
        "loss is that of the one answer. Guessing the most frequent sum, 9, is correct one time in ten."
    )
    return section("The problem", text + shown + more)


def _learning(history: Mapping[str, Sequence[float]]) -> str:
    plot = line_plot(
        history, range(1, _EPOCHS + 1), "epoch", "accuracy on validation", limits=(-0.03, 1.03), level=(0.1, "guessing")
    )
    solved = {
        cell: next((n for n, value in enumerate(of_cell, 1) if value > 0.95), None) for cell, of_cell in history.items()
    }
    text = paragraphs(*(_progress(cell, solved[cell], of_cell) for cell, of_cell in history.items()))
    maths = mathematics("h_t = tanh(W h_{t−1} + U x_t + b)", "c_t = f_t ⊙ c_{t−1} + i_t ⊙ g_t")
    why = paragraphs(
        "The RNN recomputes its whole state in each step, and what it remembers must survive every one of them. The "
        "LSTM keeps c unchanged while f is near 1 and i near 0, and the gates learn when that should be."
    )
    return section("Learning it", figure_beside(plot, maths + text + why))


def _progress(cell: str, solved: int | None, history: Sequence[float]) -> str:
    if solved is None:
        return f"{cell}: {max(history):.0%} correct at its best, in {len(history)} epochs."
    return f"{cell}: more than 95% correct after {solved} epochs, {max(history):.1%} at its best."


def _lengths(scores: Mapping[str, Mapping[str, float]], baseline: Mapping[str, float]) -> str:
    lengths = lengths_of_test(_LENGTH)
    lines = {cell: [of_cell[f"accuracy_{length}"] for length in lengths] for cell, of_cell in scores.items()}
    lines["guessing"] = [baseline[f"accuracy_{length}"] for length in lengths]
    plot = line_plot(lines, lengths, "steps of a sequence", "accuracy, test", log_across=True, limits=(-0.03, 1.03))
    rows = [[name, *(f"{value:.2f}" for value in values)] for name, values in lines.items()]
    names = ["", *map(str, lengths)]
    beyond = [f"the {cell.upper()} is {values[-1]:.0%}" for cell, values in lines.items() if values[2] > 0.9]
    text = paragraphs(
        f"No sequence of training was longer than {_LENGTH} steps. A network that has learned the rule also "
        f"applies it to longer ones: at {lengths[-1]} steps, {' and '.join(beyond) or 'none is'} correct."
    )
    content = figure_beside(plot, text + table(names, rows, numbers={*range(1, len(names))}))
    return section("Lengths that training never saw", content)


_EXAMPLE = """
from seqkit.lessons.long_memory import accuracy_by_length, learn_to_add

for cell in ("rnn", "lstm", "gru"):
    print(cell, accuracy_by_length(learn_to_add(cell, seed={seed})))
"""

LESSON = Lesson(
    "A memory of a hundred steps",
    "Which network can learn that two numbers far apart belong together?",
    _sections,
    (learn_to_add, accuracy_by_length),
    _EXAMPLE,
)
