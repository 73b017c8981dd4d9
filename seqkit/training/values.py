"""Values of Python as bytes for another process of the same command: predictions, weights, options.

Values are written in columns, each field of many predictions as one, so that there is no work for each of them. Bytes
never decide which code runs: only dataclasses and named tuples that this process has imported are made again.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Sequence
from functools import reduce
from itertools import chain, islice
from typing import Any

import numpy as np
import torch
from safetensors.torch import load, save
from torch import Tensor

_PLAIN = (str, int, bool, type(None))
"""What JSON holds as it is"""


def to_bytes(value: Any) -> bytes:
    """A value as bytes; raises :class:`TypeError` for one that has what :func:`from_bytes` could not make again.

    It may consist of texts, numbers, None, lists, tuples, dictionaries, dataclasses, named tuples, arrays and tensors.
    """
    writer = _Writer()
    column = writer.column([value])
    return save(writer.tensors, {"value": json.dumps([column, [*writer.classes]])})


def from_bytes(content: bytes) -> Any:
    """The value that :func:`to_bytes` was given; raises :class:`ValueError` for a class that is not known here."""
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    column, names = json.loads(header["__metadata__"]["value"])
    (value,) = _Reader(load(content), [_class_of(name) for name in names]).column(column)
    return value


class _Writer:
    """Columns as JSON; the numbers of arrays are put beside it."""

    def __init__(self) -> None:
        self.tensors: dict[str, Tensor] = {}
        self.classes: dict[str, int] = {}

    def column(self, values: Sequence[Any]) -> list[Any]:
        """Values of any kinds; those of one kind are a column of their own."""
        kinds = [_kind(value) for value in values]
        numbers = {kind: number for number, kind in enumerate(dict.fromkeys(kinds))}
        if len(numbers) <= 1:
            return self._of_kind(kinds[0], values) if kinds else ["plain", []]
        same: list[list[Any]] = [[] for _ in numbers]
        for kind, value in zip(kinds, values, strict=True):
            same[numbers[kind]].append(value)
        columns = [self._of_kind(kind, each) for kind, each in zip(numbers, same, strict=True)]
        return ["mixed", [numbers[kind] for kind in kinds], columns]

    def _of_kind(self, kind: Any, values: Sequence[Any]) -> list[Any]:
        if kind in _PLAIN:
            return ["plain", values]
        if kind is float:
            return ["floats", self._tensor(torch.tensor(values, dtype=torch.float64))]
        if kind in (list, tuple):
            return [kind.__name__, [len(value) for value in values], self.column([*chain.from_iterable(values)])]
        if kind is dict:
            return ["empty", len(values)]
        if isinstance(kind, tuple):
            _, *keys = kind
            return ["dict", self.column(keys), [self.column([value[key] for value in values]) for key in keys]]
        if kind is Tensor:
            return ["tensors", [self._tensor(value) for value in values]]
        if issubclass(kind, np.ndarray | np.generic):
            arrays = [self._tensor(torch.from_numpy(np.array(value))) for value in values]
            return ["arrays" if kind is np.ndarray else "scalars", arrays]
        names = _fields(kind)
        number = self.classes.setdefault(f"{kind.__module__}:{kind.__qualname__}", len(self.classes))
        return ["objects", number, len(values), [self.column([getattr(value, n) for value in values]) for n in names]]

    def _tensor(self, tensor: Tensor) -> str:
        name = str(len(self.tensors))
        # A copy, for the format refuses two tensors that share their memory.
        self.tensors[name] = tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        return name


class _Reader:
    def __init__(self, tensors: dict[str, Tensor], classes: Sequence[Any]) -> None:
        self.tensors, self.classes = tensors, classes

    def column(self, column: Sequence[Any]) -> list[Any]:
        """The values of a column, in their order."""
        what, *rest = column
        read: list[Any] = getattr(self, f"_{what}")(*rest)
        return read

    def _plain(self, values: list[Any]) -> list[Any]:
        return values

    def _floats(self, name: str) -> list[float]:
        floats: list[float] = self.tensors[name].tolist()
        return floats

    def _mixed(self, which: Sequence[int], columns: Sequence[Any]) -> list[Any]:
        same = [iter(self.column(column)) for column in columns]
        return [next(same[number]) for number in which]

    def _list(self, lengths: Sequence[int], column: Sequence[Any]) -> list[Any]:
        values = iter(self.column(column))
        return [[*islice(values, length)] for length in lengths]

    def _tuple(self, lengths: Sequence[int], column: Sequence[Any]) -> list[Any]:
        return [tuple(values) for values in self._list(lengths, column)]

    def _empty(self, count: int) -> list[Any]:
        return [{} for _ in range(count)]

    def _dict(self, keys: Sequence[Any], columns: Sequence[Any]) -> list[Any]:
        names = self.column(keys)
        return [dict(zip(names, row, strict=True)) for row in zip(*map(self.column, columns), strict=True)]

    def _tensors(self, names: Sequence[str]) -> list[Any]:
        return [self.tensors[name] for name in names]

    def _arrays(self, names: Sequence[str]) -> list[Any]:
        return [self.tensors[name].numpy() for name in names]

    def _scalars(self, names: Sequence[str]) -> list[Any]:
        return [array[()] for array in self._arrays(names)]

    def _objects(self, number: int, count: int, columns: Sequence[Any]) -> list[Any]:
        made = self.classes[number]
        names = _fields(made)
        rows = zip(*map(self.column, columns), strict=True) if columns else [()] * count
        return [made(**dict(zip(names, row, strict=True))) for row in rows]


def _kind(value: Any) -> Any:
    """What values of one column have in common: their type, and of a dictionary its keys."""
    if type(value) is dict and value:
        return (dict, *value)
    return Tensor if isinstance(value, Tensor) else type(value)


def _fields(kind: Any) -> Sequence[str]:
    """The names of what an object is made of; raises :class:`TypeError` for one of another class."""
    if dataclasses.is_dataclass(kind):
        return [field.name for field in dataclasses.fields(kind) if field.init]
    if isinstance(kind, type) and issubclass(kind, tuple) and hasattr(kind, "_fields"):
        return list(kind._fields)
    raise TypeError(f"{kind} cannot be sent to another process; a dataclass or a named tuple can")


def _class_of(name: str) -> Any:
    module, _, path = name.partition(":")
    try:
        found = reduce(getattr, path.split("."), sys.modules[module])
        _fields(found)
    except (KeyError, AttributeError, TypeError):
        raise ValueError(f"no dataclass or named tuple {name} is known in this process") from None
    return found
