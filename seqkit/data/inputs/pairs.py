"""Sources as symbols, and symbols as texts: what reads one sequence and writes another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from seqkit.data.inputs.joint_ngrams import JointNgrams
from seqkit.data.inputs.pair_memory import PairMemory, Recalled
from seqkit.data.normal_forms import canonical
from seqkit.data.placeholders import is_slot, mask, slot, unmask
from seqkit.data.readers import DataError
from seqkit.data.spacing import Spacing, plain_spaces
from seqkit.data.subwords import learn_tokenizer, load_tokenizer
from seqkit.data.tokenizers import Tokenizer
from seqkit.data.vocab import PAD, UNK, Vocabulary

START, END = "<s>", "</s>"
"""What the decoder reads first, and writes last"""


class ReadSource(NamedTuple):
    """A source as symbols."""

    symbols: list[int]
    placeholders: tuple[str, ...]
    """Those whose slots the source has"""
    unknown: tuple[str, ...]
    """What is in the source for each of its unknown symbols"""
    masked: str
    """The source with slots, where a memory may know one like it"""


@dataclass(frozen=True)
class Side:
    """Texts of one side to symbols and back. Slots are special symbols of the vocabulary."""

    tokenizer: Tokenizer
    vocabulary: Vocabulary

    @classmethod
    def learn(
        cls, tokenizer: str, texts: Sequence[str], max_symbols: int, min_count: int, slots: int, normal_form: str
    ) -> Side:
        """A tokenizer of that name and a vocabulary of these texts, in which this many placeholders are slots."""
        tokens = learn_tokenizer(tokenizer, texts, max_symbols, normal_form)
        specials = (PAD, UNK, START, END, *map(slot, range(slots)))
        return cls(tokens, Vocabulary.build(map(tokens.split, texts), min_count, max_symbols, specials))

    @classmethod
    def from_json(cls, content: Any, name: str) -> Side:
        """What :meth:`to_json` described; raises :class:`DataError` that says what the file ``name`` lacks."""
        vocabulary = Vocabulary.from_json(content, name)
        missing = {START, END} - set(vocabulary.specials)
        if missing or "tokenizer" not in content:
            raise DataError(f"{name} lacks its tokenizer, {START} or {END}; restore it from a backup")
        return cls(load_tokenizer(content["tokenizer"]), vocabulary)

    def to_json(self) -> dict[str, Any]:
        """Tokenizer and vocabulary."""
        return {"tokenizer": self.tokenizer.to_json(), **self.vocabulary.to_json()}

    def encode(self, masked: str) -> list[int]:
        """The symbols of a text whose placeholders are slots."""
        known = self.vocabulary
        special = known.specials
        return [
            known.special(token) if is_slot(token) and token in special else known.index(token)
            for token in self.tokenizer.split(masked)
        ]

    def unknown(self, masked: str, symbols: Sequence[int]) -> tuple[str, ...]:
        """What stands in a text for those of its symbols that are unknown."""
        unk = self.vocabulary.unk
        if unk not in symbols:
            return ()
        surfaces = self.tokenizer.surfaces(masked)
        return tuple(surface for surface, symbol in zip(surfaces, symbols, strict=True) if symbol == unk)

    def tokens(self, symbols: Sequence[int], unknown: Sequence[str]) -> list[str]:
        """The tokens of symbols, with these for those that are unknown, as far as they go."""
        given, unk = iter(unknown), self.vocabulary.unk
        tokens = zip(self.vocabulary.decode(symbols), symbols, strict=True)
        return [next(given, token) if symbol == unk else token for token, symbol in tokens]

    def decode(self, symbols: Sequence[int], unknown: Sequence[str] = ()) -> str:
        """A text with slots."""
        return self.tokenizer.join([token for token in self.tokens(symbols, unknown) if token])

    @property
    def slots(self) -> list[int]:
        """The symbols of the slots, in order."""
        return [number for number, symbol in enumerate(self.vocabulary.specials) if is_slot(symbol)]


@dataclass(frozen=True)
class PairReader:
    """What is learned to read sources and to write targets.

    Args:
        source, target: how each side is split into symbols.
        spacing: which kind of space is beside the marks of the target.
        memory: training pairs that are looked up; None: nothing is.
        joint: how likely symbols of both sides go together; None: it is not known.
    """

    source: Side
    target: Side
    spacing: Spacing
    memory: PairMemory | None = None
    joint: JointNgrams | None = None

    @staticmethod
    def fields_of(files: Mapping[str, Any]) -> dict[str, Any]:
        """The fields by name, from the files of a codec; raises :class:`DataError` naming the file that is wrong."""
        source, target = (Side.from_json(files[name], name) for name in ("source.json", "target.json"))
        try:
            spacing = Spacing(**files["spacing.json"])
        except (TypeError, ValueError):
            raise DataError(
                "spacing.json must map marks to spaces, before and after; restore it from a backup"
            ) from None
        memory = PairMemory.from_json(files["memory.json"]) if "memory.json" in files else None
        joint = JointNgrams.from_json(files["joint.json"]) if "joint.json" in files else None
        return {"source": source, "target": target, "spacing": spacing, "memory": memory, "joint": joint}

    def read(self, raw: str) -> ReadSource:
        """A source, its placeholders in slots."""
        masked, placeholders = mask(plain_spaces(raw), slots=len(self.source.slots))
        symbols = self.source.encode(masked)
        kept = canonical(masked) if self.memory else ""
        return ReadSource(symbols, placeholders, self.source.unknown(masked, symbols), kept)

    def required(self, symbols: Sequence[int]) -> list[int]:
        """The slots of the target for those that a source has."""
        target_slots = dict(zip(self.source.slots, self.target.slots, strict=True))
        return [target_slots[symbol] for symbol in symbols if symbol in target_slots]

    def write(self, symbols: Sequence[int], placeholders: Sequence[str], unknown: Sequence[str] = ()) -> str:
        """Target symbols as a text, with the placeholders of its source, and tokens for those that are unknown."""
        return unmask(self.spacing.apply(self.target.decode(symbols, unknown)), placeholders)

    def recall(self, masked: str, placeholders: Sequence[str]) -> Recalled | None:
        """The kept pair whose source is most like one with slots, and the placeholders of that in it; None: none is."""
        found = None if self.memory is None else self.memory.nearest(masked)
        if found is None:
            return None
        target = unmask(self.spacing.apply(found.target), placeholders)
        return Recalled(found.similarity, unmask(found.source, placeholders), target)

    def copied(
        self, symbols: Sequence[int], unknown: Sequence[str], looked: Sequence[Sequence[float]]
    ) -> tuple[str, ...]:
        """The tokens of a source that stand for the unknown symbols of an output, by the attention at each.

        Of those that are unknown themselves, each once, as long as there are some; then of all but placeholders.

        Args:
            symbols: of the source.
            unknown: what is in it for those that are unknown.
            looked: for each unknown symbol of the output, the attention to each symbol of the source, 0 at slots.
        """
        # A source without tokens has nothing to copy.
        words, unk = self._words(symbols, unknown) or [""], self.source.vocabulary.unk
        unused = [place for place, symbol in enumerate(symbols) if symbol == unk]
        chosen = []
        for weights in looked:
            best = max(unused or range(len(words)), key=weights.__getitem__)
            unused = [place for place in unused if place != best]
            chosen.append(words[best])
        return tuple(chosen)

    def _words(self, symbols: Sequence[int], unknown: Sequence[str]) -> list[str]:
        """The tokens of a source; placeholders are nothing."""
        slots = {*self.source.slots}
        tokens = zip(self.source.tokens(symbols, unknown), symbols, strict=True)
        return ["" if symbol in slots else token for token, symbol in tokens]
