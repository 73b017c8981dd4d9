"""The OpenAPI document of a service: what each run reads and answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seqkit.serve.limits import STOPS, Limits, sampling_bounds
from seqkit.serve.served import Served
from seqkit.version import __version__

_ERRORS = {
    "400": "not JSON, or too deep",
    "401": "the token is missing or wrong",
    "403": "the token of a stream was signed by another service",
    "404": "no such run",
    "408": "the request came too slowly",
    "409": "the token of a stream is of another version of the run",
    "413": "the request is too large",
    "415": "not sent as JSON, or compressed",
    "421": "called by another name than localhost",
    "422": "an input, field or option that cannot be",
    "431": "the headers are too large",
    "500": "the service failed",
    "503": "too many requests wait; Retry-After says when to come back",
    "504": "the model took too long",
}


def openapi(runs: Mapping[str, Served], limits: Limits) -> dict[str, Any]:
    """The document, as version 3.1 has it."""
    paths: dict[str, Any] = {}
    for name, served in runs.items():
        paths |= _paths_of_run(name, served, limits)
    if len(runs) == 1:
        (served,) = runs.values()
        (name,) = runs
        short = _paths_of_run(name, served, limits)
        paths |= {path.removeprefix(f"/runs/{name}"): entry for path, entry in short.items() if path != f"/runs/{name}"}
    return {
        "openapi": "3.1.0",
        "info": {"title": "seqkit", "version": __version__, "description": "Runs of seqkit as a service."},
        "paths": {**_general_paths(), **paths},
        "components": {
            "schemas": {"Error": _object({"error": {"type": "string"}}, ["error"])},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _object(properties: Mapping[str, Any], required: list[str] | None = None) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": required or [],
        "additionalProperties": False,
    }


def _responses(content: Mapping[str, Any]) -> dict[str, Any]:
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    errors = {status: {"description": what, "content": error} for status, what in _ERRORS.items()}
    return {"200": {"description": "the answer", "content": dict(content)}, **errors}


def _post(summary: str, schema: Mapping[str, Any], answer: Mapping[str, Any] | None, media: str) -> dict[str, Any]:
    body = {"required": True, "content": {"application/json": {"schema": dict(schema)}}}
    content = {media: {"schema": {"type": "object"}} if answer is None else {}}
    return {"post": {"summary": summary, "requestBody": body, "responses": _responses(content)}}


def _get(summary: str, media: str = "application/json") -> dict[str, Any]:
    schema = {"type": "object"} if media == "application/json" else {"type": "string"}
    return {"get": {"summary": summary, "responses": _responses({media: {"schema": schema}})}}


def _general_paths() -> dict[str, Any]:
    return {
        "/runs": _get("The runs that are served"),
        "/health": _get("Whether the process lives"),
        "/ready": _get("Whether it takes requests"),
        "/metrics": _get("Numbers for Prometheus", "text/plain"),
    }


def _paths_of_run(name: str, served: Served, limits: Limits) -> dict[str, Any]:
    facts, answered = served.facts(), "application/json"
    run = {"run": {"type": "string", "const": name}}
    schemas: dict[str, tuple[str, dict[str, Any], dict[str, Any] | None, str]] = {
        "predict": ("Answers one input, or many", _predict_schema(served, run, limits), None, answered),
    }
    if facts["explains"]:
        fields = {**run, "input": {**served.input_schema()}, "units": {"type": "boolean"}}
        schemas["explain"] = ("What happens inside", _object(fields, ["input"]), None, answered)
    if facts["generates"]:
        schemas["generate"] = ("Writes a text", _generate_schema(run, limits), {}, "text/event-stream")
    if facts["streams"]:
        schemas["stream"] = ("Steps of a stream, with its token", _stream_schema(served, run, limits), None, answered)
    paths = {f"/runs/{name}": _get(f"What {name} is")}
    return paths | {f"/runs/{name}/{what}": _post(*entry) for what, entry in schemas.items()}


def _predict_schema(served: Served, run: Mapping[str, Any], limits: Limits) -> dict[str, Any]:
    one, options = served.input_schema(), _object(served.option_schemas())
    many = {"type": "array", "items": one, "maxItems": limits.inputs}
    return {
        "oneOf": [
            _object({**run, "input": one, "options": options}, ["input"]),
            _object({**run, "inputs": many, "options": options}, ["inputs"]),
        ]
    }


def _generate_schema(run: Mapping[str, Any], limits: Limits) -> dict[str, Any]:
    numbers: dict[str, Any] = {}
    for name, (least, most) in sampling_bounds(limits).items():
        kind = "number" if name in ("temperature", "top_p") else "integer"
        numbers[name] = {"type": kind, "minimum": least, "maximum": most}
    stop = {"type": "array", "items": {"type": "string", "minLength": 1}, "maxItems": STOPS}
    return _object({**run, "prompt": {"type": "string"}, **numbers, "stop": stop})


def _stream_schema(served: Served, run: Mapping[str, Any], limits: Limits) -> dict[str, Any]:
    schema = served.input_schema()
    step = schema["items"] if served.facts()["input"] == "frames" else schema
    return _object(
        {
            **run,
            "token": {"type": "string"},
            "steps": {"type": "array", "items": step, "maxItems": limits.inputs},
            "end": {"type": "boolean"},
            "save": {"type": "boolean"},
        }
    )
