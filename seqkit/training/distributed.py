"""The processes that train one model together, as ``torchrun`` starts them, and what they tell each other.

R processes, K vectors of each, G numbers of a vector.
"""

from __future__ import annotations

import json
import os
import platform
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch._C._distributed_c10d import PrefixStore, Store, TCPStore

from seqkit.errors import SeqkitError, UsageError
from seqkit.machine import cpu_quota, launched
from seqkit.training.spans import NO_SPANS, Spans
from seqkit.training.trees import tree_sum

_PATIENCE = timedelta(hours=2)
"""Others wait so long while the first process scores the validation split; one that has ended is noticed at once."""
_ANSWER = timedelta(seconds=10)
_MEETING = timedelta(minutes=10)
_all_gather: Callable[[Tensor, Tensor], object] = getattr(dist, "all_gather_single", dist.all_gather_into_tensor)
"""Named anew in torch 2.13, which warns of the old name"""
_NO_STORE = (RuntimeError, ValueError, OSError, KeyError)
"""What is raised where nobody keeps anything for all processes."""


class PeerLost(SeqkitError):
    """Another process of the training has ended before its work was done."""


@dataclass(frozen=True)
class Processes:
    """The processes of a training; each calls the same methods in the same order.

    Args:
        rank: the number of this process; the first, 0, writes the run and speaks for all.
        size: R.
        threads: shards that this process may compute at the same time.
        local_rank: its number among those of this machine.
        spans: what is noted of the time that this process takes, and of that it waits for the others.
    """

    rank: int = 0
    size: int = 1
    threads: int = 1
    local_rank: int = 0
    spans: Spans = NO_SPANS

    @property
    def first(self) -> bool:
        """Whether this process writes the run and speaks for all."""
        return self.rank == 0

    def device(self, name: str) -> str:
        """The name of this process's device, where one name is meant for all: each GPU of a machine has one process."""
        return f"cuda:{self.local_rank}" if self.size > 1 and _means_a_gpu(name) else name

    def share(self, content: bytes | None) -> bytes:
        """What the first process gives to all; the others give None."""
        if self.size == 1:
            return content or b""
        size = torch.tensor([len(content or b"")])
        with self._talking():
            dist.broadcast(size, 0)
            data = _to_tensor(content or b"") if self.first else torch.empty(int(size), dtype=torch.uint8)
            dist.broadcast(data, 0)
        return _to_bytes(data)

    def gather(self, content: bytes) -> list[bytes]:
        """What each process gives, in their order."""
        if self.size == 1:
            return [content]
        sizes = self.gather_numbers([len(content)]).int().flatten().tolist()
        own = torch.zeros(max(sizes), dtype=torch.uint8)
        own[: len(content)] = _to_tensor(content)
        rows = torch.empty(self.size * len(own), dtype=torch.uint8)
        with self._talking():
            _all_gather(rows, own)
        return [_to_bytes(row[:size]) for row, size in zip(rows.view(self.size, -1), sizes, strict=True)]

    def collect(self, content: bytes) -> list[bytes]:
        """What each process gives, in their order, for the first one; the others get nothing."""
        if self.size == 1:
            return [content]
        sizes = self.gather_numbers([len(content)]).int().flatten().tolist()
        own = torch.zeros(max(1, *sizes), dtype=torch.uint8)
        own[: len(content)] = _to_tensor(content)
        rows = [torch.empty_like(own) for _ in sizes] if self.first else None
        with self._talking():
            dist.gather(own, rows)
        return [_to_bytes(row[:size]) for row, size in zip(rows or [], sizes, strict=False)]

    def hand_out(self, contents: Sequence[bytes] = ()) -> bytes:
        """What the first process has for this one, which is one of as many contents as there are processes."""
        if self.size == 1:
            return contents[0]
        sizes = torch.tensor([len(content) for content in contents] or [0] * self.size)
        with self._talking():
            dist.broadcast(sizes, 0)
            own = torch.empty(max(1, int(sizes.max())), dtype=torch.uint8)
            rows = [_to_tensor(content.ljust(len(own), b"\0")) for content in contents]
            dist.scatter(own, rows or None)
        return _to_bytes(own[: sizes[self.rank]])

    def gather_numbers(self, numbers: Sequence[float]) -> Tensor:
        """As many numbers of each process, (R, numbers) of float64."""
        own = torch.tensor(numbers, dtype=torch.float64)
        if self.size == 1:
            return own.unsqueeze(0)
        rows = own.new_empty(self.size * len(own))
        with self._talking():
            _all_gather(rows, own)
        return rows.view(self.size, -1)

    def gather_facts(self, numbers: Sequence[float], flags: Tensor) -> tuple[Tensor, Tensor]:
        """As many numbers of each process, (R, numbers) of float64, and as many flags, in one exchange."""
        own = torch.tensor(numbers, dtype=torch.float64)
        if self.size == 1:
            return own.unsqueeze(0), flags.unsqueeze(0)
        content = torch.cat([own.view(torch.uint8), flags.to(torch.uint8)])
        rows = content.new_empty(self.size * len(content))
        with self._talking():
            _all_gather(rows, content)
        wide = 8 * len(numbers)
        found = rows.view(self.size, -1)
        return found[:, :wide].contiguous().view(torch.float64), found[:, wide:].bool()

    def sum(self, vectors: Tensor) -> Tensor:
        """The sum (G) of the vectors (K, G) of all processes, added as a tree in the order of processes and vectors.

        Each process adds up one stretch of all vectors and hands it to the others, so that it sends and receives 2 K G
        numbers at most, however many processes there are.
        """
        if self.size == 1:
            return tree_sum([*vectors])
        count, length = vectors.shape
        stretch = -(-length // self.size)
        padded = vectors.new_zeros(count, self.size * stretch)
        padded[:, :length] = vectors
        outgoing = padded.view(count, self.size, stretch).transpose(0, 1).contiguous()
        incoming, whole = torch.empty_like(outgoing), vectors.new_empty(self.size * stretch)
        with self._talking():
            dist.all_to_all_single(incoming, outgoing)
            _all_gather(whole, tree_sum([*incoming.flatten(0, 1)]))
        return whole[:length]

    @contextmanager
    def _talking(self) -> Iterator[None]:
        """Inside, an error of torch.distributed is one of the other processes."""
        try:
            with self.spans.span("communication"):
                yield
        except RuntimeError as error:
            raise PeerLost("another process of this training has ended") from error

    def wait(self) -> None:
        """Until all processes have come here."""
        self.gather_numbers([0.0])

    def check_same(self, facts: Mapping[str, Any], mend: str) -> None:
        """Raises :class:`UsageError` in every process where one of them has other facts than the first."""
        mine = {**facts, "host": socket.gethostname()}
        first, *others = [json.loads(content) for content in self.gather(json.dumps(mine).encode())]
        for number, other in enumerate(others, 1):
            for name in facts:
                if other[name] != first[name]:
                    shown = f": {other[name]}, not {first[name]}" if _is_short(first[name], other[name]) else ""
                    raise UsageError(
                        f"process {number} on {other['host']} has another {name} than process 0 on {first['host']}"
                        f"{shown}; {mend}"
                    )


def alone() -> Processes:
    """This process by itself, which may use as many threads as torch does."""
    return Processes(threads=torch.get_num_threads())


@contextmanager
def joined(facts: Mapping[str, Any]) -> Iterator[Processes]:
    """Inside, this process is one of those that torchrun has started; by itself if nothing has.

    Args:
        facts: what has to be the same in all of them, beside the versions.

    Raises:
        UsageError: another process has other facts, or another version of Python or torch.
        SeqkitError: the processes do not find each other.
    """
    if not launched():
        yield alone()
        return
    rank, size, local_rank = (int(os.environ.get(name, 0)) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"))
    processes = Processes(rank, size, _threads(), local_rank)
    _connect(processes)
    versions = {"version of torch": torch.__version__, "version of Python": platform.python_version()}
    processes.check_same({**versions, **facts}, "start all with the same versions and the same command")
    yield processes
    # Not where it fails: the others would notice, and say so before this process has said why.
    dist.destroy_process_group()


def _connect(processes: Processes) -> None:
    try:
        dist.init_process_group(
            "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo",
            store=_store_of_attempt(),
            rank=processes.rank,
            world_size=processes.size,
            timeout=_PATIENCE,
        )
    except (RuntimeError, ValueError, OSError) as error:
        address = f"{os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']}"
        raise SeqkitError(
            f"the processes do not find each other at {address} ({_first_line(error)}); give torchrun another "
            "--master-port, or --standalone on one machine"
        ) from None


def kept_folder(choose: Callable[[], str]) -> str:
    """The folder that the first process chose in the first attempt, for torchrun starts all again where one has ended.

    ``choose`` is called in the first attempt, and where no attempt is known.
    """
    with suppress(*_NO_STORE):
        store = _store()
        if not store.check(["seqkit/folder"]):
            store.set("seqkit/folder", choose())
        found: str = store.get("seqkit/folder").decode()
        return found
    return choose()


def first_to_fail() -> bool:
    """Whether no other process of this attempt has said yet why the training ends."""
    try:
        return bool(_store().add(f"seqkit/failed/{_attempt()}", 1) == 1)
    except _NO_STORE:
        # Who cannot ask had better say it twice than never.
        return True


def _store_of_attempt() -> Store | None:
    """Where processes find each other: apart for each attempt, or they would look for those of the one before.

    None where torchrun keeps nothing for them; the first process then keeps it, as torch does by itself.
    """
    if os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != str(True):
        return None
    return PrefixStore(f"seqkit/processes/{_attempt()}", _store(_MEETING))


def _attempt() -> str:
    """How often torchrun has started all processes again."""
    return os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")


def _store(timeout: timedelta = _ANSWER) -> TCPStore:
    """What torchrun itself keeps for all processes; it outlives them."""
    host, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    return TCPStore(host, port, is_master=False, timeout=timeout)


def _threads() -> int:
    """This process's share of the processor; torchrun has every process use one thread, however many there are."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, int(min(cores, cpu_quota() or cores)) // int(os.environ.get("LOCAL_WORLD_SIZE", "1")))


def _means_a_gpu(name: str) -> bool:
    return name == "cuda" or (name == "auto" and torch.cuda.is_available())


def _first_line(error: BaseException) -> str:
    text = str(error).partition("\n")[0]
    # The place in torch's own source comes first.
    return (text.rpartition("] ")[2] or text)[:200]


def _is_short(*values: Any) -> bool:
    return all(len(str(value)) <= 40 for value in values)


def _to_tensor(content: bytes) -> Tensor:
    return torch.frombuffer(bytearray(content), dtype=torch.uint8) if content else torch.empty(0, dtype=torch.uint8)


def _to_bytes(data: Tensor) -> bytes:
    return data.numpy().tobytes()
