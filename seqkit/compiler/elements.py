"""Tensors whose every number is an expression: what a recorded graph computes, number by number.

Each number knows the hidden unit and the sequence that it belongs to, so that the first operator that mixes two units
or two sequences is found. However a step divides and joins its tensors, the numbers end up where torch puts them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from seqkit.compiler.expressions import Expressions
from seqkit.compiler.rules import FILLS, FOLDS, MOVES, RULES, name_of


class Refused(Exception):
    """An operator cannot be compiled; the text says why."""


class Element(NamedTuple):
    """One number of a tensor."""

    number: int
    """of its expression"""
    unit: int | None
    """the hidden unit that it belongs to; None if any"""
    row: int | None
    """the sequence of the batch"""


Elements = Any
"""A numpy array of :class:`Element`"""


def elements(found: Sequence[Element], shape: Sequence[int]) -> Elements:
    """An array of these, in the order of its rows."""
    array = np.empty(len(found), dtype=object)
    array[:] = [*found] if len(found) else []
    for place, element in enumerate(found):
        array[place] = element
    return array.reshape(tuple(shape))


class Interpreter:
    """Carries the operators of a recorded graph out on elements."""

    def __init__(self, expressions: Expressions, units: int) -> None:
        self.all, self.units = expressions, units

    def call(self, operator: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The result of an operator, elements if any of its operands are; raises :class:`Refused`."""
        name = name_of(operator)
        if name.endswith("_") and not name.startswith("__"):
            name = name[:-1]  # in place, see Recorded
        if torch.Tag.nondeterministic_seeded in getattr(operator, "tags", ()):
            raise Refused("samples random numbers")
        given = [each for each in _flat((args, kwargs)) if isinstance(each, np.ndarray)]
        if name == "getitem":
            return args[0][args[1]]
        if not given or name in FILLS:
            return operator(*_plain(args), **_plain(kwargs))
        if name in MOVES:
            return self._moved(operator, args, kwargs)
        if name in FOLDS or name == "mean":
            return self._folded(name, args[0], *args[1:], **kwargs)
        if name == "var":
            return self._variance(*args, **kwargs)
        if name in RULES:
            return self._by_element(name, args, _keywords(kwargs))
        raise Refused("has no rule for single hidden units")

    def of_constant(self, tensor: Tensor | float | bool) -> Elements:
        """A tensor of plain numbers as elements."""
        values = torch.as_tensor(tensor, dtype=torch.float64)
        found = [Element(self.all.constant(value), None, None) for value in values.flatten().tolist()]
        return elements(found, values.shape)

    def _moved(self, operator: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Moves the elements' places by torch's own operator, whatever it does; place 0 is that of a new 0."""
        args = tree_map(lambda each: self.of_constant(each) if isinstance(each, Tensor) else each, args)
        table = [Element(self.all.constant(0), None, None)]
        places: dict[int, Tensor] = {}
        for array in (each for each in _flat((args, kwargs)) if isinstance(each, np.ndarray)):
            places[id(array)] = torch.arange(len(table), len(table) + array.size).view(array.shape)
            table += list(array.flat)

        def back(value: Any) -> Any:
            if not isinstance(value, Tensor):
                return value
            return elements([table[place] for place in value.flatten().tolist()], value.shape)

        args, kwargs = _map((args, kwargs), lambda array: places[id(array)])
        return tree_map(back, operator(*args, **kwargs))

    def _by_element(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Elements:
        arrays = [each if each is None else self._array(each) for each in args]
        keywords = {k: v if k in _AS_THEY_ARE else self._array(v) for k, v in kwargs.items()}
        shape = np.broadcast_shapes(*(a.shape for a in [*arrays, *keywords.values()] if isinstance(a, np.ndarray)))
        spread = [None if a is None else np.broadcast_to(a, shape).flat for a in arrays]
        wide = {k: np.broadcast_to(v, shape).flat if isinstance(v, np.ndarray) else v for k, v in keywords.items()}
        rule, found = RULES[name], []
        for place in range(int(np.prod(shape))):
            parts = [None if each is None else each[place] for each in spread]
            named = {k: v[place] if isinstance(v, np.flatiter) else v for k, v in wide.items()}
            whose = [p for p in [*parts, *named.values()] if isinstance(p, Element)]
            number = rule(self.all, *map(_number, parts), **{k: _number(v) for k, v in named.items()})
            found.append(Element(number, *_owner(whose)))
        return elements(found, shape)

    def _folded(
        self, name: str, array: Elements, dims: Any = None, keepdim: bool = False, dtype: Any = None
    ) -> Elements:
        if dims is None or dims == []:
            dims = range(array.ndim)
        over = sorted({d % array.ndim for d in (dims if isinstance(dims, (list, tuple, range)) else [dims])})
        rest = [d for d in range(array.ndim) if d not in over]
        count = int(np.prod([array.shape[d] for d in over]))
        rows = array.transpose([*rest, *over]).reshape([*(array.shape[d] for d in rest), count])
        shape = [1 if d in over else n for d, n in enumerate(array.shape) if keepdim or d not in over]
        if name in ("sum", "mean"):
            found = [self._sum(list(rows[place])) for place in np.ndindex(rows.shape[:-1])]
        else:
            found = [self._fold(FOLDS[name], list(rows[place])) for place in np.ndindex(rows.shape[:-1])]
        if name == "mean":
            share = self.all.constant(count)
            found = [f._replace(number=self.all.binary("div", f.number, share)) for f in found]
        return elements(found, shape)

    def _variance(self, array: Elements, dims: Any, correction: float = 1, output_dtype: Any = None) -> Elements:
        mean = self._folded("mean", array, dims, True)
        centred = self._by_element("sub", (array, mean), {})
        total = self._folded("sum", self._by_element("mul", (centred, centred), {}), dims)
        count = array.size // max(total.size, 1)
        return self._by_element("div", (total, count - correction), {})

    def _sum(self, found: list[Element]) -> Element:
        """Of values of one hidden unit, or of the same values of every unit."""
        if len({each.unit for each in found} - {None}) <= 1 and len({each.number for each in found}) == len(found):
            return self._fold("add", found)
        terms: dict[tuple[int, bool], list[Element]] = {}
        for each in found:
            terms.setdefault((each.number, each.unit is None), []).append(each)
        parts, unit = [], None
        for (number, _), same in terms.items():
            whose = {each.unit for each in same}
            times = len(same)
            if len(whose) > 1:
                times, counts = len(same) // self.units, Counter(each.unit for each in same)
                if len(whose) < self.units or {*counts.values()} != {times}:
                    raise Refused("joins values of different hidden units")
                number = self.all.sum_over_units(number)
            elif unit is None:
                unit = next(iter(whose))
            elif whose != {unit} and whose != {None}:
                raise Refused("joins values of different hidden units")
            parts.append(self.all.binary("mul", number, self.all.constant(times)))
        total = parts[0]
        for part in parts[1:]:
            total = self.all.binary("add", total, part)
        return Element(total, unit, _row_of(found))

    def _fold(self, operator: str, found: list[Element]) -> Element:
        number = found[0].number
        for each in found[1:]:
            number = self.all.binary(operator, number, each.number)
        return Element(number, *_owner(found))

    def _array(self, value: Any) -> Elements:
        return value if isinstance(value, np.ndarray) else self.of_constant(value)


_PLACING = {"layout", "device", "pin_memory", "memory_format", "non_blocking"}
_AS_THEY_ARE = ("alpha", "dtype", "rounding_mode")
"""Keywords that are no numbers of a hidden unit"""
_RENAMED = {"min": "least", "max": "most"}


def _keywords(kwargs: dict[str, Any]) -> dict[str, Any]:
    """Those that a rule takes."""
    given = {key: value for key, value in kwargs.items() if key not in _PLACING and value is not None}
    for key in given:
        if key not in (*_AS_THEY_ARE, *_RENAMED):
            raise Refused(f"is given {key}={given[key]!r}, for which there is no rule")
    return {_RENAMED.get(key, key): value for key, value in given.items()}


def _number(part: Any) -> Any:
    return part.number if isinstance(part, Element) else part


def _owner(found: Sequence[Element]) -> tuple[int | None, int | None]:
    units = {each.unit for each in found} - {None}
    if len(units) > 1:
        raise Refused("joins values of different hidden units")
    return next(iter(units), None), _row_of(found)


def _row_of(found: Sequence[Element]) -> int | None:
    rows = {each.row for each in found} - {None}
    if len(rows) > 1:
        raise Refused("joins values of different sequences")
    return next(iter(rows), None)


def _map(value: Any, change: Any) -> Any:
    return tree_map(lambda each: change(each) if isinstance(each, np.ndarray) else each, value)


def _plain(value: Any) -> Any:
    """For what looks at sizes alone."""
    return _map(value, lambda array: torch.zeros(array.shape))


def _flat(value: Any) -> list[Any]:
    found: list[Any] = []
    tree_map(found.append, value)
    return found
