"""A service among strangers: clients that send anything, slowly, too much, or half of it, while one asks as it should.

``python -m benchmarks.hostile RUN [--seconds 120]`` starts ``seqkit serve`` and says how many of each kind it took, how
long the well-behaved client waited, and how much memory and how many open files are left over. It ends with an error if
a good request was lost or answered otherwise than before, if the service died, or if its log steers a terminal.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from benchmarks.serve import Connection

GOOD = json.dumps({"input": "a great film and a dull story"}).encode()
PATHS = (
    "/predict", "/generate", "/explain", "/stream", "/runs/%2e%2e%2fetc", "/runs/../../etc/passwd/predict",
    "/runs/a%00b/predict", "/\x1b[2J", "//predict", "/openapi.json", "/metrics", "/runs/" + "a" * 5000,
)  # fmt: skip
VALUES = (
    None, True, -1, 1e308, "x" * 100_000, [], {}, [[]] * 1000, "\x1b]0;owned\x07\nseqkit serve: forged", "../../etc",
    {"a": {"a": {}}}, [1e30] * 64, "\ud800", "𝕏" * 5000,
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
    upgrade = (b"GET /stream HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")  # fmt: skip
    await _send(port, upgrade + draw.randbytes(draw.randint(0, 300)) * draw.randint(1, 50), 0.5)


ATTACKS: tuple[Attack, ...] = (noise, values, deep, huge, headers, slow, pipeline, sockets)


async def besiege(port: int, seconds: float, seed: int) -> tuple[Counter[str], list[float]]:
    """How often each attack was made, and how long a good request took meanwhile, in seconds."""
    end, counts, waits = time.monotonic() + seconds, Counter[str](), list[float]()
    connection = await Connection(port).open()
    _, first = await connection.post("/predict", GOOD)

    async def stranger(number: int) -> None:
        draw = random.Random(f"{seed} {number}")
        while time.monotonic() < end:
            attack = draw.choice(ATTACKS)
            with suppress(OSError, asyncio.TimeoutError, TimeoutError, asyncio.IncompleteReadError):
                await attack(port, draw)
            counts[attack.__name__] += 1  # type: ignore[attr-defined]

    async def friend() -> None:
        while time.monotonic() < end:
            began = time.monotonic()
            status, body = await asyncio.wait_for(connection.post("/predict", GOOD), 60)
            waits.append(time.monotonic() - began)
            # 503 says to come back, which is no loss.
            if status != 503 and (status != 200 or not _alike(body, first)):
                raise RuntimeError(f"a good request was answered by {status}: {body[:200]!r}")
            await asyncio.sleep(0.05)

    await asyncio.gather(friend(), *map(stranger, range(16)))
    connection.close()
    return counts, waits


def _alike(body: bytes, other: bytes) -> bool:
    """Whether two answers are one up to rounding, which depends on who is answered in the same batch."""
    numbers = [[float(found) for found in re.findall(rb"\d\.\d+", each)] for each in (body, other)]
    apart = max(abs(one - two) for one, two in zip(*numbers, strict=True))
    return re.sub(rb"\d\.\d+", b"", body) == re.sub(rb"\d\.\d+", b"", other) and apart < 1e-5


def _held(process: int) -> tuple[int, int]:
    """Open files, and MB of memory, of a process."""
    size = int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{process}/status").read_text())[1])  # type: ignore[index]
    return len([*Path(f"/proc/{process}/fd").iterdir()]), size // 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run")
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen([sys.executable, "-m", "seqkit", "serve", options.run, "--port", "0"], stderr=log)
        said = ""
        while not (found := re.search(r"http://\S+:(\d+)", said)):
            time.sleep(0.2)
            log.seek(0)
            said = log.read().decode()
        port = int(found[1])
        before = _held(process.pid)
        counts, waits = asyncio.run(besiege(port, options.seconds, options.seed))
        time.sleep(35)
        after = _held(process.pid)
        process.terminate()
        code = process.wait(60)
        log.seek(0)
        said = log.read().decode()
    waits.sort()
    print(", ".join(f"{count} {name}" for name, count in sorted(counts.items())))
    print(f"{len(waits)} good requests answered, 99 of 100 within {waits[int(0.99 * len(waits))]:.2f} s")
    print(f"open files {before[0]} before, {after[0]} after; memory {before[1]} MB before, {after[1]} MB after")
    failures = [line for line in said.splitlines() if "unexpected" in line]
    print(
        f"{len(said.splitlines())} lines in the log, {len(failures)} of errors that nobody foresaw; ended with {code}"
    )
    if failures or re.search(r"[\x00-\x09\x0b-\x1f\x7f]", said) or "\nseqkit serve: forged" in said:
        raise SystemExit("\n".join(failures[:5]) or "the log has control characters")


if __name__ == "__main__":
    main()
