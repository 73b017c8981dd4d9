"""What a recurrent layer hands to its next step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn, cast

import torch
from torch import Tensor
from torch.utils import _pytree as pytree


class State(dict[str, Tensor]):
    """Named tensors with the batch first: ``state.h`` and, for an LSTM, ``state.c``, each (B, layers · directions, H).

    Its tensors stay those that it was made of. Batch first throughout, so that beam search reorders a state with one
    ``index_select``. torch knows it as a container of tensors, so distributed training, ``torch.export`` and transforms
    find what is in it.
    """

    __slots__ = ()

    def __getattr__(self, name: str) -> Tensor:
        if name in self:
            return self[name]
        raise AttributeError(f"this state has {', '.join(self) or 'no tensors'}, not '{name}'")

    def __repr__(self) -> str:
        return f"State({', '.join(f'{name}={tuple(t.shape)}' for name, t in self.items())})"

    def __reduce__(self) -> tuple[type[State], tuple[dict[str, Tensor]]]:
        return State, (dict(self),)

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("a state keeps the tensors that it was made of; make another: State({'h': h})")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

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


def _flatten(state: State) -> tuple[list[Any], list[str]]:
    return list(state.values()), list(state)


def _flatten_with_keys(state: State) -> tuple[list[tuple[Any, Any]], list[str]]:
    return [(pytree.MappingKey(name), value) for name, value in state.items()], list(state)


def _unflatten(values: Any, names: Any) -> State:
    return State(cast(Mapping[str, Tensor], zip(names, values, strict=True)))


pytree.register_pytree_node(
    State,
    _flatten,
    _unflatten,
    serialized_type_name="seqkit.State",
    flatten_with_keys_fn=_flatten_with_keys,
)
# A state that was saved among tensors is as harmless as they are.
torch.serialization.add_safe_globals([State])
