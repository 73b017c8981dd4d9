"""The native library in this process: built if need be, and loaded once."""

from __future__ import annotations

import ctypes
import os
import sys
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from threading import Lock

import torch

from seqkit.kernels.build import BuildError, build, built, fits
from seqkit.kernels.operators import operator, register
from seqkit.kernels.phased import register as register_phased
from seqkit.kernels.scan import register as register_scan

_loaded: list[str] = []
"""The path of this process's library, once there is one."""
_loading = Lock()


def load(path: str) -> None:
    """Loads the library into this process, unless it has one: then that one serves, whatever the path.

    A second library would define the same operators again, which torch answers by aborting the interpreter.

    Raises:
        BuildError: the file is not a library that fits this torch.
    """
    with _loading:
        if _loaded:
            return
        # torch is asked, too, because a module that is reloaded (as notebooks do) forgets what it has loaded.
        if not hasattr(torch.ops.seqkit, "forward"):
            try:
                torch.ops.load_library(path)
            except OSError as error:
                why = error.__cause__ or error
                raise BuildError(f"{path} cannot be loaded ({why}); clear it: seqkit kernels clear") from error
            register()
            register_scan()
            register_phased()
            os.register_at_fork(after_in_child=_one_thread)
        _loaded.append(path)


def _one_thread() -> None:
    """A process that is forked has none of the threads of its parent, and would wait for them for ever."""
    torch.set_num_threads(1)


def add_cells(path: Path) -> bool:
    """Loads a library of compiled cells beside the one that runs them; False if that is of other sources."""
    if not _loaded or not fits(Path(_loaded[0])):
        return False
    library = ctypes.CDLL(str(path))
    library.seqkit_cells.restype = ctypes.c_void_p
    operator("add_cells")(library.seqkit_cells())
    return True


def ready() -> bool:
    """Whether the kernels were built here; loads them if so. It looks once in a process."""
    return bool(_loaded) or _find()


@cache
def _find() -> bool:
    path = built()
    if path is None:
        return False
    try:
        load(str(path))
    except BuildError as error:
        warnings.warn(f"torch's own kernels are used: {error}", stacklevel=5)
        return False
    return True


def ensure(say: Callable[[str], None], complain: Callable[[str], None] | None = None) -> bool:
    """Builds the kernels if need be and loads them, unless this process has them.

    Args:
        say: is called with one line that a build begins, which takes a while.
        complain: is called with one line why the kernels cannot run here, if so; None: ``say`` is.

    Returns:
        Whether the kernels run here.
    """
    if _loaded:
        return True
    try:
        load(str(build(say)))
    except BuildError as error:
        (complain or say)(f"The native kernels cannot run here, so torch's own are used: {error}")
        return False
    return True


def ensure_or_warn() -> bool:
    """:func:`ensure`, once in a process, for code that nobody gave a way to speak: only a failure is a warning."""
    return bool(_loaded) or _ensure_once()


@cache
def _ensure_once() -> bool:
    return ensure(
        lambda line: print(line, file=sys.stderr, flush=True),
        lambda line: warnings.warn(line, stacklevel=6),
    )


@cache
def multiplies_bf16() -> bool:
    """Whether this processor multiplies bfloat16 and torch exports a product that does; asks the loaded library."""
    answer: bool = operator("multiplies_bf16")()
    return answer


for _asked in (ready, ensure_or_warn, multiplies_bf16):
    # As torch.compiler.assume_constant_result marks what a compiler calls while it traces; its import takes seconds.
    _asked._dynamo_marked_constant = True  # type: ignore[attr-defined]
