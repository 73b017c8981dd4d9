"""A new head that starts from what other runs have learned: vectors by their symbols, layers where they fit."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from seqkit.config import options_of
from seqkit.data import Vocabulary
from seqkit.data.vectors import vector_size
from seqkit.devices import device_of
from seqkit.errors import UsageError
from seqkit.layers import Decoder, Encoder, Head
from seqkit.runs.model import Model, check_single, load, open_run
from seqkit.runs.transferred_labels import same_weights, take_scores_of_labels
from seqkit.runs.transferred_layers import fitted, spoken, take_layers
from seqkit.topologies import AnyCodec, AnyTask
from seqkit.training.checkpoint import own_generators

_SHARED = ("cell", "cell_options", "embedding_size", "hidden_size", "num_layers", "residual", "tokenizer")
"""The options that two runs must have alike for one to start from the other."""
_COMMON = 100
"""Of a vocabulary: if most of its most common symbols are unknown to a run, that has learned another language."""

Reader = Encoder | Decoder
"""A layer that reads symbols"""


def runs_of(init_from: str) -> list[Path]:
    """The runs that the option names: one, or several with commas between."""
    if init_from and Path(init_from).exists():
        return [Path(init_from)]
    return [Path(name.strip()) for name in init_from.split(",") if name.strip()]


def sizes_of(path: Path, task: AnyTask) -> dict[str, Any]:
    """The values of a run's options which a run of the task must have, too, to start from it.

    Raises :class:`UsageError` for a folder that is not a run.
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


def with_sizes_from_outside(values: Mapping[str, Any], task: AnyTask) -> dict[str, Any]:
    """Values of a configuration, and those that follow from the runs and word vectors that they name.

    What is given is kept; of several runs, the first counts.
    """
    found, known = dict(values), options_of(task.config)
    for run in runs_of(found.get("init_from") or ""):
        theirs = sizes_of(run, task)
        if "num_layers" in found:
            # Connections past layers are those of as many layers.
            theirs.pop("residual", None)
        found = {**theirs, **found}
    if found.get("vectors") and "embedding_size" in known and "embedding_size" not in found:
        found["embedding_size"] = vector_size(Path(found["vectors"]))
    return found


def start_from(path: Path, head: Head, codec: AnyCodec) -> list[str]:
    """Puts what a run has learned into a new head where it fits; returns sentences on what it took and what is new.

    Each :class:`Encoder` and :class:`Decoder` of the head starts from that of the same name in the run, else from what
    the run reads its sequences with:

    - vectors of symbols that both vocabularies have, and a decoder's scores of them;
    - recurrent weights, layer by layer and direction by direction. Where a layer reads more than its counterpart did
      (the spelling of words, features of attention, a second direction), the columns that both have. A run that reads
      its texts from the end gives the backward direction;
    - attention, pooling and the like of a reader of the same kind, where shapes are equal.

    A reader stays new whose hundred most common symbols are mostly unknown to the run, or whose vectors have another
    size. Where a reader took all recurrent weights, the scores of labels that both have are taken, too.

    Raises :class:`UsageError` if nothing at all fits, and for a folder that is not a run.
    """
    return start_from_runs([path], head, codec)


def start_from_runs(paths: Sequence[Path], head: Head, codec: AnyCodec) -> list[str]:
    """:func:`start_from` with one run after the other; vectors are those of the first that has them.

    A later run has learned to read vectors of its own, so its recurrent layers are fitted to those that were taken.
    """
    notes, before = list[str](), _copies(head)
    taken: frozenset[str] = frozenset()
    for path in paths:
        check_single(path, "started from")
        with own_generators():
            model = load(path, "cpu")
        notes += take(model, str(path), head, codec, taken)
        taken = _changed(head, before)
    # What is fitted or tuned apart from the training has no parameters.
    if new := [name for name in _modules(name for name, _ in head.named_parameters()) if name not in _modules(taken)]:
        notes.append(f"new: {', '.join(new)}")
    return notes


