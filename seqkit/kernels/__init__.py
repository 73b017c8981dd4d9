"""Ways to run a cell over time, chosen per call and equal in what they compute.

``reference`` is the definition: a loop over ``cell.step``. ``aten`` runs the standard cells through torch's own fused
operators. ``auto`` takes the fastest way that supports the cell.
"""

from __future__ import annotations

import os

from seqkit.cells import Cell
from seqkit.errors import UsageError, unknown
from seqkit.kernels.aten import Aten
from seqkit.kernels.base import Kernel, Weights
from seqkit.kernels.reference import Reference

__all__ = ["KERNELS", "Kernel", "Reference", "Weights", "choose_kernel", "kernel_name"]

KERNELS: dict[str, Kernel] = {"aten": Aten(), "reference": Reference()}
"""Fastest first: ``auto`` takes the first that supports the cell."""


def kernel_name(kernel: str | None = None) -> str:
    """The name asked for: the argument, else the environment's ``SEQKIT_KERNELS``, else ``auto``; a known one."""
    name = kernel or os.environ.get("SEQKIT_KERNELS") or "auto"
    if name != "auto" and name not in KERNELS:
        raise unknown("kernel", name, ("auto", *KERNELS))
    return name


def choose_kernel(cell: Cell, kernel: str | None = None) -> Kernel:
    """The kernel to run a cell with; raises :class:`UsageError` if the one asked for cannot run it."""
    name = kernel_name(kernel)
    if name == "auto":
        return next(k for k in KERNELS.values() if k.supports(cell))
    if not KERNELS[name].supports(cell):
        raise UsageError(f"kernel '{name}' cannot run {cell!r}; use kernel 'reference' or 'auto'")
    return KERNELS[name]
