"""Scores of captions, the tables that show them, and the baseline that they are compared with."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from seqkit.answers.written import Caption
from seqkit.data import Splits
from seqkit.data.normal_forms import canonical
from seqkit.data.pictures import Captioned
from seqkit.scores.written import bleu, chrf, cider
from seqkit.tables import Table
from seqkit.topologies.sampling import fixed_sample

_WORST = 5
"""Mistakes that are shown in a table."""
_SAMPLES = 4
"""Captions that are shown after each epoch."""
_COLUMN = 38
"""Characters of a caption that fit a line of 80 twice."""


def caption_scores(predictions: Sequence[Caption], examples: Sequence[Captioned]) -> dict[str, float]:
    """BLEU-4 and chrF of sacrebleu (0 to 100), the fraction that equals a reference, CIDEr-D of words (0 to 10)."""
    texts, references = [canonical(p.text) for p in predictions], [list(map(canonical, e.captions)) for e in examples]
    exact = sum(text in accepted for text, accepted in zip(texts, references, strict=True))
    words = [[reference.split() for reference in accepted] for accepted in references]
    return {
        "bleu": bleu(texts, references),
        "chrf": chrf(texts, references),
        "exact": exact / max(1, len(texts)),
        "cider": cider([text.split() for text in texts], words),
    }


def most_frequent_caption(splits: Splits[Captioned]) -> list[Caption]:
    """The caption that the training split has most often, for every picture of the test split."""
    counts = Counter(caption for example in splits.train for caption in example.captions)
    ((text, _),) = counts.most_common(1)
    return [Caption(text, (), 0.0)] * len(splits.test)


def caption_samples(predictions: Sequence[Caption], examples: Sequence[Captioned]) -> list[Table]:
    """A few captions beside the truth, always of the same pictures."""
    chosen = fixed_sample(len(examples), _SAMPLES)
    rows = [[examples[n].captions[0][:_COLUMN], predictions[n].text[:_COLUMN]] for n in chosen]
    return [Table("", ["", ""], rows)]


def caption_tables(predictions: Sequence[Caption], examples: Sequence[Captioned]) -> list[Table]:
    """The wrong captions that the model was most confident of, each mistake once."""
    wrong = [
        (p, e)
        for p, e in zip(predictions, examples, strict=True)
        if canonical(p.text) not in map(canonical, e.captions)
    ]
    rows: dict[tuple[str, str], list[str]] = {}
    for p, e in sorted(wrong, key=lambda pair: -pair[0].log_probability):
        rows.setdefault((e.captions[0], p.text), [f"{math.exp(p.log_probability):.2f}", e.captions[0], p.text])
    return [Table("Most confident mistakes", ["confidence", "truth", "caption"], list(rows.values())[:_WORST])]
