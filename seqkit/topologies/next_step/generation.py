"""A language model continues a text."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from seqkit.answers.continuing import continued
from seqkit.search import Sampling
from seqkit.topologies.next_step.codec import StreamCodec
from seqkit.topologies.next_step.ensemble import LanguageModelEnsemble
from seqkit.topologies.next_step.head import LanguageModelHead


def generate_text(
    head: LanguageModelHead | LanguageModelEnsemble,
    codec: StreamCodec,
    prompt: str,
    sampling: Sampling,
    notes: list[str],
) -> Iterator[str]:
    """The text that follows the prompt, see :func:`~seqkit.answers.continuing.continued`."""
    return continued(lambda read, how: head.write(torch.from_numpy(read), how), codec, prompt, sampling, notes)
