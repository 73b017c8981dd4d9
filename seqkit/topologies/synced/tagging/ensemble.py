"""What an ensemble of taggers decides by.

K labels.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor

from seqkit.graphs import with_modules
from seqkit.layers import CRF
from seqkit.topologies.ensemble import LabelEnsemble
from seqkit.topologies.synced.tagging.head import TaggingHead


def join_taggers(heads: Sequence[TaggingHead]) -> LabelEnsemble:
    """The average of the probabilities of each word's labels; of CRFs, the average of the scores of whole labellings.

    The average score is ``s(x, y) = 1/M Σ_m s_m(x, y)``, so the probability of a labelling is the geometric mean of
    those that the members give it, made to sum to 1. It is a CRF again, with the average logits and the average
    transitions: limits are never left, and the best labellings are exact. The average of the marginals has no best
    labelling of this kind.

    Source: a logarithmic opinion pool, Smith, Cohn and Osborne, 2005, ACL.
    """
    crfs = [head.crf for head in heads if head.crf is not None]
    if crfs:
        return LabelEnsemble(heads, with_modules(heads[0], crf=_average_crf(crfs)), _average_scores)
    decider = copy.copy(heads[0])
    decider.balance = sum(head.balance for head in heads) / len(heads)
    return LabelEnsemble(heads, decider)


def _average_scores(logits: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(logits)).mean(0)


@torch.no_grad()
def _average_crf(crfs: Sequence[CRF]) -> CRF:
    """A CRF with the limits of the first and the average of the scores (K, K), (K) and (K)."""
    average = copy.deepcopy(crfs[0])
    for name, parameter in average.named_parameters():
        parameter.copy_(torch.stack([crf.get_parameter(name) for crf in crfs]).mean(0))
    return average
