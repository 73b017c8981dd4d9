"""Where the numbers are: which devices there are, the one that a name means, and values moved to it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from typing import Any, TypeVar, cast

import torch
from torch import Tensor, nn

from seqkit.errors import SeqkitError, UsageError

__all__ = [
    "OutOfMemory",
    "available_devices",
    "describe_device",
    "device_of",
    "find_device",
    "memory_errors",
    "placed",
    "usable_device",
]

T = TypeVar("T")
CPU = torch.device("cpu")


class OutOfMemory(SeqkitError):
    """A device has no room for what was to be computed."""


def available_devices() -> list[str]:
    """The devices of this machine by name: ``["cpu", "cuda:0", "cuda:1"]``."""
    gpus = [f"cuda:{number}" for number in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    return ["cpu", *gpus, *(["mps"] if torch.backends.mps.is_available() else [])]


def find_device(name: str | torch.device) -> torch.device:
    """The device of a name: ``cpu``, ``cuda`` (the first), ``cuda:1``, ``mps``; ``auto``: a CUDA device, else the CPU.

    ``auto`` never takes ``mps``, on which double precision is missing.

    Raises :class:`UsageError` for one that is not there; it names those that are.
    """
    present, asked = available_devices(), str(name)
    if asked == "auto":
        asked = next((each for each in present if each.startswith("cuda")), "cpu")
    # An index is added, so that two names of one device are equal.
    full = next((each for each in present if each in (asked, f"{asked}:0")), None)
    if full is None:
        there = f"{', '.join(present)} {'are' if len(present) > 1 else 'is'} there"
        raise UsageError(
            f"there is no device {asked!r:.80} on this machine; {there}: choose one with --device, or auto"
        )
    device = torch.device(full)
    if device.type == "cuda":
        _start(device)
    return device


def usable_device(name: str) -> torch.device:
    """The device of a name, or what ``auto`` means where it is not there: for a model that was trained elsewhere."""
    present = available_devices()
    return find_device(name if name == "auto" or {name, f"{name}:0"} & {*present} else "auto")


def _start(device: torch.device) -> None:
    """Makes CUDA ready; a driver that is there but does not work is reported before any data are read."""
    try:
        torch.zeros(1, device=device)
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise SeqkitError(f"{device} does not work ({reason}); use --device cpu, or fix the driver") from None


def describe_device(device: torch.device) -> str:
    """A device for people: ``cuda:0 (NVIDIA H100 80GB HBM3)``."""
    return f"{device} ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else str(device)


def device_of(module: nn.Module) -> torch.device:
    """Where the weights of a module are; the CPU for one that has none."""
    first: Tensor | None = next(chain(module.parameters(), module.buffers()), None)
    return CPU if first is None else first.device


def placed(value: T, device: torch.device) -> T:
    """A batch, or whatever else holds tensors, with all of them on the device; on the CPU, where batches are made,
    the value itself.
    """
    return value if device.type == "cpu" else cast(T, _placed(value, device))


def _placed(value: Any, device: torch.device) -> Any:
    if isinstance(value, Tensor):
        return value.to(device)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(_placed(entry, device) for entry in value))
    if isinstance(value, Mapping) and callable(getattr(value, "to", None)):
        return value.to(device)  # type: ignore[attr-defined]  # the state of a layer
    if isinstance(value, Mapping):
        return {name: _placed(entry, device) for name, entry in value.items()}
    if isinstance(value, tuple | list) and any(not isinstance(entry, str | int | float) for entry in value):
        return type(value)(_placed(entry, device) for entry in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        changed = {field.name: _placed(getattr(value, field.name), device) for field in dataclasses.fields(value)}
        return dataclasses.replace(value, **changed)
    return value


@contextmanager
def memory_errors(device: torch.device, advice: str) -> Iterator[None]:
    """Inside, a device that runs out of memory ends the work with a sentence: what was full, and the advice."""
    try:
        yield
    except torch.OutOfMemoryError:
        if device.type == "cuda":
            # What the failed step held is free for whatever comes next: a checkpoint, or smaller batches.
            torch.cuda.empty_cache()
        raise OutOfMemory(f"out of memory on {describe_device(device)}; {advice}") from None
