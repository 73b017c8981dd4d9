"""Connections: HTTP and WebSockets, bounded where a client could go on without end."""

from __future__ import annotations

import asyncio
import json
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

_IDLE_SECONDS = 15.0
"""That a connection may be silent where a request should begin, or continue"""
_HEAD_BYTES = 64 << 10
"""Of the first line and the headers of a request, beside what comes with the first of them at once (256 kB at most)"""
_FRAMING_BYTES = 1 << 20
"""Of what is neither head nor body: the sizes of chunks, and headers after them"""
_ERROR = json.dumps({"error": "the headers of the request are too large; send fewer"}).encode()
_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: application/json\r\n"
    b"connection: close\r\ncontent-length: %d\r\n\r\n%s" % (len(_ERROR), _ERROR)
)


class JoinedWrites:
    """A transport that sends what is written in one turn of the event loop at once: head and body of an answer.

    The system is asked once in place of twice, which is a good part of what a short answer costs.
    """

    def __init__(self, transport: Any) -> None:
        self._transport, self._parts = transport, list[bytes]()

    def write(self, data: bytes) -> None:
        """Sends the bytes soon."""
        if not self._parts:
            asyncio.get_running_loop().call_soon(self._send)
        self._parts.append(data)

    def close(self) -> None:
        """Ends the connection after what was written."""
        self._send()
        self._transport.close()

    def _send(self) -> None:
        parts, self._parts = self._parts, []
        # A client may have left meanwhile, or been sent away.
        if parts and not self._transport.is_closing():
            self._transport.write(b"".join(parts))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class BoundedProtocol(HttpToolsProtocol):
    """HTTP with an end to all that may come without one: silence, the head of a request, what is between chunks."""

    _timer: asyncio.TimerHandle | None = None
    _silent_since: Any = None
    _beside = 0
    """Bytes of this request that are not of its body"""
    _refused = False

    def connection_made(self, transport: Any) -> None:
        """See :class:`asyncio.Protocol`."""
        super().connection_made(cast(asyncio.Transport, JoinedWrites(transport)))
        self._silent_since = self
        self._look()

    def data_received(self, data: bytes) -> None:
        """See :class:`asyncio.Protocol`."""
        self._beside += len(data)
        if not self._refused:
            super().data_received(data)
        if self._beside > _HEAD_BYTES and self.transport.get_protocol() is self:
            self._bound()

    def _bound(self) -> None:
        """Refuses a head that is too large; ends a connection on which more comes than belongs to a body."""
        if self._beside > _FRAMING_BYTES:
            self.transport.abort()
        elif not self._refused and (self.cycle is None or self.cycle.scope is not self.scope):
            # A connection that is closed while the client sends is broken, and what is said of it lost.
            self._refused = True
            self.transport.write(_TOO_LARGE)

    def on_message_begin(self) -> None:
        """See :class:`httptools.HttpRequestParser`."""
        self._beside = 0
        super().on_message_begin()

    def on_body(self, body: bytes) -> None:
        """See :class:`httptools.HttpRequestParser`."""
        self._beside -= len(body)
        super().on_body(body)

    def connection_lost(self, exc: Exception | None) -> None:
        """See :class:`asyncio.Protocol`."""
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def _look(self) -> None:
        """Ends the connection if it still waits for the request that it waited for at the last look."""
        cycle = self.cycle
        if self.transport.get_protocol() is not self:
            return
        if self.transport.is_closing():
            # What is left to send is not read.
            self.transport.abort()
            return
        waits = cycle is None or cycle.response_complete
        if waits and self._silent_since is cycle:
            self.transport.abort()
            return
        self._silent_since = cycle if waits else self
        self._timer = asyncio.get_running_loop().call_later(_IDLE_SECONDS, self._look)


class BoundedSocket(WebSocketsSansIOProtocol):
    """A WebSocket that ends where a client sends pings and takes no answers, or sends nonsense before it is open."""

    def handle_parser_exception(self) -> None:
        """See :class:`WebSocketsSansIOProtocol`, which takes a handshake for granted."""
        if self.conn.close_sent is None:
            self.transport.abort()
        else:
            super().handle_parser_exception()

    def handle_ping(self) -> None:
        """See :class:`WebSocketsSansIOProtocol`."""
        if self.writable.is_set():
            super().handle_ping()
        else:
            self.transport.abort()
