"""Clients that leave before they have their answer are no errors of the service."""

import asyncio

import pytest

from seqkit.serve.connections import BoundedSocket, JoinedWrites
from seqkit.serve.guard import Guard
from seqkit.serve.metrics import Metrics


class Ended:
    """A transport whose client has left."""

    aborted = False

    def is_closing(self):
        return True

    def write(self, data):
        raise RuntimeError("the handler is closed")

    def abort(self):
        self.aborted = True


def test_what_is_written_to_a_client_that_has_left_is_dropped():
    failures = []

    async def write():
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: failures.append(context))
        JoinedWrites(Ended()).write(b"an answer")
        await asyncio.sleep(0.01)

    asyncio.run(write())
    assert failures == []


@pytest.mark.parametrize("fails", [None, ValueError("nobody foresaw it")])
def test_a_socket_that_is_left_while_it_is_accepted_or_refused_raises_nothing(fails):
    async def app(scope, receive, send):
        if fails is not None:
            raise fails
        await send({"type": "websocket.accept"})
        raise AssertionError("it goes on")

    async def send(message):
        raise OSError("the client has left")

    guard = Guard(app, Metrics(), None, is_local=False)
    scope = {"type": "websocket", "path": "/stream", "headers": [(b"host", b"localhost")], "extensions": {}}
    asyncio.run(guard(scope, None, send))


def test_nonsense_before_a_socket_is_open_ends_the_connection():
    class Connection:
        close_sent = None

    socket = BoundedSocket.__new__(BoundedSocket)
    socket.conn, socket.transport = Connection(), Ended()
    socket.handle_parser_exception()
    assert socket.transport.aborted
