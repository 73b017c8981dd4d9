"""Ways to run a cell over time, chosen per call and equal in what they compute.

``reference`` is the definition: a loop over ``cell.step``. ``aten`` runs the standard cells through torch's own fused
operators, ``cudnn`` through those of an NVIDIA GPU, whole stacks at once; ``fused`` runs all other cells there, step by
step. ``native`` is our C++ for the CPU, built once for each machine. ``auto`` takes the fastest way that supports the
cell and the input, and never waits for a build.
"""

from __future__ import annotations

import os

import torch
from torch import Tensor
from torch.autograd import forward_ad

from seqkit.cells import Cell
from seqkit.errors import SeqkitError, UsageError, unknown
from seqkit.kernels.aten import Aten
from seqkit.kernels.base import Kernel, Weights
from seqkit.kernels.build import built
from seqkit.kernels.compiled import ensure_cells, find_cell
from seqkit.kernels.cudnn import Cudnn
from seqkit.kernels.fused import Fused
from seqkit.kernels.native import CellFacts, Native, ensure, ensure_or_warn, facts_of, ready
from seqkit.kernels.one_piece import OnePiece
from seqkit.kernels.operators import operator_name
from seqkit.kernels.packed import PackedStack
from seqkit.kernels.reference import Reference
from seqkit.kernels.traced import Traced

__all__ = [
    "INFERENCE_PRECISIONS",
    "KERNELS",
    "NAMES",
    "PRECISIONS",
    "CellFacts",
    "Cudnn",
    "Kernel",
    "Native",
    "OnePiece",
    "PackedStack",
    "Reference",
    "Weights",
    "built",
    "choose_kernel",
    "ensure",
    "ensure_cells",
    "facts_of",
    "kernel_name",
    "ready",
    "runs_as_written",
    "traced",
    "transformed",
]

KERNELS: dict[str, Kernel] = {
    "native": Native(), "cudnn": Cudnn(), "fused": Fused(), "aten": Aten(), "reference": Reference()
}  # fmt: skip
"""The kernels by name, the fastest first."""

_NATIVE = {"bf16": Native("bf16"), "int8": Native("int8")}
_CUDNN_BF16 = Cudnn(bf16=True)
_FUSED_BF16 = Fused(bf16=True)
_TRACED = Traced()
_PLAIN = Reference(by_hand=False)

PRECISIONS = ("f32", "bf16")
"""What the sides of a product are: float32, or rounded to bfloat16 where the processor multiplies those."""

INFERENCE_PRECISIONS = (*PRECISIONS, "int8")
"""The same of a layer that is not trained; int8: 8-bit integers."""

NAMES = ("auto", *KERNELS, "torch")
"""What can be requested: a kernel; ``auto``, the fastest that can run the cell; ``torch``, that without our C++."""


def kernel_name(kernel: str | None = None) -> str:
    """The name requested: the argument, else the environment's ``SEQKIT_KERNELS``, else ``auto``; a known one."""
    name = kernel or os.environ.get("SEQKIT_KERNELS") or "auto"
    if name not in NAMES:
        raise unknown("kernel", name, NAMES)
    return name


def choose_kernel(cell: Cell, x: Tensor, kernel: str | None = None, precision: str = "f32") -> Kernel:
    """The kernel to run a cell with on such input.

    ``native`` is built if need be; where it cannot be built the next one serves, with a warning. A precision is leave
    to round, not an order: only ``native``, ``cudnn`` and ``fused`` have products in "bf16", only ``native`` those in
    "int8". Under ``torch.func`` and in forward mode the reference loop runs, all of whose operators torch transforms.

    Raises:
        UsageError: the one requested cannot run the cell, or not on such input.
    """
    if torch.compiler.is_exporting():
        return _TRACED
    name = kernel_name(kernel)
    if transformed():
        return _PLAIN
    if name in ("auto", "native") and operator_name(cell) is None and x.dtype is torch.float32 and x.is_cpu:
        _compile(cell, name == "native")
    if name in KERNELS and not KERNELS[name].supports(cell, x):
        raise UsageError(f"kernel '{name}' cannot run {cell!r} on {_kind(x)}; use kernel 'reference' or 'auto'")
    if name in ("aten", "reference"):
        return KERNELS[name]
    native = _NATIVE.get(precision, KERNELS["native"])
    if name != "torch" and native.supports(cell, x) and (ensure_or_warn() if name == "native" else ready()):
        return native
    cudnn, fused = (_CUDNN_BF16, _FUSED_BF16) if precision == "bf16" else (KERNELS["cudnn"], KERNELS["fused"])
    ours = [fused] if name != "torch" else []
    order = [fused] if name == "fused" else [cudnn, KERNELS["aten"], *ours, KERNELS["reference"]]
    return next(k for k in order if k.supports(cell, x))


def _compile(cell: Cell, build_it: bool) -> None:
    """Finds or makes the kernel of a cell of somebody's own, where it can be compiled."""
    if torch.compiler.is_compiling():
        return
    try:
        find_cell(cell, build_it)
    except SeqkitError as error:
        raise UsageError(f"kernel 'native' cannot run {cell!r}: {error}; use kernel 'reference' or 'auto'") from error


def transformed() -> bool:
    """Whether a transform of ``torch.func`` or forward-mode differentiation is under way, compiled or not."""
    # Of the functions that say so this is the one whose answer torch.compile knows while it traces.
    return torch._C._functorch.get_dynamic_layer_stack_depth() > 0 or forward_ad._current_level >= 0


def runs_as_written() -> bool:
    """Whether operators run as they are called: nothing is compiled, traced, transformed or differentiated forward."""
    return not (torch.compiler.is_compiling() or transformed() or torch._C._get_tracing_state() is not None)


def traced() -> bool:
    """Whether ``torch.jit.trace`` records what is called."""
    return not torch.compiler.is_compiling() and torch._C._get_tracing_state() is not None


def _kind(x: Tensor) -> str:
    return f"{str(x.dtype).removeprefix('torch.')} on {x.device.type}"
