"""Options: one dataclass gives the command line, the TOML file and ``--set`` their names, types, limits and help."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from seqkit.errors import UsageError, unknown

C = TypeVar("C")
"""A configuration: a frozen dataclass of options"""


def option(
    default: Any,
    help: str,
    *,
    minimum: float | None = None,
    below: float | None = None,
    above: float | None = None,
    choices: Callable[[], Iterable[str]] | None = None,
    path: bool | Callable[[str], bool] = False,
    read: Callable[[str], str] | None = None,
    accepts: type[str] | None = None,
    tune: str | Callable[[Any], str | None] | None = None,
    section: str | None = None,
    reads: bool = False,
) -> Any:
    """A field of a configuration with its help and limits.

    A value is at least ``minimum``, less than ``below`` and more than ``above``, or one of ``choices``. With ``path``
    it may name a file; where only some values do, ``path`` says which. ``read`` makes the value of what a person types,
    and may return one of the type ``accepts``, which need not be among the choices. ``tune`` says where ``seqkit tune``
    looks for a better value, as ``--search`` does: ``"1e-4..1e-2"``, ``"gru,lstm"``; where that depends on other
    options, it makes the text of the configuration, or None. ``section`` is the heading in a command's help, else that
    of the class. ``reads``: it says what the examples are or which split they are in, so that a prepared data set has
    been read with it.
    """
    metadata = {
        "help": help,
        "minimum": minimum,
        "below": below,
        "above": above,
        "choices": choices,
        "path": path,
        "read": read,
        "accepts": accepts,
        "tune": tune,
        "section": section,
        "reads": reads,
    }
    if isinstance(default, dict):
        return field(default_factory=lambda: dict(default), metadata=metadata)
    return field(default=default, metadata=metadata)


class FromData:
    """Marks a default that a recipe replaces by what the data ask for, unless somebody sets the option."""


class _WholeFromData(int, FromData):
    pass


class _NumberFromData(float, FromData):
    pass


class _TextFromData(str, FromData):
    pass


def from_data(fallback: Any) -> Any:
    """A default that follows from the data; ``fallback`` is its value where no recipe knows better.

    The value is an ordinary number or text in every other respect; a value that somebody sets has no mark, and is kept.
    """
    kinds: dict[type, type] = {int: _WholeFromData, float: _NumberFromData, str: _TextFromData}
    return kinds[type(fallback)](fallback)


def plain(value: Any) -> Any:
    """The value without the mark of :func:`from_data`."""
    return next((kind(value) for kind in (int, float, str) if isinstance(value, kind)), value)


@dataclass(frozen=True)
class Option:
    """One field of a configuration, for the command line and files."""

    name: str
    kind: type
    optional: bool
    default: Any
    help: str
    limits: Mapping[str, Any]
    section: str = "This task"
    """The heading in a command's help that it is under"""

    @property
    def choices(self) -> list[str]:
        """The values that it can have, if they are a list."""
        found = self.limits.get("choices")
        return [str(value) for value in found()] if found else []

    @property
    def flag(self) -> str:
        """The name on the command line."""
        return "--" + self.name.replace("_", "-")

    def names_file(self, value: Any) -> bool:
        """Whether a value may name a file."""
        path = self.limits.get("path")
        return bool(value) and bool(path(value) if callable(path) else path)

    def arguments(self, value: Any) -> list[str]:
        """The words of a command line that set this value."""
        text = written(value)
        # A value that begins with a hyphen would be read as another option.
        return [f"{self.flag}={text}"] if text.startswith("-") else [self.flag, text]

    def accepts(self, value: Any) -> bool:
        """Whether a value is of the type that need not be among the choices."""
        return isinstance(value, self.limits.get("accepts") or ())

    def schema(self) -> dict[str, Any]:
        """The JSON schema of its values."""
        found: dict[str, Any] = {"type": _TYPES[self.kind], "description": self.help}
        names = {"minimum": "minimum", "below": "exclusiveMaximum", "above": "exclusiveMinimum"}
        bounds = {name: self.limits[limit] for limit, name in names.items() if self.limits.get(limit) is not None}
        return found | bounds

    def parse(self, text: str, where: str) -> Any:
        """The value of a text on the command line; raises :class:`UsageError` naming ``where`` if there is none."""
        if self.optional and text == "":
            return None
        if self.kind is dict:
            return dict(_pair(part, where) for part in text.split(",") if part)
        if self.kind is bool:
            values = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
            if text.lower() not in values:
                raise UsageError(f"{where} must be true or false, not {text!r:.80}")
            return self.check(values[text.lower()], where)
        try:
            value = (self.limits.get("read") or self.kind)(text)
        except ValueError:
            raise UsageError(f"{where} must be {_NAMES[self.kind]}, not {text!r:.80}") from None
        return self.check(value, where)

    def check(self, value: Any, where: str) -> Any:
        """The value, if its type is correct and it is within the limits; else raises :class:`UsageError`."""
        if value is None and self.optional:
            return value
        if self.kind is float and type(value) is int and abs(value) < _LARGEST:
            value = float(value)
        if isinstance(value, FromData):
            value = self.kind(value)
        if self.accepts(value):
            return value
        if type(value) is not self.kind:
            raise UsageError(f"{where} must be {_NAMES[self.kind]}, not {value!r:.80}")
        self._check_limits(value, where)
        return value

    def _check_limits(self, value: Any, where: str) -> None:
        if self.kind is int and abs(value) >= _LARGEST:
            raise UsageError(f"{where} must be below {_LARGEST}, not {value!r:.80}")
        if self.kind is str and any("\ud800" <= character <= "\udfff" for character in value):
            # Python puts such a character for a byte of a file name that is not UTF-8; config.toml cannot hold it.
            raise UsageError(f"{where} must be UTF-8, not {value!r:.80}; rename the file")
        if self.kind in (int, float):
            minimum, below, above = (self.limits.get(key) for key in ("minimum", "below", "above"))
            if value != value or value in (float("inf"), float("-inf")):
                raise UsageError(f"{where} must be a finite number, not {value}")
            if minimum is not None and value < minimum:
                raise UsageError(f"{where} must be at least {minimum}, not {value}")
            if below is not None and value >= below:
                raise UsageError(f"{where} must be below {below}, not {value}")
            if above is not None and value <= above:
                raise UsageError(f"{where} must be above {above}, not {value}")
        if self.limits.get("choices") and value not in self.choices:
            raise unknown(self.name.replace("_", " "), value, self.choices)


