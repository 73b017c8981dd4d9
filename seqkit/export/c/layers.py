"""Recurrent layers as C functions with fixed sizes.

I inputs, H hidden units, G gates, D directions, L layers.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch

from seqkit.cells import Cell
from seqkit.cells.gru import GRU
from seqkit.cells.lstm import LSTM
from seqkit.cells.rnn import RNN
from seqkit.compiler import Step
from seqkit.export.c.products import add_product
from seqkit.export.c.source import Source, state_fields
from seqkit.export.c.traced import traced, traced_lines
from seqkit.kernels import Weights
from seqkit.layers import Recurrent
from seqkit.layers.direction import weights_of

SIGMOID = """
static inline float sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }
"""
_TANH = """
/* tanh by one exponential, to 1e-7, which takes half of the time of tanhf */
static inline float tangent(float x) { return 1.0f - 2.0f / (1.0f + expf(2.0f * x)); }
"""


def add_recurrent(source: Source, layer: Recurrent, prefix: str = "layer") -> None:
    """Adds ``PREFIX_L_D(x, h)``, for an LSTM ``PREFIX_L_D(x, h, c)``, for each layer and direction: one step.

    Raises :class:`UsageError` for a cell without C.
    """
    body_of = _BODIES.get(type(layer.cell)) or partial(_traced, traced(layer.cell))
    source.add(SIGMOID)
    source.add(_TANH)
    if layer.initial is not None:
        start = layer.initial_state(1)
        for field, name in zip(state_fields(layer.cell), layer.cell.state_names, strict=True):
            source.floats(f"{prefix}_start_{field}", start[name][0])
    states = "".join(f", float *restrict {field}" for field in state_fields(layer.cell))
    for number, directions in enumerate(layer.layers):
        for place, direction in enumerate(directions):  # type: ignore[arg-type,var-annotated]
            name = f"{prefix}_{number}_{place}"
            lines = body_of(source, name, layer.cell, weights_of(direction), layer.hidden_size)
            head = f"/* One step of layer {number + 1}, {('forward', 'backward')[place]}. */"
            source.add(f"{head}\nstatic void {name}(const float *restrict x{states})\n{{\n{lines}\n}}")


def _begin(source: Source, name: str, weights: Weights, exact: bool = False) -> str:
    """``a = W x + b``."""
    rows = len(weights.bias)
    source.floats(f"{name}_bias", weights.bias)
    call = add_product(source, f"{name}_weight_x", weights.weight_x, exact)
    return f"    float a[{rows}];\n    memcpy(a, {name}_bias, sizeof a);\n    {call}x, a);"


def _rnn(source: Source, name: str, cell: Cell, weights: Weights, hidden: int) -> str:
    function = "tangent(a[k])" if getattr(cell, "nonlinearity", "") == "tanh" else "fmaxf(a[k], 0.0f)"
    return f"""{_begin(source, name, weights)}
    {add_product(source, f"{name}_weight_h", weights.weight_h)}h, a);
    for (int k = 0; k < {hidden}; ++k)
        h[k] = {function};"""


def _lstm(source: Source, name: str, cell: Cell, weights: Weights, hidden: int) -> str:
    return f"""{_begin(source, name, weights)}
    {add_product(source, f"{name}_weight_h", weights.weight_h)}h, a);
    for (int k = 0; k < {hidden}; ++k) {{
        const float i = sigmoid(a[k]), f = sigmoid(a[{hidden} + k]);
        const float g = tangent(a[{2 * hidden} + k]), o = sigmoid(a[{3 * hidden} + k]);
        c[k] = f * c[k] + i * g;
        h[k] = o * tangent(c[k]);
    }}"""


def _gru(source: Source, name: str, cell: Cell, weights: Weights, hidden: int) -> str:
    if getattr(cell, "reset", "") == "before":
        return _gru_reset_before(source, name, weights, hidden)
    assert weights.bias_h is not None
    inner = torch.cat([weights.bias_h.new_zeros(2 * hidden), weights.bias_h.detach()])
    source.floats(f"{name}_bias_h", inner)
    return f"""{_begin(source, name, weights)}
    float r[{3 * hidden}];
    memcpy(r, {name}_bias_h, sizeof r);
    {add_product(source, f"{name}_weight_h", weights.weight_h)}h, r);
    for (int k = 0; k < {hidden}; ++k) {{
        const float z = sigmoid(a[k] + r[k]), reset = sigmoid(a[{hidden} + k] + r[{hidden} + k]);
        const float n = tangent(a[{2 * hidden} + k] + reset * r[{2 * hidden} + k]);
        h[k] = (1.0f - z) * h[k] + z * n;
    }}"""


def _gru_reset_before(source: Source, name: str, weights: Weights, hidden: int) -> str:
    gates, candidate = weights.weight_h[: 2 * hidden], weights.weight_h[2 * hidden :]
    return f"""{_begin(source, name, weights)}
    {add_product(source, f"{name}_weight_h", gates)}h, a);
    float kept[{hidden}];
    for (int k = 0; k < {hidden}; ++k)
        kept[k] = sigmoid(a[{hidden} + k]) * h[k];
    {add_product(source, f"{name}_weight_n", candidate)}kept, a + {2 * hidden});
    for (int k = 0; k < {hidden}; ++k) {{
        const float z = sigmoid(a[k]);
        h[k] = (1.0f - z) * h[k] + z * tangent(a[{2 * hidden} + k]);
    }}"""


def _traced(step: Step, source: Source, name: str, cell: Cell, weights: Weights, hidden: int) -> str:
    lines = traced_lines(step, source, name, cell, weights, hidden)
    return "\n".join([_begin(source, name, weights, cell.derives_weights), *(f"    {line}" for line in lines)])


_Body = Callable[[Source, str, Cell, Weights, int], str]
_BODIES: dict[type[Cell], _Body] = {LSTM: _lstm, GRU: _gru, RNN: _rnn}
"""Written by hand; a class derived from one of them may compute something else."""


def step_lines(layer: Recurrent, x: str) -> tuple[str, str]:
    """One step of all layers of one direction, from x, on ``s->h[L][H]`` and so on; and the name of what it gives."""
    lines = []
    for number in range(layer.num_layers):
        states = "".join(f", s->{field}[{number}]" for field in state_fields(layer.cell))
        lines.append(f"    layer_{number}_0({x}{states});")
        if layer.residual and number:
            lines.append(f"    float sum_{number}[{layer.hidden_size}];")
            lines.append(f"    for (int k = 0; k < {layer.hidden_size}; ++k)")
            lines.append(f"        sum_{number}[k] = s->h[{number}][k] + {x}[k];")
            x = f"sum_{number}"
        else:
            x = f"s->h[{number}]"
    return "\n".join(lines), x


def state_lines(layer: Recurrent) -> str:
    """The fields of a state on which :func:`step_lines` works."""
    sizes = f"[{layer.num_layers}][{layer.hidden_size}]"
    return "\n".join(f"    float {field}{sizes};" for field in state_fields(layer.cell))


def state_bytes(layer: Recurrent) -> int:
    """How many bytes these take."""
    return 4 * layer.num_layers * layer.hidden_size * len(layer.cell.state_names)


def start_lines(layer: Recurrent) -> str:
    """What sets such a state ``s`` to where a sequence begins."""
    lines = ["    memset(s, 0, sizeof *s);"]
    if layer.initial is not None:
        lines += [f"    memcpy(s->{field}, layer_start_{field}, sizeof s->{field});" for field in
                  state_fields(layer.cell)]  # fmt: skip
    return "\n".join(lines)


def add_run(source: Source, name: str, layer: Recurrent, scratch: str, x: str, prefix: str = "layer") -> None:
    """Adds a function that runs all layers over ``count`` steps, from x of step t, into ``s->outputs``.

    The last state of the last layer is ``s->final``. Layers take turns in two rooms of the scratch.
    """
    hidden, width, fields = layer.hidden_size, layer.output_size, state_fields(layer.cell)
    blocks = []
    rooms = [f"s->{_room(layer, number)}" for number in range(layer.num_layers)]
    for number in range(layer.num_layers):
        source_of_step = x if number == 0 else f"{rooms[number - 1]} + (size_t)t * {width}"
        for place in range(layer.num_directions):
            states = "".join(f", {each}" for each in fields)
            row = number * layer.num_directions + place
            clear = "".join(_start(layer, prefix, each, row) for each in fields)
            order = "int t = 0; t < count; ++t" if place == 0 else "int t = count; t-- > 0;"
            final = ""
            if number == layer.num_layers - 1:
                final = f"\n    memcpy(s->final + {place * hidden}, h, sizeof h);"
            blocks.append(
                f"{clear}    for ({order}) {{\n        {prefix}_{number}_{place}({source_of_step}{states});\n"
                f"        memcpy({rooms[number]} + (size_t)t * {width} + {place * hidden}, h, sizeof h);\n    }}{final}"
            )
        if layer.residual and number:
            blocks.append(
                f"    for (size_t k = 0; k < (size_t)count * {width}; ++k)\n"
                f"        {rooms[number]}[k] += {rooms[number - 1]}[k];"
            )
    declared = "\n".join(f"    float {each}[{hidden}];" for each in fields)
    body = "\n".join(blocks)
    source.add(f"static void {name}({scratch} *s, int count)\n{{\n{declared}\n{body}\n}}")


def _start(layer: Recurrent, prefix: str, field: str, row: int) -> str:
    if layer.initial is None:
        return f"    memset({field}, 0, sizeof {field});\n"
    return f"    memcpy({field}, {prefix}_start_{field} + {row * layer.hidden_size}, sizeof {field});\n"


def _room(layer: Recurrent, number: int) -> str:
    """The last layer writes ``outputs``, the others by turns into ``below`` and ``outputs``."""
    return "outputs" if (layer.num_layers - 1 - number) % 2 == 0 else "below"


def rooms(layer: Recurrent, longest: str) -> str:
    """The fields of a scratch that :func:`add_run` writes."""
    width = layer.output_size
    below = f"    float below[{longest} * {width}];\n" if layer.num_layers > 1 else ""
    return f"    float outputs[{longest} * {width}];\n{below}    float final[{width}];"
