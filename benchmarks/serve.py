"""What a service of a run costs beside the run itself: throughput, latency, reloads, streams.

``python -m benchmarks.serve RUN`` starts ``seqkit serve`` on a free port and asks it from this process, so both share
the machine's cores. Texts are drawn from a small list of words; ``--texts FILE`` takes a text on each line instead.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import random
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

WORDS = [
    "a",
    "the",
    "film",
    "plot",
    "actors",
    "were",
    "was",
    "great",
    "dull",
    "moving",
    "slow",
    "and",
    "not",
    "very",
    "story",
    "scene",
    "end",
    "funny",
    "long",
]


class Connection:
    """HTTP/1.1 by hand: the client must not be what is measured."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def open(self) -> Connection:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        return self

    async def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        self.writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        head = await self.reader.readuntil(b"\r\n\r\n")
        size = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        return int(head[9:12]), await self.reader.readexactly(size)

    def close(self) -> None:
        self.writer.close()


def texts(file: str | None, count: int = 2000) -> list[str]:
    if file:
        return [line for line in Path(file).read_text("utf-8").splitlines() if line.strip()][:count]
    generator = random.Random(0)
    return [" ".join(generator.choices(WORDS, k=generator.randint(4, 16))) for _ in range(count)]


async def closed_loop(port: int, bodies: list[bytes], clients: int, seconds: float) -> float:
    """Requests a second of so many clients, each of which asks again as soon as it is answered."""
    end, counts, wrong = time.perf_counter() + seconds, [0] * clients, []

    async def client(number: int) -> None:
        connection = await Connection(port).open()
        while time.perf_counter() < end:
            status, _ = await connection.post("/predict", bodies[(number + clients * counts[number]) % len(bodies)])
            counts[number] += status == 200
            if status != 200:
                wrong.append(status)
        connection.close()

    began = time.perf_counter()
    await asyncio.gather(*map(client, range(clients)))
    assert not wrong, f"statuses {set(wrong)}"
    return sum(counts) / (time.perf_counter() - began)


def by_wrk(port: int, bodies: list[bytes], clients: int, seconds: float) -> float:
    """As :func:`closed_loop`, by a client in C, which leaves the cores to the service."""
    listed = ", ".join(json.dumps(body.decode()) for body in bodies)
    script = f"""local bodies, next = {{ {listed} }}, 0
wrk.method, wrk.headers["Content-Type"] = "POST", "application/json"
request = function() next = next % #bodies + 1; return wrk.format(nil, nil, nil, bodies[next]) end
"""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script)
        file.flush()
        address = f"http://127.0.0.1:{port}/predict"
        command = ["wrk", "-t1", f"-c{clients}", f"-d{max(1, round(seconds))}s", "-s", file.name, address]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "Non-2xx" not in said, said
    return float(said.partition("Requests/sec:")[2].split()[0])


