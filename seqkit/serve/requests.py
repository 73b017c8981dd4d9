"""Requests, read within limits: bodies, JSON, and who may ask."""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Mapping
from typing import Any, NoReturn

from starlette.types import Receive, Scope

from seqkit.serve.deadline import Deadline
from seqkit.serve.limits import Limits
from seqkit.serve.problem import Problem

_LOOPBACK = {"localhost", "127.0.0.1", "[::1]"}
_BRACKETS = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)


def header(scope: Scope, name: bytes) -> str:
    """The value of a header, empty where there is none."""
    for key, value in scope["headers"]:
        if key == name:
            return str(value, "latin-1")
    return ""


def check_host(scope: Scope, is_local: bool) -> None:
    """Refuses, on a loopback address, whoever calls us by another name, as a page does that rebinds its own.

    And a WebSocket that a page of another origin opens: browsers ask nobody whether they may.
    """
    host = header(scope, b"host").lower()
    name = host if host.endswith("]") else host.rpartition(":")[0] or host
    if is_local and name not in _LOOPBACK:
        raise Problem(421, "this service answers to localhost and 127.0.0.1; start it with --host for other names")
    origin = header(scope, b"origin")
    if origin and origin.partition("://")[2].lower() != host and scope["type"] == "websocket":
        raise Problem(403, "a page of another origin may not ask this service")


def check_token(scope: Scope, token: str) -> None:
    """Refuses who does not know the token; how much of it is wrong takes no time to find out."""
    scheme, _, given = header(scope, b"authorization").partition(" ")
    if not given and scope["type"] == "websocket":
        # A browser cannot send headers with a WebSocket, but may name protocols.
        scheme, given = "bearer", _protocol_token(scope)
    known = hmac.compare_digest(given.strip().encode("utf-8"), token.encode("utf-8"))
    if scheme.lower() != "bearer" or not known:
        raise Problem(401, "give the token of this service: Authorization: Bearer …", {"www-authenticate": "Bearer"})


def _protocol_token(scope: Scope) -> str:
    prefix = "seqkit.token."
    return next((name.removeprefix(prefix) for name in scope["subprotocols"] if name.startswith(prefix)), "")


async def read_body(scope: Scope, receive: Receive, limits: Limits) -> bytes:
    """The body of a request; raises :class:`Problem` for one that is too large, or comes too slowly.

    ``scope["deadline"]`` is that of the answer, which waits for the body.
    """
    if header(scope, b"content-encoding").lower() not in ("", "identity"):
        raise Problem(415, "send the body as it is, without Content-Encoding", {"connection": "close"})
    said = header(scope, b"content-length")
    if said.isdigit() and len(said) < 20 and int(said) > limits.body_bytes:
        raise _too_large(limits)
    deadline: Deadline = scope["deadline"]
    answer = deadline.begin(limits.read_seconds, _too_slow)
    parts = await _parts(receive, limits.body_bytes)
    deadline.end(answer)
    if sum(map(len, parts)) > limits.body_bytes:
        raise _too_large(limits)
    return b"".join(parts)


async def _parts(receive: Receive, most: int) -> list[bytes]:
    """The parts of a body, until there are more bytes than ``most``."""
    parts, size, more = list[bytes](), 0, True
    while more and size <= most:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        parts.append(message.get("body", b""))
        size, more = size + len(parts[-1]), message.get("more_body", False)
    return parts


def _too_slow() -> Problem:
    return Problem(408, "the request came too slowly; send it again", {"connection": "close"})


def _too_large(limits: Limits) -> Problem:
    what = f"the request has more than {limits.body_bytes:,} bytes; send fewer inputs at a time"
    return Problem(413, what, {"connection": "close"})


class ClientGone(Exception):
    """Nobody waits for the answer any more."""


def read_json(content_type: str, body: bytes, limits: Limits) -> dict[str, Any]:
    """The object of a request; raises :class:`Problem` for anything else."""
    if content_type.partition(";")[0].strip().lower() != "application/json":
        # A page of another origin can send a form without asking, but no JSON.
        raise Problem(415, "send JSON, with the header Content-Type: application/json")
    check_depth(body, limits.depth)
    try:
        value = _DECODER.decode(body.decode(json.detect_encoding(body)))
    except (ValueError, RecursionError) as error:
        raise Problem(400, f"the request is not JSON ({str(error).splitlines()[0][:80]}); correct it") from None
    if not isinstance(value, dict):
        raise Problem(422, "the request must be one JSON object; see /openapi.json")
    return value


def check_depth(body: bytes, depth: int) -> None:
    """Raises :class:`Problem` for JSON with more lists and objects inside each other."""
    if body.count(b"[") + body.count(b"{") <= depth:
        return
    inside = 0
    for found in _BRACKETS.finditer(body):
        mark = found.group()
        inside += mark in b"[{" if len(mark) == 1 else 0
        inside -= mark in b"]}" if len(mark) == 1 else 0
        if inside > depth:
            raise Problem(400, f"the request has more than {depth} lists and objects inside each other; make it flat")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_constant)
"""Made once: ``json.loads`` makes another for each text where it is told what to do with NaN."""


def check_fields(value: dict[str, Any], known: Mapping[str, tuple[type, ...]]) -> None:
    """Raises :class:`Problem` for a field that nobody knows, or of another type; 5.0 is a whole number, as 5 is."""
    for name, entry in value.items():
        if isinstance(entry, float) and entry.is_integer():
            entry = value[name] = int(entry)
        if name not in known:
            raise Problem(422, f"unknown field {name!r:.80}; a request has: {', '.join(known)}")
        if not isinstance(entry, known[name]) or (isinstance(entry, bool) and bool not in known[name]):
            raise Problem(422, f"the field {name!r} is of the wrong type; see /openapi.json")