def take(model: Model, name: str, head: Head, codec: AnyCodec, taken: Collection[str] = ()) -> list[str]:
    """What :func:`start_from` does with one model, said of ``name``; ``taken`` are parameters that keep their values.

    Raises :class:`UsageError` if nothing at all fits.
    """
    if model.device != device_of(head):
        # A new head is on the CPU until its training begins.
        moved = copy.deepcopy(model.head).to(device_of(head))
        model = Model(model.task, model.config, model.codec, moved)
    readers, notes, before = _readers(model.head), list[str](), _copies(head)
    own, theirs = codec.vocabularies(), model.codec.vocabularies()
    backward = bool(getattr(model.codec, "reverse", False))
    whole = True
    for reader_name, reader in _readers(head).items():
        counterpart = _counterpart(reader_name, readers)
        if counterpart is not None:
            sides = (_Side(reader_name, reader, own), _Side(counterpart, readers[counterpart], theirs))
            notes.append(f"{reader_name}: {_take(*sides, backward, taken)}")
            whole = whole and same_weights(reader.recurrent, readers[counterpart].recurrent)
    if whole and notes:
        notes += take_scores_of_labels(head, codec, model)
    if not _changed(head, before):
        reasons = "; ".join(notes) or f"a {model.task.name} model and this one have no encoder or decoder in common"
        raise UsageError(f"nothing of {name} fits: {reasons}")
    return [f"started from {name} ({model.task.name})", *notes]


def _copies(head: Head) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in head.state_dict().items()}


def _changed(head: Head, before: Mapping[str, Tensor]) -> frozenset[str]:
    return frozenset(name for name, tensor in head.state_dict().items() if not torch.equal(tensor, before[name]))


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
    """The reader of that name; for one that is directly in its head, else any other that does."""
    if name in readers:
        return name
    return None if "." in name else next((other for other in readers if "." not in other), None)


@torch.no_grad()
def _take(side: _Side, other: _Side, backward: bool, done: Collection[str]) -> str:
    """Copies what fits from the other side to this one; returns what that was."""
    own, theirs = side.symbols(), other.symbols()
    taken, width, bridge = [], 0, None
    if own and theirs:
        (name, vocabulary), (their_name, their_vocabulary) = next(iter(own.items())), next(iter(theirs.items()))
        if unknown := _unknown(vocabulary, their_vocabulary):
            return f"new, for the run does not know {unknown} of its {_COMMON} most common symbols"
        vectors, their_vectors = _weight(side.reader, name), _weight(other.reader, their_name)
        width, their_width = vectors.shape[1], their_vectors.shape[1]
        if width != their_width:
            return (
                f"new, for its vectors have {width} values, the run's {their_width}; use --embedding-size {their_width}"
            )
        pairs = _common(vocabulary, their_vocabulary)
        if f"{side.name}.{name}.weight" in done:
            bridge = fitted(vectors, their_vectors, pairs)
        else:
            _copy_rows(vectors, their_vectors, pairs)
            taken.append(f"vectors of {len(pairs):,} of {len(vocabulary):,} symbols")
            taken += _take_scores(side.reader, other.reader, pairs)
    ways = _ways(side.reader, other.reader, backward)
    taken.append(take_layers(side.reader.recurrent, other.reader.recurrent, width, ways, bridge))
    if type(side.reader) is type(other.reader) and bridge is None:
        _take_rest(side, other)
    return ", ".join(filter(None, taken))


def _ways(reader: Reader, other: Reader, backward: bool) -> Mapping[str, str]:
    """Which direction of a layer starts from which one of the run: 0 reads forward, 1 from the end."""
    if backward and isinstance(reader, Encoder):
        return {"1": "0"} if reader.recurrent.bidirectional else {}
    return {"0": "0", "1": "1"}


def _common(own: Vocabulary, theirs: Vocabulary) -> list[tuple[int, int]]:
    """The numbers of each symbol that both have, except padding."""
    specials = {name: number for number, name in enumerate(theirs.specials)}
    first = len(own.specials)
    pairs = [(n, specials[name]) for n, name in enumerate(own.specials) if name in specials and n != own.pad]
    texts = enumerate(own.symbols[first:], first)
    return pairs + [(number, theirs.index(symbol)) for number, symbol in texts if symbol in theirs]


def _unknown(own: Vocabulary, theirs: Vocabulary) -> int:
    """How many of the most common symbols are unknown, if they are more than half; else 0."""
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


def _modules(parameters: Iterable[str]) -> list[str]:
    """The modules that these are parameters of, each once, in the words of the other sentences."""
    modules = dict.fromkeys(name.rpartition(".")[0] for name in parameters)
    return [spoken(name).replace(".layer ", " layer ") for name in modules]
