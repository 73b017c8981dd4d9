"""What the scores of a report mean, for readers who meet them for the first time."""

from __future__ import annotations

import re
from collections.abc import Iterable

from seqkit.report.numbers import spaced

_MEANINGS = {
    "accuracy": "the fraction of answers that are correct",
    "macro_f1": "the average over labels of F1, which balances precision and recall; rare labels count as much as "
    "frequent ones",
    "micro_f1": "F1, which balances precision and recall, over all labels together",
    "f1": "the harmonic mean of precision and recall, over all spans",
    "precision": "of what was predicted, the fraction that is correct",
    "recall": "of what should have been found, the fraction that was",
    "exact_match": "the fraction of answers that are correct in every label",
    "edit": "whether segments come in the correct order, wherever they are: 1 less their edit distance, "
    "relative to the longer order",
    "bleu": "how many sequences of up to four words the output shares with the references",
    "chrf": "how many character sequences the output shares with the references",
    "wer": "the fraction of words with at least one mistake",
    "per": "insertions, deletions and substitutions of phonemes, relative to the true number of phonemes",
    "bpc": "bits per character: how many yes-no questions a character costs on average",
    "perplexity": "between how many equally likely next symbols the model is undecided, on average",
    "rmse": "the square root of the average squared error; large errors count most",
    "mae": "the average absolute error",
    "r2": "the fraction of the variance that is explained",
    "coverage": "the fraction of true values that are within the predicted interval",
    "interval_width": "how wide the predicted intervals are on average",
    "exact": "the fraction of outputs that equal a reference",
    "cider": "how many sequences of up to four words a caption shares with its references; rare ones count most",
    "nats_per_character": "bpc in natural units: bits times ln 2",
}
_SEGMENTS = re.compile(r"segment_f1_(\d+)")
_LENGTH = re.compile(r"accuracy_(\d+)")


def meaning(score: str) -> str:
    """What a score means; empty for one whose name says it, or that is not known."""
    if found := _SEGMENTS.fullmatch(score):
        return (
            "F1 of segments: a predicted segment is a hit if it has the label of a true one and the two share at "
            f"least {found[1]} % of the frames that either covers"
        )
    if found := _LENGTH.fullmatch(score):
        return f"the same in sequences of {found[1]} steps"
    return _MEANINGS.get(score, "")


def meanings(scores: Iterable[str]) -> dict[str, str]:
    """Those of the scores that have one, by the name that the page shows; segments are explained once."""
    found = {spaced(score): meaning(score) for score in scores}
    segments = [name for name in found if name.startswith("segment f1")]
    for name in segments[1:]:
        found[name] = f"the same with {name.rsplit(' ', 1)[1]} %"
    return {name: text for name, text in found.items() if text}
