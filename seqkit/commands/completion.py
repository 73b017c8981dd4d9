"""Completion of commands in a shell: what is offered, and how it gets there."""

from __future__ import annotations

import os
from pathlib import Path

import click
from click.shell_completion import CompletionItem, get_completion_class

from seqkit.errors import SeqkitError, UsageError

_VARIABLE = "_SEQKIT_COMPLETE"
"""Set by the shell when it asks for completions; click looks for it."""
_SETTINGS = {"bash": ".bashrc", "zsh": ".zshrc"}
"""Files that these shells read when they start, in the home folder."""


def complete_runs(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The folders of runs here and in ``runs``, and the folders on the way to others."""
    places = {Path(), Path("runs"), Path(incomplete if incomplete.endswith("/") else incomplete.rpartition("/")[0])}
    found = {entry for place in places if place.is_dir() for entry in place.iterdir() if (entry / "run.json").is_file()}
    names = sorted(name for name in map(str, found) if name.startswith(incomplete))
    return [CompletionItem(name) for name in names] or [CompletionItem(incomplete, type="dir")]


def install_completion(program: click.Command) -> str:
    """Adds completion to the shell in use, once, and says where.

    Raises :class:`UsageError` for a shell that is not bash, zsh or fish.
    """
    shell = Path(os.environ.get("SHELL", "")).name
    kind = get_completion_class(shell)
    if kind is None:
        raise UsageError(f"completion is for bash, zsh and fish, and SHELL names {shell or 'none'}; set SHELL to one")
    script = kind(program, {}, "seqkit", _VARIABLE).source()
    if shell == "fish":
        return _write(Path.home() / ".config/fish/completions/seqkit.fish", script)
    file, settings = Path.home() / f".seqkit-completion.{shell}", Path.home() / _SETTINGS[shell]
    said, line = _write(file, script), f". {file}\n"
    present = settings.read_text("utf-8") if settings.exists() else ""
    if line in present:
        return said
    with settings.open("a", encoding="utf-8") as stream:
        stream.write(("" if present.endswith("\n") or not present else "\n") + line)
    return f"{said}, which {settings} reads now; open a new terminal"


def _write(file: Path, script: str) -> str:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(script, encoding="utf-8")
    except OSError as error:
        raise SeqkitError(f"{file}: {error.strerror}; completion is not installed") from None
    return f"completion is in {file}"
