"""Several language models as one.

N tokens.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor

from seqkit.graphs import with_modules
from seqkit.layers.averaging import AverageDecoder
from seqkit.search import Sampling
from seqkit.topologies.ensemble import EnsembleHead
from seqkit.topologies.next_step.head import LanguageModelHead


class LanguageModelEnsemble(EnsembleHead):
    """``p(x_t | x_<t) = 1/M Σ_m p_m(x_t | x_<t)``; members read and write the same tokens."""

    def joined(self, batch: Any = None) -> LanguageModelHead:
        """The first member, with the decoders of all as one."""
        members: list[Any] = list(self.members)
        twin: LanguageModelHead = with_modules(
            members[0], decoder=AverageDecoder([member.decoder for member in members])
        )
        return twin

    def write(self, prompt: Tensor, sampling: Sampling) -> Iterator[int]:
        """See :meth:`LanguageModelHead.write`: a prompt (N) to the tokens that continue it."""
        return self.joined().write(prompt, sampling)
