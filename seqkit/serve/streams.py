"""Streams: steps of one sequence after the other, whose state is kept here or handed out as a token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seqkit.answers.streams import MovableStream
from seqkit.serve.problem import Problem
from seqkit.serve.served import Served
from seqkit.serve.tokens import from_token, to_token

FIELDS: dict[str, tuple[type, ...]] = {
    "run": (str,),
    "token": (str,),
    "steps": (list,),
    "end": (bool,),
    "save": (bool,),
}
"""What a message has, in the order in which it is done"""


def open_stream(served: Served, key: bytes, token: str | None) -> MovableStream:
    """A new stream, or the one in a token."""
    stream = served.stream()
    if not isinstance(stream, MovableStream):
        raise Problem(422, "a stream of this model cannot be moved; use the WebSocket")
    if token is not None:
        stream.restore(from_token(key, served.version, token))
    return stream


def advance(served: Served, key: bytes, stream: MovableStream, message: Mapping[str, Any]) -> dict[str, Any]:
    """Reads the steps of a message; the answers that they settle, and a token where one is requested.

    All steps are looked at before the first is read, so that a message is read as a whole or not at all.
    """
    steps = [served.step(value) for value in message.get("steps", ())]
    found = [prediction for step in steps if (prediction := stream.push(step)) is not None]
    if message.get("end"):
        found += stream.finish()
    reply: dict[str, Any] = {"answers": [served.streamed(prediction) for prediction in found]}
    if message.get("save"):
        reply["token"] = to_token(key, served.version, stream.snapshot())
    return reply
