"""What comes before every endpoint: who may ask, how errors are said, and what is counted."""

from __future__ import annotations

import json
import logging
import time
from contextlib import suppress
from typing import Any

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from seqkit.errors import SeqkitError
from seqkit.serve.deadline import Deadlines
from seqkit.serve.metrics import Metrics
from seqkit.serve.problem import Problem
from seqkit.serve.requests import ClientGone, check_host, check_token
from seqkit.signs import as_signs

log = logging.getLogger("seqkit.serve")

PUBLIC = {"/", "/page.js", "/page.css", "/health", "/ready"}
"""What needs no token: it says nothing of the runs"""
_SAFE = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
        b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
]
_STATUS_OF_SOCKETS = {401: 4401, 403: 4403, 503: 1013}


class Guard:
    """An application behind its checks; errors become one sentence of JSON, and no request ends the service."""

    def __init__(
        self, app: ASGIApp, metrics: Metrics, token: str | None, is_local: bool, send_seconds: float = 10.0
    ) -> None:
        self.app, self.metrics, self.token, self.is_local = app, metrics, token, is_local
        self.send_seconds, self._deadlines = send_seconds, Deadlines()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        began, status = time.perf_counter(), 0
        start: Message | None = None

        async def tell(message: Message) -> None:
            try:
                await send(message)
            except OSError:  # what uvicorn raises on a WebSocket that the client has left
                raise ClientGone from None

        # So that the router raises what it does not find, for us to say.
        scope["app"] = self.app

        async def answer(message: Message) -> None:
            nonlocal status, start
            if message["type"] == "http.response.start":
                # It is sent with the first part of the body: that takes one limit of time in place of two.
                status, start = message["status"], message
                start["headers"] = [*message["headers"], *_SAFE]
                return
            if message["type"] == "websocket.accept":
                status = 101
            # Who asks and does not read would hold the answer, and a place among those that are written.
            with self._deadlines.within(self.send_seconds, ClientGone):
                if start is not None:
                    before, start = start, None
                    await tell(before)
                await tell(message)

        try:
            check_host(scope, self.is_local)
            if self.token is not None and scope["path"] not in PUBLIC:
                check_token(scope, self.token)
            await self.app(scope, receive, answer)
        except ClientGone:
            status = 499
        except Exception as error:  # any: whatever a request does, the service continues
            problem = problem_of(error)
            if status == 0 or start is not None:
                start = None
                is_socket = scope["type"] == "websocket"
                with suppress(ClientGone):
                    await (_refuse_socket(scope, tell, problem) if is_socket else respond(answer, problem))
            status = problem.status
        finally:
            self.metrics.note(_endpoint(scope), status or 500, time.perf_counter() - began)


def problem_of(error: Exception) -> Problem:
    """What is said of an error; one that nobody foresaw is logged, and its text kept from the client."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, HTTPException):
        return Problem(error.status_code, f"{error.detail}; see /openapi.json", error.headers)
    if isinstance(error, SeqkitError):
        return Problem(422, str(error))
    where = error.__traceback__
    while where is not None and where.tb_next is not None:
        where = where.tb_next
    place = "" if where is None else f" at {where.tb_frame.f_code.co_filename}:{where.tb_lineno}"
    log.error("%s%s", as_signs(f"unexpected {type(error).__name__}: {error!s:.300}").replace("\n", " "), place)
    return Problem(500, "the service failed on this request; its log says why")


async def respond(send: Send, problem: Problem) -> None:
    """Sends what is wrong as JSON."""
    headers = [(name.lower().encode(), value.encode()) for name, value in problem.headers.items()]
    await send_json(send, {"error": as_signs(problem.sentence)}, problem.status, headers)


async def send_json(
    send: Send, value: Any, status: int = 200, headers: list[tuple[bytes, bytes]] | None = None
) -> None:
    """Sends a whole answer."""
    body = json.dumps(value).encode()
    own = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*own, *(headers or [])]})
    await send({"type": "http.response.body", "body": body})


async def _refuse_socket(scope: Scope, send: Send, problem: Problem) -> None:
    """Says before a WebSocket is open what is wrong: as an answer of HTTP where the server can, else by a code."""
    if "websocket.http.response" in scope.get("extensions", {}):

        async def answer(message: Message) -> None:
            await send({**message, "type": f"websocket.{message['type']}"})

        await respond(answer, problem)
        return
    code = _STATUS_OF_SOCKETS.get(problem.status, 1008)
    await send({"type": "websocket.close", "code": code, "reason": as_signs(problem.sentence)[:100]})


def _endpoint(scope: Scope) -> str:
    """The endpoint without what a client may choose in it."""
    route = scope.get("route")
    return str(getattr(route, "path", "other"))
