"""The service as processes: a socket, one worker or several, and a stop that loses nothing."""

from __future__ import annotations

import gc
import logging
import os
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.supervisors import Multiprocess

from seqkit.serve.app import make_app
from seqkit.serve.connections import BoundedProtocol, BoundedSocket
from seqkit.serve.guard import Guard
from seqkit.serve.limits import Limits
from seqkit.signs import as_signs


@dataclass(frozen=True)
class Setup:
    """All that a worker process needs to make its application; calling it does."""

    paths: Mapping[str, Path]
    limits: Limits
    token: str | None
    key: bytes
    is_local: bool
    device: str | None
    workers: int = 1
    cell: str | None = None
    """The file and class of the runs' cell, if it is one of a person's own"""

    def __call__(self) -> Guard:
        """The application."""
        set_up_log()
        app = make_app(
            self.paths,
            self.limits,
            token=self.token,
            key=self.key,
            is_local=self.is_local,
            device=self.device,
            cell=self.cell,
        )
        torch = sys.modules.get("torch")
        if torch is not None and "OMP_NUM_THREADS" not in os.environ:
            # The event loop has a core of its own: where the model takes all, every answer waits for it.
            torch.set_num_threads(max(1, ((os.cpu_count() or 1) - 1) // self.workers))
        # All that is loaded stays. Where the garbage collector looks at it, everybody waits for a tenth of a second.
        gc.collect()
        gc.freeze()
        return app


class Supervisor(Multiprocess):
    """Starts a worker again as soon as it dies.

    uvicorn asks its workers whether they live, and waits for the answer of one that has died meanwhile as long as for
    that of a busy one: it holds the other end of the pipe open itself, so that no death ends it.
    """

    def init_processes(self) -> None:
        """See :class:`Multiprocess`."""
        super().init_processes()
        self._leave_pipes()

    def keep_subprocess_alive(self) -> None:
        """See :class:`Multiprocess`."""
        super().keep_subprocess_alive()
        self._leave_pipes()

    def _leave_pipes(self) -> None:
        for process in self.processes:
            process.child_conn.close()


class _Signs(logging.Formatter):
    """One line for each message, in which nothing steers a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        return as_signs(super().format(record)).replace("\n", " | ")


def set_up_log() -> None:
    """Warnings and errors of the service and of uvicorn on standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Signs("seqkit serve: %(message)s"))
    for name in ("seqkit.serve", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(logging.WARNING)


def serve(setup: Setup, host: str, port: int, ready: Callable[[str], None]) -> None:
    """Serves until SIGTERM or SIGINT, and answers what was taken before.

    ``ready`` is called with the address once the socket is open. Raises :class:`OSError` for one that cannot be.
    """
    workers = setup.workers
    # One worker says now what is wrong with a run; of several, each opens the runs for itself.
    app: Any = setup() if workers == 1 else setup
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        factory=workers > 1,
        workers=workers,
        http=BoundedProtocol,
        ws=BoundedSocket,
        ws_max_size=setup.limits.body_bytes,
        log_config=None,
        access_log=False,
        server_header=False,
        # Whoever asks is asked for a token, not for an address.
        proxy_headers=False,
        date_header=False,
        lifespan="on",
        timeout_graceful_shutdown=int(setup.limits.seconds) + 5,
        # A worker that is loading its runs is no dead one.
        timeout_worker_healthcheck=120,
        backlog=4096,
    )
    bound = _bound(config)
    ready(f"http://{f'[{host}]' if ':' in host else host}:{bound.getsockname()[1]}")
    if workers == 1:
        uvicorn.Server(config).run([bound])
    else:
        Supervisor(config, [bound]).run()


def _bound(config: uvicorn.Config) -> socket.socket:
    """A socket that takes connections from now on; they wait until the runs are loaded."""
    bound = socket.socket(socket.AF_INET6 if ":" in config.host else socket.AF_INET)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((config.host, config.port))
        bound.listen(config.backlog)
    except OSError:
        bound.close()
        raise
    bound.set_inheritable(True)
    return bound
