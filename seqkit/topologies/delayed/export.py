"""The head as two graphs that run elsewhere; the search between them stays with the user of the files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from seqkit.answers.written import Translated
from seqkit.graphs import (
    Answering,
    Exported,
    ExternalDecoder,
    ExternalModule,
    Graph,
    Part,
    Value,
    add,
    add_start,
    flatten_state,
    sequences,
    sizes_of,
    step_part,
    with_modules,
)
from seqkit.graphs.modules import inside_mask
from seqkit.layers import Decoder, Encoder, State
from seqkit.topologies.delayed.codec import PairBatch, PairCodec
from seqkit.topologies.delayed.head import EncoderDecoderHead
from seqkit.topologies.delayed.memory import MemoryGate


def export_encoder_decoder(head: EncoderDecoderHead, codec: PairCodec, **settings: Any) -> Exported:
    """``encoder``, from ``tokens`` and ``lengths`` of a source to the decoder's first state, and ``step``, which goes
    from one state to the next.

    The first token that a step reads is ``<s>``, the last that it writes is ``</s>``. A memory that answers anything is
    among the symbols, with the similarity from which it does, and so are n-grams of aligned symbols that have a weight.
    ``settings`` are more of those for the runtime.
    """
    start = _encoder_part(head.encoder, head.decoder, len(codec.source.vocabulary))

    def sample_state(generator: torch.Generator, lengths: Tensor, time: int) -> Mapping[str, Tensor]:
        return start.compute(**start.sample(generator, lengths, time))

    def predict(runs: Mapping[str, Any], batch: PairBatch) -> list[Translated]:
        # The exported state sums up no attention unless the model has learned coverage.
        return _run_by(head, runs).predict(batch, coverage_penalty=0.0)

    gate, files = head.gate, codec.to_json()
    if gate is None or not gate.open:
        files.pop("memory.json", None)
    threshold = float(gate.threshold) if gate is not None and gate.open else None
    weight = 0.0 if head.joint is None else float(head.joint)
    if weight == 0:
        files.pop("joint.json", None)
    chosen = {"threshold": threshold, "joint_weight": weight}
    answering = Answering("pairs", files, {"search": asdict(head.search), **chosen, **settings})
    symbols = {**files, **{name: value for name, value in chosen.items() if value}}
    return Exported([start, step_part(head.decoder, sample_state)], symbols, predict, answering)


def _encoder_part(encoder: Encoder, decoder: Decoder, symbols: int) -> Part:
    """A source to the state before the first token."""
    inputs, sample = sequences(symbols)

    def compute(tokens: Tensor, lengths: Tensor) -> dict[str, Tensor]:
        return flatten_state(decoder.start(encoder(tokens, lengths)))

    def build(graph: Graph, values: dict[str, Value]) -> dict[str, Value]:
        encoded = add(encoder, graph, values["tokens"], values["lengths"])
        tokens, lengths = values["tokens"], values["lengths"]
        return add_start(decoder, graph, lengths, lambda: inside_mask(graph, tokens, lengths), encoded)

    return Part("encoder", inputs, sizes_of(decoder), compute, build, sample)


def _run_by(head: EncoderDecoderHead, runs: Mapping[str, Any]) -> EncoderDecoderHead:
    """The head with functions that run the parts in place of its encoder and decoder."""

    def encode(tokens: Tensor, lengths: Tensor) -> State:
        return State(runs["encoder"](tokens=tokens, lengths=lengths))

    decoder = ExternalDecoder(runs["step"], lambda state, **_: state)
    return with_modules(head, encoder=ExternalModule(encode), decoder=decoder, gate=MemoryGate())
