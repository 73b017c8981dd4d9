"""What a recurrent layer hands to its next step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Tensor


class State(Mapping[str, Tensor]):
    """Named tensors with the batch first: ``state.h`` and, for an LSTM, ``state.c``, each (B, layers · directions, H).

    Read-only. Batch first throughout, so that beam search reorders a state with one ``index_select``.
    """

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        self._tensors = dict(tensors)

    def __getitem__(self, name: str) -> Tensor:
        return self._tensors[name]

    def __getattr__(self, name: str) -> Tensor:
        tensors: dict[str, Tensor] = self.__dict__.get("_tensors", {})
        if name in tensors:
            return tensors[name]
        raise AttributeError(f"this state has {', '.join(tensors) or 'no tensors'}, not '{name}'")

    def __contains__(self, name: object) -> bool:
        return name in self._tensors

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)

    def __repr__(self) -> str:
        return f"State({', '.join(f'{name}={tuple(t.shape)}' for name, t in self.items())})"

    def map(self, function: Callable[[Tensor], Tensor]) -> State:
        """The state with the function applied to each tensor."""
        return State({name: function(tensor) for name, tensor in self.items()})

    def select(self, index: Tensor) -> State:
        """The rows of the batch at ``index`` (N) of int64, in any order and as often as they are named."""
        return self.map(lambda tensor: tensor.index_select(0, index))

    def detach(self) -> State:
        """The same values, detached from the graph: what truncated back-propagation carries on."""
        return self.map(Tensor.detach)

    def to(self, device: torch.device | str) -> State:
        """The state on a device."""
        return self.map(lambda tensor: tensor.to(device))
