"""The layers that ours is measured against, all with the same weights."""

from __future__ import annotations

import copy
import importlib.util
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from seqkit.bench.cases import STANDARD, Case
from seqkit.layers import Recurrent
from seqkit.runtime.parts import imported_onnxruntime

Call = Callable[[], object]


def inference_peers(case: Case, layer: Recurrent, x: Tensor, lengths: Tensor | None, compiled: bool) -> dict[str, Call]:
    """Calls by name, to be made where gradients are off."""
    if case.cell not in STANDARD:
        plain = Recurrent("lstm", case.hidden, case.hidden, kernel="native").eval()
        return {"our lstm": lambda: plain(x, lengths)}
    module = layer.to_torch().eval()
    if case.precision == "bf16":
        ours, rounded, x16 = layer_in_f32(layer), layer.to_torch().eval().bfloat16(), x.bfloat16()
        return {"our f32": lambda: ours(x, lengths), "torch bf16": lambda: rounded(x16)}
    calls = _torch_calls(module, x, lengths, compiled).items()
    peers: dict[str, Call] = {f"torch {name}": call for name, call in calls}
    if importlib.util.find_spec("onnxruntime") and importlib.util.find_spec("onnx"):
        peers["onnxruntime"] = _onnx_call(case, module, x, lengths)
    return peers


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
    module = layer.to_torch().eval()
    kind: Any = {"lstm": nn.LSTMCell, "gru": nn.GRUCell}[case.cell]
    cell = kind(case.hidden, case.hidden)
    with torch.no_grad():
        for target, source in zip(cell.parameters(), module.all_weights[0], strict=True):
            target.copy_(source)
    x = torch.randn(1, case.hidden)
    zero = torch.zeros(1, case.hidden)
    state: Any = (zero, zero) if case.cell == "lstm" else zero
    peers: dict[str, Call] = {"torch cell": lambda: cell(x, state)}
    if importlib.util.find_spec("onnxruntime") and importlib.util.find_spec("onnx"):
        peers["onnxruntime"] = _onnx_step(case, module, x, state)
    return peers


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


def _onnx_session(model: bytes) -> Any:
    onnxruntime = imported_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = torch.get_num_threads(), 1
    # Its threads may spin while it runs, but not on the cores of the next candidate.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _onnx_step(case: Case, module: nn.RNNBase, x: Tensor, state: Tensor | tuple[Tensor, Tensor]) -> Call:
    """ONNX Runtime on a single node that takes the state and gives the next, whose h is the output too."""
    from onnx import TensorProto, helper

    states = state if isinstance(state, tuple) else (state,)
    feed = {name: value.unsqueeze(0).numpy() for name, value in zip("xhc", (x, *states), strict=False)}
    names = [f"next_{name}" for name in "hc"[: len(states)]]
    values, options = _onnx_layer(case, module, 0)
    node = helper.make_node(case.cell.upper(), ["x", *values, "", *"hc"[: len(states)]], ["", *names], **options)

    def described(names: Iterable[str]) -> list[Any]:
        return [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1, case.hidden]) for name in names]

    model = _onnx_bytes([node], described(feed), described(names), list(values.values()))
    session = _onnx_session(model)
    return lambda: session.run(names, feed)


def _onnx_call(case: Case, module: nn.RNNBase, x: Tensor, lengths: Tensor | None) -> Call:
    """ONNX Runtime on one node for each layer, time first as it wants it."""
    import numpy as np

    session = _onnx_session(_onnx_model(case, module))
    feed = {"x": np.ascontiguousarray(x.detach().transpose(0, 1).numpy())}
    count = torch.full((len(x),), x.shape[1]) if lengths is None else lengths
    feed["lengths"] = count.to(torch.int32).numpy()
    return lambda: session.run(["y"], feed)


_ONNX_GATES = {"rnn": (0,), "lstm": (0, 3, 1, 2), "gru": (1, 0, 2)}
"""torch's gates in the order of ONNX."""


def _onnx_model(case: Case, module: nn.RNNBase) -> bytes:
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    directions = 2 if case.bidirectional else 1
    nodes: list[Any] = []
    constants: list[Any] = []
    source = "x"
    for number in range(case.num_layers):
        values, options = _onnx_layer(case, module, number)
        constants += values.values()
        inputs = [source, *values, "lengths"]
        nodes.append(helper.make_node(case.cell.upper(), inputs, [f"raw{number}"], **options))
        nodes.append(helper.make_node("Transpose", [f"raw{number}"], [f"t{number}"], perm=[0, 2, 1, 3]))
        source = "y" if number == case.num_layers - 1 else f"y{number}"
        nodes.append(helper.make_node("Reshape", [f"t{number}", "shape"], [source]))
    constants.append(numpy_helper.from_array(np.array([0, 0, directions * case.hidden]), "shape"))
    inputs_info = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, ["T", "B", case.hidden]),
        helper.make_tensor_value_info("lengths", TensorProto.INT32, ["B"]),
    ]
    outputs_info = [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["T", "B", directions * case.hidden])]
    return _onnx_bytes(nodes, inputs_info, outputs_info, constants)


def _onnx_layer(case: Case, module: nn.RNNBase, number: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """The weights of a layer by name, and the options of its node."""
    import numpy as np
    from onnx import numpy_helper

    directions = 2 if case.bidirectional else 1
    groups = module.all_weights[number * directions : (number + 1) * directions]
    stacked = [np.stack([_in_onnx_order(case.cell, g[k]) for g in groups]) for k in range(4)]
    values = {f"W{number}": stacked[0], f"R{number}": stacked[1], f"B{number}": np.concatenate(stacked[2:], 1)}
    options: dict[str, Any] = {"hidden_size": case.hidden}
    options["direction"] = "bidirectional" if case.bidirectional else "forward"
    if case.cell == "gru":
        options["linear_before_reset"] = 1
    return {name: numpy_helper.from_array(value, name) for name, value in values.items()}, options


def _onnx_bytes(nodes: list[Any], inputs: list[Any], outputs: list[Any], constants: list[Any]) -> bytes:
    from onnx import helper

    graph = helper.make_graph(nodes, "layer", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    return bytes(model.SerializeToString())


def _in_onnx_order(cell: str, weight: Tensor) -> Any:
    gates = weight.detach().chunk(len(_ONNX_GATES[cell]))
    return torch.cat([gates[number] for number in _ONNX_GATES[cell]]).numpy()
