"""``seqkit serve RUN``: runs as a service over HTTP, with a page."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

import click

from seqkit.commands.completion import complete_runs
from seqkit.commands.device import cell_option, device_option
from seqkit.commands.output import echo
from seqkit.errors import SeqkitError, UsageError, missing

if TYPE_CHECKING:
    from seqkit.serve.server import Setup


@click.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN [RUN …]", shell_complete=complete_runs)
@click.option("--host", default="127.0.0.1", metavar="ADDRESS", help="Address to listen on. [127.0.0.1]")
@click.option("--port", default=8000, metavar="INT", help="Port; 0: any that is free. [8000]")
@click.option("--workers", default=1, metavar="INT", help="Processes that share the port. [1]")
@click.option("--token-file", metavar="FILE", help="File with the token of requests. [$SEQKIT_SERVE_TOKEN]")
@click.option("--key-file", metavar="FILE", help="File with the key of streams that servers share. [a new key]")
@click.option("--max-body", default=8, metavar="MB", help="Largest request, in megabytes. [8]")
@click.option("--max-waiting", default=4096, metavar="INT", help="Inputs that may wait for the model. [4096]")
@click.option("--timeout", default=30.0, metavar="SECONDS", help="Longest time for an answer. [30]")
@device_option
@cell_option
def command(
    runs: tuple[str, ...],
    host: str,
    port: int,
    workers: int,
    token_file: str | None,
    key_file: str | None,
    max_body: int,
    max_waiting: int,
    timeout: float,
    device: str | None,
    cell: str | None,
) -> None:
    """Serve runs as JSON over HTTP, with a page to try them on.

    A run is served under the name of its folder, or another one: NAME=PATH. A folder written by `seqkit export` is
    served like its run, without torch. A run that is retrained replaces the old one without a lost request.
    Ctrl-C and SIGTERM stop the service when it has answered all accepted requests.
    """
    try:
        from seqkit.serve.server import Setup, serve
    except ModuleNotFoundError as error:
        raise missing("seqkit serve", error.name or "starlette", "serve") from None
    from seqkit.serve.limits import Limits
    from seqkit.serve.registry import named_runs

    _check(port, workers, max_body, max_waiting, timeout)
    paths = named_runs(runs)
    limits = Limits(body_bytes=max_body << 20, waiting=max_waiting, seconds=timeout)
    token, is_local = _token(token_file), _is_local(host)
    if not is_local and token is None:
        echo(f"warning: anyone who can reach {host} can send requests; give a token with --token-file FILE", err=True)
    setup = Setup(paths, limits, token, _key(key_file), is_local, device, workers, cell)
    _check_exports(paths, {"--device": device, "--cell-file": cell})
    if workers > 1:
        _check_runs(setup)

    def ready(address: str) -> None:
        echo(f"serving {', '.join(paths)} at {address}", err=True)

    try:
        serve(setup, host, port, ready)
    except OSError as error:
        raise SeqkitError(f"cannot listen on {host} port {port} ({error.strerror}); choose another --port") from None


def _check(port: int, workers: int, max_body: int, max_waiting: int, timeout: float) -> None:
    if not 0 <= port < 65536:
        raise UsageError(f"--port must be from 0 to 65535, not {port}")
    for name, value in (("--workers", workers), ("--max-body", max_body), ("--max-waiting", max_waiting)):
        if value < 1:
            raise UsageError(f"{name} must be at least 1, not {value}")
    if not 0 < timeout < 1e6:
        raise UsageError(f"--timeout must be above 0, not {timeout:g}")


def _check_exports(paths: Mapping[str, Path], options: Mapping[str, str | None]) -> None:
    """Raises :class:`UsageError` for options of runs where there is none."""
    from seqkit.runtime import is_exported

    given = [name for name, value in options.items() if value is not None]
    if given and all(map(is_exported, paths.values())):
        raise UsageError(f"{given[0]} is for runs, and an exported model has its cell and its place; leave it out")


def _check_runs(setup: Setup) -> None:
    """Says here what each worker would say of a run that cannot be opened."""
    from seqkit.serve import open_served

    for path in setup.paths.values():
        open_served(path, setup.limits, setup.device, setup.cell)


def _is_local(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _token(file: str | None) -> str | None:
    token, place = os.environ.get("SEQKIT_SERVE_TOKEN", ""), "SEQKIT_SERVE_TOKEN"
    if file:
        token, place = _read(file, "--token-file"), f"--token-file {file}"
    elif not token:
        return None
    if not token.isascii() or not token.isprintable():
        raise UsageError(f"{place} must be one line of ASCII characters, which a header of HTTP can have")
    return _long_enough(token, place)


def _key(file: str | None) -> bytes:
    return _long_enough(_read(file, "--key-file"), f"--key-file {file}").encode() if file else secrets.token_bytes(32)


def _read(file: str, flag: str) -> str:
    try:
        return Path(file).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise UsageError(f"{flag} {file} cannot be read; name a text file") from None


def _long_enough(secret: str, place: str) -> str:
    if len(secret) < 16:
        raise UsageError(f"{place} has fewer than 16 characters, which can be guessed; use a longer secret")
    return secret
