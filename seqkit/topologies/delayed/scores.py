"""Scores of written texts, the tables that show them, and the baseline that they are compared with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seqkit.answers.written import Translated
from seqkit.data.normal_forms import canonical
from seqkit.data.pairs import Pair
from seqkit.data.placeholders import find_placeholders
from seqkit.data.spacing import plain_spaces
from seqkit.scores.written import bleu, bleu_signature, chrf, chrf_signature, error_rates
from seqkit.tables import Table

_TRANSLATIONS = 5
"""Translations that a report shows"""
_MISTAKES = 10
"""Mistakes that a report shows"""


def translation_scores(predictions: Sequence[Translated], examples: Sequence[Pair]) -> dict[str, float]:
    """BLEU and chrF, and where sources have placeholders, the fraction of those that keep every one of them."""
    texts = [canonical(prediction.text) for prediction in predictions]
    references = [list(map(canonical, example.references)) for example in examples]
    scores = {"bleu": bleu(texts, references), "chrf": chrf(texts, references)}
    pairs = [(find_placeholders(canonical(e.source)), text) for e, text in zip(examples, texts, strict=True)]
    kept = [sorted(wanted) == sorted(find_placeholders(text)) for wanted, text in pairs if wanted]
    return {**scores, "placeholders_kept": sum(kept) / len(kept)} if kept else scores


def symbol_error_rates(predictions: Sequence[Translated], examples: Sequence[Pair]) -> tuple[float, float]:
    """Errors per symbol, and the fraction of outputs with an error; symbols stand between spaces.

    Each output is held against its nearest reference, see :func:`~seqkit.scores.written.error_rates`.
    """
    references = [[canonical(reference).split() for reference in example.references] for example in examples]
    return error_rates([canonical(prediction.text).split() for prediction in predictions], references)


def sample_table(predictions: Sequence[Translated], examples: Sequence[Pair], count: int) -> Table:
    """The first few sources, each with its references and the output, on lines of their own."""
    return Table("", ["", ""], _side_by_side(predictions[:count], examples[:count]))


def translation_tables(predictions: Sequence[Translated], examples: Sequence[Pair]) -> list[Table]:
    """sacrebleu's signatures, and a few translations from all over the split."""
    references = [example.references for example in examples]
    signatures = [["BLEU", bleu_signature(references)], ["chrF", chrf_signature(references)]]
    step = max(1, len(examples) // _TRANSLATIONS)
    rows = _side_by_side(predictions[::step][:_TRANSLATIONS], examples[::step][:_TRANSLATIONS])
    return [Table("Signatures", ["", ""], signatures), Table("Some translations", ["", ""], rows)]


def confident_mistakes(
    title: str, columns: Sequence[str], predictions: Sequence[Translated], examples: Sequence[Pair]
) -> Table:
    """Outputs that are none of their references, the highest scores first: source, references, output."""
    pairs = zip(predictions, examples, strict=True)
    wrong = [
        (p.score, e.source, " | ".join(e.references), p.text)
        for p, e in pairs
        if canonical(p.text) not in map(canonical, e.references)
    ]
    rows = [list(row[1:]) for row in sorted(wrong, key=lambda row: -row[0])[:_MISTAKES]]
    return Table(title, list(columns), rows)


def nearest_targets(train: Sequence[Pair], sources: Sequence[str], letters: bool = False) -> list[str]:
    """For each source, the target of the training source nearest to it by the cosine of TF-IDF.

    ``letters``: over groups of 1 to 3 letters inside words, rather than over words and marks.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    words = TfidfVectorizer(token_pattern=r"\w+|[^\w\s]")
    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 3), dtype=np.float32) if letters else words
    known = vectorizer.fit_transform([canonical(pair.source) for pair in train]).T.tocsr()
    targets: list[str] = []
    # In pieces: the similarities of all sources to all of a large training split would not fit into memory.
    for first in range(0, len(sources), 256):
        similar = (vectorizer.transform(list(map(canonical, sources[first : first + 256]))) @ known).toarray()
        targets += [train[number].references[0] for number in similar.argmax(1).tolist()]
    return targets


def _side_by_side(predictions: Sequence[Translated], examples: Sequence[Pair]) -> list[list[str]]:
    return [
        row
        for p, e in zip(predictions, examples, strict=True)
        for row in (
            ["source", e.source],
            ["reference", " | ".join(map(plain_spaces, e.references))],
            ["hypothesis", p.text],
        )
    ]
