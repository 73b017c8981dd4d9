"""The errors that a person can correct: one sentence that says what is wrong, where, and what to do::

SeqkitError        the work failed; the command line exits with 1
├── UsageError     what was requested cannot be; the command line exits with 2
├── DataError      something in a data file is wrong, with its location (seqkit.data)
└── BuildError     the native kernels cannot be built here (seqkit.kernels)
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from importlib.util import find_spec


class SeqkitError(Exception):
    """The work failed for a reason the message names; the command line shows the message and exits with 1."""

    exit_code = 1


class UsageError(SeqkitError, ValueError):
    """What was requested cannot be: a wrong name, value or path; the command line exits with 2."""

    exit_code = 2


def unknown(kind: str, name: str, known: Iterable[str]) -> UsageError:
    """An error for a name that does not exist, with the nearest one that does, or else all of them.

    >>> str(unknown("cell", "lstn", ["gru", "lstm"]))
    "unknown cell 'lstn'; did you mean 'lstm'?"
    """
    names = sorted(known)
    # People seldom miss the first letter: of names as near as each other, one that begins alike is meant.
    near = sorted(get_close_matches(name, names, n=3), key=lambda each: each[:1] != name[:1])
    hint = f"did you mean '{near[0]}'?" if near else f"choose one of: {', '.join(names)}"
    return UsageError(f"unknown {kind} {name!r:.80}; {hint}")


def missing(what: str, package: str, extra: str) -> UsageError:
    """An error for an optional package that is not installed.

    >>> str(missing("a plot", "matplotlib", "plot"))
    "a plot needs matplotlib; install it with: pip install 'seqkit[plot]'"
    """
    # Where there is no torch, seqkit is installed as its runtime alone, whose extras have the same names.
    name = "seqkit" if find_spec("torch") else "seqkit-runtime"
    return UsageError(f"{what} needs {package}; install it with: pip install '{name}[{extra}]'")
