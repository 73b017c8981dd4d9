"""The service as an ASGI application."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, Router, WebSocketRoute
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from seqkit.pages import asset, stylesheet
from seqkit.serve.deadline import Deadlines
from seqkit.serve.guard import Guard, problem_of, send_json
from seqkit.serve.limits import Limits
from seqkit.serve.openapi import openapi
from seqkit.serve.opening import open_served
from seqkit.serve.problem import Problem
from seqkit.serve.registry import Open, Registry
from seqkit.serve.requests import check_depth, check_fields
from seqkit.serve.service import Service
from seqkit.serve.streams import FIELDS, advance, open_stream
from seqkit.signs import as_signs

Answering = Callable[[Scope, Receive], Awaitable[Any]]


def make_app(
    paths: Mapping[str, Path],
    limits: Limits | None = None,
    *,
    token: str | None = None,
    key: bytes | None = None,
    is_local: bool = True,
    device: str | None = None,
    cell: str | None = None,
    open_run: Open | None = None,
) -> Guard:
    """The application that serves the runs of these folders, by name.

    Args:
        paths: the folders.
        limits: what requests may take.
        token: what who asks has to know; None: anybody may ask.
        key: streams are signed with it; servers with the same key continue each other's. None: drawn at random.
        is_local: whether it listens on a loopback address, and is called by no other name.
        device, cell: as in :func:`seqkit.load`.
        open_run: opens a folder; None: as a run.
    """
    limits = limits or Limits()
    registry = Registry(paths, open_run or (lambda path: open_served(path, limits, device, cell)))
    service = Service(registry, limits, key or secrets.token_bytes(32))
    # Not a whole Starlette: errors are for the guard, which says them all in one way.
    app = Paths(Router(_routes(service), lifespan=_lifespan(service)))
    return Guard(app, service.metrics, token, is_local, limits.read_seconds)


class Paths:
    """A router behind a table: a POST to a path without a name in it is found at once."""

    def __init__(self, router: Router) -> None:
        self.router = router
        routes = [route for route in router.routes if isinstance(route, Route) and "POST" in (route.methods or ())]
        self.posts = {route.path: route for route in routes if "{" not in route.path}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        found = self.posts.get(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        if found is None:
            await self.router(scope, receive, send)
        else:
            scope["route"] = found
            await found.app(scope, receive, send)


class JsonEndpoint:
    """An endpoint whose function gives what is sent as JSON, within the time of a request."""

    def __init__(self, function: Answering, seconds: float, deadlines: Deadlines) -> None:
        self.function, self.seconds, self.deadlines = function, seconds, deadlines

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        await send_json(send, await self.answer(scope, receive))

    async def answer(self, scope: Scope, receive: Receive) -> Any:
        """What the function gives."""
        with self.deadlines.within(self.seconds, self._late) as scope["deadline"]:
            return await self.function(scope, receive)

    def _late(self) -> Problem:
        return Problem(504, f"the model took more than {self.seconds:g} seconds; ask for less at a time")


class EventEndpoint(JsonEndpoint):
    """An endpoint whose function gives the events that are sent, one after the other, once it has the first."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        events = await self.answer(scope, receive)
        await StreamingResponse(events, media_type="text/event-stream")(scope, receive, send)


def _routes(service: Service) -> list[Any]:
    def answering(function: Answering, kind: type[JsonEndpoint] = JsonEndpoint) -> JsonEndpoint:
        return kind(function, service.limits.seconds, service.deadlines)

    posts = {
        "predict": answering(service.predict),
        "explain": answering(service.explain),
        "generate": answering(service.generate, EventEndpoint),
        "stream": answering(service.step),
    }
    routes: list[Any] = []
    for name, endpoint in posts.items():
        for path in (f"/{name}", f"/runs/{{name}}/{name}"):
            routes.append(Route(path, endpoint, methods=["POST"]))
    for path in ("/stream", "/runs/{name}/stream"):
        routes.append(WebSocketRoute(path, _socket(service)))
    return routes + _reading_routes(service)


