"""Attention aligns a translation: which words a decoder looks at while it writes.

S words of the source, T words of the target.
"""

from __future__ import annotations

import random

from seqkit.data import SourceLocation, Splits
from seqkit.data.pairs import Pair
from seqkit.drawing.attention import READ, WRITTEN
from seqkit.drawing.heat import heat_map
from seqkit.inspection.inside import AttentionMap, look_inside
from seqkit.lessons.lesson import Lesson, figure_beside, mathematics, paragraphs
from seqkit.lessons.training import Trained, train
from seqkit.pages import muted, section, table
from seqkit.runs import Model

_NOUNS = {
    "cat": ("chat", "m"),
    "dog": ("chien", "m"),
    "horse": ("cheval", "m"),
    "bird": ("oiseau", "m"),
    "cow": ("vache", "f"),
    "mouse": ("souris", "f"),
    "hen": ("poule", "f"),
    "goat": ("chèvre", "f"),
}
_ADJECTIVES = {
    "white": {"m": "blanc", "f": "blanche"},
    "black": {"m": "noir", "f": "noire"},
    "green": {"m": "vert", "f": "verte"},
    "grey": {"m": "gris", "f": "grise"},
}
_VERBS = {"sees": "voit", "hears": "entend", "follows": "suit", "loves": "aime"}
_ARTICLES = {"a": {"m": "un", "f": "une"}, "this": {"m": "ce", "f": "cette"}}
_TRAINED, _VALIDATED, _TESTED, _EPOCHS = 1600, 100, 200, 10
_SHOWN = ("a white cow sees this black dog", "this grey hen does not follow a green bird")


def sentence_pairs(seed: int) -> Splits[Pair]:
    """English sentences of a small grammar and their French, where adjectives follow nouns and a not has two halves."""
    generator, pairs = random.Random(seed), dict[str, str]()
    while len(pairs) < _TRAINED + _VALIDATED + _TESTED:
        (subject, sujet), (thing, objet) = _noun_phrase(generator), _noun_phrase(generator)
        verb = generator.choice([*_VERBS])
        negated = generator.random() < 0.4
        english = f"does not {verb.removesuffix('s')}" if negated else verb
        french = f"ne {_VERBS[verb]} pas" if negated else _VERBS[verb]
        pairs[f"{subject} {english} {thing}"] = f"{sujet} {french} {objet}"
    for shown in _SHOWN:
        pairs.pop(shown, None)
    examples = [Pair(one, (other,), SourceLocation("grammar", n)) for n, (one, other) in enumerate(pairs.items(), 1)]
    return Splits(examples[: -_VALIDATED - _TESTED], examples[-_VALIDATED - _TESTED : -_TESTED], examples[-_TESTED:])


def _noun_phrase(generator: random.Random) -> tuple[str, str]:
    noun, adjective = generator.choice([*_NOUNS]), generator.choice([*_ADJECTIVES])
    article, (nom, gender) = generator.choice([*_ARTICLES]), _NOUNS[noun]
    return f"{article} {adjective} {noun}", f"{_ARTICLES[article][gender]} {nom} {_ADJECTIVES[adjective][gender]}"


def learn_french(seed: int) -> Trained:
    """A small encoder and decoder with attention, trained on the sentences."""
    options = {"tokenizer": "word", "embedding_size": 32, "hidden_size": 48, "batch_size": 32, "beam_size": 1}
    return train("translate", sentence_pairs(seed), **options, epochs=_EPOCHS, memory=0, seed=seed)


def attention_of(model: Model, sentence: str) -> AttentionMap:
    """The weights (T, S) of the decoder's attention while the model translates a sentence."""
    return look_inside(model, sentence).attention[-1]


def _sections(seed: int) -> list[str]:
    trained = learn_french(seed)
    model, test = trained.model, trained.splits.test
    predictions = model.predict([pair.source for pair in test])
    correct = sum(p.text == pair.references[0] for p, pair in zip(predictions, test, strict=True))
    return [
        _task(trained, correct),
        *(_alignment(attention_of(model, sentence), sentence) for sentence in _SHOWN),
    ]


def _task(trained: Trained, correct: int) -> str:
    test = trained.splits.test
    text = paragraphs(
        "An encoder reads an English sentence; a decoder writes the French, word by word. It was trained for "
        f"{_EPOCHS} epochs on {_TRAINED:,} sentences of a small grammar, and translates {correct} of {len(test)} "
        "others without a mistake. Nothing in the data says which word translates which.",
        "In each step the decoder compares its state d with the encoder's output e at every place, and reads the "
        "average of these outputs, weighted by a softmax of the scores.",
    )
    maths = mathematics("a_{t, s} = softmax_s(d_t W e_s)", "k_t = ∑_s a_{t, s} e_s", "y_t = tanh(V [d_t; k_t])")
    pairs = table(["English", "French"], [[pair.source, pair.references[0]] for pair in test[:3]])
    return section("Learning to translate", figure_beside(text + muted("Three of the sentences:") + pairs, maths))


def _alignment(attention: AttentionMap, sentence: str) -> str:
    weights = attention.weights.tolist()
    written = ["end" if word == "</s>" else word for word in attention.written]
    heat = heat_map(
        weights, attention.places, written, f"attention while translating: {sentence}", across=READ, down=WRITTEN
    )
    looked = [
        f"{word} at {attention.places[row.index(max(row))]} ({max(row):.0%})"
        for word, row in zip(written, weights, strict=True)
    ]
    text = paragraphs(
        "Rows are the words that were written, columns those that were read; the stronger the colour, the more "
        f"weight. Each word looks most at: {', '.join(looked)}."
    )
    more = muted(
        "Where the order of words differs, the strong cells leave the diagonal. The encoder's output at a place also "
        "depends on its neighbours: a row need not look at the word that it translates, and attention is no proof of "
        "what a model has used."
    )
    return section(f"{sentence} → {' '.join(written[:-1])}", figure_beside(heat, text + more))


_EXAMPLE = """
from seqkit.lessons.attention import attention_of, learn_french

model = learn_french(seed={seed}).model
attention = attention_of(model, "a white cow sees this black dog")
print(attention.places, attention.written, attention.weights, sep="\\n")
"""

LESSON = Lesson(
    "Attention aligns a translation",
    "Which words of the source does a decoder look at while it writes each of its own?",
    _sections,
    (sentence_pairs, learn_french, attention_of),
    _EXAMPLE,
)
