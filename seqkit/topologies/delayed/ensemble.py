"""Several models that write one text together."""

from __future__ import annotations

from typing import Any

from seqkit.graphs import ExternalModule, with_modules
from seqkit.layers.averaging import AverageDecoder
from seqkit.topologies.delayed.head import EncoderDecoderHead
from seqkit.topologies.ensemble import EnsembleHead


class EncoderDecoderEnsemble(EnsembleHead):
    """``p(y_t | y_<t, x) = 1/M Σ_m p_m(y_t | y_<t, x)``, searched as one model.

    Each member reads the source with a vocabulary of its own; symbols of the target, and options of the search where
    none are given, are those of the first.
    """

    def joined(self, batch: Any) -> EncoderDecoderHead:
        """The first member, with the encoders of all, and their decoders as one."""
        pairs = list(self.each(batch))
        encoder = ExternalModule(lambda *_: [member.encoder(own.tokens, own.lengths) for member, own in pairs])
        decoder = AverageDecoder([member.decoder for member, _ in pairs])
        twin: EncoderDecoderHead = with_modules(pairs[0][0], encoder=encoder, decoder=decoder)
        # Decoders that attend to different tokens do not agree on the one to copy.
        twin.search = twin.search.replace(copy_unknown=False)
        return twin
