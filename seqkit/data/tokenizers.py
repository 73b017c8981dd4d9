"""Text to tokens and back, Unicode-aware, on the ``regex`` package."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import regex

from seqkit.data.normal_forms import AS_IT_IS, check_form, normal
from seqkit.data.readers import DataError
from seqkit.errors import UsageError, unknown

# Scripts written without spaces, where a grapheme is the smallest safe token.
_UNSPACED = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]"
# ASCII is named first because a property of Unicode costs several times as much to look up.
_LETTER = rf"[A-Za-z[\p{{L}}\p{{M}}--{_UNSPACED}]]"
_NUMBER = r"[0-9\p{N}]"
_WORD = regex.compile(
    rf"""
      {_LETTER}++(?:['’\u200c\u200d]{_LETTER}++)*+ # words with contractions (don't, l'amour) and inner joiners
    | (?={_UNSPACED})\X                            # one grapheme of a script without spaces
    | {_NUMBER}++(?:[.,]{_NUMBER}++)*+             # 3.5 and 1,000
    | \.++ | !++ | \?++ | -++ | \*++               # a run of a mark that people repeat
    | [^\s\p{{L}}\p{{M}}\p{{N}}]
    """,
    regex.VERSION1 | regex.VERBOSE,
)
# The same for ASCII, which most texts are, in 0.6 of the time.
_ASCII_WORD = regex.compile(
    r"[A-Za-z]+(?:'[A-Za-z]+)*|[0-9]+(?:[.,][0-9]+)*|\.+|!+|\?+|-+|\*+|[^\sA-Za-z0-9]", regex.VERSION1 | regex.ASCII
)
_HTML_BREAK = regex.compile(r"<br\s*+/?>", regex.IGNORECASE)
_GRAPHEME = regex.compile(r"\X", regex.VERSION1)
# Two regional indicators are a flag, and which two belong together depends on how many stand before them: \X counts
# them from the start of their run, again for each, which takes 7 s for 32,000.
_FLAG_BEFORE_ANOTHER = regex.compile("[\U0001f1e6-\U0001f1ff]{2}(?=[\U0001f1e6-\U0001f1ff])")
_NO_SPACE_BEFORE = regex.compile(r"\s+([.,;:!?%)\]}…]+)(?=\s|$)")
_NO_SPACE_AFTER = regex.compile(r"([(\[{])\s+")
_BYTES = {f"{byte:02x}": byte for byte in range(256)}
_LONE_SURROGATE = regex.compile("[\ud800-\udfff]")


class Tokenizer(ABC):
    """Splits a text into tokens. It learns nothing: its options say all about it.

    Args:
        normal_form: of Unicode that a text is brought into first, see :mod:`seqkit.data.normal_forms`.
    """

    name: ClassVar[str]
    lossless: ClassVar[bool]
    """Whether ``join(split(text))`` is the text, for every text in the normal form without lone surrogates."""
    unit: ClassVar[str] = "tokens"
    """What the tokens are, in the plural"""

    def __init__(self, normal_form: str = AS_IT_IS) -> None:
        self.normal_form = check_form(normal_form)

    @abstractmethod
    def split(self, text: str) -> list[str]:
        """The tokens of a text; an empty text has none."""

    @abstractmethod
    def join(self, tokens: Sequence[str]) -> str:
        """The text of these tokens."""

    def normal(self, text: str) -> str:
        """A text in the normal form."""
        return normal(text, self.normal_form)

    def surfaces(self, text: str) -> list[str]:
        """What is in the text for each of its tokens."""
        return self.split(text)

    def to_json(self) -> dict[str, Any]:
        """Name and options: the arguments of :func:`tokenizer`."""
        # Tokenizers of runs that are older than normal forms have none, and are described as they were.
        return {"name": self.name, **{k: v for k, v in vars(self).items() if (k, v) != ("normal_form", AS_IT_IS)}}


class WordTokenizer(Tokenizer):
    """Words with their contractions, numbers, and punctuation marks, in any script. Not lossless: spaces are lost.

    A line break of HTML (``<br />``) is white space. In a script written without spaces each grapheme is a word.
    """

    name = "word"
    lossless = False
    unit = "words"

    def __init__(self, lowercase: bool = True, normal_form: str = AS_IT_IS) -> None:
        self.lowercase = lowercase
        super().__init__(normal_form)

    def split(self, text: str) -> list[str]:
        """See :class:`Tokenizer`."""
        text = self.normal(text)
        text = _whole(text.lower() if self.lowercase else text)
        if "<" in text:
            text = _HTML_BREAK.sub(" ", text)
        words: list[str] = (_ASCII_WORD if text.isascii() else _WORD).findall(text)
        return words

    def join(self, tokens: Sequence[str]) -> str:
        """Words with spaces between them, none before closing marks."""
        text: str = _NO_SPACE_AFTER.sub(r"\1", _NO_SPACE_BEFORE.sub(r"\1", " ".join(tokens)))
        return text


class CharTokenizer(Tokenizer):
    """Grapheme clusters: what a reader calls a character, whatever the number of its code points."""

    name = "char"
    lossless = True
    unit = "characters"

    def split(self, text: str) -> list[str]:
        """See :class:`Tokenizer`."""
        whole, graphemes, start = _whole(self.normal(text)), list[str](), 0
        # A boundary lies behind each flag of a run, so cutting there changes nothing.
        for flag in _FLAG_BEFORE_ANOTHER.finditer(whole):
            graphemes += _GRAPHEME.findall(whole[start : flag.end()])
            start = flag.end()
        graphemes += _GRAPHEME.findall(whole[start:])
        return graphemes

    def join(self, tokens: Sequence[str]) -> str:
        """See :class:`Tokenizer`."""
        return "".join(tokens)


class ByteTokenizer(Tokenizer):
    """The bytes of the text in UTF-8, two hexadecimal digits each: 256 symbols can write every text."""

    name = "byte"
    lossless = True
    unit = "bytes"

    def split(self, text: str) -> list[str]:
        """See :class:`Tokenizer`."""
        return [f"{byte:02x}" for byte in _whole(self.normal(text)).encode()]

    def join(self, tokens: Sequence[str]) -> str:
        """The text of these bytes; broken sequences, and tokens that are not bytes, become U+FFFD."""
        return bytes(_BYTES.get(token, 0xFF) for token in tokens).decode(errors="replace")


TOKENIZERS: dict[str, type[Tokenizer]] = {t.name: t for t in (WordTokenizer, CharTokenizer, ByteTokenizer)}


def tokenizer(name: str, **options: Any) -> Tokenizer:
    """The tokenizer of that name; raises :class:`UsageError` with the nearest name."""
    if name not in TOKENIZERS:
        raise unknown("tokenizer", name, TOKENIZERS)
    try:
        return TOKENIZERS[name](**options)
    except TypeError as error:
        raise UsageError(f"the {name} tokenizer has other options: {error}") from None


def tokenizer_from_json(value: Mapping[str, Any]) -> Tokenizer:
    """The tokenizer that :meth:`Tokenizer.to_json` wrote; raises :class:`DataError` for anything that names none."""
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        raise DataError("the tokenizer's description has no name; restore the file from a backup")
    return tokenizer(**value)


def _whole(text: str) -> str:
    """The text with lone halves of surrogate pairs, which no encoding can write, as U+FFFD."""
    whole: str = text if text.isascii() else _LONE_SURROGATE.sub("\ufffd", text)
    return whole
