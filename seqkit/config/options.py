"""Options: one dataclass gives the command line, the TOML file and ``--set`` their names, types, limits and help."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from seqkit.errors import SeqkitError, UsageError, unknown
from seqkit.kernels import NAMES, PRECISIONS

C = TypeVar("C", bound="TrainingConfig")


def option(
    default: Any,
    help: str,
    *,
    minimum: float | None = None,
    below: float | None = None,
    above: float | None = None,
    choices: Callable[[], Iterable[str]] | None = None,
    path: bool = False,
) -> Any:
    """A field of a configuration with its help and limits; ``path``: it may name a file."""
    metadata = {"help": help, "minimum": minimum, "below": below, "above": above, "choices": choices, "path": path}
    if isinstance(default, dict):
        return field(default_factory=lambda: dict(default), metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """What every task can be told about its training; a task's configuration adds its own fields to these."""

    epochs: int = option(8, "passes over the training data, at most", minimum=1)
    learning_rate: float = option(2e-3, "peak learning rate of AdamW", above=0)
    weight_decay: float = option(0.01, "decoupled weight decay", minimum=0)
    schedule: str = option(
        "linear", "learning rate after the warm-up", choices=lambda: ("constant", "cosine", "linear")
    )
    warmup: float = option(0.05, "part of the training in which the learning rate rises", minimum=0, below=1)
    clip: float = option(1.0, "largest gradient norm; 0: no clipping", minimum=0)
    average: float = option(
        0.995, "decay of a moving average of the weights, which is what is kept; 0: none", minimum=0, below=1
    )
    batch_size: int = option(64, "examples in a batch, at most", minimum=1)
    batch_tokens: int = option(8192, "tokens in a batch, padding included, at most", minimum=1)
    patience: int = option(3, "evaluations without a better score before training stops; 0: never", minimum=0)
    kernel: str = option("auto", "how recurrent layers run", choices=lambda: NAMES)
    precision: str = option(
        "f32", "products of recurrent layers: f32, or bf16 where the processor has it", choices=lambda: PRECISIONS
    )
    checkpoint_seconds: float = option(60.0, "seconds of work lost at most if the run is killed", minimum=0)
    init_from: str | None = option(None, "a run whose encoder or decoder this one starts from", path=True)
    seed: int = option(0, "everything random follows from it", minimum=0, below=2**31)


@dataclass(frozen=True)
class Option:
    """One field as the command line and the files see it."""

    name: str
    kind: type
    optional: bool
    default: Any
    help: str
    limits: Mapping[str, Any]

    @property
    def flag(self) -> str:
        """The name on the command line."""
        return "--" + self.name.replace("_", "-")

    def parse(self, text: str, where: str) -> Any:
        """The value that a text on the command line means."""
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
            value = self.kind(text)
        except ValueError:
            raise UsageError(f"{where} must be {_NAMES[self.kind]}, not {text!r:.80}") from None
        return self.check(value, where)

    def check(self, value: Any, where: str) -> Any:
        """The value, if it has the right type and lies within the limits."""
        if value is None and self.optional:
            return value
        if self.kind is float and type(value) is int and abs(value) < _LARGEST:
            value = float(value)
        if type(value) is not self.kind:
            raise UsageError(f"{where} must be {_NAMES[self.kind]}, not {value!r:.80}")
        self._check_limits(value, where)
        return value

    def _check_limits(self, value: Any, where: str) -> None:
        if self.kind is int and abs(value) >= _LARGEST:
            raise UsageError(f"{where} must be below {_LARGEST}, not {value!r:.80}")
        if self.kind is str and any("\ud800" <= character <= "\udfff" for character in value):
            # Python's stand-in for a byte of a file name that is no UTF-8; config.toml could not hold it.
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
        if (choices := self.limits.get("choices")) and value not in (known := list(choices())):
            raise unknown(self.name.replace("_", " "), value, known)


_LARGEST = 2**31
"""Whole numbers stay below it: torch's sizes and every generator's seed can hold them."""

_NAMES: dict[type, str] = {
    int: "a whole number",
    float: "a number",
    str: "a text",
    bool: "true or false",
    dict: "pairs such as key=value",
}


def options_of(config: type[TrainingConfig]) -> dict[str, Option]:
    """The options of a configuration by field name."""
    hints = typing.get_type_hints(config)
    found = {}
    for entry in dataclasses.fields(config):
        kind, optional = _plain_type(hints[entry.name])
        default = entry.default if entry.default is not dataclasses.MISSING else {}
        found[entry.name] = Option(entry.name, kind, optional, default, entry.metadata["help"], entry.metadata)
    return found


def make_config(config: type[C], values: Mapping[str, Any], where: str = "") -> C:
    """A configuration from checked values; ``where`` tells a file's name in errors.

    Raises :class:`UsageError` for a key or value that cannot be, with the nearest valid name.
    """
    options = options_of(config)
    prefix = f"{where}: " if where else ""
    for key in values:
        if key not in options:
            raise UsageError(f"{prefix}{unknown('option', key, options)}")
    return config(**{key: options[key].check(value, prefix + key) for key, value in values.items()})


def parse_setting(config: type[TrainingConfig], text: str) -> tuple[str, Any]:
    """Name and value of one ``--set name=value``."""
    name, equals, value = text.partition("=")
    name = name.strip().replace("-", "_")
    if not equals:
        raise UsageError(f"--set takes name=value, not {text!r:.80}")
    options = options_of(config)
    if name not in options:
        raise unknown("option", name, options)
    return name, options[name].parse(value.strip(), name)


def read_toml(path: Path) -> dict[str, Any]:
    """The values of a TOML file; raises with the place of what is wrong."""
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        # Some editors begin a file with a byte order mark.
        return tomlkit.parse(path.read_bytes().decode("utf-8-sig")).unwrap()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise SeqkitError(f"{path} is not UTF-8; save it as UTF-8 text") from None
    except (TOMLKitError, ValueError, RecursionError) as error:
        line = getattr(error, "line", None)
        place = f"{path}:{line}" if line else str(path)
        raise SeqkitError(f"{place}: this is no TOML ({str(error).splitlines()[0]}); mend the line") from None


def write_toml(task: str, config: TrainingConfig) -> str:
    """Every value with its help as a comment, as ``--config`` reads it; a value of None is left out."""
    import tomlkit

    document = tomlkit.document()
    document.add(tomlkit.comment(f"seqkit run {task} --config FILE starts the same run again."))
    document.add("task", tomlkit.item(task))
    for name, entry in options_of(type(config)).items():
        value = getattr(config, name)
        document.add(tomlkit.nl())
        document.add(tomlkit.comment(entry.help))
        if value is None:
            document.add(tomlkit.comment(f'{name} = "…"'))
        else:
            document.add(name, tomlkit.item(value))
    return tomlkit.dumps(document)


def arguments_of(config: TrainingConfig) -> list[str]:
    """The words of a command line that give every value which is not the default."""
    found: list[str] = []
    for name, entry in options_of(type(config)).items():
        value = getattr(config, name)
        if value != entry.default:
            text = _written(value)
            # An option's own value must not look like another option.
            found += [f"{entry.flag}={text}"] if text.startswith("-") else [entry.flag, text]
    return found


def _written(value: Any) -> str:
    """What :meth:`Option.parse` reads as this value."""
    if isinstance(value, dict):
        return ",".join(f"{key}={text}" for key, text in value.items())
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


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
