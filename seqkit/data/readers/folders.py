"""What to say of a folder where a file is requested."""

from __future__ import annotations

from pathlib import Path

from seqkit.errors import UsageError

_NAMED = 3
_SPLITS = {"train": "data", "training": "data"}
_OTHERS = {
    "valid": "valid-data",
    "validation": "valid-data",
    "dev": "valid-data",
    "val": "valid-data",
    "test": "test-data",
}
"""What people call the splits, and the options that take them"""


def visible(folder: Path) -> list[Path]:
    """What is in a folder, by name, but for hidden files."""
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def named_splits(folder: Path) -> str:
    """The options for a folder that holds the splits as files or folders; empty if it does not."""
    found = {path.name.partition(".")[0].lower(): path for path in visible(folder)}
    options = {option: found[name] for name, option in {**_SPLITS, **_OTHERS}.items() if name in found}
    return " ".join(f"--{option} {path}" for option, path in options.items()) if "data" in options else ""


def not_a_file(folder: Path) -> UsageError:
    """The error for a folder in the place of a file, with the files that are meant."""
    if splits := named_splits(folder):
        return UsageError(f"{folder} is a folder with splits in it; give {splits}")
    files = [path for path in visible(folder) if path.is_file()]
    if not files:
        return UsageError(f"{folder} is a folder without files; give a file")
    listed = ", ".join(path.name for path in files[:_NAMED])
    return UsageError(f"{folder} is a folder; give one of its files: {listed}{', …' if len(files) > _NAMED else ''}")
