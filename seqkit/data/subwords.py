"""Tokenizers for tasks that write: their tokens can be joined to a text again, and subwords are learned."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import regex

from seqkit.data.normal_forms import AS_IT_IS, normal
from seqkit.data.placeholders import SLOTS, is_slot, slot
from seqkit.data.readers import DataError
from seqkit.data.tokenizers import CharTokenizer, Tokenizer, tokenizer_from_json
from seqkit.data.vocab import UNK
from seqkit.errors import missing, unknown

WRITABLE = ("bpe", "word", "char", "space")
"""The names that :func:`learn_tokenizer` knows."""

_JOINER = "￭"
_SPACE = "▁"
_SLOT = f"[{slot(0)}-{slot(SLOTS - 1)}]"
_PIECE = regex.compile(
    rf"{_SLOT}|[\p{{L}}\p{{M}}]++(?:['’](?=\p{{L}}))?+|\p{{N}}++(?:[.,]\p{{N}}++)*+|[^\s\p{{L}}\p{{M}}\p{{N}}]"
)
_JOINT = regex.compile(f" ?{_JOINER} ?")
_BPE_PIECE = "|".join(
    [
        _SLOT,
        rf"{_SPACE}?[\p{{L}}\p{{M}}]+['’]?",
        rf"{_SPACE}?\p{{N}}",
        rf"{_SPACE}?[^\p{{L}}\p{{M}}\p{{N}}{_SPACE}{_SLOT[1:-1]}]",
        _SPACE,
    ]
)


class JoinedWords(Tokenizer):
    """Words, numbers and marks; a joiner shows where there is no space between two of them: ``fait ￭- ￭il ?``.

    Only the kind and number of spaces are lost, so that a model learns the spacing of a language with its words. A word
    before an apostrophe is divided from the one after it (``l'￭ amour``). Where a word and a mark meet, the joiner goes
    to the mark; a joiner in the text becomes ``■``, as in OpenNMT's tokenizer.
    """

    name = "joined-words"
    lossless = False

    def split(self, text: str) -> list[str]:
        """See :class:`Tokenizer`."""
        text = self.normal(text).replace(_JOINER, "■")
        pieces = list(_PIECE.finditer(text))
        tokens = [piece.group() for piece in pieces]
        between_slots: list[int] = []
        for number, (a, b) in enumerate(pairwise(pieces)):
            if a.end() < b.start():
                continue
            if is_slot(b.group()) or (_is_word(b.group()) and not _is_word(a.group())):
                owner, joined = number, f"{tokens[number]}{_JOINER}"
            else:
                owner, joined = number + 1, f"{_JOINER}{tokens[number + 1]}"
            # A slot stays a token of its own, which the search can force; the joiner then is one, too.
            if is_slot(pieces[owner].group()):
                between_slots.append(number)
            else:
                tokens[owner] = joined
        for number in reversed(between_slots):
            tokens.insert(number + 1, _JOINER)
        return tokens

    def join(self, tokens: Sequence[str]) -> str:
        """The text, with single spaces."""
        text: str = _JOINT.sub("", " ".join(tokens))
        return text


class SpacedTokens(Tokenizer):
    """Whatever white space separates, such as the phonemes of ``F AH0 N EH1 T IH0 K``."""

    name = "space"
    lossless = False

    def split(self, text: str) -> list[str]:
        """See :class:`Tokenizer`."""
        return self.normal(text).split()

    def join(self, tokens: Sequence[str]) -> str:
        """The tokens with a space between them."""
        return " ".join(tokens)


class BytePairs(Tokenizer):
    """Byte-pair encoding: the most frequent pairs of characters, then of the resulting symbols, are merged.

    ``▁`` marks a space (and the start of the first word), so that only the number and kind of spaces are lost. Marks
    and digits are symbols of their own; an apostrophe stays with the word before it.

    Args:
        model: the JSON of a tokenizer of the ``tokenizers`` library.
        normal_form: see :class:`Tokenizer`.

    Source: Sennrich, Haddow and Birch, 2016, arXiv:1508.07909.
    """

    name = "bpe"
    lossless = False

    def __init__(self, model: Mapping[str, Any], normal_form: str = AS_IT_IS) -> None:
        super().__init__(normal_form)
        self.model, library = dict(model), _library()
        try:
            self._inner = library.Tokenizer.from_str(json.dumps(self.model))
        except Exception as error:  # the library raises bare Exceptions
            raise DataError(f"the subwords are damaged ({error}); restore the file from a backup") from None

    @classmethod
    def learn(cls, texts: Iterable[str], size: int, normal_form: str = AS_IT_IS) -> BytePairs:
        """Learns at most ``size`` symbols from texts."""
        library = _library()
        learned = library.Tokenizer(library.models.BPE(unk_token=UNK))
        split = library.pre_tokenizers.Split(library.Regex(_BPE_PIECE), "isolated")
        metaspace = library.pre_tokenizers.Metaspace(replacement=_SPACE, prepend_scheme="always", split=False)
        learned.pre_tokenizer = library.pre_tokenizers.Sequence([metaspace, split])
        # All slots are symbols, even those that no text of the training split uses.
        slots = [slot(number) for number in range(SLOTS)]
        trainer = library.trainers.BpeTrainer(
            vocab_size=size, special_tokens=[UNK], initial_alphabet=slots, show_progress=False
        )
        learned.train_from_iterator((normal(text, normal_form) for text in texts), trainer)
        return cls(json.loads(learned.to_str()), normal_form)

    def split(self, text: str) -> list[str]:
        """See :class:`Tokenizer`; characters that were not learned are unknown."""
        return list(self._inner.encode(self.normal(text), add_special_tokens=False).tokens)

    def surfaces(self, text: str) -> list[str]:
        """See :class:`Tokenizer`; a character that was not learned stands for itself."""
        text = self.normal(text)
        found = self._inner.encode(text, add_special_tokens=False)
        return [
            text[start:end] if token == UNK else token
            for token, (start, end) in zip(found.tokens, found.offsets, strict=True)
        ]

    def join(self, tokens: Sequence[str]) -> str:
        """See :class:`Tokenizer`."""
        return " ".join("".join(tokens).replace(_SPACE, " ").split())

    def to_json(self) -> dict[str, Any]:
        """Name, model and normal form."""
        form = {} if self.normal_form == AS_IT_IS else {"normal_form": self.normal_form}
        return {"name": self.name, "model": self.model, **form}


def learn_tokenizer(name: str, texts: Iterable[str], size: int, normal_form: str = AS_IT_IS) -> Tokenizer:
    """The tokenizer of that name, one of :data:`WRITABLE`; ``bpe`` learns at most ``size`` symbols from the texts."""
    if name == "bpe":
        return BytePairs.learn(texts, size, normal_form)
    fixed: dict[str, type[Tokenizer]] = {"word": JoinedWords, "char": CharTokenizer, "space": SpacedTokens}
    if name not in fixed:
        raise unknown("tokenizer", name, WRITABLE)
    return fixed[name](normal_form)


def load_tokenizer(value: Mapping[str, Any]) -> Tokenizer:
    """The tokenizer that ``to_json`` wrote; raises :class:`DataError` for anything else."""
    name = value.get("name") if isinstance(value, dict) else None
    fixed: dict[Any, type[Tokenizer]] = {JoinedWords.name: JoinedWords, SpacedTokens.name: SpacedTokens}
    # Runs that are older than normal forms do not name one.
    form = str(value.get("normal_form", AS_IT_IS)) if isinstance(value, dict) else AS_IT_IS
    if name in fixed:
        return fixed[name](form)
    if name == BytePairs.name and isinstance(value.get("model"), dict):
        return BytePairs(value["model"], form)
    return tokenizer_from_json(value)


def _is_word(token: str) -> bool:
    return token[-1].isalnum()


def _library() -> Any:
    try:
        import tokenizers
    except ImportError:
        raise missing("the tokenizer 'bpe'", "tokenizers", "text") from None
    return tokenizers
