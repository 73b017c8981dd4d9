"""The other engines compute what our layer does: a peer that did less would look fast."""

import numpy as np
import pytest
import torch

from seqkit import Recurrent
from seqkit.bench.cases import Case
from seqkit.bench.engines import installed
from seqkit.bench.peers import inference_peers, step_peers

TOLERANCE = {"f32": 1e-5, "bf16": 0.05, "int8": 0.1}
needs_onnx = pytest.mark.skipif(not installed("onnx", "onnxruntime"), reason="needs onnx and onnxruntime")


def output_of(name, call):
    """The output of a peer, batch first."""
    found = call()
    if isinstance(found, torch.Tensor):
        return found.float()
    if name.startswith(("our", "torch")):
        return found[0].float()
    arrays = list(found.values()) if hasattr(found, "values") else found
    return torch.from_numpy(np.array(arrays[0])).transpose(0, 1)


def peers_of(case, lengths=None):
    torch.manual_seed(0)
    layer = Recurrent(case.cell, case.hidden, case.hidden, case.num_layers, case.bidirectional).eval()
    layer.precision = case.precision
    x = torch.randn(case.batch, case.steps, case.hidden)
    with torch.no_grad():
        calls = inference_peers(case, layer, x, lengths, compiled=False)
        return layer(x, lengths, kernel="reference")[0], {name: output_of(name, call) for name, call in calls.items()}


@needs_onnx
@pytest.mark.parametrize("precision", ["f32", "bf16", "int8"])
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_every_engine_computes_our_layer(cell, precision):
    expected, found = peers_of(Case("grid", cell, 7, 3, 16, False, precision=precision))
    assert {"f32": "torch padded", "bf16": "torch bf16", "int8": "our f32"}[precision] in found
    assert precision == "int8" or not installed("openvino") or f"openvino {precision}" in found
    for name, output in found.items():
        torch.testing.assert_close(output, expected, atol=TOLERANCE[precision], rtol=0, msg=name)


@needs_onnx
def test_every_engine_computes_our_layer_of_two_directions_over_sequences_of_their_own_lengths():
    lengths = torch.tensor([7, 2, 5])
    case = Case("layers", "gru", 7, 3, 16, False, num_layers=2, bidirectional=True)
    expected, found = peers_of(case, lengths)
    del found["torch padded"]  # which knows no lengths
    assert "onnxruntime" in found
    for name, output in found.items():
        torch.testing.assert_close(output, expected, atol=1e-5, rtol=0, msg=name)


@needs_onnx
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_every_engine_computes_our_step(cell):
    torch.manual_seed(0)
    calls = step_peers(Case("step", cell, 1, 1, 16, False), Recurrent(cell, 16, 16).eval())
    with torch.no_grad():
        torchs = calls.pop("torch cell")()
        expected = torchs[0] if cell == "lstm" else torchs
        assert "onnxruntime" in calls
        for call in calls.values():
            torch.manual_seed(0)
            torch.testing.assert_close(output_of("step", call).reshape(1, 16), expected, atol=1e-5, rtol=0)
