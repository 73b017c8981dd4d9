"""One step of a language model as a graph that runs elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from seqkit.answers.written import Scored
from seqkit.graphs import Answering, Exported, ExternalDecoder, step_part, with_modules
from seqkit.graphs.recurrent import learned_start, reached_state
from seqkit.layers import State
from seqkit.topologies.next_step.codec import StreamCodec, Text
from seqkit.topologies.next_step.head import LanguageModelHead


def export_language_model(head: LanguageModelHead, codec: StreamCodec) -> Exported:
    """One step: ``token`` (B) and the state to ``logits`` (B, V) and the next state.

    A text begins with the token ``start``, and with the learned ``state``, or zeros where there is none; symbols in
    ``banned`` must never be written. Raises :class:`UsageError` for a model with recall.
    """
    decoder = head.decoder

    def start(batch_size: int) -> State:
        return decoder.start(batch_size=batch_size).recurrent

    def sample(generator: torch.Generator, lengths: Tensor, time: int) -> dict[str, Tensor]:
        return dict(reached_state(decoder.recurrent, generator, len(lengths)))

    def predict(runs: Mapping[str, Any], batch: Sequence[Text]) -> list[Scored]:
        return with_modules(head, decoder=ExternalDecoder(runs["step"], start)).predict(batch)

    banned = head.ban.isinf().nonzero().flatten().tolist()
    learned = learned_start(decoder.recurrent)
    settings = {"start": head.start, "banned": banned, **({} if learned is None else {"state": learned})}
    symbols = {**codec.to_json(), **settings}
    answering = Answering("language model", codec.to_json(), settings)
    return Exported([step_part(decoder, sample)], symbols, predict, answering)
