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
        "what is predicted: label, labels (a set of them) or number; auto: what the data say",
        choices=lambda: ("auto", LABEL, LABELS, NUMBER),
    )
    text_column: str | None = option(
        None, "column of the text (else guessed by its name); two with a comma between: texts that are compared"
    )
    label_column: str | None = option(
        None,
        "column of the label or number (else guessed by its name); several with commas between: a label each, 0 or 1, "
        "or a number each",
    )
    label_separator: str | None = option(None, "of labels: what separates them in a column (else | or ; or ,)")
    interval: float = option(0.9, "of number: the probability of the interval around a prediction", above=0, below=1)
    weight_column: str | None = option(None, "column of the example's weight in the loss (else 1)")
    group_column: str | None = option(None, "column of a group, such as a speaker, that is never in two splits")
    tokenizer: str = option("word", "how text is split: word, char or byte", choices=lambda: TOKENIZERS)
    min_count: int = 2
    normal_form: str = NFKC
    batch_size: int = from_data(64)
    epochs: int = from_data(8)
    patience: int = from_data(3)
    schedule: str = "constant"
    max_tokens: int = option(400, "a longer text is cut after so many tokens", minimum=1)
    embedding_size: int = option(128, "values in a token's vector", minimum=1, tune=sizes_without_vectors)
    hidden_size: int = option(128, "units of a cell, for each direction", minimum=1, tune="64,96,128,192,256")
    bidirectional: bool = option(True, "read each text from its end, too")
    pooling: str = option(
        "mean+max", "last, mean, max, attention, or some joined by +", tune="mean+max,mean,max,attention"
    )
    dropout: float = option(0.5, "dropout on outputs and on the pooled vector", minimum=0, below=1, tune="0..0.7")
    embedding_dropout: float = option(0.5, "dropout on token vectors", minimum=0, below=1, tune="0..0.7")
    word_dropout: float = option(0.3, "fraction of the tokens left out in training", minimum=0, below=1, tune="0..0.5")
    threshold: str | None = option(
        None,
        "of two labels, the probability from which the second is predicted; auto: tuned on validation [0.5]; of sets "
        "of labels, from which a label is; auto: tuned for each [tuned for all as one]",
    )
    vectors: str | None = option(None, "GloVe or word2vec text file to start the embedding from", path=True)
    unlabelled: str | None = option(None, "a file of further texts without labels, which the teacher labels", path=True)
    ngrams: bool = option(True, "counts of n-grams by label beside the recurrent layer")
