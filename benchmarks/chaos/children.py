"""Commands as children of this process, which has loaded torch and all else: each begins at once, and may be disturbed.

What happens to files is seen by an audit hook of the child: it counts what changes a folder, and can kill the child or
refuse it room there.
"""

from __future__ import annotations

import errno
import importlib
import os
import random
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import torch

from seqkit.commands import main

_CHANGES = ("os.rename", "os.remove", "os.link", "os.mkdir", "os.rmdir", "os.truncate")
_NEEDS_ROOM = ("open", "os.rename", "os.link", "os.mkdir")
_LONGEST = 3600.0
"""Seconds after which a child counts as one that hangs"""


class Ended(NamedTuple):
    """How a child ended."""

    code: int
    """The exit status; negative: the signal that ended it"""
    output: str
    """Of standard output"""
    errors: str
    memory: float
    """Its peak, in MB"""
    hung: bool = False

    @property
    def said(self) -> str:
        """The last line of what it said."""
        return (self.errors.strip().splitlines() or [""])[-1]


def warm_up(words: Sequence[str], scratch: Path) -> None:
    """Imports what a command imports, which a child tells; a fork of a process with threads would be half of one."""
    torch.set_num_threads(1)
    names = scratch / "modules"
    done = call(words, scratch, lambda: _list_modules_at_end(names))
    if done.code:
        raise SystemExit(f"an undisturbed command fails: {done}")
    for name in names.read_text("utf-8").split():
        with suppress(ImportError):  # those that are made while others are imported
            importlib.import_module(name)


def _list_modules_at_end(path: Path) -> None:
    exit_now = os._exit

    def listing(code: int) -> NoReturn:
        path.write_text(" ".join(sys.modules), "utf-8")
        exit_now(code)

    os._exit = listing  # type: ignore[assignment]


class Child:
    """A command in a process of its own, as ``seqkit WORDS`` would be.

    Args:
        words: of the command line, or a function to call instead.
        scratch: a folder for what it prints.
        prepare: called in the child before the command.
    """

    def __init__(
        self, words: Sequence[str] | Callable[[], Any], scratch: Path, prepare: Callable[[], None] = lambda: None
    ) -> None:
        name = f"{time.monotonic_ns()}-{random.getrandbits(32):x}"
        self._files = [scratch / f"{name}.{kind}" for kind in ("out", "err")]
        self.process = os.fork()
        if not self.process:
            self._be(words, prepare)

    def _be(self, words: Sequence[str] | Callable[[], Any], prepare: Callable[[], None]) -> None:
        code = 70
        try:
            for number, path in enumerate(self._files, 1):
                os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            prepare()
            if callable(words):
                words()
                code = 0
            else:
                main([*words])
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 1
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def end(self, kill_after: float | None = None) -> Ended:
        """Waits for the end, which is a kill after so many seconds if it has not come by then."""
        deadline = time.monotonic() + (_LONGEST if kill_after is None else kill_after)
        killed = False
        while not (found := os.wait4(self.process, os.WNOHANG))[0]:
            if time.monotonic() > deadline and not killed:
                os.kill(self.process, signal.SIGKILL)
                killed = True
            time.sleep(0.002)
        texts = [path.read_text("utf-8", "replace") if path.exists() else "" for path in self._files]
        for path in self._files:
            path.unlink(missing_ok=True)
        code = os.waitstatus_to_exitcode(found[1])
        hung = killed and kill_after is None
        return Ended(code, texts[0], texts[1], found[2].ru_maxrss / 1024, hung)


def call(words: Sequence[str] | Callable[[], Any], scratch: Path, prepare: Callable[[], None] = lambda: None) -> Ended:
    """Runs a command to its end."""
    return Child(words, scratch, prepare).end()


def counting(folder: Path, counter: Path, needing_room: bool = False) -> Callable[[], None]:
    """For ``prepare``: adds a line to a file for each change of the folder: the path that is changed."""

    def prepare() -> None:
        stream = os.open(counter, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        _watch(folder, lambda number, path: os.write(stream, f"{path}\n".encode()) and None, needing_room)

    return prepare


def killed_at(folder: Path, number: int) -> Callable[[], None]:
    """For ``prepare``: the child is killed right before its n-th change of the folder."""

    def act(count: int, path: str) -> None:
        if count == number:
            os.kill(os.getpid(), signal.SIGKILL)

    return lambda: _watch(folder, act)


def without_room(folder: Path, number: int) -> Callable[[], None]:
    """For ``prepare``: from the n-th change that needs room on, the disk is full."""

    def act(count: int, path: str) -> None:
        if count >= number:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))

    return lambda: _watch(folder, act, needing_room=True)


def _watch(folder: Path, act: Callable[[int, str], None], needing_room: bool = False) -> None:
    """Has ``act`` called with the number and the path of each change that a process is about to make in a folder."""
    inside, seen = str(folder), [0]

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event not in _CHANGES and event != "open":
            return
        if not str(arguments[0]).startswith(inside) or (event == "open" and not _writes(arguments)):
            return
        if needing_room and event not in _NEEDS_ROOM:
            return
        seen[0] += 1
        act(seen[0] - 1, str(arguments[0]))

    sys.addaudithook(hook)


def _writes(arguments: tuple[Any, ...]) -> bool:
    _, mode, flags = arguments
    return any(letter in mode for letter in "wax+") if mode else bool(flags & (os.O_WRONLY | os.O_RDWR))


def bounded_memory(megabytes: int) -> Callable[[], None]:
    """For ``prepare``: no more address space than the process has now and so much."""

    def prepare() -> None:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + (megabytes << 20)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    return prepare