def _reading_routes(service: Service) -> list[Any]:
    registry = service.registry

    async def runs(_: Request) -> Response:
        return _json({"runs": [{"name": name, **served.facts()} for name, served in registry.served.items()]})

    async def run(request: Request) -> Response:
        name, served = registry.find(request.path_params["name"])
        return _json({"name": name, **served.facts()})

    async def health(_: Request) -> Response:
        return _json({"status": "alive"})

    async def ready(_: Request) -> Response:
        busy = service.stopping or service.worker.waiting >= service.limits.waiting
        return _json({"status": "busy" if busy else "ready"}, 503 if busy else 200)

    async def metrics(_: Request) -> Response:
        return PlainTextResponse(service.metrics.text(service.gauges()), media_type="text/plain; version=0.0.4")

    async def document(_: Request) -> Response:
        return _json(openapi(registry.served, service.limits))

    answers = {"/runs": runs, "/runs/{name}": run, "/health": health, "/ready": ready, "/metrics": metrics}
    answers |= {"/openapi.json": document}
    return [Route(path, function, methods=["GET"]) for path, function in answers.items()] + _page_routes()


def _page_routes() -> list[Any]:
    """The page, its style and its script, which never change while the service runs."""
    style = stylesheet() + asset("seqkit.serve", "page.css")
    files = {
        "/": (asset("seqkit.serve", "page.html"), "text/html"),
        "/page.css": (style, "text/css"),
        "/page.js": (asset("seqkit.serve", "page.js"), "text/javascript"),
    }

    def giver(content: str, media_type: str) -> Any:
        async def give(_: Request) -> Response:
            return Response(content, media_type=media_type)

        return give

    return [Route(path, giver(*file), methods=["GET"]) for path, file in files.items()]


def _json(value: Any, status: int = 200) -> Response:
    return Response(json.dumps(value), status, media_type="application/json")


def _lifespan(service: Service) -> Any:
    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        watching = asyncio.create_task(service.registry.watch())
        try:
            yield
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
            await service.stop()

    return lifespan


def _socket(service: Service) -> Callable[[WebSocket], Awaitable[None]]:
    """A stream over a WebSocket: messages as those of POST /stream, answered one by one; the state stays here."""

    async def follow(socket: WebSocket) -> None:
        service.opened()
        try:
            asked = [name for name in socket.scope["subprotocols"] if name == "seqkit"]
            _, served = service.registry.find(socket.path_params.get("name") or socket.query_params.get("run"))
            stream = await service.worker.call(lambda: open_stream(served, service.key, None))
            await socket.accept(asked[0] if asked else None)
            while True:
                text = await asyncio.wait_for(_text(socket), service.limits.stream_seconds)
                try:
                    message = _message(text, service)
                    stream, reply = await service.worker.call(_reading(served, service.key, stream, message))
                except Exception as error:  # any: the stream is as it was before the message, and continues
                    problem = problem_of(error)
                    reply = {"error": as_signs(problem.sentence), "status": problem.status}
                await socket.send_text(json.dumps(reply))
        except WebSocketDisconnect:
            pass
        except (TimeoutError, asyncio.TimeoutError):  # two of them until Python 3.10
            with suppress(WebSocketDisconnect):
                await socket.close(1000, "nothing was asked for too long")
        finally:
            service.streams -= 1

    return follow


async def _text(socket: WebSocket) -> str:
    """The next message; one of bytes is not JSON, and is told so."""
    message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1000))
    return message.get("text") or ""


def _message(text: str, service: Service) -> dict[str, Any]:
    check_depth(text.encode("utf-8", "replace"), service.limits.depth)
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        raise Problem(400, "the message is not JSON; correct it") from None
    if not isinstance(message, dict):
        raise Problem(422, "a message is one JSON object; see /openapi.json")
    check_fields(message, {name: types for name, types in FIELDS.items() if name != "run"})
    service.check_steps(message)
    return message


def _reading(served: Any, key: bytes, stream: Any, message: Mapping[str, Any]) -> Callable[[], Any]:
    def read() -> Any:
        token = message.get("token")
        current = stream if token is None else open_stream(served, key, token)
        return current, advance(served, key, current, message)

    return read
