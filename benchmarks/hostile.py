"""A service among strangers: clients that send anything, slowly, too much, or half of it, while one asks as it should.

``python -m benchmarks.hostile RUN [RUN …] [--seconds 120] [--workers 2]`` starts ``seqkit serve`` and says how many of
each kind it took, how long the well-behaved client waited, and how much memory and how many open files are left over.
The first run is one of texts; others, of frames or charlm, have streams to attack. It ends with an error if a good
request was lost or answered otherwise than before, if the service died, or if its log steers a terminal or has an error
nobody foresaw.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

from benchmarks.attacks import ATTACKS, GOOD, GOOD_PATH
from benchmarks.serve import Connection


async def besiege(port: int, seconds: float, seed: int) -> tuple[Counter[str], list[float]]:
    """How often each attack was made, and how long a good request took meanwhile, in seconds."""
    end, counts, waits = time.monotonic() + seconds, Counter[str](), list[float]()
    connection = await Connection(port).open()
    _, first = await connection.post(GOOD_PATH, GOOD)

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
            status, body = await asyncio.wait_for(connection.post(GOOD_PATH, GOOD), 60)
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
    """Open files, and MB of memory, of a process and its workers."""
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    held = [_held_by_one(each) for each in (str(process), *children)]
    return sum(files for files, _ in held), sum(size for _, size in held) // 1024


def _held_by_one(process: str) -> tuple[int, int]:
    size = int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{process}/status").read_text())[1])  # type: ignore[index]
    return len([*Path(f"/proc/{process}/fd").iterdir()]), size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", metavar="RUN")
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryFile() as log:
        runs = [f"run{number}={run}" for number, run in enumerate(options.runs)]
        command = [sys.executable, "-m", "seqkit", "serve", *runs, "--port", "0", "--workers", str(options.workers)]
        process = subprocess.Popen(command, stderr=log)
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
    failures = [line for line in said.splitlines() if "unexpected" in line or "Traceback" in line]
    print(
        f"{len(said.splitlines())} lines in the log, {len(failures)} of errors that nobody foresaw; ended with {code}"
    )
    if failures or re.search(r"[\x00-\x09\x0b-\x1f\x7f]", said) or "\nseqkit serve: forged" in said:
        raise SystemExit("\n".join(failures[:5]) or "the log has control characters")


if __name__ == "__main__":
    main()
