"""Layers as ONNX operators: what onnxruntime computes is what torch computes, for every cell, padding included."""

import itertools
import subprocess
import sys

import pytest
import torch
from torch import nn

from seqkit import Recurrent, State
from seqkit.errors import UsageError
from seqkit.export.onnx_files import onnx_run
from seqkit.graphs import Graph, Value, add, crf_symbols
from seqkit.layers import CRF, Pooling

CELLS = [
    ("rnn", {}),
    ("rnn", {"nonlinearity": "relu"}),
    ("lstm", {}),
    ("lstm-coupled", {}),
    ("lstm-peephole", {}),
    ("gru", {}),
    ("gru", {"reset": "before"}),
]
BATCHES = [([1], 1), ([6], 6), ([3, 1, 7, 0], 7), ([2, 4], 6)]
# Sums of a few products in another order; a wrong gate or length is off by 0.01 and more. Some states are large.
CLOSE = {"rtol": 1e-6, "atol": 1e-5}


def strong(module):
    """The module with weights and biases far from 0 and from each other, none of them alike."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.3)
    return module.eval()


def built(made, inputs, outputs):
    """The function that onnxruntime makes of a graph; sizes are left open."""
    graph = Graph()
    values = made(graph, *map(Value, inputs))
    ends = {name: (value, torch.float32, sizes) for (name, sizes), value in zip(outputs.items(), values, strict=True)}
    return onnx_run(graph.model("test", inputs, ends, {}))


@pytest.mark.parametrize(("cell", "options"), CELLS)
@pytest.mark.parametrize(("layers", "both"), list(itertools.product((1, 2), (False, True))))
def test_a_recurrent_layer_is_equal_in_onnx_at_every_length(cell, options, layers, both):
    assert_equal_in_onnx(cell, layers, both, **options)


def assert_equal_in_onnx(cell, layers=1, both=False, **options):
    """A layer in onnxruntime gives its outputs and states at every length, from zeros and from a state."""
    torch.manual_seed(0)
    layer = strong(Recurrent(cell, 3, 5, layers, both, kernel="reference", **options))
    names, size = layer.cell.state_names, ("batch", layers * (1 + both), 5)
    inputs = {"x": (torch.float32, ("batch", "time", 3)), "lengths": (torch.int64, ("batch",))}

    def without(graph, x, lengths):
        ran = add(layer, graph, x, lengths)
        return [ran.outputs, *ran.state.values()]

    def within(graph, x, lengths, *state):
        ran = add(layer, graph, x, lengths, dict(zip(names, state, strict=True)))
        return [ran.outputs, *ran.state.values()]

    outputs = {"y": ("batch", "time", 5 * (1 + both)), **{f"next_{name}": size for name in names}}
    started = dict.fromkeys(names, (torch.float32, size))
    from_zero, from_state = built(without, inputs, outputs), built(within, {**inputs, **started}, outputs)
    for lengths, time in BATCHES:
        x, given = torch.randn(len(lengths), time, 3), torch.tensor(lengths)
        # One that inputs lead to: some cells divide by their states.
        state = {name: value.detach() for name, value in layer(torch.randn(len(lengths), 3, 3))[1].items()}
        for found, first in ((from_zero(x=x, lengths=given), None), (from_state(x=x, lengths=given, **state), state)):
            with torch.no_grad():
                y, last = layer(x, given, first and State(first))
            torch.testing.assert_close(found["y"], y, **CLOSE)
            for name in names:
                torch.testing.assert_close(found[f"next_{name}"], last[name], **CLOSE)


@pytest.mark.parametrize("ways", ["last", "mean", "max", "attention", "max+last+attention+mean"])
def test_every_pooling_is_equal_in_onnx_for_empty_sequences_too(ways):
    torch.manual_seed(0)
    pooling = strong(Pooling(ways, 4))
    inputs = {
        "outputs": (torch.float32, ("batch", "time", 4)),
        "final": (torch.float32, ("batch", 4)),
        "lengths": (torch.int64, ("batch",)),
    }
    run = built(lambda *given: [add(pooling, *given)], inputs, {"pooled": ("batch", pooling.output_size)})
    for lengths, time in BATCHES:
        given = torch.tensor(lengths)
        inside = (torch.arange(time) < given.unsqueeze(1)).unsqueeze(2)
        # Below 0 throughout: a maximum that looked at padding would be 0.
        outputs, final = -torch.rand(len(lengths), time, 4) * inside, torch.randn(len(lengths), 4)
        with torch.no_grad():
            wanted = pooling(outputs, final, given)
        found = run(outputs=outputs, final=final, lengths=given)["pooled"]
        torch.testing.assert_close(found, wanted, **CLOSE)


@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh, nn.GELU, nn.SiLU])
def test_a_plain_network_is_equal_in_onnx(activation):
    torch.manual_seed(0)
    network = strong(nn.Sequential(nn.Linear(3, 4), activation(), nn.Dropout(0.5), nn.Linear(4, 2, bias=False)))
    run = built(lambda graph, x: [add(network, graph, x)], {"x": (torch.float32, ("batch", 3))}, {"y": ("batch", 2)})
    x = 3 * torch.randn(7, 3)
    with torch.no_grad():
        torch.testing.assert_close(run(x=x)["y"], network(x), **CLOSE)


def test_the_operators_are_onnx_s_own_and_one_a_layer():
    import onnx

    layer, graph = Recurrent("lstm", 3, 5, 2, True), Graph()
    ran = add(layer, graph, Value("x"), Value("lengths"))
    inputs = {"x": (torch.float32, ("batch", "time", 3)), "lengths": (torch.int64, ("batch",))}
    content = graph.model("test", inputs, {"y": (ran.outputs, torch.float32, ("batch", "time", 10))}, {})
    kinds = [node.op_type for node in onnx.load_from_string(content).graph.node]
    assert kinds.count("LSTM") == 2 and not {"Loop", "Scan", "If"} & set(kinds)


EMPTY_BATCH = """
import sys
import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
given = {
    each.name: np.zeros([{"batch": 0, "time": 2}.get(size, size) for size in each.shape],
                        np.int64 if each.type == "tensor(int64)" else np.float32)
    for each in session.get_inputs()
}
try:
    session.run(None, given)
