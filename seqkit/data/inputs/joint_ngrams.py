"""How likely two sequences go together, by n-grams of their aligned symbols.

G graphones, N n-grams known.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from seqkit.data.readers import DataError

ROOT = 0
"""The empty n-gram"""
START, END = 0, 1
"""The graphones at the start and the end of each sequence, ..."""
MARKS: Sequence[tuple[int, tuple[int, ...]]] = ((-1, ()), (-2, ()))
"""... which have no symbols"""
_UNSEEN = 1e-7
"""The probability of what training has never aligned"""
_HOPELESS = 1e-5
"""Alignments this much less likely than the best so far are dropped"""
_REMEMBERED = 1_000_000
"""Transitions kept at most, some 100 MB"""
_TYPES = {"history": "<i4", "graphone": "<i4", "suffix": "<i4", "probability": "<f4", "rest": "<f4"}
_Chain: TypeAlias = "tuple[int, _Chain] | None"
"""Graphones, the last first"""
_LEAST = -60.0
"""The log-probability of sequences that cannot be aligned: below that of any that can"""


@dataclass(frozen=True)
class JointNgrams:
    """A joint-sequence model: ``p(x, y) = Σ_alignments Π_t p(g_t | g_{t-N+1} … g_{t-1})``.

    A graphone ``g`` is one source symbol with the target symbols that it stands for, none or several. Probabilities are
    those of interpolated n-grams: ``p(g | h) = p of the n-gram`` where it is known, else ``rest(h) p(g | h without its
    first)``.

    Args:
        graphones: source symbol and target symbols of each, after START and END.
        history, graphone: of each n-gram, which n-gram comes before its last graphone, and that graphone; N.
        suffix: the n-gram without its first graphone.
        probability: of the last graphone after the others.
        rest: what is left for graphones that never followed the n-gram.

    Source: Bisani and Ney, "Joint-sequence models for grapheme-to-phoneme conversion", 2008
    (doi:10.1016/j.specom.2008.01.002).
    """

    graphones: Sequence[tuple[int, tuple[int, ...]]]
    history: npt.NDArray[np.int32]
    graphone: npt.NDArray[np.int32]
    suffix: npt.NDArray[np.int32]
    probability: npt.NDArray[np.float32]
    rest: npt.NDArray[np.float32]
    _remembered: dict[int, tuple[float, int]] = field(default_factory=dict, init=False, repr=False, compare=False)

    @cached_property
    def widest(self) -> int:
        """The most target symbols of a graphone."""
        return max((len(targets) for _, targets in self.graphones), default=0)

    @cached_property
    def _children(self) -> dict[int, int]:
        """The n-gram that a graphone makes of another, by both numbers as one."""
        keys = self.history.astype(np.int64) * len(self.graphones) + self.graphone
        return dict(zip(keys[1:].tolist(), range(1, len(keys)), strict=True))

    @cached_property
    def _numbers(self) -> dict[int, dict[tuple[int, ...], int]]:
        """The graphones of each source symbol by their target symbols."""
        numbers: dict[int, dict[tuple[int, ...], int]] = {}
        for number, (symbol, targets) in enumerate(self.graphones[len(MARKS) :], len(MARKS)):
            numbers.setdefault(symbol, {})[targets] = number
        return numbers

    @classmethod
    def from_json(cls, content: Any) -> JointNgrams:
        """The model that :meth:`to_json` described; raises :class:`DataError` for anything else."""
        try:
            pairs = zip(content["symbols"], content["targets"], strict=True)
            graphones = [*MARKS, *((int(symbol), tuple(map(int, targets))) for symbol, targets in pairs)]
            arrays = {name: _unpacked(content[name], kind) for name, kind in _TYPES.items()}
        except (TypeError, KeyError, ValueError, OverflowError):
            raise DataError("joint.json does not hold n-grams of aligned symbols; restore it from a backup") from None
        _check(arrays, len(graphones))
        return cls(graphones, **arrays)

    def to_json(self) -> dict[str, Any]:
        """Both sides of the graphones, and the arrays as base64 of their bytes, the lowest first."""
        symbols, targets = zip(*self.graphones[len(MARKS) :], strict=True)
        arrays = {name: _packed(getattr(self, name), kind) for name, kind in _TYPES.items()}
        return {"symbols": list(symbols), "targets": list(map(list, targets)), **arrays}

    def log_probability(self, source: Sequence[int], target: Sequence[int]) -> float:
        """``log p(x, y)`` of symbols, in nats; at least -60."""
        target, total = tuple(target), 0.0
        # Each alignment so far: the n-gram that it ends with, and how many target symbols it has.
        alignments = {(self._after_start, 0): 1.0}
        for place, symbol in enumerate(source):
            grown: dict[tuple[int, int], float] = {}
            least = max(0, len(target) - self.widest * (len(source) - place - 1))
            for (state, done), probability in alignments.items():
                for end, _, factor, after in self._continued(state, symbol, target, done, least):
                    key = (after, end)
                    grown[key] = grown.get(key, 0.0) + probability * factor
            best = max(grown.values(), default=0.0)
            if best == 0.0:
                return _LEAST
            # Scaled to the best, as products of many probabilities would become zero.
            total += math.log(best)
            alignments = {key: value / best for key, value in grown.items() if value >= best * _HOPELESS}
        ends = (value * self._step(state, END)[0] for (state, done), value in alignments.items() if done == len(target))
        return max(_LEAST, total + math.log(max(sum(ends), math.exp(_LEAST))))

    def align(self, source: Sequence[int], target: Sequence[int]) -> list[int]:
        """The number of the graphone of each source symbol in the likeliest alignment.

        It is -1 for a graphone that training has never seen, and all are if there are too many target symbols.
        """
        target = tuple(target)
        # Each alignment so far: its last n-gram and how many target symbols it has; how likely it is, its graphones.
        alignments: dict[tuple[int, int], tuple[float, _Chain]] = {(self._after_start, 0): (1.0, None)}
        for place, symbol in enumerate(source):
            grown: dict[tuple[int, int], tuple[float, _Chain]] = {}
            least = max(0, len(target) - self.widest * (len(source) - place - 1))
            for (state, done), (probability, chain) in alignments.items():
                for end, number, factor, after in self._continued(state, symbol, target, done, least):
                    likelihood = probability * factor
                    if likelihood > grown.get((after, end), (0.0, None))[0]:
                        grown[after, end] = (likelihood, (number, chain))
            best = max((likelihood for likelihood, _ in grown.values()), default=1.0)
            alignments = {key: (value / best, c) for key, (value, c) in grown.items() if value >= best * _HOPELESS}
        whole = [
            (likelihood * self._step(state, END)[0], chain)
            for (state, done), (likelihood, chain) in alignments.items()
            if done == len(target)
        ]
        return _unchained(max(whole, key=lambda item: item[0])[1]) if whole else [-1] * len(source)

    def _continued(
        self, state: int, symbol: int, target: tuple[int, ...], done: int, least: int
    ) -> Iterator[tuple[int, int, float, int]]:
        """How many target symbols may be done after a source symbol, with its graphone, probability and n-gram."""
        numbers = self._numbers.get(symbol, {})
        for end in range(max(done, least), min(done + self.widest, len(target)) + 1):
            number = numbers.get(target[done:end], -1)
            yield (end, number, _UNSEEN, ROOT) if number < 0 else (end, number, *self._step(state, number))

    @property
    def _after_start(self) -> int:
        return self._children.get(ROOT * len(self.graphones) + START, ROOT)

    def _step(self, state: int, number: int) -> tuple[float, int]:
        """The probability of a graphone after an n-gram, and the longest known n-gram that then has been read."""
        key = state * len(self.graphones) + number
        found = self._remembered.get(key)
        if found is None:
            if len(self._remembered) >= _REMEMBERED:
                self._remembered.clear()
            found = self._remembered[key] = self._looked_up(state, number)
        return found

    def _looked_up(self, state: int, number: int) -> tuple[float, int]:
        factor = 1.0
        while (node := self._children.get(state * len(self.graphones) + number)) is None:
            if state == ROOT:
                return _UNSEEN, ROOT
            factor *= float(self.rest[state])
            state = int(self.suffix[state])
        return factor * float(self.probability[node]), node


def _unchained(chain: _Chain) -> list[int]:
    numbers = []
    while chain is not None:
        number, chain = chain
        numbers.append(number)
    return numbers[::-1]


def _packed(array: npt.NDArray[Any], kind: str) -> str:
    return base64.b64encode(array.astype(kind).tobytes()).decode("ascii")


def _unpacked(text: Any, kind: str) -> npt.NDArray[Any]:
    return np.frombuffer(base64.b64decode(text, validate=True), kind).astype(kind[1:])


def _check(arrays: Mapping[str, npt.NDArray[Any]], graphones: int) -> None:
    """Raises :class:`DataError` for n-grams that are not there, come after those they are made of, or are no number."""
    count, before = len(arrays["history"]), np.arange(1, len(arrays["history"]))
    fit = count > 1 and all(len(array) == count and bool(np.isfinite(array).all()) for array in arrays.values())
    fit = fit and all(bool((array[1:] >= 0).all()) for array in arrays.values())
    fit = fit and all(bool((arrays[name][1:] < before).all()) for name in ("history", "suffix"))
    if not fit or not 0 <= int(arrays["graphone"].min()) <= int(arrays["graphone"].max()) < graphones:
        raise DataError("joint.json has n-grams that do not fit together; restore it from a backup")
