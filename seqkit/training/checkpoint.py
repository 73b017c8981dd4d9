"""All that an exact resume needs, in one safetensors file that is replaced atomically.

Its tensors are the model, the average of the weights, the optimizer's moments, torch's generators, and the state that
one chunk of a stream hands to the next. JSON in its header holds the progress and the generators of Python and numpy.
A digest over everything reveals a file that was cut short or edited.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from seqkit.devices import device_of
from seqkit.errors import SeqkitError
from seqkit.files import json_value, read_ordinary, write_atomic
from seqkit.schema import Whole, check_schema

_COUNT = Whole(0, 2**62)
_FACTS: dict[str, Any] = {
    "epoch?": _COUNT,
    "progress?": {
        **dict.fromkeys(("step", "epoch", "position", "best_epoch", "waited", "examples"), _COUNT),
        **dict.fromkeys(("loss_sum", "loss_count", "best_loss", "seconds"), float),
        "best": (float, None),
        "finished": bool,
        "history": [{str: (float, str, bool, None, {str: float})}],
    },
    "generators?": {"python": [(Whole(0, 9), [Whole(0, 2**32)], float, None)], "numpy": [(str, [_COUNT], float)]},
}
"""What the file of a model or of a training says beside its tensors"""


def write_tensors(path: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
    """Writes tensors and facts (JSON) as one safetensors file, atomically."""
    write_atomic(path, tensor_bytes(tensors, facts))


def tensor_bytes(tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> bytes:
    """Tensors and facts (JSON) as a safetensors file: the same bytes for the same content."""
    # Copies, for tied weights are one tensor under two names, which the format does not allow.
    copies = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format) for name, tensor in tensors.items()
    }
    text = json.dumps(facts)
    content = save(copies, {"seqkit": text, "digest": _digest(copies, text)})
    # The library writes the metadata in an order that changes from process to process.
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    ordered = json.dumps({"__metadata__": dict(sorted(header.pop("__metadata__").items())), **header}).encode()
    # The tensors begin at a multiple of 8 bytes, as the format asks.
    ordered += b" " * (-len(ordered) % 8)
    return len(ordered).to_bytes(8, "little") + ordered + content[end:]


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """What :func:`write_tensors` wrote; raises :class:`SeqkitError` for a file that is missing, cut short or edited."""
    return tensors_of(path, read_bytes(path))


def read_bytes(path: Path) -> bytes:
    """The content of a file of tensors, all at once: a run may replace it at any moment."""
    try:
        return read_ordinary(path)
    except FileNotFoundError:
        raise SeqkitError(f"{path} is missing; restore it from a backup, or run the task again") from None
    except OSError as error:
        raise SeqkitError(f"{path} cannot be read ({error.strerror or error}); restore it from a backup") from None


def tensors_of(path: Path, content: bytes) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The content of a file that :func:`tensor_bytes` made; the path is for errors."""
    try:
        tensors = load(content)
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")]).get("__metadata__", {})
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SeqkitError(f"{path} is damaged ({error}); restore it from a backup, or run the task again") from None
    if header.get("digest") != _digest(tensors, header.get("seqkit", "")):
        raise SeqkitError(f"{path} was changed after it was written; restore it from a backup, or run the task again")
    try:
        facts: dict[str, Any] = json_value(header.get("seqkit", ""))
    except (ValueError, RecursionError) as error:
        raise SeqkitError(f"{path} is damaged ({error}); restore it from a backup, or run the task again") from None
    check_schema(facts, _FACTS, path)
    return tensors, facts


def training_tensors(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Model, optimizer and generators as one flat dictionary."""
    tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    for number, values in optimizer.state_dict()["state"].items():
        tensors.update({f"optimizer.{number}.{name}": value for name, value in values.items()})
    tensors["generator.torch"] = torch.get_rng_state()
    device = device_of(model)
    if device.type in _GENERATORS:
        # Dropout is drawn where the model is. Only this device's generator: the run may continue on another card.
        read, _ = _GENERATORS[device.type]
        tensors[f"generator.{device.type}"] = read(device)
    return tensors


_GENERATORS: dict[str, tuple[Callable[[torch.device], Tensor], Callable[[Tensor, torch.device], None]]] = {
    "cuda": (torch.cuda.get_rng_state, torch.cuda.set_rng_state),
    "mps": (lambda device: torch.mps.get_rng_state(), lambda state, device: torch.mps.set_rng_state(state)),
}
"""Kinds of device that have a generator of their own: how it is read and set"""


def restore_training(tensors: Mapping[str, Tensor], model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Restores what :func:`training_tensors` returned."""
    model.load_state_dict({n.removeprefix("model."): t for n, t in tensors.items() if n.startswith("model.")})
    moments: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith("optimizer."):
            _, number, key = name.split(".", 2)
            moments.setdefault(int(number), {})[key] = tensor
    optimizer.load_state_dict({"state": moments, "param_groups": optimizer.state_dict()["param_groups"]})
    torch.set_rng_state(tensors["generator.torch"])
    device = device_of(model)
    if (state := tensors.get(f"generator.{device.type}")) is not None:
        _, restore = _GENERATORS[device.type]
        restore(state, device)


def generator_facts() -> dict[str, Any]:
    """The state of Python's and numpy's generators, for JSON."""
    name, keys, *rest = np.random.get_state(legacy=True)
    return {"python": random.getstate(), "numpy": [name, np.asarray(keys).tolist(), *rest]}


def restore_generators(facts: Mapping[str, Any]) -> None:
    """Restores what :func:`generator_facts` returned."""
    version, state, gauss = facts["python"]
    random.setstate((version, tuple(state), gauss))
    name, keys, *rest = facts["numpy"]
    np.random.set_state((name, np.array(keys, dtype=np.uint32), *rest))


class _Turns:
    """Torch, Python and numpy have one generator for all threads, so those that draw from it take turns."""

    def __init__(self) -> None:
        self.lock = RLock()
        # A process that is forked while another thread has its turn would wait for a thread that it does not have.
        os.register_at_fork(after_in_child=self.renew)

    def renew(self) -> None:
        """Nobody has a turn."""
        self.lock = RLock()


_TURNS = _Turns()


@contextmanager
def own_generators() -> Iterator[None]:
    """Whatever is drawn inside, all generators are as before outside; other threads that are about to enter wait."""
    with _TURNS.lock:
        before = generator_facts()
        # A CUDA that nobody has used is left alone: to make it ready takes a second and half a gigabyte.
        with torch.random.fork_rng(range(torch.cuda.device_count()) if torch.cuda.is_initialized() else []):
            try:
                yield
            finally:
                restore_generators(before)


def seed_device(device: torch.device, seed: int) -> None:
    """Seeds the generator that the layers on a device draw from."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.default_generators[device.index].manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Inside, all generators start from the seed; outside they are as before, so that a run changes no one's draws."""
    with own_generators():
        torch.default_generator.manual_seed(seed)
        if torch.cuda.is_initialized():
            torch.cuda.manual_seed_all(seed)
        random.seed(seed)
        np.random.seed(seed)
        yield


def digest_of_tensors(tensors: Mapping[str, Tensor]) -> str:
    """A digest of names, shapes and values."""
    return _digest({name: tensor.detach().cpu() for name, tensor in tensors.items()}, "")


def _digest(tensors: Mapping[str, Tensor], text: str) -> str:
    digest = hashlib.blake2b(text.encode(), digest_size=16)
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.contiguous().view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
