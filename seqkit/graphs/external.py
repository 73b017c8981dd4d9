"""Heads whose modules are computed elsewhere: a copy of a head in which functions take the place of its own modules.

B batch, T time, V symbols.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from seqkit.layers import Head, State

H = TypeVar("H", bound=Head)


def with_forward(head: H, forward: Callable[[Any], Tensor]) -> H:
    """A copy of a head that computes its logits by a function of the batch."""
    twin = copy.copy(head)
    twin.__dict__["forward"] = forward
    return twin


def with_modules(head: H, **modules: nn.Module) -> H:
    """A copy of a head with these modules in place of its own."""
    twin = copy.copy(head)
    twin._modules = {**head._modules, **modules}
    return twin


class ExternalModule(nn.Module):
    """In place of a module that a function computes."""

    def __init__(self, compute: Callable[..., Any]) -> None:
        super().__init__()
        self._compute = compute

    def forward(self, *inputs: Any) -> Any:
        """The result of the function."""
        return self._compute(*inputs)


@dataclass(frozen=True)
class ExternalDecoded:
    """The output of an :class:`ExternalDecoder`: logits (B, T, V), and the state after them."""

    features: Tensor
    state: State


class ExternalDecoder(nn.Module):
    """In place of a :class:`~seqkit.layers.Decoder` whose steps are run elsewhere: its features are logits already.

    Args:
        step: the last token and the tensors of the state, by name, to ``logits`` and the tensors that have changed,
            ``next_h`` for ``h``.
        first: what :meth:`Decoder.start` does.
    """

    def __init__(self, step: Callable[..., dict[str, Tensor]], first: Callable[..., State]) -> None:
        super().__init__()
        self._step, self.start = step, first

    def step(self, token: Tensor, state: State) -> tuple[Tensor, State]:
        """See :meth:`Decoder.step`."""
        outputs = {**self._step(token=token, **state)}
        logits, _ = outputs.pop("logits"), outputs.pop("weights", None)
        return logits, State({**state, **{name.removeprefix("next_"): value for name, value in outputs.items()}})

    def forward(self, tokens: Tensor, state: State, lengths: Tensor | None = None) -> ExternalDecoded:
        """See :meth:`Decoder.forward`; the state after padding is meaningless."""
        steps = []
        for token in tokens.unbind(1):
            logits, state = self.step(token, state)
            steps.append(logits)
        return ExternalDecoded(torch.stack(steps, 1), state)

    def nats(self, features: Tensor, targets: Tensor, precision: str = "f32") -> Tensor:
        """See :meth:`Decoder.nats`; the logits are there, so that no product is left to round."""
        return cross_entropy(features, targets, ignore_index=-1, reduction="sum")
