"""Whether our kernels may run a call, or torch's own code must."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seqkit.kernels import kernel_name, ready, transformed
from seqkit.kernels.library import ensure_or_warn


def kernels_serve() -> bool:
    """Whether our kernels are built and wanted; ``SEQKIT_KERNELS`` is read at every call.

    Raises:
        UsageError: the environment names a kernel that does not exist.
    """
    name = kernel_name()
    return ready() if name == "auto" else name == "native" and ensure_or_warn()


def runs_plainly() -> bool:
    """Whether a call is carried out as written: not traced, compiled, transformed, counted, or cast."""
    # Compilers ask first: what follows is nothing that they could trace.
    if torch.compiler.is_compiling() or torch._C._get_tracing_state() is not None:
        return False
    if transformed() or torch._C._len_torch_dispatch_stack() or torch.is_autocast_enabled("cpu"):
        return False
    return kernels_serve()


def is_plain(tensor: object) -> bool:
    """Whether it is an ordinary tensor of float32 on the CPU; a subclass of tensors may mean anything."""
    return (
        (type(tensor) is Tensor or type(tensor) is nn.Parameter)
        and tensor.dtype is torch.float32
        and tensor.is_cpu
        and tensor.layout is torch.strided
        and not tensor.is_nested
    )
