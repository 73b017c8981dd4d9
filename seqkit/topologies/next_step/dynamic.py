"""Dynamic evaluation: a language model keeps learning from the text that it has just read.

N tokens, S tokens of a segment.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from seqkit.answers.written import Scored
from seqkit.config import option, options_of
from seqkit.errors import SeqkitError
from seqkit.topologies.next_step.codec import Text
from seqkit.topologies.next_step.gradients import gradient_rms, segment_gradients, trainable
from seqkit.topologies.next_step.head import LanguageModelHead
from seqkit.topologies.next_step.windows import STEPS


@dataclass(frozen=True, kw_only=True)
class DynamicOptions:
    """How a language model adapts to what it reads.

    On validation the defaults came within about one percent of the best values for each of five models: LSTMs of
    93,000 and 350,000 parameters on characters of verse, one of these with recall, one of 1.6 million on its words, and
    a GRU on characters of a manual.

    Raises :class:`UsageError` for values that cannot be.
    """

    segment: int = option(20, "tokens read before each update", minimum=1, below=STEPS + 1)
    learning_rate: float = option(
        0.3, "size of an update: by how many nats per token it lowers the loss just read, to first order", minimum=0
    )
    decay: float = option(0.05, "return to the trained weights: fraction per 1,000 tokens", minimum=0)

    def __post_init__(self) -> None:
        for name, entry in options_of(DynamicOptions).items():
            entry.check(getattr(self, name), name)


class DynamicEvaluation:
    """A language model that takes a step of gradient descent after each segment of what it reads.

    With the gradient g of a segment's average nats, and ``r = RMS / rms`` of each parameter, its root mean square
    gradient in training over that of all parameters:

    ``θ ← θ + min(λ r, 1) (θ_0 - θ)``, then ``θ ← θ - η g / (r + 1)``

    A segment is scored before the step that learns from it, so that the score of a token depends on nothing after it.
    The steps are those of a copy: the model itself never changes, whatever interrupts the reading, and other threads
    may use it meanwhile. A text begins with the trained weights, whatever was read before it.

    Two things differ from the paper. η is not given itself: it is the one with which an average step in training takes
    ``learning_rate`` off the loss of its segment, to first order, ``η Σ RMS² / (r + 1) = learning_rate``. The same
    value then fits models of any size and segments of 5 to 100 tokens, between which the best η differs by a factor of
    ten. And what is added to r is 1, not nearly 0, for the vectors of rare words would get steps that do more harm than
    good: measured on 13,000 words of verse, bits went down by 10 % with 1, up by 2 % with 0.1, and beyond all bounds
    with 0.01.

    Args:
        head: a trained model.
        rms: the root mean square gradient of each parameter, as :func:`gradient_rms` measures it for segments of that
            length; :meth:`from_training` does both.
        options: None: the defaults.

    Source: Krause, Kahembwe, Murray and Renals, 2018, arXiv:1709.07432.
    """

    def __init__(
        self, head: LanguageModelHead, rms: Mapping[str, Tensor], options: DynamicOptions | None = None
    ) -> None:
        self.options = options or DynamicOptions()
        self.head = copy.deepcopy(head).eval()
        self._parameters = trainable(self.head)
        self._trained = {name: parameter.detach().clone() for name, parameter in self._parameters.items()}
        self._rates, self._decays = _step_sizes(rms, self.options)

    @classmethod
    def from_training(
        cls,
        head: LanguageModelHead,
        tokens: np.ndarray,
        options: DynamicOptions | None = None,
        on_tokens: Callable[[int], None] = lambda count: None,
    ) -> DynamicEvaluation:
        """With the gradients that are measured on these tokens (N) of the training split, see :func:`gradient_sample`.

        ``on_tokens`` is called with the number of tokens just read.
        """
        options = options or DynamicOptions()
        return cls(head, gradient_rms(head, tokens, options.segment, on_tokens), options)

    def predict(self, batch: Sequence[Text], on_tokens: Callable[[int], None] = lambda count: None) -> list[Scored]:
        """What each text costs, read from its beginning in one go; ``on_tokens`` is called with the tokens just read.

        Raises :class:`SeqkitError` where a learning rate is so high that the loss becomes infinite.
        """
        return [Scored.of(text, _pieces(self._read(text.tokens, on_tokens), self.options.segment)) for text in batch]

    def adapt(self, tokens: np.ndarray, on_tokens: Callable[[int], None] = lambda count: None) -> LanguageModelHead:
        """A model of its own that has learned from tokens (N); raises :class:`SeqkitError` as :meth:`predict` does."""
        for _ in self._read(tokens, on_tokens):
            pass
        return copy.deepcopy(self.head)

    def _read(self, tokens: np.ndarray, on_tokens: Callable[[int], None]) -> Iterator[tuple[float, int]]:
        """Nats and tokens of each segment; the model learns from one before the next is requested."""
        self._reset()
        decoder, state = self.head.decoder, self.head.decoder.start()
        device = self.head.ban.device
        before = torch.tensor([self.head.start], device=device)
        for first in range(0, len(tokens), self.options.segment):
            targets = torch.from_numpy(tokens[first : first + self.options.segment].astype(np.int64)).to(device)
            with torch.enable_grad():
                decoded = decoder(torch.cat([before, targets[:-1]]).unsqueeze(0), state)
                loss = decoder.nats(decoded.features.squeeze(0), targets)
                # The last segment of a text may be short, and moves the model the less.
                gradients = segment_gradients(loss / self.options.segment, self._parameters)
            nats = loss.item()
            if not math.isfinite(nats):
                raise SeqkitError(f"the loss is not finite after {first:,} tokens; take a lower learning_rate")
            self._step(gradients)
            before, state = targets[-1:], decoded.state.detach()
            on_tokens(len(targets))
            yield nats, len(targets)

    @torch.no_grad()
    def _reset(self) -> None:
        for name, parameter in self._parameters.items():
            parameter.copy_(self._trained[name])

    @torch.no_grad()
    def _step(self, gradients: Mapping[str, Tensor]) -> None:
        for name, parameter in self._parameters.items():
            parameter.lerp_(self._trained[name], self._decays[name])
            parameter.addcmul_(gradients[name], self._rates[name], value=-1)


def _step_sizes(rms: Mapping[str, Tensor], options: DynamicOptions) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """``η / (r + 1)`` and ``min(λ r, 1)`` of each parameter."""
    count = sum(size.numel() for size in rms.values())
    # A model whose loss is 0 has no gradient to divide by.
    tiny = torch.finfo(torch.float32).tiny
    overall = max(tiny, math.sqrt(sum(float(size.square().sum()) for size in rms.values()) / count))
    relative = {name: size / overall for name, size in rms.items()}
    gain = sum(float((size.square() / (relative[name] + 1)).sum()) for name, size in rms.items())
    rate = options.learning_rate / max(tiny, gain)
    decay = options.decay * options.segment / 1000
    return (
        {name: rate / (size + 1) for name, size in relative.items()},
        {name: (decay * size).clamp(max=1) for name, size in relative.items()},
    )


def _pieces(costs: Iterator[tuple[float, int]], segment: int) -> Iterator[tuple[float, int]]:
    """Nats and tokens of as many segments together as 1024 tokens hold."""
    while group := list(islice(costs, STEPS // segment)):
        yield math.fsum(nats for nats, _ in group), sum(tokens for _, tokens in group)
