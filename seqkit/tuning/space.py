"""The space of a study: which options are searched, and which values of each.

Options say in one notation where to look, in ``option(..., tune=...)`` as with ``--search``: a range ``1e-4..1e-2``,
which is searched on a logarithmic scale if it spans a factor of ten, ``1e-4..1e-2:linear`` and ``…:log`` where that is
not what is meant, or some values, ``64,128,256``.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from seqkit.config import Option, TrainingConfig, options_of, written
from seqkit.errors import UsageError, unknown

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

_SCALES = ("linear", "log")
_DIGITS = 3
"""Of numbers in a range: what a person would type, and more exact than any study is."""


@dataclass(frozen=True)
class Domain:
    """The values of one option that are searched: some ``values``, or the range from ``low`` to ``high``.

    A study keeps what the sampler proposes, the *proposal*: the position of a number among ``values``, which are in
    order, so that the sampler knows 96 to be near 128; texts themselves; a number of a range.
    """

    option: Option
    values: tuple[Any, ...] = ()
    low: float = 0.0
    high: float = 0.0
    log: bool = False

    @property
    def ordered(self) -> bool:
        """Whether the values are numbers, sorted."""
        return self.option.kind in (int, float) and None not in self.values

    @property
    def count(self) -> float:
        """How many values there are; infinite for a range of fractions."""
        if self.values:
            return len(self.values)
        return self.high - self.low + 1 if self.option.kind is int else math.inf

    def distribution(self) -> BaseDistribution:
        """What the sampler draws from."""
        from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

        if self.values:
            ordered = self.ordered
            return IntDistribution(0, len(self.values) - 1) if ordered else CategoricalDistribution(self.values)
        if self.option.kind is int:
            return IntDistribution(int(self.low), int(self.high), log=self.log)
        return FloatDistribution(self.low, self.high, log=self.log)

    def value(self, proposal: Any) -> Any:
        """The value of the option that a proposal stands for."""
        if self.values:
            return self.values[proposal] if self.ordered else proposal
        if self.option.kind is int:
            return int(proposal)
        return min(self.high, max(self.low, float(f"{proposal:.{_DIGITS}g}")))

    def proposal(self, value: Any) -> Any:
        """What stands for a value; for one that is not in the space, the nearest one, or the first."""
        if not self.values:
            return type(self.low)(min(self.high, max(self.low, value)))
        if not self.ordered:
            return value if value in self.values else self.values[0]
        if value is None:
            return 0
        return min(range(len(self.values)), key=lambda position: abs(self.values[position] - value))

    def including(self, value: Any) -> Domain:
        """The domain with this value in it, if it can be."""
        if self.values:
            values = self.values if value in self.values else (*self.values, value)
            return replace(self, values=_sorted(values))
        if value is None or (self.log and value <= 0):
            return self
        return replace(self, low=min(self.low, value), high=max(self.high, value))

    def text(self) -> str:
        """The notation that this domain is parsed from."""
        if self.values:
            return ",".join(map(written, self.values))
        return f"{self.low!r}..{self.high!r}:{_SCALES[self.log]}"


def parse_domain(option: Option, text: str, where: str) -> Domain:
    """The domain of a text such as ``1e-4..1e-2`` or ``gru,lstm``; ``where`` is said in errors."""
    if option.kind is dict:
        raise UsageError(f"{where}: {option.name} has no values that can be searched; set it")
    if option.kind in (int, float) and ".." in text:
        return _parse_range(option, text, where)
    # A study records its space, and a file that is recorded is never run.
    option = replace(option, limits={**option.limits, "read": None})
    values = dict.fromkeys(option.parse(part.strip(), f"{where}: {option.name}") for part in text.split(","))
    if len(values) < 2:
        raise UsageError(f"{where} leaves nothing to search; give values such as a,b or a range such as 0.1..0.5")
    return Domain(option, _sorted(tuple(values)))


def _parse_range(option: Option, text: str, where: str) -> Domain:
    limits, _, scale = text.partition(":")
    low, high = (option.parse(part.strip(), f"{where}: {option.name}") for part in limits.split("..", 1))
    if low is None or high is None or low >= high:
        raise UsageError(f"{where} must go from a smaller to a larger number, such as {option.name}=0.1..0.5")
    if scale and scale not in _SCALES:
        raise unknown("scale", scale, _SCALES)
    if scale == "log" and low <= 0:
        raise UsageError(f"{where} must begin above 0 for a logarithmic scale")
    return Domain(option, low=low, high=high, log=scale == "log" or (not scale and 0 < 10 * low <= high))


def search_space(
    config: TrainingConfig, fixed: Collection[str], searches: Sequence[str], only: bool = False
) -> dict[str, Domain]:
    """The options to search, in the order of the configuration.

    Args:
        config: with the values that the first trial has, from which declared domains start.
        fixed: the options that somebody has set, which are searched only if ``searches`` names them.
        searches: the texts of ``--search``.
        only: leave out what ``searches`` does not name.
    """
    asked = dict(_parse_search(config, text) for text in searches)
    declared = {} if only else {name: domain for name, domain in _declared(config).items() if name not in fixed}
    space = {**declared, **asked}
    if not space:
        raise UsageError("nothing is left to search; name options, such as --search learning-rate=1e-4..1e-2")
    return {name: space[name] for name in options_of(type(config)) if name in space}


def parse_space(config: type[Any], texts: Mapping[str, str], where: str) -> dict[str, Domain]:
    """The space of texts by the names of the options, as a study keeps it."""
    options = options_of(config)
    return {name: parse_domain(options[name], text, where) for name, text in texts.items() if name in options}


def _declared(config: TrainingConfig) -> dict[str, Domain]:
    """What the options of a task say of themselves, widened to the values of the configuration."""
    domains = {}
    for name, entry in options_of(type(config)).items():
        tune = entry.limits.get("tune")
        if text := tune(config) if callable(tune) else tune:
            domains[name] = parse_domain(entry, text, f"the range of {name}").including(
                entry.check(getattr(config, name), name)
            )
    return domains


def _parse_search(config: TrainingConfig, search: str) -> tuple[str, Domain]:
    """Name and domain of one ``--search``; a name alone is searched as its task declares."""
    name, equals, text = search.partition("=")
    name, options = name.strip().lstrip("-").replace("-", "_"), options_of(type(config))
    if name not in options:
        raise unknown("option to search", name, options)
    if equals:
        return name, parse_domain(options[name], text.strip(), f"--search {search:.80}")
    declared = _declared(config)
    if name not in declared:
        raise UsageError(f"{name} has no range of its own; give one, such as --search {name}=LOW..HIGH or {name}=A,B")
    return name, declared[name]


def _sorted(values: tuple[Any, ...]) -> tuple[Any, ...]:
    numbers = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)
    return tuple(sorted(values)) if numbers else values