except Exception as error:
    print("refused:", error)
"""


@pytest.mark.command
@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_an_empty_batch_is_refused_by_onnxruntime_and_does_not_end_its_process(tmp_path, cell, whole):
    layer, graph = Recurrent(cell, 3, 5, 2, bidirectional=whole), Graph()
    inputs = {"x": (torch.float32, ("batch", "time" if whole else 1, 3))}
    if whole:
        inputs["lengths"] = (torch.int64, ("batch",))
    ran = add(layer, graph, Value("x"), Value("lengths") if whole else None)
    path = tmp_path / "model.onnx"
    path.write_bytes(graph.model("test", inputs, {"y": (ran.outputs, torch.float32, ("batch", "steps", "units"))}, {}))
    ended = subprocess.run([sys.executable, "-c", EMPTY_BATCH, path], capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    assert "refused:" in ended.stdout and "cannot be reshaped" in ended.stdout


def test_a_module_without_an_export_is_refused_by_name():
    with pytest.raises(UsageError, match=r"no export of torch\.nn\.modules.*Bilinear; leave it out"):
        add(nn.Bilinear(2, 2, 2), Graph(), Value("x"))


def test_what_a_crf_forbids_is_hardly_possible_in_its_symbols():
    crf = CRF(2, allowed=torch.tensor([[True, False], [True, True]]))
    found = crf_symbols(crf)
    assert found["transitions"][0][1] == -10000.0
    assert found["transitions"][1] == pytest.approx(crf.transitions[1].tolist())
    assert crf_symbols(None) is None
