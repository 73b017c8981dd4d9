"""Every cell whose step can be traced is a function of C that steps as the layer does."""

import ctypes
import shutil
import subprocess

import numpy as np
import pytest
import torch

from seqkit.cells import Cell, available_cells
from seqkit.errors import UsageError
from seqkit.export.c.layers import add_recurrent
from seqkit.export.c.program import HEADERS
from seqkit.export.c.rounding import round_weights
from seqkit.export.c.source import Source, state_fields
from seqkit.layers import Recurrent

STRICT = ["gcc", "-std=c11", "-O1", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc")


class Odd(Cell):
    """Own names of states that C cannot have, a comparison, a sum over units, a product that no input has."""

    gate_names = ("int", "für")
    state_names = ("x", "a", "währung")

    @property
    def stages(self):
        return (("int",), ("für",))

    def own_parameters(self, hidden_size):
        return {"decay": torch.full((hidden_size,), 0.5)}

    def operand(self, stage, x, r, state):
        return state[0] if stage == 0 else torch.relu(x.chunk(2, -1)[0] + r[..., : state[0].shape[-1]]) * state[1]

    def step(self, x, r, state, decay):
        (x_first, x_second), (r_first, r_second) = x.chunk(2, -1), r.chunk(2, -1)
        total = torch.where(state[2] > 0.1, x_first, -r_first).sum(-1, keepdim=True)
        new = torch.tanh(x_second + r_second + total / 10)
        return new, decay.sigmoid() * state[1] + torch.clamp(new, min=-0.2), state[0].abs() - 0.3


LAYERS = {
    **{name: {"cell": name} for name in available_cells()},
    "zoneout": {"cell": "gru", "zoneout": 0.2},
    "zoneout of an odd one": {"cell": Odd, "zoneout": 0.1},
    "odd": {"cell": Odd},
    "relu": {"cell": "rnn", "nonlinearity": "relu"},
    "reset before": {"cell": "gru", "reset": "before"},
}

SOME = ("odd", "zoneout of an odd one", "lstm-layer-norm", "mut1", "s-lstm", "sgu", "relu")
"""Sums, several products, several states, a product of something else than h"""


def layer_of(options):
    torch.manual_seed(0)
    layer = Recurrent(options["cell"], 3, 6, **{key: value for key, value in options.items() if key != "cell"}).eval()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return layer


def library(layers, folder, int8=False):
    """Steps of all layers in one file: ``step_N(x, states)``."""
    source = Source(int8)
    source.add(HEADERS)
    for number, layer in enumerate(layers):
        add_recurrent(source, layer, f"layer{number}")
        states = ", ".join(f"states + {6 * n}" for n in range(len(state_fields(layer.cell))))
        source.add(
            f"void step_{number}(const float *x, float *states);\n"
            f"void step_{number}(const float *x, float *states) {{ layer{number}_0_0(x, {states}); }}"
        )
    path = folder / "cells.c"
    path.write_text(source.text("m"))
    subprocess.run([*STRICT, "-shared", "-fPIC", path, "-o", path.with_suffix(".so"), "-lm"], check=True)
    return ctypes.CDLL(str(path.with_suffix(".so")))


def assert_steps_alike(layers, library, names):
    for number, (name, layer) in enumerate(zip(names, layers, strict=True)):
        state, x = layer.initial_state(1), torch.randn(8, 1, 3, generator=torch.Generator().manual_seed(1))
        count = len(layer.cell.state_names)
        found, step = np.zeros((count, 6), np.float32), getattr(library, f"step_{number}")
        for row in x:
            with torch.no_grad():
                _, state = layer.step(row, state)
            step(ctypes.c_void_p(row.data_ptr()), found.ctypes.data_as(ctypes.c_void_p))
            wanted = np.stack([state[each][0, 0].numpy() for each in layer.cell.state_names])
            np.testing.assert_allclose(found, wanted, atol=1e-5, rtol=1e-5, err_msg=name)


@pytest.mark.parametrize("names", [SOME, pytest.param([*LAYERS], marks=pytest.mark.slow)], ids=["some", "all"])
def test_every_cell_steps_in_c_as_in_the_layer(names, tmp_path):
    layers = [layer_of(LAYERS[name]) for name in names]
    assert_steps_alike(layers, library(layers, tmp_path), names)


def test_rounded_cells_step_as_layers_with_rounded_weights(tmp_path):
    names = ("antisymmetric", "gru", "lstm", "odd", "reset before", "rnn")
    layers = [layer_of(LAYERS[name]) for name in names]
    found = library(layers, tmp_path, int8=True)
    for layer in layers:
        round_weights(layer)
    assert_steps_alike(layers, found, names)


def test_a_cell_that_mixes_units_is_refused_in_a_sentence():
    class Rolled(Cell):
        gate_names = ("h",)

        def step(self, x, r, state):
            return (torch.tanh(x + r.roll(1, -1)),)

    with pytest.raises(UsageError, match="there is no C for Rolled"):
        add_recurrent(Source(), Recurrent(Rolled, 3, 6))
