"""A layer of torch's as an ONNX model, for the engines that read those."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from seqkit.bench.cases import Case

_GATES = {"rnn": (0,), "lstm": (0, 3, 1, 2), "gru": (1, 0, 2)}
"""torch's gates in the order of ONNX."""
_STATES = {"rnn": "h", "lstm": "hc", "gru": "h"}


def layer_model(case: Case, module: nn.RNNBase) -> bytes:
    """A node for each layer, time first as ONNX wants it: ``x`` (T, B, I) and ``lengths`` (B) to ``y`` (T, B, D·H)."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    directions = 2 if case.bidirectional else 1
    nodes: list[Any] = []
    constants: list[Any] = []
    source = "x"
    for number in range(case.num_layers):
        values, options = _layer(case, module, number)
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
    return _bytes(nodes, inputs_info, outputs_info, constants)


def step_model(case: Case, module: nn.RNNBase) -> bytes:
    """A single node that takes the state and gives the next, whose h is the output, too."""
    from onnx import TensorProto, helper

    states = _STATES[case.cell]
    names = [f"next_{name}" for name in states]
    values, options = _layer(case, module, 0)
    node = helper.make_node(case.cell.upper(), ["x", *values, "", *states], ["", *names], **options)

    def described(names: Iterable[str]) -> list[Any]:
        return [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1, case.hidden]) for name in names]

    return _bytes([node], described(["x", *states]), described(names), list(values.values()))


def _layer(case: Case, module: nn.RNNBase, number: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """The weights of a layer by name, and the options of its node."""
    import numpy as np
    from onnx import numpy_helper

    directions = 2 if case.bidirectional else 1
    groups = module.all_weights[number * directions : (number + 1) * directions]
    stacked = [np.stack([_in_order(case.cell, g[k]) for g in groups]) for k in range(4)]
    values = {f"W{number}": stacked[0], f"R{number}": stacked[1], f"B{number}": np.concatenate(stacked[2:], 1)}
    options: dict[str, Any] = {"hidden_size": case.hidden}
    options["direction"] = "bidirectional" if case.bidirectional else "forward"
    if case.cell == "gru":
        options["linear_before_reset"] = 1
    return {name: numpy_helper.from_array(value, name) for name, value in values.items()}, options


def _bytes(nodes: list[Any], inputs: list[Any], outputs: list[Any], constants: list[Any]) -> bytes:
    from onnx import helper

    graph = helper.make_graph(nodes, "layer", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    return bytes(model.SerializeToString())


def _in_order(cell: str, weight: Tensor) -> Any:
    gates = weight.detach().chunk(len(_GATES[cell]))
    return torch.cat([gates[number] for number in _GATES[cell]]).numpy()
