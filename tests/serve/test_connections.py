"""Connections whose clients go on without end: heads, what is between chunks, pings with answers that nobody reads."""

import gzip
import json
import socket
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.serve.process import Service

pytestmark = pytest.mark.command

POST = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
UPGRADE = (
    b"GET /stream HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


@pytest.fixture(scope="module")
def service(run):
    with Service(run) as service:
        yield service


def poured(service, begin, endless, most):
    """How many bytes a service takes of what has no end, and what it answers; it has to stop before ``most``."""
    sent = 0
    with socket.create_connection(("127.0.0.1", service.port), 10) as connection:
        with suppress(ConnectionError):
            connection.sendall(begin)
            while sent < most:
                connection.sendall(endless)
                sent += len(endless)
        with suppress(ConnectionError):
            return sent, connection.recv(4096)
    return sent, b""


CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
ENDLESS = {
    "lines of a head": (POST, b"x: y\r\n" * 1000),
    "one header": (POST + b"x: ", b"y" * 4096),
    "the name of a header": (POST, b"y" * 4096),
    "a path": (b"POST /", b"y" * 4096),
    "the size of a chunk": (CHUNKED + b"5;", b"y" * 4096),
    "headers after the chunks": (CHUNKED + b"2\r\n{}\r\n0\r\n", b"x: y\r\n" * 1000),
}


@pytest.mark.parametrize("what", ENDLESS)
def test_what_has_no_end_is_not_read_to_it(service, what):
    begin, endless = ENDLESS[what]
    sent, answer = poured(service, begin, endless, 64 << 20)
    # Some is on its way in the system when the connection ends.
    assert sent < 32 << 20
    assert answer == b"" or answer[9:12] in (b"400", b"431")
    assert service.post({"input": "a dull film"})["answer"]["label"]


def test_a_head_that_is_too_large_is_reported_in_a_sentence(service):
    answer = service.raw(POST + b"x: " + b"y" * 400_000)
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"].startswith("the headers of the request are too large")


def test_a_body_in_very_small_chunks_is_read(service):
    body = json.dumps({"input": "a dull film " * 300}).encode()
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body)
    found = service.raw(CHUNKED + chunks + b"0\r\n\r\n", 30).partition(b"\r\n\r\n")[2]
    assert json.loads(found)["answer"]["label"] == service.post(json.loads(body))["answer"]["label"]


@pytest.mark.parametrize("encoding", [b"gzip", b"deflate", b"br"])
def test_a_packed_body_is_refused_and_never_unpacked(service, encoding):
    body = gzip.compress(bytes(64 << 20))
    answer = service.raw(POST + b"Content-Encoding: %s\r\nContent-Length: %d\r\n\r\n" % (encoding, len(body)) + body)
    assert answer.startswith(b"HTTP/1.1 415 ")
    assert b"without Content-Encoding" in answer


SMUGGLED = {
    "two lengths": b"Content-Length: 2\r\nContent-Length: 60\r\n\r\n{}",
    "a length and chunks": b"Content-Length: 60\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks of another kind": b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "a blank before the colon": b"Content-Length : 2\r\n\r\n{}",
    "a folded header": b"Content-Length:\r\n 2\r\n\r\n{}",
}


@pytest.mark.parametrize("how", SMUGGLED)
def test_a_request_whose_end_can_be_read_in_two_ways_is_refused(service, how):
    hidden = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
    answer = service.raw(POST + SMUGGLED[how] + hidden)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"seqkit_requests_total" not in answer


def memory(service):
    status = Path(f"/proc/{service.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) >> 10


@pytest.fixture(scope="module")
def streaming(command, tmp_path_factory):
    folder = tmp_path_factory.mktemp("text")
    (folder / "text.txt").write_text("the cat sat on the mat. " * 100)
    small = ["--hidden-size", "8", "--epochs", "1", "--streams", "2"]
    done = command("run", "charlm", "--data", folder / "text.txt", *small, "--out", folder / "run")
    assert done.returncode == 0, done.stderr
    with Service(folder / "run") as service:
        yield service


def test_pings_whose_answers_nobody_reads_take_no_memory(streaming):
    before, ping = memory(streaming), b"\x89\xfd" + bytes(4) + b"p" * 125
    with socket.create_connection(("127.0.0.1", streaming.port), 10) as connection, suppress(OSError):
        connection.sendall(UPGRADE + b"\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 101 ")
        connection.settimeout(2)
        for _ in range(1000):
            connection.sendall(ping * 500)
    assert memory(streaming) - before < 40
    assert streaming.post({"input": "the cat"})["answer"]


@pytest.mark.parametrize(
    "headers",
    [b"x: y\r\n" * 300, b"x: " + b"y" * 20_000 + b"\r\n", b"x: \xff\xfe\r\n", b"\xc3\xa4: y\r\n", b"x:\x01\r\n"],
    ids=["many", "long", "no text", "a name of another alphabet", "a control character"],
)
def test_a_socket_asked_for_with_strange_headers_is_an_answer_and_no_error_of_ours(streaming, headers):
    streaming.raw(UPGRADE + headers + b"\r\n", 2)
    time.sleep(0.2)
    assert "Traceback" not in "".join(streaming.errors)
    assert all(line.startswith(("serving ", "seqkit serve: ")) for line in streaming.errors)
    assert streaming.post({"input": "the cat"})["answer"]
