"""Steps of a training that two machines share over a slow network: python -m benchmarks.network (Linux, as root)

Two network namespaces stand for the machines. Between them lies a link that is simulated here, packet by packet, with a
rate and a delay, as few systems have the kernel's module for that. Its threads need some of the processor, too.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from statistics import median
from typing import TypeVar

import click

T = TypeVar("T")
_NAMES = ("seqkit-a", "seqkit-b")
_ADDRESSES = ("10.77.0.1", "10.77.0.2")
_DEVICE = "link"
_CLONE_NEWNET, _TUNSETIFF, _TUN, _NO_HEADER = 0x40000000, 0x400454CA, 0x0001, 0x1000
"""Numbers of Linux: <sched.h> and <linux/if_tun.h>"""
_PACKET = 1500


@click.command()
@click.option("--rate", default=100.0, show_default=True, help="Mbit/s, in each direction.")
@click.option("--delay", default=1.0, show_default=True, help="Milliseconds, one way.")
@click.option("--shards", default=4, show_default=True)
@click.argument("words", nargs=-1)
def main(rate: float, delay: float, shards: int, words: Sequence[str]) -> None:
    """Trains on two machines, with the options of `seqkit run sentiment` in WORDS, and shows what a step takes."""
    with tempfile.TemporaryDirectory() as folder, _machines(rate * 1e6, delay / 1e3):
        run = Path(folder) / "run"
        options = ["run", "sentiment", "--shards", str(shards), "--epochs", "1", "--profile", *words, "--out", str(run)]
        print(f"a small packet takes {_round_trip():.1f} ms there and back")
        ranks = [_start(rank, options) for rank in range(2)]
        if any(rank.wait() for rank in ranks):
            sys.exit(1)
        print(_summary(run))


def _summary(run: Path) -> str:
    events = json.loads((run / "trace.json").read_text())["traceEvents"]
    own = [event for event in events if event["ph"] == "X" and event["pid"] == 0]
    steps = [event for event in own if event["name"] == "step"][3:]
    first = steps[0]["ts"]
    talking = [event["dur"] for event in own if event["name"] == "communication" and event["ts"] >= first]
    parameters = json.loads((run / "results.json").read_text())["parameters"]
    whole = sum(event["dur"] for event in steps)
    return (
        f"{parameters:,} parameters; {len(steps)} steps, {median(event['dur'] for event in steps) / 1e3:.0f} ms each, "
        f"communication {min(1.0, sum(talking) / whole):.2f} of the time"
    )


def _start(rank: int, options: Sequence[str]) -> subprocess.Popen[bytes]:
    facts = {"RANK": rank, "WORLD_SIZE": 2, "LOCAL_RANK": 0, "LOCAL_WORLD_SIZE": 2, "OMP_NUM_THREADS": 1}
    facts |= {"MASTER_ADDR": _ADDRESSES[0], "MASTER_PORT": 29555, "GLOO_SOCKET_IFNAME": _DEVICE}
    environment = os.environ | {name: str(value) for name, value in facts.items()}
    words = ["ip", "netns", "exec", _NAMES[rank], sys.executable, "-m", "seqkit", *options]
    return subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL)


def _round_trip() -> float:
    """Milliseconds that a small packet takes there and back, the median of twenty."""
    near, far = (_inside(name, lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for name in _NAMES)
    far.bind((_ADDRESSES[1], 29556))
    times = []
    with near, far:
        for _ in range(20):
            began = time.perf_counter()
            near.sendto(b"?", (_ADDRESSES[1], 29556))
            far.sendto(*far.recvfrom(16))
            near.recv(16)
            times.append(1000 * (time.perf_counter() - began))
    return median(times)


@contextmanager
def _machines(rate: float, delay: float) -> Iterator[None]:
    """Two namespaces with a link between them."""
    for name in _NAMES:
        _ip("netns", "add", name)
    try:
        ends = [_end_of_link(*pair) for pair in zip(_NAMES, _ADDRESSES, strict=True)]
        for source, target in (ends, ends[::-1]):
            waiting: SimpleQueue[tuple[float, bytes]] = SimpleQueue()
            threading.Thread(target=_receive, args=(source, waiting, rate, delay), daemon=True).start()
            threading.Thread(target=_deliver, args=(target, waiting), daemon=True).start()
        yield
    finally:
        for name in _NAMES:
            _ip("netns", "del", name)


def _end_of_link(name: str, address: str) -> int:
    """A device in a namespace whose packets are read from and written to a file descriptor."""

    def open_device() -> int:
        device = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH22x", _DEVICE.encode(), _TUN | _NO_HEADER))
        return device

    device = _inside(name, open_device)
    _ip("-n", name, "link", "set", "lo", "up")
    _ip("-n", name, "addr", "add", f"{address}/24", "dev", _DEVICE)
    _ip("-n", name, "link", "set", _DEVICE, "mtu", str(_PACKET), "up")
    return device


def _inside(name: str, make: Callable[[], T]) -> T:
    """What is made in a namespace: by a thread of its own, for that stays there."""

    def enter() -> T:
        with Path("/run/netns", name).open() as space:
            if ctypes.CDLL(None, use_errno=True).setns(space.fileno(), _CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), f"cannot enter the network namespace {name}")
        return make()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(enter).result()


def _receive(source: int, waiting: SimpleQueue[tuple[float, bytes]], rate: float, delay: float) -> None:
    """Notes for each packet when it arrives: after those before it were sent at that rate, and the delay."""
    free = 0.0
    while True:
        packet = os.read(source, 65536)
        free = max(free, time.monotonic()) + 8 * len(packet) / rate
        waiting.put((free + delay, packet))


def _deliver(target: int, waiting: SimpleQueue[tuple[float, bytes]]) -> None:
    while True:
        moment, packet = waiting.get()
        time.sleep(max(0.0, moment - time.monotonic()))
        os.write(target, packet)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


if __name__ == "__main__":
    main()
