"""A new head that starts from what another run has learned: vectors by their symbols, layers where they fit."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from seqkit.config import options_of
from seqkit.data import Vocabulary
from seqkit.errors import UsageError
from seqkit.layers import Decoder, Encoder, Head, Recurrent
from seqkit.runs.model import load, open_run
from seqkit.topologies import AnyCodec, AnyTask
from seqkit.training.checkpoint import own_generators

_SHARED = ("cell", "cell_options", "embedding_size", "hidden_size", "num_layers", "tokenizer")
"""The options that two runs must have alike for one to start from the other."""
_COMMON = 100
"""The commonest symbols of a vocabulary: if most of them are foreign to a run, it has learned another language."""

Reader = Encoder | Decoder


def sizes_of(path: Path, task: AnyTask) -> dict[str, Any]:
    """The options of a run that one of the task has to share to start from it, as far as it has them.

    Raises :class:`UsageError` for a folder that is no run.
    """
    config = open_run(path)[3]
    there, here = options_of(type(config)), options_of(task.config)
    found: dict[str, Any] = {}
    for name in _SHARED:
        if name in there and name in here:
            value, choices = getattr(config, name), here[name].limits.get("choices")
            if choices is None or value in choices():
                found[name] = value
    return found


def start_from(path: Path, head: Head, codec: AnyCodec) -> list[str]:
    """Puts what a run has learned into a new head where it fits; returns sentences on what it took and what is new.

    Each :class:`Encoder` and :class:`Decoder` of the head starts from that of the same name in the run, else from what
    the run reads its sequences with:

    - vectors of symbols that both vocabularies have, and a decoder's scores of them;
    - recurrent weights, layer by layer and direction by direction. Where a layer reads more than its counterpart did
      (the spelling of words, features of attention, a second direction), the columns that both have;
    - attention, pooling and the like of a reader of the same kind, where shapes are equal.

    A reader stays new whose hundred commonest symbols are mostly unknown to the run, or whose vectors have another
    size. What is learned for one task's labels alone is never taken.

    Raises :class:`UsageError` if nothing at all fits, and for a folder that is no run.
    """
    with own_generators():
        model = load(path)
    before = {name: tensor.detach().clone() for name, tensor in head.state_dict().items()}
    there, notes = _readers(model.head), list[str]()
    own, others = codec.vocabularies(), model.codec.vocabularies()
    for name, reader in _readers(head).items():
        twin = _twin(name, there)
        if twin is not None:
            sides = (_Side(name, reader, own), _Side(twin, there[twin], others))
            notes.append(f"{name}: {_take(*sides)}")
    after = head.state_dict()
    touched = {name for name in after if not torch.equal(after[name], before[name])}
    if not touched:
        reasons = "; ".join(notes) or f"a {model.task.name} model and this one have no encoder or decoder in common"
        raise UsageError(f"nothing of {path} fits: {reasons}")
    new = [name for name in _modules(after) if name not in _modules(touched)]
    return [f"started from {path} ({model.task.name})", *notes, *([f"new: {', '.join(new)}"] if new else [])]


class _Side(NamedTuple):
    """An encoder or decoder of a head, with its name and the vocabularies of the head."""

    name: str
    reader: Reader
    vocabularies: Mapping[str, Vocabulary]

    def symbols(self) -> dict[str, Vocabulary]:
        """Its vocabularies by the names of its own embeddings, the one that it reads first."""
        modules = dict(self.reader.named_modules())
        inner = tuple(f"{name}." for name in _readers(self.reader) if name)
        named = {name.removeprefix(f"{self.name}."): kept for name, kept in self.vocabularies.items()}
        return {name: kept for name, kept in named.items() if name in modules and not name.startswith(inner)}


def _readers(module: nn.Module) -> dict[str, Reader]:
    return {name: part for name, part in module.named_modules() if isinstance(part, (Encoder, Decoder))}


def _twin(name: str, there: Mapping[str, Reader]) -> str | None:
    if name in there:
        return name
    return None if "." in name else next((other for other in there if "." not in other), None)


@torch.no_grad()
def _take(side: _Side, other: _Side) -> str:
    """Copies what fits from the second to the first; returns what was found."""
    own, theirs = side.symbols(), other.symbols()
    taken, width = [], 0
    if own and theirs:
        (here, mine), (there, known) = next(iter(own.items())), next(iter(theirs.items()))
        if foreign := _foreign(mine, known):
            return f"new, for the run does not know {foreign} of its {_COMMON} commonest symbols"
        width, wide = (_weight(s.reader, n).shape[1] for s, n in ((side, here), (other, there)))
        if width != wide:
            return f"new, for its vectors have {width} values, the run's {wide}; use --embedding-size {wide}"
        pairs = _common(mine, known)
        _copy_rows(_weight(side.reader, here), _weight(other.reader, there), pairs)
        taken.append(f"vectors of {len(pairs):,} of {len(mine):,} symbols")
        taken += _take_scores(side.reader, other.reader, pairs)
    taken.append(_take_layers(side.reader.recurrent, other.reader.recurrent, width))
    if type(side.reader) is type(other.reader):
        _take_rest(side, other)
    return ", ".join(taken)


def _common(own: Vocabulary, theirs: Vocabulary) -> list[tuple[int, int]]:
    """The numbers of each symbol that both have, but for padding."""
    specials = {name: number for number, name in enumerate(theirs.specials)}
    first = len(own.specials)
    pairs = [(n, specials[name]) for n, name in enumerate(own.specials) if name in specials and n != own.pad]
    texts = enumerate(own.symbols[first:], first)
    return pairs + [(number, theirs.index(symbol)) for number, symbol in texts if symbol in theirs]


def _foreign(own: Vocabulary, theirs: Vocabulary) -> int:
    """How many of the commonest symbols are unknown, if they are more than half; else 0."""
    common = own.symbols[len(own.specials) :][:_COMMON]
    unknown = sum(symbol not in theirs for symbol in common)
    return unknown if 2 * unknown > len(common) else 0


def _weight(reader: Reader, embedding: str) -> Tensor:
    weight = reader.get_submodule(embedding).weight
    assert isinstance(weight, Tensor)
    return weight


def _copy_rows(own: Tensor, theirs: Tensor, known: list[tuple[int, int]]) -> None:
    here, there = torch.tensor(known, dtype=torch.int64).view(-1, 2).unbind(1)
    own[here] = theirs[there]


def _take_scores(reader: Reader, other: Reader, known: list[tuple[int, int]]) -> list[str]:
    if not isinstance(reader, Decoder) or not isinstance(other, Decoder):
        return []
    _copy_rows(reader.output.bias, other.output.bias, known)
    tied = reader.output.weight is reader.embedding.weight
    if not tied and reader.output.weight.shape[1] == other.output.weight.shape[1]:
        _copy_rows(reader.output.weight, other.output.weight, known)
    return ["their scores"]


def _take_layers(own: Recurrent, theirs: Recurrent, width: int) -> str:
    """``width``: the values that are a symbol's vector, at the front of what the first layer reads; 0: all."""
    if repr(own.cell) != repr(theirs.cell) or own.hidden_size != theirs.hidden_size:
        wanted, found = (f"{layer.cell!r} with {layer.hidden_size} units" for layer in (own, theirs))
        return f"its recurrent layer is new: it is {wanted}, the run's {found}"
    taken = []
    for name, direction in own.layers.named_children():
        for way, part in direction.named_children():
            try:
                twin = theirs.layers.get_submodule(f"{name}.{way}")
            except AttributeError:
                continue
            _copy_direction(part, twin, width if name == "0" else 0)
            taken.append(_LAYER.sub(_spoken, f"layers.{name}.{way}"))
    return f"recurrent {', '.join(taken)}"


