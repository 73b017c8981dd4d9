"""A sentence with a tag for each word, and the piece of a file that it is read from."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from seqkit.data.normal_forms import canonical
from seqkit.data.readers import DataError, SourceLocation, shown
from seqkit.data.splits import Splits, shuffled_splits


@dataclass(frozen=True)
class Sentence:
    """Words, as many tags, and where the first word stands."""

    words: tuple[str, ...]
    tags: tuple[str, ...]
    location: SourceLocation
    group: str = ""
    """Such as its document, if that was requested: see :attr:`TaggedSource.group_column`"""


@dataclass(frozen=True)
class TaggedPassage:
    """A piece of a file: a sentence, or what is between sentences, which has no words."""

    words: tuple[str, ...]
    tags: tuple[str, ...]
    """Empty where the file has none"""
    location: SourceLocation
    answered: Callable[[Sequence[str]], str]
    """The piece as a text, with these tags in it as answers"""
    is_sentence: bool = True
    """Whether it is one, be it without words"""
    group: str = ""


@dataclass(frozen=True)
class TaggedSource:
    """A file of sentences, and what was asked of it."""

    path: Path
    word_column: str | None = None
    tag_column: str | None = None
    sentence_column: str | None = None
    encoding: str | None = None
    tagged: bool = True
    """Every word must have its tag; else there may be none, as in a file that is to be tagged"""
    notes: list[str] = field(default_factory=list)
    """Receives what was decided, and what was left out"""
    tag_names: dict[str, str] = field(default_factory=dict)
    """What tags that are numbers stand for; receives what the file says of that"""
    group_column: str | None = None
    """The column or key of what sentences belong to, such as their document"""
    columns: Sequence[str] = ()
    """The names of columns that the file does not name itself"""


def about_file(message: str, location: SourceLocation) -> DataError:
    """An error of a whole file, with one of its lines for an example: leaving out the line would not help."""
    return DataError(f"{location}: {message}")


def split_sentences(
    sentences: Sequence[Sentence],
    valid_fraction: float,
    test_fraction: float,
    seed: int,
    unit: Callable[[Sentence], Hashable] | None = None,
) -> Splits[Sentence]:
    """Random splits; sentences with the same words, or what is one ``unit``, stay together. A split with a fraction
    above 0 is never empty.

    Raises :class:`UsageError` for fractions that leave nothing to train on, and :class:`DataError` for fewer different
    sentences than splits.
    """
    return shuffled_splits(
        sentences,
        unit or words_of,
        valid_fraction,
        test_fraction,
        seed,
        "sentence" if unit is None else "group",
        last_first=True,  # as the first version drew them: its runs can still be resumed
    )


def words_of(sentence: Sentence) -> tuple[str, ...]:
    """What copies of a sentence have in common, whatever form of Unicode they are in."""
    return tuple(map(canonical, sentence.words))


def between(text: str, location: SourceLocation) -> TaggedPassage:
    """What is between sentences."""
    return TaggedPassage((), (), location, lambda tags: text, is_sentence=False)


def word_and_tag(word: str, tag: str, location: SourceLocation) -> tuple[str, str]:
    """Both without spaces around them; raises :class:`DataError` if either is empty."""
    # A no-break space can be all there is of a word, as in texts from the web.
    word, tag = word.strip(" \t"), tag.strip()
    if not word or not tag:
        raise DataError(
            f"word {shown(word)} with tag {shown(tag)}: neither may be empty; correct it or remove it", location
        )
    return word, tag
