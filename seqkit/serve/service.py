"""What the endpoints do, once a request is read: predict, generate, explain, stream."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

from starlette.types import Receive, Scope

from seqkit.serve.deadline import Deadlines
from seqkit.serve.limits import STOPS, Limits, sampling_bounds
from seqkit.serve.metrics import Metrics
from seqkit.serve.problem import Problem, overloaded
from seqkit.serve.registry import Registry
from seqkit.serve.requests import check_fields, header, read_body, read_json
from seqkit.serve.served import Served
from seqkit.serve.streams import FIELDS, advance, open_stream
from seqkit.serve.uploads import is_upload, upload
from seqkit.serve.worker import Worker

_PREDICT: dict[str, tuple[type, ...]] = {
    "run": (str,),
    "input": (str, list),
    "inputs": (list,),
    "options": (dict,),
}
_EXPLAIN: dict[str, tuple[type, ...]] = {"run": (str,), "input": (str, list), "units": (bool,)}
_GENERATE: dict[str, tuple[type, ...]] = {
    "run": (str,),
    "prompt": (str,),
    "length": (int,),
    "temperature": (int, float),
    "top_k": (int,),
    "top_p": (int, float),
    "no_repeat_ngram": (int,),
    "stop": (list,),
    "seed": (int,),
}


class Service:
    """Runs, the worker that asks them, and what counts both."""

    def __init__(self, registry: Registry, limits: Limits, key: bytes) -> None:
        self.registry, self.limits, self.key = registry, limits, key
        self.metrics, self.deadlines = Metrics(), Deadlines()
        self.streams = 0
        self.stopping = False
        self._worker: Worker | None = None

    @property
    def worker(self) -> Worker:
        """Runs the models, from the first request to the last."""
        if self._worker is None:
            self._worker = Worker(self.limits)
        return self._worker

    async def stop(self) -> None:
        """Ends the worker once it has answered what was taken."""
        self.stopping = True
        if self._worker is not None:
            await self._worker.stop()

    async def predict(self, scope: Scope, receive: Receive) -> dict[str, Any]:
        """Answers one input, or many."""
        body = await read_body(scope, receive, self.limits)
        content_type = header(scope, b"content-type")
        if is_upload(content_type):
            request = upload(content_type, body, self._run_of(scope, {})[1])
        else:
            request = read_json(content_type, body, self.limits)
            check_fields(request, _PREDICT)
        name, served = self._run_of(scope, request)
        if ("input" in request) == ("inputs" in request):
            raise Problem(422, "a request has either input, which is one, or inputs, a list of them")
        values = request["inputs"] if "inputs" in request else [request["input"]]
        if len(values) > self.limits.inputs:
            raise Problem(422, f"a request has at most {self.limits.inputs:,} inputs; send more requests")
        options = served.checked_options(request.get("options", {}))
        answers = await self.worker.ask(served, values, options)
        found = {"answers": answers} if "inputs" in request else {"answer": answers[0]}
        return {"run": name, "version": served.version, **found}

    async def explain(self, scope: Scope, receive: Receive) -> dict[str, Any]:
        """Shows what happens inside with one input."""
        request = await self._json(scope, receive, _EXPLAIN)
        name, served = self._run_of(scope, request)
        if "input" not in request:
            raise Problem(422, "a request has an input; see /openapi.json")
        units = bool(request.get("units"))
        inside = await self.worker.call(lambda: served.explain(request["input"], units))
        return {"run": name, "version": served.version, **inside}

    async def step(self, scope: Scope, receive: Receive) -> dict[str, Any]:
        """Reads steps of a stream that is in a token, and gives the next token."""
        request = await self._json(scope, receive, FIELDS)
        name, served = self._run_of(scope, request)
        self.check_steps(request)

        def read() -> dict[str, Any]:
            stream = open_stream(served, self.key, request.get("token"))
            return advance(served, self.key, stream, {"save": True, **request})

        return {"run": name, "version": served.version, **await self.worker.call(read)}

    def check_steps(self, message: Mapping[str, Any]) -> None:
        """Raises :class:`Problem` for a message with too many steps."""
        if len(message.get("steps", ())) > self.limits.inputs:
            raise Problem(422, f"a message has at most {self.limits.inputs:,} steps; send more messages")
        if sum(len(step) for step in message.get("steps", ()) if isinstance(step, str)) > self.limits.steps:
            raise Problem(422, f"a message has at most {self.limits.steps:,} characters; send more messages")

    async def generate(self, scope: Scope, receive: Receive) -> AsyncIterator[bytes]:
        """Writes a text: server-sent events, one for each piece, and ``done`` at the end."""
        request = await self._json(scope, receive, _GENERATE)
        name, served = self._run_of(scope, request)
        request.pop("run", None)
        prompt = request.pop("prompt", "")
        request.setdefault("length", 200)
        check_sampling(request, self.limits)
        notes: list[str] = []
        pieces = self.worker.write(lambda: served.generate(prompt, request, notes))
        try:
            first = await anext(pieces)
        except StopAsyncIteration:
            first = None
        return _events(first, pieces, {"run": name, "version": served.version}, notes)

    def opened(self) -> None:
        """Counts one more WebSocket; raises :class:`Problem` where there are too many."""
        if self.streams >= self.limits.streams:
            raise overloaded("too many streams are open")
        self.streams += 1

    def gauges(self) -> dict[str, tuple[str, float]]:
        """What is counted beside requests."""
        worker = self._worker
        return {
            "waiting_inputs": ("Inputs that were taken and not answered", worker.waiting if worker else 0),
            "batches_total": ("Batches that were answered", worker.batches if worker else 0),
            "batched_inputs_total": ("Inputs in these batches", worker.batched if worker else 0),
            "open_streams": ("WebSockets that are open", self.streams),
            "reloads_total": ("Runs that were replaced by a new version", self.registry.reloads),
        }

    async def _json(self, scope: Scope, receive: Receive, fields: Mapping[str, tuple[type, ...]]) -> dict[str, Any]:
        body = await read_body(scope, receive, self.limits)
        request = read_json(header(scope, b"content-type"), body, self.limits)
        check_fields(request, fields)
        return request

    def _run_of(self, scope: Scope, request: Mapping[str, Any]) -> tuple[str, Served]:
        """The run that the path names, or the request."""
        named = scope.get("path_params", {}).get("name")
        if named is not None and request.get("run", named) != named:
            raise Problem(422, "the path names one run and the request another; leave out one of them")
        return self.registry.find(request.get("run") if named is None else named)


def check_sampling(request: Mapping[str, Any], limits: Limits) -> None:
    """Raises :class:`Problem` for what a text cannot be written with."""
    for name, (least, most) in sampling_bounds(limits).items():
        if name in request and not least <= request[name] <= most:
            raise Problem(422, f"{name} must be from {least:g} to {most:g}")
    stops = request.get("stop", ())
    if len(stops) > STOPS or not all(isinstance(stop, str) and stop for stop in stops):
        raise Problem(422, f"stop must be a list of texts, {STOPS} at most")


async def _events(
    first: str | None, pieces: AsyncIterator[str], about: Mapping[str, Any], notes: list[str]
) -> AsyncIterator[bytes]:
    if first is not None:
        yield _event({"text": first})
    async for piece in pieces:
        yield _event({"text": piece})
    yield _event({**about, "notes": notes}, "done")


def _event(value: Mapping[str, Any], name: str = "") -> bytes:
    # JSON escapes line breaks, so that no text can end an event and begin another.
    return f"{f'event: {name}{chr(10)}' if name else ''}data: {json.dumps(value)}\n\n".encode()
