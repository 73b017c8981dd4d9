"""Steps of a training that two machines share over a slow network: python -m benchmarks.network (Linux, as root)

Two network namespaces stand for the machines, and a pair of virtual devices for the link between them. The kernel's
token bucket (tbf) gives it a rate, and netem a delay, too, where the kernel has that module.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import click

_NAMES = ("seqkit-a", "seqkit-b")
_ADDRESSES = ("10.77.0.1", "10.77.0.2")
_DEVICES = ("seqkit0", "seqkit1")


@click.command()
@click.option("--rate", default=100.0, show_default=True, help="Mbit/s, in each direction.")
@click.option("--delay", default=1.0, show_default=True, help="Milliseconds, one way.")
@click.option("--shards", default=4, show_default=True)
@click.argument("words", nargs=-1)
def main(rate: float, delay: float, shards: int, words: Sequence[str]) -> None:
    """Trains on two machines, with the options of `seqkit run sentiment` in WORDS, and shows what a step takes."""
    with tempfile.TemporaryDirectory() as folder, _machines(rate, delay) as delayed:
        run = Path(folder) / "run"
        options = ["run", "sentiment", "--shards", str(shards), "--epochs", "1", "--profile", *words, "--out", str(run)]
        print(f"{rate:g} Mbit/s, {f'{delay:g} ms' if delayed else 'no delay: the kernel has no netem'}")
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
    facts |= {"MASTER_ADDR": _ADDRESSES[0], "MASTER_PORT": 29555, "GLOO_SOCKET_IFNAME": _DEVICES[rank]}
    environment = os.environ | {name: str(value) for name, value in facts.items()}
    words = ["ip", "netns", "exec", _NAMES[rank], sys.executable, "-m", "seqkit", *options]
    return subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL)


@contextmanager
def _machines(rate: float, delay: float) -> Iterator[bool]:
    """Two namespaces with a link between them; yields whether it has a delay."""
    for name in _NAMES:
        _run("ip", "netns", "add", name)
    try:
        first, second = zip(_NAMES, _DEVICES, strict=True)
        _run("ip", "link", "add", first[1], "netns", first[0], "type", "veth", "peer", second[1], "netns", second[0])
        delayed = [_shape(*end, rate, delay) for end in zip(_NAMES, _DEVICES, _ADDRESSES, strict=True)]
        yield all(delayed)
    finally:
        for name in _NAMES:
            _run("ip", "netns", "del", name)


def _shape(name: str, device: str, address: str, rate: float, delay: float) -> bool:
    """Gives an end of the link its address and rate, and a delay if the kernel can."""
    _run("ip", "-n", name, "link", "set", "lo", "up")
    _run("ip", "-n", name, "addr", "add", f"{address}/24", "dev", device)
    _run("ip", "-n", name, "link", "set", "dev", device, "up")
    shape = ["tc", "-n", name, "qdisc", "add", "dev", device, "root"]
    netem = [*shape, "netem", "delay", f"{delay}ms", "rate", f"{rate}mbit"]
    if not subprocess.run(netem, capture_output=True, check=False).returncode:
        return True
    _run(*shape, "tbf", "rate", f"{rate}mbit", "burst", "64kbit", "latency", "100ms")
    return False


def _run(*words: str) -> None:
    subprocess.run(words, check=True)


if __name__ == "__main__":
    main()
