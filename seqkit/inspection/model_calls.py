"""A model reads one input, and what its recurrent layers were called with is kept, with gradients at their inputs.

B batch, T time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor

from seqkit.errors import UsageError
from seqkit.layers import Head, Recurrent
from seqkit.layers.state import State
from seqkit.runs import Model
from seqkit.topologies import EnsembleHead, Explains, Explanation


class LayerCall(NamedTuple):
    """A recurrent layer has read inputs (B, T, I), starting from a state."""

    x: Tensor
    steps: int
    """Of the first sequence of the batch"""
    state: State | None
    outputs: Tensor
    final: State


def check_has_time(model: Model) -> None:
    """Raises :class:`UsageError` for a model without a recurrent layer, and for an ensemble."""
    if isinstance(model.head, EnsembleHead):
        raise UsageError("an ensemble has no gates of its own; inspect one of its members, in its folder members")
    if not any(isinstance(module, Recurrent) for module in model.head.modules()):
        raise UsageError(
            f"a {model.task.name} model is {model.task.topology}: it has no time, so no gates and no gradient that "
            "flows through it; inspect a model with a recurrent layer"
        )


def explain(model: Model, raw: Any, calls: dict[str, LayerCall]) -> Explanation:
    """The task's explanation of an input; of a task without one, the prediction, with its steps numbered.

    ``calls`` are those of :func:`layer_calls`, which is open meanwhile.
    """
    model.head.eval()
    if isinstance(model.task, Explains):
        with torch.enable_grad():
            return model.task.explain(model.head, model.codec, raw)
    (prediction,) = model.answers([raw])
    steps = {name: [str(n + 1) for n in range(call.steps)] for name, call in calls.items() if len(call.x) == 1}
    return Explanation(model.task.format_prediction(prediction)[0], torch.zeros(()), steps)


@contextmanager
def layer_calls(head: Head) -> Iterator[dict[str, LayerCall]]:
    """Yields the last call of each recurrent layer for whole sequences, by its name, as far as there was one.

    Where gradients are on, inputs without one get one, so that it can be requested. A call with gradients is not
    replaced by one without: that is the answer being written, after it was explained.
    """
    calls: dict[str, LayerCall] = {}

    def before(_: Any, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        x = arguments[0]
        if x.requires_grad or not torch.is_grad_enabled():
            return arguments
        return (x.detach().requires_grad_(), *arguments[1:])

    def after(name: str) -> Any:
        def hook(_: Any, arguments: tuple[Any, ...], named: dict[str, Any], result: tuple[Tensor, State]) -> None:
            if torch.is_grad_enabled() or name not in calls or not calls[name].x.requires_grad:
                values = {**dict(zip(("x", "lengths", "state"), arguments, strict=False)), **named}
                lengths = values.get("lengths")
                steps = values["x"].shape[1] if lengths is None else int(lengths[0])
                calls[name] = LayerCall(values["x"], steps, values.get("state"), *result)

        return hook

    modules = [(name, module) for name, module in head.named_modules() if isinstance(module, Recurrent)]
    handles = [module.register_forward_pre_hook(before) for _, module in modules]
    handles += [module.register_forward_hook(after(name), with_kwargs=True) for name, module in modules]
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()
