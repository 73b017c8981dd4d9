"""``speed_up``: our kernels in place of torch's in a model that somebody else wrote."""

from __future__ import annotations

from textwrap import wrap
from types import TracebackType, new_class
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn.utils.parametrize import is_parametrized

from seqkit.errors import UsageError
from seqkit.kernels import kernel_name
from seqkit.kernels.library import ensure_or_warn
from seqkit.nn.cells import GRUCell, LSTMCell, OurCell, RNNCell
from seqkit.nn.modules import GRU, LSTM, RNN, OurSequences, drop_kept_weights
from seqkit.nn.projected import why_not

_OURS: dict[type[nn.Module], type[nn.Module]] = {
    nn.RNN: RNN, nn.LSTM: LSTM, nn.GRU: GRU, nn.RNNCell: RNNCell, nn.LSTMCell: LSTMCell, nn.GRUCell: GRUCell,
}  # fmt: skip
_THEIRS = {ours: theirs for theirs, ours in _OURS.items()}
_NAMES = {kind.__name__ for kind in _OURS}
_READ_BY_A_CALL = (
    "forward", "check_input", "check_forward_args", "check_hidden_size", "get_expected_hidden_size",
    "get_expected_cell_size", "permute_hidden",
)  # fmt: skip
_WIDTH, _IN = 80, " " * 4


class Place(NamedTuple):
    """A recurrent module of a model."""

    name: str
    """as in ``model.named_modules()``; empty for the model itself"""
    module: nn.Module
    others: int = 0
    """how many more places of the model hold the same module"""
    reason: str = ""
    """why it was left as it is"""


class SpeedUp:
    """What :func:`speed_up` did, and the way back; a context manager that undoes it at the end.

    Attributes:
        replaced: the modules that run on our kernels now.
        left: those that do not, each with its ``reason``.
    """

    def __init__(self, replaced: list[Place], left: list[Place]) -> None:
        self.replaced, self.left = tuple(replaced), tuple(left)
        self._before = [type(place.module) for place in replaced]
        self._after = [_replace(place.module) for place in replaced]

    def undo(self) -> None:
        """Gives every module that was replaced its own class back; a second time does nothing."""
        for place, before, after in zip(self.replaced, self._before, self._after, strict=True):
            module = place.module
            # Parametrizations that came or went since have given the module another class than it had.
            module.__class__ = before if type(module) is after else _without_ours(type(module))
            drop_kept_weights(module)

    def __enter__(self) -> SpeedUp:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.undo()

    def __repr__(self) -> str:
        count = len(self.replaced) + len(self.left)
        modules = "1 recurrent module" if count == 1 else f"{count} recurrent modules"
        lines = [f"seqkit's kernels run {len(self.replaced)} of {modules}", *map(_line, self.replaced)]
        for place in self.left:
            lines += [_line(place), *wrap(f"left: {place.reason}", _WIDTH, initial_indent=_IN, subsequent_indent=_IN)]
        return "\n".join(lines)


def speed_up(model: nn.Module) -> SpeedUp:
    """Puts our kernels in place of torch's in every recurrent module of a model.

    Nothing but the class of these modules changes: their parameters, hooks, parametrizations, the optimizers and other
    modules that hold them stay what they are. What our kernels cannot run (another device or dtype, autocast, a trace,
    a transform) runs through torch's own code. The kernels are built first if need be, in about half a minute.

    Args:
        model: any module; it is changed in place.

    Returns:
        What was replaced, what was not and why, and the way back.

    Raises:
        UsageError: (a ValueError) for something else than a module, or if ``SEQKIT_KERNELS`` names no kernel.

    Examples:
        >>> import torch
        >>> gru, output = torch.nn.GRU(8, 16), torch.nn.Linear(16, 2)
        >>> model = torch.nn.ModuleDict({"rnn": gru, "out": output})
        >>> with speed_up(model) as done:
        ...     type(model["rnn"]).__module__
        'seqkit.nn.modules'
        >>> [place.name for place in done.replaced], type(model["rnn"]).__module__
        (['rnn'], 'torch.nn.modules.rnn')
    """
    if not isinstance(model, nn.Module):
        raise UsageError(f"speed_up takes a torch module, not {type(model).__name__}; give the module with the layers")
    places: dict[int, Place] = {}
    for name, module in model.named_modules(remove_duplicate=False):
        if (known := places.get(id(module))) is not None:
            places[id(module)] = known._replace(others=known.others + 1)
        elif _is_recurrent(module):
            places[id(module)] = Place(name, module)
    missing = _missing_kernels() if places else ""
    found = [place._replace(reason=missing or _obstacle(place.module)) for place in places.values()]
    return SpeedUp([place for place in found if not place.reason], [place for place in found if place.reason])


