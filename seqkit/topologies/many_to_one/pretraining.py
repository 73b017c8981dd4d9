"""Which texts a classifier's language models read before its training, and which words it knows from them."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Any

from seqkit.data import Splits, Vocabulary
from seqkit.data.readers import TextPair
from seqkit.topologies.many_to_one.options import ManyToOneOptions
from seqkit.topologies.many_to_one.text_head import TextHead
from seqkit.topologies.many_to_one.texts import TextInputs
from seqkit.topologies.pretraining import AUTO, Pretraining, pretraining, without

_FEWEST = 100_000
"""Tokens of training texts from which language models of them pay: of 14,000 and 17,000 they gave -0.3 and +0.8 points
of accuracy on 2,000 held-out texts (three seeds, one standard error is 1 point) and took ten times as long."""
_COUNT = 3
"""How often a word must be seen in texts without labels to be known: there are more of them."""


def unlabelled(texts: Sequence[str], splits: Splits[Any]) -> list[str]:
    """Texts without those of validation and test, which must stay unseen."""
    return without(texts, _texts([*splits.valid, *splits.test]))


def frequent_words(codec: TextInputs, texts: Sequence[str]) -> list[str]:
    """The frequent tokens of texts, the most frequent first."""
    counted = Vocabulary.build((codec.split(text) for text in texts), _COUNT)
    return list(counted.symbols[len(counted.specials) :])


def widened_codec(codec: TextInputs, words: Sequence[str], max_symbols: int) -> TextInputs:
    """The codec with these words behind those of the training split, as far as there is room."""
    known = codec.vocabulary
    added = [word for word in dict.fromkeys(words) if word not in known][: max(0, max_symbols - len(known))]
    wider = copy(codec)
    wider.vocabulary = Vocabulary(known.specials, [*known.symbols[len(known.specials) :], *added])
    return wider


def classifier_pretraining(
    config: ManyToOneOptions,
    codec: TextInputs,
    head: TextHead,
    splits: Splits[Any],
    texts: Sequence[str],
    notes: list[str],
) -> Pretraining | None:
    """Language models of the training texts and the others, for the head's encoder; None where they would not pay."""

    def numbers(some: Sequence[str]) -> list[list[int]]:
        return [codec.vocabulary.encode(codec.split(text)) for text in some]

    rows = numbers([*texts, *_texts(splits.train)])
    if config.pretrain == AUTO and (tokens := sum(map(len, rows))) < _FEWEST:
        notes.append(f"no language models first: of {tokens:,} tokens they would learn too little; name more texts")
        return None
    valid = numbers(_texts(splits.valid))
    return pretraining(head.encoder, rows, valid, config, codec.vocabulary.pad)


def _texts(examples: Sequence[Any]) -> list[str]:
    """The texts of examples, each of a pair by itself."""
    return [text for e in examples for text in (e.text.sides if isinstance(e.text, TextPair) else (e.text,))]