def _copy_direction(own: nn.Module, theirs: nn.Module, width: int) -> None:
    found = dict(theirs.named_parameters())
    for name, weight in own.named_parameters():
        other = found[name]
        if name == "weight_x" and other.shape != weight.shape:
            columns = width or min(weight.shape[1], other.shape[1])
            weight[:, :columns] = other[:, :columns]
        else:
            weight.copy_(other)


def _take_rest(side: _Side, other: _Side) -> None:
    """Further embeddings by their symbols, and what else has the same name and shape: attention, what reads frames."""
    own, theirs = side.symbols(), other.symbols()
    for name in list(own)[1:]:
        here, there = _weight(side.reader, name), _weight(other.reader, name) if name in theirs else None
        if there is not None and here.shape[1] == there.shape[1]:
            _copy_rows(here, there, _common(own[name], theirs[name]))
    done = tuple(f"{name}." for name in ("recurrent", "output", *own, *filter(None, _readers(side.reader))))
    found = other.reader.state_dict(keep_vars=True)
    for name, tensor in side.reader.state_dict(keep_vars=True).items():
        if not name.startswith(done) and name in found and found[name].shape == tensor.shape:
            tensor.copy_(found[name])


_LAYER = re.compile(r"layers\.(\d+)\.([01])")


def _spoken(found: re.Match[str]) -> str:
    return f"layer {int(found[1]) + 1} {('forward', 'backward')[int(found[2])]}"


def _modules(parameters: Iterable[str]) -> list[str]:
    """The modules that these are parameters of, each once, in the words of the other sentences."""
    modules = dict.fromkeys(name.rpartition(".")[0] for name in parameters)
    return [_LAYER.sub(_spoken, name).replace(".layer ", " layer ") for name in modules]
