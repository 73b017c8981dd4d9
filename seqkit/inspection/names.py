"""What a reader calls the parts of a model, whose own names are those of its modules and equations."""

from __future__ import annotations

_PLACES = {
    "encoder.recurrent": "Encoder",
    "decoder.recurrent": "Decoder",
    "encoder.embedding.speller.encoder.recurrent": "Reader of each word's letters",
    "encoder.pooling": "which steps the encoder pools",
    "decoder.attention": "what the decoder looks at while it writes",
    "decoder.recall": "which earlier steps the model recalls",
}
_AXES = {
    "encoder.pooling": ("steps that were read", "answer"),
    "decoder.attention": ("read", "written"),
    "decoder.recall": ("earlier steps", "step"),
}
_GATES = {
    "i": "input gate",
    "f": "forget gate",
    "o": "output gate",
    "z": "update gate",
    "r": "reset gate",
    "g": "candidate",
    "n": "candidate",
}
_STATES = {"h": "output", "c": "memory"}


def place(module: str) -> str:
    """A module of a model in words; a module that is not known keeps its own name."""
    return _PLACES.get(module, module)


def the_place(module: str) -> str:
    """The same within a sentence: ``the encoder``."""
    return f"the {place(module)[0].lower()}{place(module)[1:]}" if module in _PLACES else module


def axes(module: str) -> tuple[str, str]:
    """What the columns and the rows of an attention's weights are."""
    return _AXES.get(module, ("read", "written"))


def gate(name: str, signed: bool) -> str:
    """A gate in words; one that takes negative values is no gate but a candidate, whatever its letter."""
    known = _GATES.get(name, "candidate" if signed else "gate")
    return "candidate" if signed else known


def state(name: str) -> str:
    """A state in words."""
    return _STATES.get(name, "state")
