"""What of a head is exported: parts that take tensors and give tensors, each as torch computes it and as ONNX does.

B batch, T time.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from seqkit.graphs.decoder import add_step, deep, flat, sizes_of
from seqkit.graphs.graph import Graph, Size, Value
from seqkit.graphs.modules import softmax
from seqkit.layers import Decoder, Head, State

Tensors = Mapping[str, Tensor]
Runs = Mapping[str, Callable[..., dict[str, Tensor]]]
"""For each part of an export, a function from its inputs, by name, to its outputs."""
H = TypeVar("H", bound=Head)


@dataclass(frozen=True)
class Part:
    """One file of an export."""

    name: str
    inputs: Mapping[str, Sequence[Size]]
    """The sizes of each input; those with a name vary: ``batch``, ``time``"""
    outputs: Mapping[str, Sequence[Size]]
    compute: Callable[..., Tensors]
    """The outputs, by torch, from inputs by name"""
    add: Callable[[Graph, dict[str, Value]], Mapping[str, Value]]
    """The same as operators of a graph"""
    sample: Callable[[torch.Generator, Tensor, int], Tensors]
    """Inputs to try it with, for lengths (B) and T steps"""

    def onnx(self, facts: Mapping[str, str]) -> bytes:
        """The part as an ONNX file.

        Raises :class:`UsageError` for what ONNX cannot say.
        """
        graph = Graph()
        given = self.sample(torch.Generator(), torch.tensor([1]), 1)
        found = self.compute(**given)
        made = self.add(graph, {name: Value(name) for name in self.inputs})
        inputs = {name: (given[name].dtype, sizes) for name, sizes in self.inputs.items()}
        outputs = {name: (made[name], found[name].dtype, sizes) for name, sizes in self.outputs.items()}
        return graph.model(self.name, inputs, outputs, facts)


@dataclass(frozen=True)
class Exported:
    """A head in parts.

    ``predict`` makes the head's own predictions of a batch with functions that run the parts, so that what is exported
    can be scored as the head is.
    """

    parts: Sequence[Part]
    symbols: Mapping[str, Any]
    """What a user of the files must know, for JSON: vocabulary, labels, options of the tokenizer"""
    predict: Callable[[Runs, Any], list[Any]]


def draw_tokens(generator: torch.Generator, symbols: int, *sizes: int) -> Tensor:
    """Random tokens, int64."""
    return torch.randint(symbols, sizes, generator=generator)


def sequences(symbols: int) -> tuple[dict[str, Sequence[Size]], Callable[[torch.Generator, Tensor, int], Tensors]]:
    """Inputs ``tokens`` (B, T) and ``lengths`` (B) of so many symbols, and their samples."""

    def sample(generator: torch.Generator, lengths: Tensor, time: int) -> Tensors:
        return {"tokens": draw_tokens(generator, symbols, len(lengths), time), "lengths": lengths}

    return {"tokens": ("batch", "time"), "lengths": ("batch",)}, sample


def labelling(
    head: Head,
    inputs: Mapping[str, Sequence[Size]],
    sample: Callable[[torch.Generator, Tensor, int], Tensors],
    add_logits: Callable[[Graph, dict[str, Value]], Value],
    sizes: Sequence[Size],
    symbols: Mapping[str, Any],
    make: Callable[..., Any],
    feed: Callable[[Any], Tensors] | None = None,
    probabilities: bool = True,
) -> Exported:
    """A head whose ``forward`` makes logits of a batch, as one part ``model``: ``logits``, and their softmax.

    Args:
        inputs, sample, symbols: as in :class:`Part` and :class:`Exported`.
        add_logits: the logits as operators of a graph.
        sizes: those of the logits.
        make: a batch from the inputs by name; ``feed``: the inputs from a batch, None: its fields of those names.
        probabilities: False: the logits alone, where their softmax is no probability.
    """

    def compute(**tensors: Tensor) -> Tensors:
        logits = head(make(**tensors))
        return {"logits": logits, "probabilities": torch.softmax(logits, -1)} if probabilities else {"logits": logits}

    def build(graph: Graph, values: dict[str, Value]) -> Mapping[str, Value]:
        logits = add_logits(graph, values)
        return {"logits": logits, "probabilities": softmax(graph, logits)} if probabilities else {"logits": logits}

    def fields(batch: Any) -> Tensors:
        return {name: getattr(batch, name) for name in inputs}

    def predict(runs: Runs, batch: Any) -> list[Any]:
        return with_forward(head, lambda b: runs["model"](**(feed or fields)(b))["logits"]).predict(batch)

    names = ("logits", "probabilities") if probabilities else ("logits",)
    part = Part("model", inputs, dict.fromkeys(names, sizes), compute, build, sample)
    return Exported([part], symbols, predict)


def with_forward(head: H, forward: Callable[[Any], Tensor]) -> H:
    """A copy of a head that computes its logits by a function of the batch."""
    twin = copy.copy(head)
    twin.__dict__["forward"] = forward
    return twin


def with_modules(head: H, **modules: nn.Module) -> H:
    """A copy of a head in which these modules stand for its own."""
    twin = copy.copy(head)
    twin._modules = {**head._modules, **modules}
    return twin


def step_part(decoder: Decoder, sample: Callable[[torch.Generator, Tensor, int], Tensors]) -> Part:
    """One step of a decoder: ``token`` (B) and the state before it, by its names, to ``logits`` (B, V) and what of the
    state has changed, ``next_h`` for ``h``. ``sample`` gives a state."""
    sizes = sizes_of(decoder)
    symbols = decoder.embedding.num_embeddings
    changing = [name for name in sizes if name not in ("values", "keys", "mask")]

    def compute(token: Tensor, **state: Tensor) -> Tensors:
        logits, after = decoder.step(token, deep(state))
        found = flat(after)
        return {"logits": logits, **{f"next_{name}": found[name] for name in changing}}

    def build(graph: Graph, inputs: dict[str, Value]) -> Mapping[str, Value]:
        logits, after = add_step(decoder, graph, inputs["token"], inputs)
        return {"logits": logits, **{f"next_{name}": after[name] for name in changing}}

    def draw(generator: torch.Generator, lengths: Tensor, time: int) -> Tensors:
        return {"token": draw_tokens(generator, symbols, len(lengths)), **sample(generator, lengths, time)}

    outputs = {"logits": ("batch", symbols), **{f"next_{name}": sizes[name] for name in changing}}
    return Part("step", {"token": ("batch",), **sizes}, outputs, compute, build, draw)


class ExternalModule(nn.Module):
    """What stands for a module where a function computes it."""

    def __init__(self, compute: Callable[..., Any]) -> None:
        super().__init__()
        self._compute = compute

    def forward(self, *inputs: Any) -> Any:
        """What the function makes of the inputs."""
        return self._compute(*inputs)


class ExternalDecoder(nn.Module):
    """What stands for a :class:`Decoder` where its steps are run elsewhere: features are logits already."""

    def __init__(self, step: Callable[..., dict[str, Tensor]], first: Callable[..., State]) -> None:
        super().__init__()
        self._step, self.start = step, first

    def step(self, token: Tensor, state: State) -> tuple[Tensor, State]:
        """See :meth:`Decoder.step`."""
        found = self._step(token=token, **state)
        logits = found.pop("logits")
        return logits, State({**state, **{name.removeprefix("next_"): value for name, value in found.items()}})

    def forward(self, tokens: Tensor, state: State, lengths: Tensor | None = None) -> Any:
        """See :meth:`Decoder.forward`; the state after padding is of no use."""
        logits = []
        for token in tokens.unbind(1):
            made, state = self.step(token, state)
            logits.append(made)
        return Read(torch.stack(logits, 1), state)

    def nats(self, features: Tensor, targets: Tensor, precision: str = "f32") -> Tensor:
        """See :meth:`Decoder.nats`; the logits are there, so that no product is left to round."""
        return cross_entropy(features, targets, ignore_index=-1, reduction="sum")


@dataclass(frozen=True)
class Read:
    """What :class:`Stepped` makes of tokens: logits (B, T, V), and the state after them."""

    features: Tensor
    state: State
