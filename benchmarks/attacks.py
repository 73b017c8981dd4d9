"""What clients send to a service that means no good: one function for each kind, for :mod:`benchmarks.hostile`."""

from __future__ import annotations

import asyncio
import gzip
import json
import random
import socket
import struct
from collections.abc import Awaitable, Callable

GOOD = json.dumps({"input": "a great film and a dull story"}).encode()
GOOD_PATH = "/runs/run0/predict"
PATHS = (
    "/predict", GOOD_PATH, "/runs/run1/stream", "/runs/run1/generate", "/runs/run0/explain", "/generate", "/explain",
    "/stream", "/runs/%2e%2e%2fetc", "/runs/../../etc/passwd/predict",
    "/runs/a%00b/predict", "/\x1b[2J", "//predict", "/openapi.json", "/metrics", "/runs/" + "a" * 5000,
)  # fmt: skip
VALUES = (
    None, True, -1, 1e308, "x" * 100_000, [], {}, [[]] * 1000, "\x1b]0;owned\x07\nseqkit serve: forged", "../../etc",
    {"a": {"a": {}}}, [1e30] * 64, "\ud800", "𝕏" * 5000, 2**63, -0.0, 1e-320, [[1e308]] * 3, {"beam_size": 1e9},
)  # fmt: skip
FIELDS = ("input", "inputs", "options", "run", "token", "steps", "prompt", "length", "seed", "units", "end", "save")

Attack = Callable[[int, random.Random], Awaitable[None]]


async def _send(port: int, content: bytes, wait: float = 2.0) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(content)
        return await asyncio.wait_for(reader.read(1 << 16), wait)
    finally:
        writer.close()


def _request(path: str, body: bytes, kind: str = "application/json") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode("utf-8", "replace") + body


async def noise(port: int, draw: random.Random) -> None:
    """Bytes, or a good request of which some are others."""
    content = bytearray(_request("/predict", GOOD)) if draw.random() < 0.7 else bytearray(draw.randbytes(400))
    for _ in range(draw.randint(1, 12)):
        content[draw.randrange(len(content))] = draw.randrange(256)
    await _send(port, bytes(content), 0.5)


async def values(port: int, draw: random.Random) -> None:
    """JSON of fields that there are with values that they never have."""
    request = {draw.choice(FIELDS): draw.choice(VALUES) for _ in range(draw.randint(0, 3))}
    body = json.dumps(request).encode("utf-8", "replace")
    kind = draw.choice(["application/json", "text/csv", "image/png", "multipart/form-data; boundary=x", ""])
    await _send(port, _request(draw.choice(PATHS), body, kind))


async def deep(port: int, draw: random.Random) -> None:
    """Lists in lists, objects in objects, or a number of a million digits."""
    size = draw.choice([33, 1000, 100_000])
    body = draw.choice([b"[" * size, b'{"a":' * size, b'{"input": ' + b"9" * size + b"}", b'["' + b"[" * size])
    await _send(port, _request("/predict", body))


async def huge(port: int, draw: random.Random) -> None:
    """A body larger than it may be, said so, or in chunks that never end."""
    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\n"
    if draw.random() < 0.5:
        await _send(
            port, b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999999999\r\n\r\n" + b"a" * 65536
        )
        return
    chunk = b"10000\r\n" + b"a" * 65536 + b"\r\n"
    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    await _send(port, head + chunk * 150, 5)


async def headers(port: int, draw: random.Random) -> None:
    """Headers without end."""
    lines = b"".join(b"x%d: %s\r\n" % (number, b"y" * draw.randint(1, 200)) for number in range(5000))
    await _send(port, b"GET / HTTP/1.1\r\nHost: localhost\r\n" + lines + draw.choice([b"", b"\r\n"]))