async def open_loop(
    port: int, bodies: list[bytes], rate: float, seconds: float, connections: int = 64
) -> tuple[float, float]:
    """Latencies in ms of requests that come at random, so many a second on average, whether others wait or not."""
    free, found, generator = asyncio.Queue(), [], random.Random(1)
    for _ in range(connections):
        free.put_nowait(await Connection(port).open())

    async def ask(body: bytes, began: float) -> None:
        connection = await free.get()
        await connection.post("/predict", body)
        found.append(1000 * (time.perf_counter() - began))
        free.put_nowait(connection)

    tasks, due, end = [], time.perf_counter(), time.perf_counter() + seconds
    while due < end:
        due += generator.expovariate(rate)
        if (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        tasks.append(asyncio.create_task(ask(bodies[len(tasks) % len(bodies)], due)))
    await asyncio.gather(*tasks)
    found.sort()
    return found[len(found) // 2], found[int(0.99 * len(found))]


class Server:
    """A service in a process of its own, stopped at the end."""

    def __init__(self, command: list[str]) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.command = [sys.executable, *command, "--port", str(self.port)]

    def __enter__(self) -> Server:
        self.process = subprocess.Popen(self.command, stderr=subprocess.DEVNULL)
        for _ in range(600):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                time.sleep(0.1)
        raise RuntimeError("the service did not start")

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


def by_hand(run: str, port: int) -> None:
    """What people write in an afternoon: a handler that asks the model for each request."""
    import uvicorn
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    from seqkit import load

    model = load(run)

    async def predict(request: Any) -> Any:
        text = (await request.json())["input"]
        (prediction,) = model.predict([text])
        return JSONResponse({"answer": model.task.format_prediction(prediction)[1]})

    app = Starlette(routes=[Route("/predict", predict, methods=["POST"])])
    uvicorn.run(app, port=port, log_level="error", access_log=False)


def model_speed(run: str, lines: list[str]) -> float:
    """Texts a second of ``model.predict``, all at once."""
    from seqkit import load

    model = load(run)
    model.predict(lines)
    began = time.perf_counter()
    for _ in range(3):
        model.predict(lines)
    return 3 * len(lines) / (time.perf_counter() - began)


class Trial(NamedTuple):
    """What became of requests while a service was treated badly."""

    answered: int
    wrong: int
    repeated: int
    """Requests that were asked again, because the worker that had them died"""


async def trial_under_load(
    port: int,
    lines: list[str],
    expected: list[str],
    shocks: Sequence[Callable[[], object]],
    flights: int = 1000,
    turns: int = 4,
) -> Trial:
    """So many requests at once, several times, while each of the shocks is given: one after half a second, and so on.

    Each client asks so many times, and continues until all shocks have been given. As clients do, a request whose
    connection breaks is asked again.
    """
    bodies = [json.dumps({"input": line}).encode() for line in lines]
    wrong = answered = repeated = given = 0

    async def ask(number: int) -> None:
        nonlocal wrong, answered, repeated
        connection, turn = None, 0
        while turn < turns or given < len(shocks):
            index = (number + turn) % len(lines)
            try:
                connection = connection or await Connection(port).open()
                status, body = await connection.post("/predict", bodies[index])
            except (OSError, asyncio.IncompleteReadError):
                if connection is not None:
                    connection.close()
                connection, repeated = None, repeated + 1
                await asyncio.sleep(0.05)
                continue
            answered, turn = answered + 1, turn + 1
            wrong += status != 200 or json.loads(body)["answer"]["label"] != expected[index]
        if connection is not None:
            connection.close()

    async def shake() -> None:
        nonlocal given
        for shock in shocks:
            await asyncio.sleep(0.5)
            shock()
            given += 1

    await asyncio.gather(shake(), *map(ask, range(flights)))
    return Trial(answered, wrong, repeated)


def workers_of(process: int) -> list[int]:
    """The processes of a service that answer: children that listen, which its parent starts again when they die."""
    children = [int(word) for word in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    return [child for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]


def streams(run: str, count: int) -> tuple[float, int, float]:
    """Bytes of memory for each stream of a run of frames, and steps a second of all in turn, as of one alone."""
    from seqkit import load
    from seqkit.topologies.synced.frames import SyncedFrames

    model = load(run)
    if not isinstance(model.task, SyncedFrames) or model.config.bidirectional:
        raise SystemExit(f"{run} is no run of frames that reads in one direction; train one with --bidirectional false")
    frame = np.full(model.codec.layout.size, 0.1)

    def speed(opened: list[Any], rounds: int) -> float:
        began = time.perf_counter()
        for _ in range(rounds):
            for stream in opened:
                stream.push(frame)
        return rounds * len(opened) / (time.perf_counter() - began)

    alone = speed([model.stream()], 5000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    opened = [model.stream() for _ in range(count)]
    speed(opened, 1)
    memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / count
    state = sum(array.nbytes for array in opened[0].snapshot().arrays.values())
    return memory, state, speed(opened, 2) / alone


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run")
    parser.add_argument("--texts")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--port", type=int, help="only serve by hand, on this port")
    parser.add_argument(
        "--frames", metavar="RUN", help="measure streams of this run of frames, trained with --bidirectional false"
    )
    options = parser.parse_args()
    if options.port:
        by_hand(options.run, options.port)
        return
    if options.frames:
        memory, state, share = streams(options.frames, 10_000)
        print(f"streams     {memory:.0f} bytes each, {state} of them state; speed {share:.2f} of one stream's")
        return
    lines = texts(options.texts)
    bodies = [json.dumps({"input": line}).encode() for line in lines]
    hundred = [json.dumps({"inputs": lines[n : n + 100]}).encode() for n in range(0, len(lines) - 99, 100)]
    batch = model_speed(options.run, lines)
    # The client must not be what is measured: a look at all that torch brought takes it a tenth of a second.
    gc.collect()
    gc.freeze()
    print(f"model       {batch:8.0f} texts a second, all at once", flush=True)
    serving = ["-m", "seqkit", "serve", options.run]
    with Server(serving) as server:
        asyncio.run(closed_loop(server.port, bodies, 64, 1))
        single = asyncio.run(closed_loop(server.port, bodies, 64, options.seconds))
        print(
            f"/predict    {single:8.0f} texts a second, one in a request, 64 clients: {single / batch:.2f}", flush=True
        )
        many = 100 * asyncio.run(closed_loop(server.port, hundred, 16, options.seconds))
        print(f"/predict    {many:8.0f} texts a second, 100 in a request, 16 clients: {many / batch:.2f}", flush=True)
        p50, p99 = asyncio.run(open_loop(server.port, bodies, single / 2, options.seconds))
        print(f"latency     {p50:.1f} ms (half of requests), {p99:.1f} ms (99 of 100) at {single / 2:.0f} a second")
    if shutil.which("wrk"):
        with Server([*serving, "--workers", "2"]) as server:
            asyncio.run(closed_loop(server.port, bodies, 64, 2))
            fast = by_wrk(server.port, bodies, 64, options.seconds)
            print(f"/predict    {fast:8.0f} texts a second, two workers, asked by wrk: {fast / batch:.2f}", flush=True)
    with Server(["-m", "benchmarks.serve", options.run]) as server:
        asyncio.run(closed_loop(server.port, bodies, 64, 1))
        hand = asyncio.run(closed_loop(server.port, bodies, 64, options.seconds))
        print(f"by hand     {hand:8.0f} texts a second, 64 clients: seqkit serve is {single / hand:.1f} times as fast")
    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copytree(options.run, Path(folder) / "run")
        from seqkit import load

        expected = [prediction.label for prediction in load(copy).predict(lines)]
        with Server(["-m", "seqkit", "serve", str(copy)]) as server:
            found = asyncio.run(trial_under_load(server.port, lines, expected, [lambda: os.utime(copy / "run.json")]))
            print(f"reload      {found.answered} requests, 1,000 at a time, {found.wrong} lost or answered wrongly")
        with Server(["-m", "seqkit", "serve", str(copy), "--workers", "2"]) as server:
            asyncio.run(closed_loop(server.port, bodies, 64, 1))

            def kill() -> None:
                os.kill(workers_of(server.process.pid)[0], signal.SIGKILL)

            shocks = [kill, lambda: os.utime(copy / "run.json"), kill]
            found = asyncio.run(trial_under_load(server.port, lines, expected, shocks))
            print(
                f"kills       {found.answered} requests, 1,000 at a time, two workers of which one is killed twice: "
                f"{found.repeated} asked again, {found.wrong} answered wrongly"
            )


if __name__ == "__main__":
    main()
