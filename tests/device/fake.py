"""A device of its own for tests on machines without one: it computes as the CPU does, and mixes with nothing.

Its tensors say ``lazy:0`` where they are asked for their device, and hold an ordinary tensor that does the work. As on
a GPU, an operator refuses tensors of two devices, but for numbers in a tensor of no dimension and what GPUs allow for
indices, and a generator of the CPU draws nothing there; numpy cannot read it. So a forgotten ``device=`` fails here.
The kind ``lazy`` is one that torch knows and whose backward pass it runs in the calling thread.
"""

from contextlib import contextmanager

import torch
from torch.utils._python_dispatch import TorchDispatchMode

FAR = torch.device("lazy:0")
aten = torch.ops.aten
MOVES = {aten._to_copy.default, aten.copy_.default, aten.copy.default}
JOINS = {aten.cat.default, aten.stack.default}
TAKES_CPU_INDEX = {aten.index.Tensor, aten.index_put.default, aten.index_put_.default, aten._unsafe_index.Tensor}


class Far(torch.Tensor):
    """A tensor on the device."""

    @staticmethod
    def __new__(cls, near):
        far = torch.Tensor._make_wrapper_subclass(
            cls,
            near.size(),
            strides=near.stride(),
            storage_offset=near.storage_offset(),
            dtype=near.dtype,
            device=FAR,
            requires_grad=False,
        )
        far.near = near
        return far

    def __repr__(self, *, tensor_contents=None):
        return f"Far({self.near!r})"

    def __matmul__(self, other):
        # torch takes a dimension off its own result in place, which a wrapper cannot follow.
        one = self.dim() == 1 and other.dim() == 2
        return (self.unsqueeze(0) @ other).squeeze(0) if one else super().__matmul__(other)

    def tolist(self):
        return self.near.tolist()

    def numpy(self, **options):
        raise TypeError("can't convert lazy:0 device type tensor to numpy")

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        return dispatch(func, args, kwargs or {})

    def __deepcopy__(self, memo):
        copy = Far(self.near.detach().clone())
        copy = torch.nn.Parameter(copy, self.requires_grad) if getattr(self, "_is_param", False) else copy
        return memo.setdefault(id(self), copy)


def is_far(device):
    return device is not None and torch.device(device).type == "lazy"


def check(func, tensors, kwargs):
    near = [t for t in tensors if not isinstance(t, Far) and (t.dim() > 0 or func in JOINS)]
    if near and func not in TAKES_CPU_INDEX:
        raise RuntimeError(f"Expected all tensors to be on the same device, but {func} got lazy:0 and cpu")
    if kwargs.get("generator") is not None:
        raise RuntimeError(f"Expected a 'lazy' device type for generator but found 'cpu' ({func})")


def unwrapped(value, seen):
    """The value with tensors that the CPU knows; the tensors in it are added to ``seen``."""
    if isinstance(value, torch.Tensor):
        seen.append(value)
        return value.near if isinstance(value, Far) else value
    return type(value)(unwrapped(entry, seen) for entry in value) if isinstance(value, list | tuple) else value


def wrapped(value, known):
    """The value with its tensors on the device; one that is known stays the same tensor."""
    if isinstance(value, torch.Tensor):
        # What an operator changes in place, or gives back as it was.
        return known[id(value)] if id(value) in known else Far(value)
    return type(value)(wrapped(entry, known) for entry in value) if isinstance(value, list | tuple) else value


def dispatch(func, args, kwargs):
    tensors = []
    near_args = unwrapped(args, tensors)
    near_kwargs = {name: unwrapped(value, tensors) for name, value in kwargs.items()}
    far = any(isinstance(t, Far) for t in tensors)
    made_far = is_far(kwargs.get("device"))
    if far and func not in MOVES:
        check(func, tensors, kwargs)
    if made_far:
        check(func, [], kwargs)
        near_kwargs["device"] = torch.device("cpu")
    result = func(*near_args, **near_kwargs)
    result_is_far = far if kwargs.get("device") is None else made_far
    if func is aten.copy_.default:
        result_is_far = isinstance(args[0], Far)
    return wrapped(result, {id(t.near): t for t in tensors if isinstance(t, Far)}) if result_is_far else result


class FarMode(TorchDispatchMode):
    """Makes the tensors that are asked for on the device."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        return dispatch(func, args, kwargs or {})


@contextmanager
def far_device(monkeypatch):
    """Inside, ``lazy:0`` is a device of the machine, and the one that ``auto`` means."""
    import seqkit.devices as devices

    monkeypatch.setattr(devices, "available_devices", lambda: ["cpu", "lazy:0"])
    # As under torch's own fake tensors: `torch.tensor` makes a tensor of the CPU, and moves it where we see it.
    # A wrapper cannot be made of a tensor of the inference mode.
    monkeypatch.setattr(torch, "inference_mode", torch.no_grad)
    torch._C._set_only_lift_cpu_tensors(True)
    # A module that moves keeps its parameters, tied ones too, as it does when it moves to a GPU.
    monkeypatch.setattr(torch.__future__, "_swap_module_params_on_conversion", True)
    try:
        with FarMode():
            yield FAR
    finally:
        torch._C._set_only_lift_cpu_tensors(False)
