"""Options of every task that labels whole texts."""

from __future__ import annotations

from dataclasses import dataclass

from seqkit.config import (
    ClassWeightOptions,
    PretrainingOptions,
    RecurrentOptions,
    SplitOptions,
    TeacherOptions,
    VocabularyOptions,
    from_data,
    option,
    sizes_without_vectors,
)
from seqkit.data import TOKENIZERS
from seqkit.data.normal_forms import NFKC
from seqkit.data.readers import LABEL, LABELS, NUMBER


@dataclass(frozen=True, kw_only=True)
class ManyToOneOptions(
    TeacherOptions, PretrainingOptions, ClassWeightOptions, RecurrentOptions, VocabularyOptions, SplitOptions
):
    """How texts are read, and the network that labels them."""

    data: str = option("", "the data: a CSV, TSV or JSONL file", path=True)
    target: str = option(
        from_data("auto"),
        "what is predicted: label, labels (a set of them), number, or auto (decided from the data)",
        choices=lambda: ("auto", LABEL, LABELS, NUMBER),
        reads=True,
    )
    text_column: str | None = option(
        None,
        "column of the text (default: guessed by name); two, separated by a comma, to compare two texts",
        reads=True,
    )
    label_column: str | None = option(
        None,
        "column of the label or number (default: guessed by name); several, separated by commas: each a label (0 or 1) "
        "or a number",
        reads=True,
    )
    label_separator: str | None = option(None, "separator of labels in a column (default: | or ; or ,)", reads=True)
    interval: float = option(0.9, "for numbers: probability of the interval around a prediction", above=0, below=1)
    weight_column: str | None = option(None, "column of the example's weight in the loss (default: all 1)", reads=True)
    group_column: str | None = option(
        None, "column of a group, such as a speaker, that is kept within one split", reads=True
    )
    tokenizer: str = option("word", "how text is split: word, char or byte", choices=lambda: TOKENIZERS)
    min_count: int = 2
    normal_form: str = NFKC
    batch_size: int = from_data(64)
    epochs: int = from_data(8)
    patience: int = from_data(3)
    schedule: str = "constant"
    max_tokens: int = option(400, "longer texts are truncated to this many tokens", minimum=1)
    embedding_size: int = option(128, "size of token vectors", minimum=1, tune=sizes_without_vectors)
    hidden_size: int = option(128, "units of a cell, in each direction", minimum=1, tune="64,96,128,192,256")
    bidirectional: bool = option(True, "also read each text backward")
    pooling: str = option(
        "mean+max", "last, mean, max, attention, or several joined by +", tune="mean+max,mean,max,attention"
    )
    dropout: float = option(0.5, "dropout on outputs and on the pooled vector", minimum=0, below=1, tune="0..0.7")
    embedding_dropout: float = option(0.5, "dropout on token vectors", minimum=0, below=1, tune="0..0.7")
    word_dropout: float = option(0.3, "fraction of tokens dropped in training", minimum=0, below=1, tune="0..0.5")
    threshold: str | None = option(
        None,
        "probability from which a label is predicted: of two labels the second, of a set each; auto: tuned on "
        "validation, for each label of a set [0.5; for a set one, tuned]",
    )
    vectors: str | None = option(None, "GloVe or word2vec text file to initialise the embedding", path=True)
    unlabelled: str | None = option(None, "a file of unlabelled texts for the teacher to label", path=True)
    ngrams: bool = option(True, "add n-gram counts per label to the recurrent layer's scores")
