"""Configurations as TOML files: errors name the line, and each value is written with its help as a comment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from seqkit.config.options import options_of
from seqkit.config.training import TrainingConfig
from seqkit.errors import SeqkitError, UsageError
from seqkit.files import read_ordinary

_LARGEST = 1 << 20
"""Bytes of a file of options; ours have some thousand."""


def read_toml(path: Path) -> dict[str, Any]:
    """The values of a TOML file.

    Raises :class:`UsageError` for a file that cannot be read, and :class:`SeqkitError` with the line for one that is
    not TOML.
    """
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        # utf-8-sig: some editors put a byte order mark at the start.
        return tomlkit.parse(read_ordinary(path, _LARGEST).decode("utf-8-sig")).unwrap()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise SeqkitError(f"{path} is not UTF-8; save it as UTF-8 text") from None
    except (TOMLKitError, ValueError, RecursionError) as error:
        line = getattr(error, "line", None)
        location = f"{path}:{line}" if line else str(path)
        raise SeqkitError(f"{location}: this is not TOML ({str(error).splitlines()[0]}); correct the line") from None


def write_toml(task: str, config: TrainingConfig) -> str:
    """Every value with its help as a comment, as ``--config`` reads them; values of None are comments, too."""
    import tomlkit

    document = tomlkit.document()
    document.add(tomlkit.comment(f"seqkit run {task} --config FILE starts the same run again."))
    document.add("task", tomlkit.item(task))
    for name, entry in options_of(type(config)).items():
        value = getattr(config, name)
        document.add(tomlkit.nl())
        document.add(tomlkit.comment(entry.help))
        if value is None:
            document.add(tomlkit.comment(f'{name} = "…"' if entry.kind is str else f"{name} = …"))
        else:
            document.add(name, _item(value))
    return tomlkit.dumps(document)


def _item(value: Any) -> Any:
    """A value of TOML; pairs stay on their line, since every option below a table would belong to it."""
    import tomlkit

    if not isinstance(value, dict):
        return tomlkit.item(value)
    table = tomlkit.inline_table()
    table.update(value)
    return table
