"""Layers built within a bound: no tensor may be larger than it, whatever sizes somebody asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode


class TooLarge(Exception):
    """A tensor above the bound; the message names its shape."""


@contextmanager
def bounded_tensors(most: int) -> Iterator[None]:
    """Raises :class:`TooLarge` inside, before its memory is taken, for a new tensor of more than ``most`` bytes."""
    with _Bounded(most):
        yield


class _Bounded(TorchDispatchMode):
    """Asks torch's meta device, which takes no memory, how large the result of each factory will be."""

    def __init__(self, most: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch has no types for it
        self.most = most

    def __torch_dispatch__(
        self, operator: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        options = dict(kwargs or {})
        makes_new = "device" in options or any(argument.name == "device" for argument in operator._schema.arguments)
        if makes_new and not any(isinstance(value, Tensor) for value in args):
            try:
                # A generator of the CPU draws nothing for the meta device, which has no numbers.
                plain = {key: value for key, value in options.items() if key not in ("generator", "pin_memory")}
                factory = operator.overloadpacket if "generator" in options else operator
                planned = factory(*args, **{**plain, "device": torch.device("meta")})
            except RuntimeError as error:
                # Sizes whose product is beyond 64 bits.
                raise TooLarge(f"a tensor of {args[:1]}") from error
            if planned.numel() * planned.element_size() > self.most:
                raise TooLarge(f"a tensor of {' x '.join(map(str, planned.shape))}")
        return operator(*args, **options)
