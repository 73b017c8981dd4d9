"""Several models that write one caption together."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from seqkit.graphs import with_modules
from seqkit.layers.averaging import AverageDecoder, AverageState
from seqkit.topologies.ensemble import EnsembleHead
from seqkit.topologies.one_to_many.head import CaptionHead


class CaptionEnsemble(EnsembleHead):
    """``p(y_t | y_<t, picture) = 1/M Σ_m p_m(y_t | y_<t, picture)``, searched as one model.

    Tokens are those of all members, options of the search, where none are given, those of the first.
    """

    def joined(self, batch: Any) -> CaptionHead:
        """The first member, with the decoders of all as one; each starts from what its own encoder has seen."""
        pairs = list(self.each(batch))

        def start(pictures: Tensor) -> AverageState:
            return AverageState(tuple(member.start(own.pictures) for member, own in pairs))

        twin: CaptionHead = with_modules(pairs[0][0], decoder=AverageDecoder([member.decoder for member, _ in pairs]))
        twin.__dict__["start"] = start
        return twin