_LARGEST = 2**31
"""Whole numbers stay below it, so that they fit torch's sizes and the seed of every generator."""

_NAMES: dict[type, str] = {
    int: "a whole number",
    float: "a number",
    str: "a text",
    bool: "true or false",
    dict: "pairs such as key=value",
}
_TYPES: dict[type, str] = {int: "integer", float: "number", str: "string", bool: "boolean", dict: "object"}
"""As JSON schemas call them"""


def options_of(config: type[Any]) -> dict[str, Option]:
    """The options of a configuration by field name.

    A field that only gives another default, such as ``epochs: int = 12``, keeps the help and limits of the class that
    declared it.
    """
    hints = typing.get_type_hints(config)
    options = {}
    for entry in dataclasses.fields(config):
        kind, optional = _plain_type(hints[entry.name])
        default = entry.default if entry.default is not dataclasses.MISSING else {}
        metadata = _declared(config, entry.name)
        section = _section(config, entry.name)
        options[entry.name] = Option(entry.name, kind, optional, default, metadata["help"], metadata, section)
    return options


def declared_defaults(config: type[Any]) -> dict[str, Any]:
    """The defaults of options where they are declared, which a task may have overridden.

    A run that was made before an option existed has none in its file: it was trained as this default says.
    """
    fields = {entry.name: _declaration(config, entry.name) for entry in dataclasses.fields(config)}
    return {name: entry.default for name, entry in fields.items() if entry.default is not dataclasses.MISSING}


def _declared(config: type[Any], name: str) -> Mapping[str, Any]:
    """The help and limits of the nearest class that declares them."""
    return _declaration(config, name).metadata


def _declaration(config: type[Any], name: str) -> dataclasses.Field[Any]:
    declared = (vars(base).get("__dataclass_fields__", {}).get(name) for base in config.__mro__)
    return next(entry for entry in declared if entry is not None and "help" in entry.metadata)


def _section(config: type[Any], name: str) -> str:
    """The heading that the first class to declare an option gives it; a topology's own options have no other."""
    for base in reversed(config.__mro__):
        declared = vars(base).get("__dataclass_fields__", {})
        if name in declared:
            own: str = declared[name].metadata.get("section") or vars(base).get("section", Option.section)
            return own
    raise KeyError(name)


def make_config(config: type[C], values: Mapping[str, Any], where: str = "") -> C:
    """A configuration from checked values; ``where`` is the name of their file, for errors.

    Raises :class:`UsageError` for an unknown key, with the nearest known one, and for a value outside its limits.
    """
    options = options_of(config)
    prefix = f"{where}: " if where else ""
    for key in values:
        if key not in options:
            raise UsageError(f"{prefix}{unknown('option', key, options)}")
    return config(**{key: options[key].check(value, prefix + key) for key, value in values.items()})


def parse_setting(config: type[Any], text: str) -> tuple[str, Any]:
    """Name and value of one ``--set name=value``."""
    name, equals, value = text.partition("=")
    name = name.strip().replace("-", "_")
    if not equals:
        raise UsageError(f"--set takes name=value, not {text!r:.80}")
    options = options_of(config)
    if name not in options:
        raise unknown("option", name, options)
    return name, options[name].parse(value.strip(), name)


def arguments_of(config: Any) -> list[str]:
    """The words of a command line that set every value which is not the default."""
    words: list[str] = []
    for name, entry in options_of(type(config)).items():
        value = getattr(config, name)
        if value != entry.default:
            words += entry.arguments(value)
    return words


def written(value: Any) -> str:
    """The text that :meth:`Option.parse` reads as this value."""
    if isinstance(value, dict):
        return ",".join(f"{key}={text}" for key, text in value.items())
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def answer_schemas(config: Any, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The JSON schemas of options that an answer takes, too; the default of each is its value in the configuration."""
    options, found = options_of(type(config)), dict[str, dict[str, Any]]()
    for name in names:
        default = getattr(config, name)
        found[name] = options[name].schema() | ({} if default is None else {"default": default})
    return found


def _plain_type(hint: Any) -> tuple[type, bool]:
    """(int, False) for ``int``, (str, True) for ``str | None``, (dict, False) for ``dict[str, str]``."""
    arguments = typing.get_args(hint)
    if isinstance(hint, types.UnionType):
        (kind,) = (a for a in arguments if a is not types.NoneType)
        return kind, True
    return typing.get_origin(hint) or hint, False


def _pair(text: str, where: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise UsageError(f"{where} takes key=value, not {text!r:.80}")
    return key.strip(), value.strip()
