"""The state that one chunk of a text hands to the next, as named tensors, which a checkpoint can hold."""

from __future__ import annotations

from seqkit.layers import DecoderState, State
from seqkit.layers.recall import Past

_PAST = {"past.outputs": "outputs", "past.made": "keys_and_values", "past.vectors": "vectors"}
"""The names of a past in checkpoints, and in :class:`~seqkit.layers.recall.Past`: checkpoints keep the names that they
began with."""


def to_tensors(state: DecoderState) -> State:
    """The state of a decoder without a source, by names."""
    past = {} if state.past is None else {name: getattr(state.past, field) for name, field in _PAST.items()}
    return State({**state.recurrent, **past})


def from_tensors(tensors: State) -> DecoderState:
    """The state that :func:`to_tensors` took apart."""
    recurrent = State({name: tensor for name, tensor in tensors.items() if name not in _PAST})
    past = {field: tensors[name] for name, field in _PAST.items() if name in tensors}
    return DecoderState(recurrent, past=Past(**past) if past else None)
