"""Options of every task that labels words."""

from __future__ import annotations

from dataclasses import dataclass

from seqkit.config import (
    ClassWeightOptions,
    RecurrentOptions,
    SplitOptions,
    TeacherOptions,
    VocabularyOptions,
    from_data,
    option,
    sizes_without_vectors,
)
from seqkit.data.normal_forms import NFKC
from seqkit.layers.words import SPELLINGS

MARKS_BALANCE = 0.3
"""The balance that gives marks their best F1: where a comma may stand, no mark is likelier nearly everywhere."""


@dataclass(frozen=True, kw_only=True)
class TaggingOptions(TeacherOptions, ClassWeightOptions, RecurrentOptions, VocabularyOptions, SplitOptions):
    """How sentences are read, and the network that labels their words."""

    data: str = option("", "the data: a CoNLL, CoNLL-U, JSON or CSV file of tagged sentences", path=True)
    word_column: str | None = option(None, "column of the words: a number, or a name (see docs/data.md)", reads=True)
    tag_column: str | None = option(None, "column of the tags: a number, or a name such as xpos", reads=True)
    sentence_column: str | None = option(
        None, "column that identifies a word's sentence, if blank lines do not", reads=True
    )
    group_column: str | None = option(
        None, "column of a group, such as a document, that is kept within one split", reads=True
    )
    tag_names: str | None = option(
        None, "file with names for numeric tags, one per line or JSON", path=True, reads=True
    )
    valid_fraction: float = 0.05
    test_fraction: float = 0.05
    normal_form: str = NFKC
    learning_rate: float = 3e-3
    lowercase: bool = option(True, "lowercase words; capitals are still seen in their characters")
    embedding_size: int = option(96, "size of word vectors", minimum=1, tune=sizes_without_vectors)
    hidden_size: int = option(128, "units of a cell, in each direction", minimum=1, tune="64,96,128,192,256")
    bidirectional: bool = option(True, "also read each sentence backward")
    characters: str = option("rnn", "how characters of words are read: rnn, cnn or none", choices=lambda: SPELLINGS)
    spelled_below: int = option(
        0, "read characters only of words seen less often than this in training; 0: of all", minimum=0
    )
    character_size: int = option(32, "size of character vectors", minimum=1)
    # With 128 a pass takes an eighth to a third longer, and sentences held out get no better labels: parts of speech
    # had accuracy 0.9491 with 128 and 0.9485 with 64 (3,000 sentences), German names F1 0.587 and 0.585 (2,000).
    spelling_size: int = option(64, "size of the vector made from a word's characters", minimum=1, tune="32,64,128,192")
    forgetting: float = option(1.0, "how often rare words are treated as unknown in training", minimum=0)
    balance: float | None = option(
        None,
        f"how much rare labels are favoured: probability / frequency^balance [{MARKS_BALANCE} for marks, else 0]",
        minimum=0,
    )
    calibrate: bool = option(
        False, "with a crf, fit to the validation split how readily spans are found, after training"
    )
    crf: bool | None = option(None, "conditional random field: labels depend on their neighbours [for spans]")
    n_best: int = option(1, "labellings per sentence; more than one needs crf", minimum=1)
    dropout: float = option(0.5, "dropout between layers and on the outputs", minimum=0, below=1, tune="0..0.7")
    embedding_dropout: float = option(0.4, "dropout on word vectors", minimum=0, below=1, tune="0..0.6")
    word_dropout: float = option(0.0, "fraction of words dropped in training", minimum=0, below=1, tune="0..0.3")
    features: bool = option(True, "add features of words and their neighbours to the recurrent layer's scores")
    feature_dropout: float = option(0.5, "dropout of word features", minimum=0, below=1, tune="0.2..0.8")
    vectors: str | None = option(None, "GloVe or word2vec text file to initialise the word vectors", path=True)
    epochs: int = from_data(12)
    batch_size: int = option(from_data(16), "maximum number of sentences in a batch", minimum=1)
    patience: int = from_data(3)
    schedule: str = "constant"
