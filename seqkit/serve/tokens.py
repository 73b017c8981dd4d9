"""A stream as a signed token: what it has kept, for whichever server continues it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from typing import Any

import numpy as np
from safetensors.numpy import load, save

from seqkit.answers.streams import Snapshot
from seqkit.serve.problem import Problem

_MARK = b"seqkit stream 1\0"
"""Signed with the content, so that nothing else that is ever signed with the key passes for a stream."""
_FORGED = Problem(403, "the token is not one that this service has signed; begin the stream again")


def to_token(key: bytes, version: str, snapshot: Snapshot) -> str:
    """The snapshot of a stream of a run of that version, signed with the key.

    Arrays are in the format of safetensors, the rest is JSON beside them. Nobody without the key can make
    or change one.
    """
    arrays = {name: np.ascontiguousarray(array) for name, array in snapshot.arrays.items()}
    content = save(arrays, {"version": version, "facts": json.dumps(snapshot.facts)})
    return base64.urlsafe_b64encode(_signature(key, content) + content).decode()


def from_token(key: bytes, version: str, token: str) -> Snapshot:
    """The snapshot in a token; raises :class:`Problem` for one of another key or version, before reading it."""
    try:
        signed = base64.b64decode(token.encode(), b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _FORGED from None
    signature, content = signed[:32], signed[32:]
    if not hmac.compare_digest(signature, _signature(key, content)):
        raise _FORGED
    facts = _metadata(content)
    if facts["version"] != version:
        raise Problem(409, "the token is of another version of the run; begin the stream again")
    return Snapshot(load(content), json.loads(facts["facts"]))


def _metadata(content: bytes) -> dict[str, Any]:
    """What safetensors has beside the tensors: its header is JSON, after its length in 8 bytes."""
    size = int.from_bytes(content[:8], "little")
    metadata: dict[str, Any] = json.loads(content[8 : 8 + size])["__metadata__"]
    return metadata


def _signature(key: bytes, content: bytes) -> bytes:
    return hmac.digest(key, _MARK + content, hashlib.sha256)
