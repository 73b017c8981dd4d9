"""Triton for machines without a GPU: as much of its language as emitted kernels use, on tensors of the CPU by numpy.

The programs of a kernel run one after another, in an order that changes from kernel to kernel.
"""

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch

from seqkit.kernels import programs

FLOATS = {torch.float32: np.float32, torch.float64: np.float64, torch.bfloat16: np.float32}
MADE = {}
"""What was made of cells by tests, apart from what is made for a GPU"""
here = SimpleNamespace(program=(0, 0))


class Block(np.ndarray):
    """Numbers; ``to`` is Triton's."""

    def to(self, kind):
        return self.astype(kind)


def block(value, kind=None):
    return np.asarray(value, kind).view(Block)


class Pointer:
    """Somewhere in the memory of a tensor."""

    def __init__(self, tensor, offset=0):
        self.memory, self.offset = tensor.detach().reshape(-1), offset
        assert not tensor.numel() or self.memory.data_ptr() == tensor.data_ptr(), "a kernel would write into a copy"
        self.dtype = SimpleNamespace(element_ty=FLOATS.get(tensor.dtype))

    def __add__(self, offset):
        moved = Pointer(self.memory)
        moved.offset = self.offset + offset
        return moved

    def places(self, mask):
        """The numbers that are meant, which have to be there; (N)."""
        places, mask = np.broadcast_arrays(self.offset, True if mask is None else mask)
        inside = places[mask]
        assert inside.size == 0 or (inside.min() >= 0 and inside.max() < self.memory.numel()), "outside of the memory"
        return torch.from_numpy(np.ascontiguousarray(inside.reshape(-1))).long(), mask


def load(pointer, mask=None, other=None):
    places, real = pointer.places(mask)
    found = pointer.memory[places]
    values = found.numpy() if found.dtype is not torch.bfloat16 else found.float().numpy()
    result = np.full(real.shape, 0 if other is None else other, values.dtype)
    result[real] = values
    return block(result)


def store(pointer, value, mask=None):
    places, real = pointer.places(mask)
    values = np.broadcast_to(np.asarray(value), real.shape)[real].reshape(-1)
    pointer.memory[places] = torch.from_numpy(np.array(values)).to(pointer.memory.dtype)


def erf(a):
    return block(torch.erf(torch.from_numpy(np.array(a))).numpy())


def largest(a, b, propagate_nan):
    assert propagate_nan
    return np.maximum(a, b)


def smallest(a, b, propagate_nan):
    assert propagate_nan
    return np.minimum(a, b)


class Kernel:
    """A function that was given to ``triton.jit``."""

    def __init__(self, function):
        self.function = function

    def __getitem__(self, grid):
        def launch(*arguments, num_warps, **options):
            given = [Pointer(a) if isinstance(a, torch.Tensor) else block(a, np.int32) for a in arguments]
            order = np.random.default_rng(sum(grid)).permutation(int(np.prod(grid)))
            for number in order:
                here.program = np.unravel_index(number, grid)
                with np.errstate(all="ignore"):
                    self.function(*given, **options)

        return launch


def language():
    def where(condition, a, b):
        return block(np.where(condition, a, b))

    def full(shape, value, kind):
        return block(np.full(shape, value, kind))

    def total(a, axis):
        assert axis == 0
        return block(np.sum(a))

    return SimpleNamespace(
        constexpr=int, int64=np.int64, load=load, store=store, where=where, full=full, sum=total, abs=np.abs,
        sqrt=np.sqrt, maximum=largest, minimum=smallest, PropagateNan=SimpleNamespace(ALL=True),
        program_id=lambda axis: block(here.program[axis]), arange=lambda a, b: block(np.arange(a, b)),
        zeros=lambda shape, kind: block(np.zeros(shape, kind)),
    )  # fmt: skip


@pytest.fixture
def triton(monkeypatch):
    """Emitted kernels run on the CPU; ``triton(change)`` changes their source first."""
    names = ("exp", "expm1", "log", "log1p", "sin", "cos", "tan", "sinh", "cosh", "tanh", "floor", "rint")
    functions = {name: getattr(np, name) for name in names} | {"pow": np.power, "erf": erf}
    functions |= {name: getattr(np, name.replace("a", "arc", 1)) for name in ("asin", "acos", "atan")}
    modules = {name: ModuleType(name) for name in ("triton", "triton.language", "triton.language.extra")}
    modules["triton"].jit = lambda do_not_specialize: Kernel
    modules["triton"].language = modules["triton.language"]
    vars(modules["triton.language"]).update(vars(language()))
    modules["triton.language.extra"].libdevice = SimpleNamespace(**functions)
    execute, changes = programs.executed, []

    def executed(source, title):
        for change in changes:
            source = change(source)
        with monkeypatch.context() as patch:
            for name, module in modules.items():
                patch.setitem(sys.modules, name, module)
            return execute(source, title)

    def add(change):
        monkeypatch.setattr(programs, "_PROGRAMS", {})
        changes.append(change)

    monkeypatch.setattr(programs, "executed", executed)
    monkeypatch.setattr(programs, "_PROGRAMS", MADE)
    return add
