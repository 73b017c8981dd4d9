"""Examples as bytes: fields as JSON, and behind them the numbers of arrays as they are.

Only dataclasses that a task names can be read, so that no file decides which code runs.
"""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from seqkit.data.readers import SourceLocation, TextPair

_END = b"\n"
"""Behind the JSON, which has no line break in it"""


_FILES = 1000
"""Names of files that are kept apart from the examples; of data with a file for each example, the others are not."""


class _Form(NamedTuple):
    """A value to what JSON can hold and back; arrays are put into the list, and taken from it in the same order."""

    write: Callable[[Any, list[np.ndarray]], Any]
    read: Callable[[Any, list[np.ndarray]], Any]


class ExampleForms:
    """Writes and reads the examples of some dataclasses.

    Args:
        kinds: the dataclasses.
        files: the names of the files that examples are from; writing adds to it.
    """

    def __init__(self, kinds: Sequence[type[Any]], files: list[str]) -> None:
        self.files, self._numbers = files, {file: number for number, file in enumerate(files)}
        self._kinds = {kind: number for number, kind in enumerate(kinds)}
        self._forms = [self._form(kind) for kind in kinds]

    def write(self, example: Any) -> bytes:
        """The bytes of an example."""
        arrays: list[np.ndarray] = []
        number = self._kinds[type(example)]
        plain = [number, self._forms[number].write(example, arrays)]
        text = json.dumps(plain, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
        return _END.join([text, b"".join(array.tobytes() for array in arrays)]) if arrays else text

    def read(self, row: bytes) -> Any:
        """The example of some bytes; raises :class:`ValueError` and its like for what :meth:`write` has not written."""
        text, _, content = row.partition(_END)
        number, plain = json.loads(text.decode("utf-8", "surrogatepass"))
        # Arrays are read from the front of what is left.
        rest = [np.frombuffer(content, np.uint8)]
        return self._forms[number].read(plain, rest)

    def _form(self, hint: Any) -> _Form:
        """How a value of that type is written."""
        if hint is SourceLocation:
            return _Form(self._write_location, self._read_location)
        if hint is str:
            return _Form(_write_text, _read_text)
        if hint in (int, float, bool):
            return _number(hint)
        if hint is np.ndarray:
            return _Form(_write_array, _read_array)
        if dataclasses.is_dataclass(hint) or hasattr(hint, "_fields"):
            return self._of_fields(hint)
        arguments = typing.get_args(hint)
        if typing.get_origin(hint) is tuple and arguments[1:] == (...,):
            return _several(self._form(arguments[0]))
        if isinstance(hint, types.UnionType) and arguments[1:] == (types.NoneType,):
            return _or_none(self._form(arguments[0]))
        raise TypeError(f"a prepared data set cannot hold {hint}")

    def _of_fields(self, kind: Any) -> _Form:
        hints = typing.get_type_hints(kind)
        if dataclasses.is_dataclass(kind):
            names = [field.name for field in dataclasses.fields(kind) if field.init]
        else:
            names = list(kind._fields)
        forms = [(name, self._form(hints[name])) for name in names]
        return _Form(
            lambda value, arrays: [form.write(getattr(value, name), arrays) for name, form in forms],
            lambda plain, arrays: kind(*(form.read(v, arrays) for v, (_, form) in zip(plain, forms, strict=True))),
        )

    def _write_location(self, location: SourceLocation, _: list[np.ndarray]) -> list[Any]:
        number = self._numbers.get(location.file)
        if number is None and len(self.files) < _FILES:
            number = self._numbers[location.file] = len(self.files)
            self.files.append(location.file)
        return [location.file if number is None else number, location.line]

    def _read_location(self, plain: Any, _: list[np.ndarray]) -> SourceLocation:
        file, line = plain
        return SourceLocation(file if isinstance(file, str) else self.files[file], _checked(line, int))


def _number(kind: type) -> _Form:
    # What was written as a whole number may have been one for any.
    kinds = (int, float) if kind is float else (kind,)
    return _Form(lambda value, _: value, lambda value, _: _checked(value, *kinds))


def _checked(value: Any, *kinds: type) -> Any:
    """A value of JSON; raises :class:`TypeError` for one of another type, as true and false are no numbers."""
    if type(value) not in kinds:
        raise TypeError(value)
    return value


def _write_text(value: str, _: list[np.ndarray]) -> Any:
    return [str(value)] if isinstance(value, TextPair) else value


def _read_text(plain: Any, _: list[np.ndarray]) -> str:
    return plain if isinstance(plain, str) else TextPair(_checked(plain[0], str))


def _write_array(value: np.ndarray, arrays: list[np.ndarray]) -> list[Any]:
    arrays.append(value)
    return [value.dtype.str, list(value.shape)]


def _read_array(plain: Any, rest: list[np.ndarray]) -> np.ndarray:
    dtype, shape = np.dtype(plain[0]), tuple(plain[1])
    size = int(np.prod(shape)) * dtype.itemsize
    taken, rest[0] = rest[0][:size], rest[0][size:]
    # A copy, for what is read from bytes can neither be written nor need it be aligned.
    copied: np.ndarray = np.frombuffer(taken.tobytes(), dtype).reshape(shape).copy()
    return copied


def _several(form: _Form) -> _Form:
    return _Form(
        lambda values, arrays: [form.write(value, arrays) for value in values],
        lambda plain, arrays: tuple([form.read(value, arrays) for value in _checked(plain, list)]),
    )


def _or_none(form: _Form) -> _Form:
    return _Form(
        lambda value, arrays: None if value is None else form.write(value, arrays),
        lambda plain, arrays: None if plain is None else form.read(plain, arrays),
    )
