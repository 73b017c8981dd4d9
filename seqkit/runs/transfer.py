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
from seqkit.runs.model import check_single, load, open_run
from seqkit.topologies import AnyCodec, AnyTask
from seqkit.training.checkpoint import own_generators

_SHARED = ("cell", "cell_options", "embedding_size", "hidden_size", "num_layers", "tokenizer")
"""The options that two runs must have alike for one to start from the other."""
_COMMON = 100
"""Of a vocabulary: if most of its commonest symbols are unknown to a run, that has learned another language."""

Reader = Encoder | Decoder
"""A layer that reads symbols"""


def sizes_of(path: Path, task: AnyTask) -> dict[str, Any]:
    """The values of a run's options which a run of the task must have, too, to start from it.

    Raises :class:`UsageError` for a folder that is no run.
    """
    config = open_run(path)[3]
    theirs, own = options_of(type(config)), options_of(task.config)
    values: dict[str, Any] = {}
    for name in _SHARED:
        if name in theirs and name in own:
            value, choices = getattr(config, name), own[name].limits.get("choices")
            if choices is None or value in choices():
                values[name] = value
    return values


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
    check_single(path, "started from")
    with own_generators():
        model = load(path)
    before = {name: tensor.detach().clone() for name, tensor in head.state_dict().items()}
    readers, notes = _readers(model.head), list[str]()
    own, theirs = codec.vocabularies(), model.codec.vocabularies()
    for name, reader in _readers(head).items():
        counterpart = _counterpart(name, readers)
        if counterpart is not None:
            sides = (_Side(name, reader, own), _Side(counterpart, readers[counterpart], theirs))
            notes.append(f"{name}: {_take(*sides)}")
    after = head.state_dict()
    changed = {name for name in after if not torch.equal(after[name], before[name])}
    if not changed:
        reasons = "; ".join(notes) or f"a {model.task.name} model and this one have no encoder or decoder in common"
        raise UsageError(f"nothing of {path} fits: {reasons}")
    new = [name for name in _modules(after) if name not in _modules(changed)]
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
        local = {name.removeprefix(f"{self.name}."): vocabulary for name, vocabulary in self.vocabularies.items()}
        return {name: own for name, own in local.items() if name in modules and not name.startswith(inner)}


def _readers(module: nn.Module) -> dict[str, Reader]:
    return {name: inner for name, inner in module.named_modules() if isinstance(inner, (Encoder, Decoder))}


def _counterpart(name: str, readers: Mapping[str, Reader]) -> str | None:
    """The reader of that name; for one that stands directly in its head, else any other that does."""
    if name in readers:
        return name
    return None if "." in name else next((other for other in readers if "." not in other), None)


@torch.no_grad()
def _take(side: _Side, other: _Side) -> str:
    """Copies what fits from the other side to this one; returns what that was."""
    own, theirs = side.symbols(), other.symbols()
    taken, width = [], 0
    if own and theirs:
        (name, vocabulary), (their_name, their_vocabulary) = next(iter(own.items())), next(iter(theirs.items()))
        if unknown := _unknown(vocabulary, their_vocabulary):
            return f"new, for the run does not know {unknown} of its {_COMMON} commonest symbols"
        vectors, their_vectors = _weight(side.reader, name), _weight(other.reader, their_name)
        width, their_width = vectors.shape[1], their_vectors.shape[1]
        if width != their_width:
            return (
                f"new, for its vectors have {width} values, the run's {their_width}; use --embedding-size {their_width}"
            )
        pairs = _common(vocabulary, their_vocabulary)
        _copy_rows(vectors, their_vectors, pairs)
        taken.append(f"vectors of {len(pairs):,} of {len(vocabulary):,} symbols")
        taken += _take_scores(side.reader, other.reader, pairs)
    taken.append(_take_layers(side.reader.recurrent, other.reader.recurrent, width))
    if type(side.reader) is type(other.reader):
        _take_rest(side, other)
    return ", ".join(taken)


def _common(own: Vocabulary, theirs: Vocabulary) -> list[tuple[int, int]]:
    """The numbers of each symbol that both have, except padding."""
    specials = {name: number for number, name in enumerate(theirs.specials)}
    first = len(own.specials)
    pairs = [(n, specials[name]) for n, name in enumerate(own.specials) if name in specials and n != own.pad]
    texts = enumerate(own.symbols[first:], first)
    return pairs + [(number, theirs.index(symbol)) for number, symbol in texts if symbol in theirs]