def _is_recurrent(module: nn.Module) -> bool:
    if isinstance(module, tuple(_OURS)):
        return True
    name = module.original_name if isinstance(module, torch.jit.ScriptModule) else type(module).__name__
    return name in _NAMES and (
        isinstance(module, torch.jit.ScriptModule) or type(module).__module__.startswith("torch.ao.nn.quant")
    )


def _missing_kernels() -> str:
    name = kernel_name()
    if name not in ("auto", "native"):
        return f"SEQKIT_KERNELS={name} asks for no kernels of ours"
    return "" if ensure_or_warn() else "our kernels cannot be built here; `seqkit kernels build` says why"


def _obstacle(module: nn.Module) -> str:
    """Why a module cannot run on our kernels; empty if it can."""
    if isinstance(module, (OurSequences, OurCell)):
        return "it runs on our kernels already"
    if isinstance(module, torch.jit.ScriptModule):
        return "TorchScript has compiled it; speed up the module that it was made of"
    if not isinstance(module, tuple(_OURS)):
        return "it is quantized, and ours compute in float32"
    theirs = _torch_class(type(module))
    for name in _READ_BY_A_CALL:
        if name in vars(module) or getattr(type(module), name, None) is not getattr(theirs, name, None):
            return f"{type(module).__name__} has a {name}() of its own, which ours would pass over"
    for weight in module.parameters():
        if weight.dtype is not torch.float32 or not weight.is_cpu:
            dtype = str(weight.dtype).removeprefix("torch.")
            return f"its weights are {dtype} on {weight.device.type}; ours run float32 on a CPU"
    return why_not(module) if isinstance(module, nn.LSTM) and module.proj_size else ""


def _torch_class(kind: type) -> type[nn.Module]:
    return next(base for base in kind.__mro__ if base in _OURS)


def _replace(module: nn.Module) -> type:
    kind = _with_ours(type(module), is_parametrized(module))
    module.__class__ = kind
    return kind


def _with_ours(kind: type, parametrized: bool) -> type:
    """The class that does all that a class does, with our call."""
    if kind in _OURS:
        return _OURS[kind]
    if parametrized:
        # torch finds the class without parametrizations as the only base of the one with them.
        return _over(kind, _with_ours(kind.__bases__[0], False))
    ours = _OURS[_torch_class(kind)]
    attributes = {"__module__": kind.__module__, "__reduce_ex__": _reduce, "_without_ours": kind}
    return new_class(kind.__name__, (kind, ours), exec_body=lambda namespace: namespace.update(attributes))


def _without_ours(kind: type) -> type:
    """The inverse of :func:`_with_ours`; a class that has nothing of ours is what it was."""
    if kind in _THEIRS:
        return _THEIRS[kind]
    if "_without_ours" in vars(kind):
        return kind._without_ours  # type: ignore[attr-defined, no-any-return]
    base = kind.__bases__[0]
    return _over(kind, _without_ours(base)) if issubclass(base, (OurSequences, OurCell)) else kind


def _over(kind: type, base: type) -> type:
    """A class with all that the first says, above another base."""
    own = {name: value for name, value in vars(kind).items() if name not in ("__dict__", "__weakref__")}
    return new_class(kind.__name__, (base,), exec_body=lambda namespace: namespace.update(own))


def _reduce(module: nn.Module, protocol: int) -> Any:
    """How a module of a class that was made here is copied and pickled: by the class that it was made of."""
    kind = type(module)._without_ours  # type: ignore[attr-defined]
    return _restored, (kind,), module.__getstate__() if hasattr(module, "__getstate__") else vars(module)


def _restored(kind: type[nn.Module]) -> nn.Module:
    replaced: Any = _with_ours(kind, False)
    module: nn.Module = replaced.__new__(replaced)
    return module


def _line(place: Place) -> str:
    more = f" (and in {place.others} more places)" if place.others > 1 else " (and elsewhere)" if place.others else ""
    name = (place.name or "the model itself") + more
    line = f"  {name}: {type(place.module).__name__}({place.module.extra_repr()})"
    return line if len(line) <= _WIDTH else f"{line[: _WIDTH - 1]}…"
