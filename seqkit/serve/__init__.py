"""Runs as a service: JSON over HTTP, streams over WebSocket, and a page to try them on."""

from seqkit.serve.app import make_app
from seqkit.serve.limits import Limits
from seqkit.serve.opening import open_served
from seqkit.serve.served import Served

__all__ = ["Limits", "Served", "make_app", "open_served"]