async def slow(port: int, draw: random.Random) -> None:
    """A request letter by letter, or an answer that nobody reads; then silence, or the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for letter in _request("/predict", GOOD)[: draw.randint(1, 200)]:
            writer.write(bytes([letter]))
            await asyncio.sleep(0.02)
        await asyncio.wait_for(reader.read(1), draw.choice([0.0, 1.0, 12.0]))
    finally:
        writer.transport.abort() if draw.random() < 0.5 else writer.close()


async def pipeline(port: int, draw: random.Random) -> None:
    """Many requests in one write, with answers that are never read."""
    await _send(port, _request("/predict", GOOD) * draw.randint(10, 500), 0.05)


async def sockets(port: int, draw: random.Random) -> None:
    """WebSockets that are asked for and left, or that send frames of another protocol."""
    await _send(port, _upgrade(draw) + draw.randbytes(draw.randint(0, 300)) * draw.randint(1, 50), 0.5)


def _upgrade(draw: random.Random, more: bytes = b"") -> bytes:
    path = draw.choice([b"/stream", b"/runs/run0/stream", b"/runs/run1/stream", b"/runs/..%2f/stream"])
    return (
        b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" + more + b"\r\n"
    )


def _frame(opcode: int, content: bytes, size: int | None = None) -> bytes:
    """A frame of a client, which may say that it has another size."""
    head = bytes([opcode, 0xFF]) + struct.pack(">Q", len(content) if size is None else size)
    return head + bytes(4) + content


async def floods(port: int, draw: random.Random) -> None:
    """WebSockets with pings, with messages that never end, lie about their size, or are no UTF-8 and no JSON."""
    message = json.dumps({draw.choice(FIELDS): draw.choice(VALUES)}).encode("utf-8", "replace")
    frames = (
        _frame(0x89, b"p" * 125) * 2000,
        _frame(0x01, b"{") + _frame(0x00, b"[" * 1000) * 500,
        _frame(0x81, b"", 2**62) + b"a" * 100_000,
        _frame(0x81, b"\xff\xfe") * 3,
        _frame(0x81, message) * 20,
        _frame(0x82, message),
        _frame(0x88, struct.pack(">H", draw.choice([1000, 999, 5000])) + b"\x1b[2J"),
        _frame(0xC1, b"\x00" * 1000),
    )
    more = draw.choice([b"", b"Sec-WebSocket-Extensions: permessage-deflate\r\n", b"x: \xff\r\n" * 300])
    await _send(port, _upgrade(draw, more) + draw.choice(frames), 1.0)


async def packed(port: int, draw: random.Random) -> None:
    """A small body that would unfold to a large one."""
    body = gzip.compress(bytes(draw.choice([10, 1 << 24])))
    kind = draw.choice([b"gzip", b"deflate", b"br", b"gzip, gzip", b"identity"])
    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Encoding: "
    await _send(port, head + kind + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


async def smuggled(port: int, draw: random.Random) -> None:
    """A request whose end can be read in two ways, and another one hidden in it."""
    ends = (
        b"Content-Length: 4\r\nContent-Length: 90\r\n\r\n", b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n", b"Content-Length : 4\r\n\r\n",
        b"Transfer-Encoding: xchunked\r\n\r\n", b"Content-Length:\r\n 4\r\n\r\n", b"Content-Length: +4\n\n",
        b"Transfer-Encoding:\x0bchunked\r\n\r\n", b"Content-Length: 0x4\r\n\r\n",
    )  # fmt: skip
    hidden = b"0\r\n\r\nGET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
    answer = await _send(port, b"POST /predict HTTP/1.1\r\nHost: localhost\r\n" + draw.choice(ends) + hidden, 0.5)
    if b"seqkit_requests_total" in answer and not answer.startswith(b"HTTP/1.1 4"):
        raise RuntimeError(f"a hidden request was answered: {answer[:200]!r}")


async def endless(port: int, draw: random.Random) -> None:
    """A head, a header, a path, the size of a chunk or what follows the chunks, without end."""
    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    chunked = head + b"Transfer-Encoding: chunked\r\n\r\n"
    begin, part = draw.choice(
        [
            (head, b"x: y\r\n"), (head + b"x: ", b"y" * 64), (b"POST /", b"y" * 64), (chunked + b"5;", b"y" * 64),
            (chunked + b"2\r\n{}\r\n0\r\n", b"x: y\r\n"), (chunked, b"1\r\n \r\n"),
        ]
    )  # fmt: skip
    await _send(port, begin + part * 200_000, 1.0)


async def strange(port: int, draw: random.Random) -> None:
    """Methods, versions, ranges and headers that nobody needs, or that are in another alphabet."""
    line = draw.choice(
        [b"TRACE / HTTP/1.1", b"CONNECT localhost:22 HTTP/1.1", b"OPTIONS * HTTP/1.1", b"GET http://evil/ HTTP/1.1",
         b"GET / HTTP/0.9", b"PRI * HTTP/2.0", b"HEAD /runs HTTP/1.1", b"GET /page.js HTTP/1.1",
         b"DELETE /runs HTTP/1.0"]
    )  # fmt: skip
    header = draw.choice(
        [b"Range: bytes=0-0,1-1,2-2,0-99999999999", b"Expect: 100-continue", b"\xc3\xa4: \xff", b"x: \x00", b": y",
         b"Upgrade: h2c\r\nConnection: Upgrade", b"Cookie: " + b"a=b;" * 5000, b"Authorization: Bearer \xff\xfe",
         b"If-None-Match: *", b"Host: evil", b"Origin: null", b"X-Forwarded-For: ::1"]
    )  # fmt: skip
    await _send(port, line + b"\r\nHost: localhost\r\n" + header + b"\r\n\r\n", 0.5)


async def numbers(port: int, draw: random.Random) -> None:
    """JSON that other readers take otherwise: no numbers, keys twice, halves of characters, other encodings."""
    texts = (
        '{"input": NaN}', '{"input": [1e400, -Infinity]}', '{"input": "a", "input": ["b"]}',
        '{"input": "\\ud800"}', '{"options": {"beam_size": 1' + "0" * 4000 + '}, "input": "a"}', '{"length": 1e999}',
        '{"input": "a"}{"input": "b"}', '{"input": "a",}', "[" * 1_000_000 + "]" * 1_000_000, '{"\\u0000": 1}',
        '{"inputs": [' + '"a",' * 5000 + '"a"]}', '{"input": "' + '\\"[' * 100_000 + '"}', '{"seed": -0, "prompt": ""}',
    )  # fmt: skip
    encoding = draw.choice(["utf-8", "utf-8", "utf-16", "utf-32", "utf-8-sig", "latin-1"])
    await _send(port, _request(draw.choice(PATHS), draw.choice(texts).encode(encoding)))


async def half_open(port: int, draw: random.Random) -> None:
    """A client that closes its side, or breaks the connection, in the middle of a request or of its answer."""
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    request = _request(GOOD_PATH, GOOD)
    writer.write(request[: draw.randint(0, len(request))])
    if draw.random() < 0.5:
        writer.write_eof()
        await asyncio.sleep(draw.choice([0.0, 0.5]))
    else:
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.close()


async def sips(port: int, draw: random.Random) -> None:
    """An answer of which a byte is read now and then."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)
    try:
        writer.write(_request("/runs/run1/generate", b'{"prompt": "a", "length": 5000}') * draw.randint(1, 3))
        for _ in range(draw.randint(1, 20)):
            await asyncio.wait_for(reader.read(1), 2)
            await asyncio.sleep(0.1)
    finally:
        writer.close()


ATTACKS: tuple[Attack, ...] = (
    noise, values, deep, huge, headers, slow, pipeline, sockets, floods, packed, smuggled, endless, strange, numbers,
    half_open, sips,
)  # fmt: skip
