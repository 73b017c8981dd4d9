"""``seqkit`` as a process of its own that need not import torch: a fork of one that has.

The imports are two seconds of processor time of a small command on two old cores, and seven of a run, which also
imports scikit-learn and matplotlib. One server for each process of pytest imports once, does nothing else, and so has
no thread that a fork could lose. Otherwise a command is what ``python -m seqkit`` starts: a child of the test's process
with files, folder, environment, signals and exit code of its own, from ``seqkit/__main__.py`` to the end of its
interpreter. One that differs in what is read earlier than that (``SEQKIT_KERNELS``, a session) starts from nothing.
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import io
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

STOP_AT_END = "SEQKIT_STOP_WITH_PARENT"

ROOT = Path(__file__).parents[1]
LATE = {"COLUMNS", "CXX", "PATH", "PYTEST_CURRENT_TEST", "PYTHONPATH", STOP_AT_END, "TERM", "XDG_CACHE_HOME"}
"""Variables that no module reads when it is imported; of ``PYTHONPATH``, what is new comes before the rest."""
OF_LIBRARIES = ("KMP_", "TORCHINDUCTOR_", "_TORCHINDUCTOR_")
"""How those begin that scikit-learn and torch set for themselves in a process that tests them."""
IMPORTED = ("torch._dynamo", "sklearn.linear_model", "sklearn.feature_extraction.text", "matplotlib.figure", "optuna")
"""What commands import when they need it, if it is there; seqkit's own modules come beside it."""
SET_CHILD_SUBREAPER = 36
"""Of prctl: orphans below this process become its children."""
PLAIN = {"bufsize", "stdin", "stdout", "stderr", "cwd", "env", "text", "encoding", "errors"}
"""Options of a process that a fork can have; others, such as ``preexec_fn``, are for a start from nothing."""


def start_words(words, **options):
    """In the place of :class:`subprocess.Popen` for a command that starts others: ``python -m seqkit`` is forked."""
    assert words[:3] == [sys.executable, "-m", "seqkit"]
    return Command(*words[3:], **options)


class Command(subprocess.Popen):
    """``python -m seqkit`` with these arguments; the options are those of :class:`subprocess.Popen`."""

    def __init__(self, *arguments, **options):
        environment, servers = options.get("env") or os.environ, _server()[1]
        names = {name for name in {*environment, *servers} - LATE if not name.startswith(OF_LIBRARIES)}
        self.forked = options.keys() <= PLAIN and all(environment.get(name) == servers.get(name) for name in names)
        super().__init__([sys.executable, "-m", "seqkit", *map(str, arguments)], **options)

    def _execute_child(self, args, executable, preexec_fn, close_fds, pass_fds, cwd, env, *others):
        if not self.forked:
            super()._execute_child(args, executable, preexec_fn, close_fds, pass_fds, cwd, env, *others)
            return
        ends = others[3:9]
        files = [0 if ends[0] == -1 else ends[0], 1 if ends[3] == -1 else ends[3], 2 if ends[5] == -1 else ends[5]]
        request = [args[3:], str(cwd or Path.cwd()), dict(os.environ if env is None else env)]
        channel = _server()[0]
        prctl = ctypes.CDLL(None).prctl
        prctl(SET_CHILD_SUBREAPER, 1)
        try:
            socket.send_fds(channel, [json.dumps(request).encode()], files)
            self.pid = int(channel.recv(100))
            assert channel.recv(100) == b"orphaned"
        finally:
            # Other orphans of a test go where they would go without us.
            prctl(SET_CHILD_SUBREAPER, 0)
            self._close_pipe_fds(*ends)
        self._child_created = True


def environment_of_forks():
    """That of the server, with which a command is certainly forked."""
    return {**_server()[1]}


@cache
def _server():
    """The channel to the server of this process, which imports meanwhile, and the environment that it has."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    environment = {**os.environ}
    process = subprocess.Popen([sys.executable, __file__, str(theirs.fileno())], cwd=ROOT, pass_fds=[theirs.fileno()])
    theirs.close()
    atexit.register(lambda: (ours.close(), process.wait()))
    return ours, environment


def _serve(channel):
    """Forks a process for each request; gives back the request, in the process that is to carry it out."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.path[0] = str(ROOT)
    own = [module.name for module in walk_packages(import_module("seqkit").__path__, "seqkit.")]
    for name in (*own, *IMPORTED):
        with suppress(ModuleNotFoundError):
            if not name.endswith("__main__"):
                import_module(name)
    for load in import_module("seqkit.plugins").available_tasks().values():
        load()
    threads = {path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm")}
    # That of pyarrow's jemalloc is stopped before a fork and started again after it, by itself.
    assert threads <= {Path("/proc/self/comm").read_text().strip(), "jemalloc_bg_thd"}, threads
    gc.freeze()
    while True:
        message, files, *_ = socket.recv_fds(channel, 1 << 20, 3)
        if not message:
            sys.exit()
        if not (middle := os.fork()):
            if child := os.fork():
                channel.send(b"%d" % child)
                os._exit(0)
            return json.loads(message), files
        os.waitpid(middle, 0)
        channel.send(b"orphaned")
        for file in files:
            os.close(file)


def _become(request, files):
    """Makes this process one that was started as ``python -m seqkit``."""
    arguments, folder, environment = request
    for number, file in enumerate(files):
        os.dup2(file, number)
    os.closerange(3, max(files) + 1)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        old = getattr(sys, f"__{name}__")
        raw = io.FileIO(number, "w" if number else "r", closefd=False)
        # As the interpreter makes them: with PYTHONUNBUFFERED, nothing is kept to be written at its end.
        buffer = raw if old.write_through else io.BufferedWriter(raw) if number else io.BufferedReader(raw)
        lines = number == 2 or (number == 1 and raw.isatty())
        new = io.TextIOWrapper(buffer, old.encoding, old.errors, line_buffering=lines, write_through=old.write_through)
        setattr(sys, name, new)
        setattr(sys, f"__{name}__", new)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    places = [place for place in environment.get("PYTHONPATH", "").split(os.pathsep) if place not in sys.path]
    sys.path[:1] = [folder, *places]
    sys.argv[1:] = arguments


if __name__ == "__main__":
    _become(*_serve(socket.socket(fileno=int(sys.argv[1]))))
    runpy.run_module("seqkit", run_name="__main__", alter_sys=True)