def _unknown(own: Vocabulary, theirs: Vocabulary) -> int:
    """How many of the commonest symbols are unknown, if they are more than half; else 0."""
    common = own.symbols[len(own.specials) :][:_COMMON]
    unknown = sum(symbol not in theirs for symbol in common)
    return unknown if 2 * unknown > len(common) else 0


def _weight(reader: Reader, embedding: str) -> Tensor:
    weight = reader.get_submodule(embedding).weight
    assert isinstance(weight, Tensor)
    return weight


def _copy_rows(own: Tensor, theirs: Tensor, pairs: list[tuple[int, int]]) -> None:
    rows, their_rows = torch.tensor(pairs, dtype=torch.int64).view(-1, 2).unbind(1)
    own[rows] = theirs[their_rows]


def _take_scores(reader: Reader, other: Reader, pairs: list[tuple[int, int]]) -> list[str]:
    if not isinstance(reader, Decoder) or not isinstance(other, Decoder):
        return []
    _copy_rows(reader.output.bias, other.output.bias, pairs)
    tied = reader.output.weight is reader.embedding.weight
    if not tied and reader.output.weight.shape[1] == other.output.weight.shape[1]:
        _copy_rows(reader.output.weight, other.output.weight, pairs)
    return ["their scores"]


def _take_layers(own: Recurrent, theirs: Recurrent, width: int) -> str:
    """``width``: the values that are a symbol's vector, at the front of what the first layer reads; 0: all."""
    if repr(own.cell) != repr(theirs.cell) or own.hidden_size != theirs.hidden_size:
        kind, their_kind = (f"{layer.cell!r} with {layer.hidden_size} units" for layer in (own, theirs))
        return f"its recurrent layer is new: it is {kind}, the run's {their_kind}"
    taken = []
    for number, layer in own.layers.named_children():
        for way, direction in layer.named_children():
            try:
                their_direction = theirs.layers.get_submodule(f"{number}.{way}")
            except AttributeError:
                continue
            _copy_direction(direction, their_direction, width if number == "0" else 0)
            taken.append(_LAYER.sub(_spoken, f"layers.{number}.{way}"))
    return f"recurrent {', '.join(taken)}"


def _copy_direction(own: nn.Module, theirs: nn.Module, width: int) -> None:
    parameters = dict(theirs.named_parameters())
    for name, weight in own.named_parameters():
        other = parameters[name]
        if name == "weight_x" and other.shape != weight.shape:
            columns = width or min(weight.shape[1], other.shape[1])
            weight[:, :columns] = other[:, :columns]
        else:
            weight.copy_(other)


def _take_rest(side: _Side, other: _Side) -> None:
    """The other embeddings by their symbols, and what else has the same name and shape: attention, pooling."""
    own, theirs = side.symbols(), other.symbols()
    for name in list(own)[1:]:
        vectors, their_vectors = _weight(side.reader, name), _weight(other.reader, name) if name in theirs else None
        if their_vectors is not None and vectors.shape[1] == their_vectors.shape[1]:
            _copy_rows(vectors, their_vectors, _common(own[name], theirs[name]))
    done = tuple(f"{name}." for name in ("recurrent", "output", *own, *filter(None, _readers(side.reader))))
    tensors = other.reader.state_dict(keep_vars=True)
    for name, tensor in side.reader.state_dict(keep_vars=True).items():
        if not name.startswith(done) and name in tensors and tensors[name].shape == tensor.shape:
            tensor.copy_(tensors[name])


_LAYER = re.compile(r"layers\.(\d+)\.([01])")


def _spoken(match: re.Match[str]) -> str:
    return f"layer {int(match[1]) + 1} {('forward', 'backward')[int(match[2])]}"


def _modules(parameters: Iterable[str]) -> list[str]:
    """The modules that these are parameters of, each once, in the words of the other sentences."""
    modules = dict.fromkeys(name.rpartition(".")[0] for name in parameters)
    return [_LAYER.sub(_spoken, name).replace(".layer ", " layer ") for name in modules]
