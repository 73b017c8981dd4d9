"""A graph of ONNX operators, assembled by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from itertools import count
from typing import Any, NamedTuple, NewType

import numpy as np
import torch
from torch import Tensor

from seqkit.errors import missing
from seqkit.version import __version__

OPSET = 17
"""The version of ONNX's operators; onnxruntime knows it since 1.13"""
_FILE_VERSION = 8
"""The version of the file format in the same release of ONNX, 1.12"""

Value = NewType("Value", str)
"""What flows through a graph, by its name"""
Size = int | str
"""A size that is fixed, or the name of one that varies"""


class Graph:
    """Operators and constants in the order in which they are added.

    ``y = graph.add("Relu", graph.add("MatMul", x, weight))``: an operand is a value of the graph, or a tensor, which
    becomes a constant of it.
    """

    def __init__(self) -> None:
        self._nodes: list[tuple[str, list[str], list[str], dict[str, Any]]] = []
        self._constants: dict[str, np.ndarray] = {}
        self._count = count()

    def inner(self) -> Graph:
        """A graph for the body of a loop: it sees the values of this one, and its constants are this one's."""
        graph = Graph()
        graph._constants, graph._count = self._constants, self._count
        return graph

    def names(self, kind: str, number: int) -> list[Value]:
        """New names for values that come into a graph."""
        first = next(self._count)
        return [Value(f"{kind}_{first}_{place}") for place in range(number)]

    def add(self, operator: str, *operands: Value | Tensor | None, **attributes: Any) -> Value:
        """The output of an operator; an operand of None is left out."""
        return self.add_several(1, operator, *operands, **attributes)[0]

    def add_several(
        self, outputs: int, operator: str, *operands: Value | Tensor | None, **attributes: Any
    ) -> list[Value]:
        """The first outputs of an operator."""
        names = self.names(operator, outputs)
        self._nodes.append((operator, [self._name(operand) for operand in operands], [*names], attributes))
        return names

    def numbers(self, *values: int) -> Value:
        """A constant vector of int64, such as axes or a shape."""
        return self._constant(np.array(values, np.int64))

    def model(
        self,
        name: str,
        inputs: Mapping[str, tuple[torch.dtype, Sequence[Size]]],
        outputs: Mapping[str, tuple[Value, torch.dtype, Sequence[Size]]],
        facts: Mapping[str, str],
    ) -> bytes:
        """The file: inputs and outputs with their types and sizes; ``facts`` are kept as its metadata.

        Raises :class:`UsageError` where the package onnx is not installed.
        """
        check_installed()
        from onnx import checker, helper, numpy_helper

        nodes = self._made_nodes()
        nodes += [helper.make_node("Identity", [value], [output]) for output, (value, _, _) in outputs.items()]
        graph = helper.make_graph(
            nodes,
            name,
            [helper.make_tensor_value_info(key, onnx_type(kind), sizes) for key, (kind, sizes) in inputs.items()],
            [helper.make_tensor_value_info(key, onnx_type(kind), sizes) for key, (_, kind, sizes) in outputs.items()],
            [numpy_helper.from_array(value, key) for key, value in self._constants.items()],
        )
        opset = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=opset, ir_version=_FILE_VERSION)
        model.producer_name, model.producer_version = "seqkit", __version__
        helper.set_model_props(model, dict(facts))
        checker.check_model(model, full_check=True)
        return bytes(model.SerializeToString())

    def _made_nodes(self) -> list[Any]:
        from onnx import helper

        made = []
        for kind, operands, names, extra in self._nodes:
            attributes = {key: each.made() if isinstance(each, Body) else each for key, each in extra.items()}
            made.append(helper.make_node(kind, operands, names, **attributes))
        return made

    def _name(self, operand: Value | Tensor | None) -> str:
        if isinstance(operand, Tensor):
            return self._constant(operand.detach().cpu().contiguous().numpy())
        return operand or ""

    def _constant(self, value: np.ndarray) -> Value:
        # Equal constants, such as axes and zeros, are written once.
        for name, known in self._constants.items():
            if known.dtype == value.dtype and known.shape == value.shape and np.array_equal(known, value):
                return Value(name)
        name = f"constant_{len(self._constants)}"
        self._constants[name] = value
        return Value(name)


class Body(NamedTuple):
    """The body of a loop, as the attribute ``body`` of an operator."""

    graph: Graph
    """:meth:`Graph.inner` of the graph that the operator is added to"""
    inputs: Mapping[Value, torch.dtype]
    outputs: Sequence[Value]
    """of float32"""

    def made(self) -> Any:
        """The body as the package onnx has it; every output is a new value, since it may be an input."""
        from onnx import helper

        ends = self.graph.names("end", len(self.outputs))
        nodes = self.graph._made_nodes()
        nodes += [helper.make_node("Identity", [value], [end]) for value, end in zip(self.outputs, ends, strict=True)]
        starts = [helper.make_tensor_value_info(name, onnx_type(kind), None) for name, kind in self.inputs.items()]
        float32 = onnx_type(torch.float32)
        return helper.make_graph(
            nodes, "body", starts, [helper.make_tensor_value_info(end, float32, None) for end in ends]
        )


def check_installed() -> None:
    """Raises :class:`UsageError` unless ONNX files can be written, and run to be checked."""
    for package in ("onnx", "onnxruntime"):
        if find_spec(package) is None:
            raise missing("an ONNX file", package, "onnx")


def onnx_type(kind: torch.dtype) -> int:
    """ONNX's number for a type."""
    from onnx import helper

    return int(helper.np_dtype_to_tensor_dtype(torch.empty(0, dtype=kind).numpy().dtype))
