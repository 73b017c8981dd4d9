"""The layers that ours is measured against, all with the same weights."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from seqkit.bench.cases import STANDARD, Case
from seqkit.bench.engines import Arrays, installed, onnxruntime_call, openvino_call
from seqkit.bench.onnx_models import layer_model, step_model
from seqkit.layers import Recurrent

Call = Callable[[], object]


def inference_peers(case: Case, layer: Recurrent, x: Tensor, lengths: Tensor | None, compiled: bool) -> dict[str, Call]:
    """Calls by name, to be made where gradients are off."""
    if case.cell not in STANDARD:
        plain = Recurrent("lstm", case.hidden, case.hidden, kernel="native").eval()
        return {"our lstm": lambda: plain(x, lengths)}
    module = layer.to_torch().eval()
    if case.precision == "bf16":
        ours, rounded, x16 = layer_in_f32(layer), layer.to_torch().eval().bfloat16(), x.bfloat16()
        return {
            "our f32": lambda: ours(x, lengths),
            "torch bf16": lambda: rounded(x16),
            **_engines(lambda: layer_model(case, module), _layer_feed(x, lengths), "bf16"),
        }
    if case.precision == "int8":
        ours = layer_in_f32(layer)
        return {"our f32": lambda: ours(x, lengths), **_torch_int8(case, module, x)}
    calls = _torch_calls(module, x, lengths, compiled).items()
    peers: dict[str, Call] = {f"torch {name}": call for name, call in calls}
    return peers | _engines(lambda: layer_model(case, module), _layer_feed(x, lengths), "f32")


def training_peers(case: Case, layer: Recurrent, x: Tensor, lengths: Tensor | None, compiled: bool) -> dict[str, Call]:
    """Calls that run forward and backward, to the gradients of the input and of all weights."""
    if case.cell not in STANDARD:
        plain = Recurrent("lstm", case.hidden, case.hidden, kernel="native")
        return {"our lstm": with_backward(lambda: plain(x, lengths)[0], x, plain)}
    module = layer.to_torch()
    if case.precision == "bf16":
        ours, rounded, x16 = layer_in_f32(layer), layer.to_torch().bfloat16(), x.detach().bfloat16().requires_grad_()
        return {
            "our f32": with_backward(lambda: ours(x, lengths)[0], x, ours),
            "torch bf16": with_backward(lambda: rounded(x16)[0], x16, rounded),
        }
    calls = _torch_calls(module, x, lengths, compiled)
    return {f"torch {name}": with_backward(call, x, module) for name, call in calls.items()}


def layer_in_f32(layer: Recurrent) -> Recurrent:
    """The same layer, all of its products in f32."""
    exact = copy.deepcopy(layer)
    exact.precision = "f32"
    return exact


def with_backward(call: Callable[[], Tensor], x: Tensor, module: nn.Module) -> Call:
    """A call with its backward pass."""
    wanted = [x, *module.parameters()]
    gradient = torch.randn_like(call())

    def run() -> object:
        return torch.autograd.grad(call(), wanted, gradient)

    return run


def step_peers(case: Case, layer: Recurrent) -> dict[str, Call]:
    """One step at batch 1 that carries its state; to be called where gradients are off."""
    if case.precision == "int8":
        ours, start = layer_in_f32(layer), layer.initial_state(1)
        one = torch.randn(1, case.hidden)
        return {"our f32": lambda: ours.step(one, start)}
    module = layer.to_torch().eval()
    kind: Any = {"lstm": nn.LSTMCell, "gru": nn.GRUCell}[case.cell]
    cell = kind(case.hidden, case.hidden)
    with torch.no_grad():
        for target, source in zip(cell.parameters(), module.all_weights[0], strict=True):
            target.copy_(source)
    x = torch.randn(1, case.hidden)
    zero = torch.zeros(1, case.hidden)
    state: Any = (zero, zero) if case.cell == "lstm" else zero
    states = state if isinstance(state, tuple) else (state,)
    feed = {name: value.unsqueeze(0).numpy() for name, value in zip("xhc", (x, *states), strict=False)}
    return {"torch cell": lambda: cell(x, state), **_engines(lambda: step_model(case, module), feed, "f32")}


def _engines(model: Callable[[], bytes], feed: Arrays, precision: str) -> dict[str, Call]:
    """Those that are installed and have products of that precision, on an ONNX model."""
    if not installed("onnx"):
        return {}
    found: dict[str, Call] = {}
    if precision == "f32" and installed("onnxruntime"):
        found["onnxruntime"] = onnxruntime_call(model(), feed)
    if installed("openvino"):
        found[f"openvino {precision}"] = openvino_call(model(), feed, precision)
    return found


def _layer_feed(x: Tensor, lengths: Tensor | None) -> Arrays:
    """The inputs of :func:`layer_model`."""
    count = torch.full((len(x),), x.shape[1]) if lengths is None else lengths
    steps_first = x.detach().transpose(0, 1).contiguous()
    return {"x": steps_first.numpy(), "lengths": count.to(torch.int32).numpy()}


def _torch_int8(case: Case, module: nn.RNNBase, x: Tensor) -> dict[str, Call]:
    """torch's own layer of 8-bit integers, where there is one; its makers call it deprecated, and still ship it."""
    if case.cell not in ("lstm", "gru"):
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            from torch.ao.quantization import quantize_dynamic
        except ImportError:
            return {}
        rounded = quantize_dynamic(nn.ModuleList([module]), {type(module)}, torch.qint8)[0]
    return {"torch int8": lambda: rounded(x)}


def _torch_calls(
    module: nn.RNNBase, x: Tensor, lengths: Tensor | None, compiled: bool
) -> dict[str, Callable[[], Tensor]]:
    calls: dict[str, Callable[[], Tensor]] = {"padded": lambda: module(x)[0]}
    if lengths is not None:
        sizes = lengths

        def packed() -> Tensor:
            rows = pack_padded_sequence(x, sizes, batch_first=True, enforce_sorted=False)
            out: Tensor = pad_packed_sequence(module(rows)[0], batch_first=True)[0]
            return out

        calls["packed"] = packed
    if compiled:
        calls["compiled"] = _compiled(module, x)
    return calls


def _compiled(module: nn.RNNBase, x: Tensor) -> Callable[[], Tensor]:
    """Through ``torch.compile``, which leaves recurrent modules as they are unless told: then it unrolls time."""
    torch._dynamo.reset()
    fast = torch.compile(module)
    with torch._dynamo.config.patch(allow_rnn=True):
        fast(x)
    return lambda: fast(x)[0]
