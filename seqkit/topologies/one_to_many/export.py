"""The head as two graphs that run elsewhere; the search between them stays with the user of the files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from seqkit.answers.written import Caption
from seqkit.errors import UsageError
from seqkit.graphs import (
    Answering,
    Exported,
    ExternalDecoder,
    Graph,
    Part,
    Value,
    add,
    add_start,
    flatten_state,
    sizes_of,
    step_part,
    with_modules,
)
from seqkit.graphs.modules import EncoderValues
from seqkit.graphs.recurrent import add_recurrent
from seqkit.layers import State
from seqkit.layers.pictures import ConvolutionalEncoder, VectorEncoder
from seqkit.topologies.one_to_many.codec import CaptionCodec, PictureBatch
from seqkit.topologies.one_to_many.head import CaptionHead


def export_captioner(head: CaptionHead, codec: CaptionCodec) -> Exported:
    """``encoder``, from ``pictures`` to the decoder's first state, and ``step``, which goes from one state to the next.

    Pictures are (B, C, H, W) of uint8, or vectors (B, S, F). The first token that a step reads is ``<start>``, the last
    that it writes is ``<end>``. Raises :class:`UsageError` for an encoder of torchvision.
    """
    if not isinstance(head.encoder, (ConvolutionalEncoder, VectorEncoder)):
        raise UsageError("a torchvision backbone has no export; train with --encoder convolutional, or apply the run")
    start = _encoder_part(head, codec)

    def sample_state(generator: torch.Generator, lengths: Tensor, time: int) -> Mapping[str, Tensor]:
        return start.compute(**start.sample(generator, lengths, time))

    def predict(runs: Mapping[str, Any], batch: PictureBatch) -> list[Caption]:
        twin = with_modules(head, decoder=ExternalDecoder(runs["step"], lambda state, **_: state))
        twin.__dict__["start"] = lambda pictures: State(runs["encoder"](pictures=pictures))
        return twin.predict(batch)

    names = ("limit", "beam_size", "length_penalty", "no_repeat_ngram")
    answering = Answering("captions", codec.to_json(), {name: getattr(head, name) for name in names})
    return Exported([start, step_part(head.decoder, sample_state)], codec.to_json(), predict, answering)


def _encoder_part(head: CaptionHead, codec: CaptionCodec) -> Part:
    """Pictures to the state before the start symbol."""
    shape = codec.shape if len(codec.shape) == 2 else (codec.shape[2], *codec.shape[:2])

    def compute(pictures: Tensor) -> dict[str, Tensor]:
        return flatten_state(head.start(pictures))

    def build(graph: Graph, values: dict[str, Value]) -> dict[str, Value]:
        side = codec.shape[:1] if isinstance(head.encoder, ConvolutionalEncoder) else ()
        encoded: EncoderValues = add(head.encoder, graph, values["pictures"], *side)
        if head.first is not None:
            return _add_first(head.first, head, graph, encoded)
        return add_start(head.decoder, graph, encoded.outputs, lambda: _everywhere(graph, encoded.outputs), encoded)

    def sample(generator: torch.Generator, lengths: Tensor, time: int) -> dict[str, Tensor]:
        size = (len(lengths), *shape)
        if len(shape) == 2:
            return {"pictures": torch.randn(size, generator=generator)}
        return {"pictures": torch.randint(256, size, generator=generator, dtype=torch.uint8)}

    return Part("encoder", {"pictures": ("batch", *shape)}, sizes_of(head.decoder), compute, build, sample)


def _add_first(first: nn.Module, head: CaptionHead, graph: Graph, encoded: EncoderValues) -> dict[str, Value]:
    """The state after the vector of the picture was read, as if it were that of a token."""
    vector = graph.add("Unsqueeze", add(first, graph, encoded.pooled), graph.numbers(1))
    return dict(add_recurrent(head.decoder.recurrent, graph, vector, None).state)


def _everywhere(graph: Graph, grid: Value) -> Value:
    """(B, S) of bool: all places of a grid (B, S, F)."""
    size = graph.add("Slice", graph.add("Shape", grid), graph.numbers(0), graph.numbers(2))
    return graph.add("Expand", torch.tensor(True), size)
