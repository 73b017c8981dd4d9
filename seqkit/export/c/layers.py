"""Linear maps and recurrent layers as C functions with fixed sizes.

I inputs, H hidden units, G gates, D directions, L layers. Weights are written input by input, so that a compiler can
compute several outputs at once without changing the order of any sum.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from seqkit.cells import Cell
from seqkit.cells.gru import GRU
from seqkit.cells.lstm import LSTM
from seqkit.cells.rnn import RNN
from seqkit.errors import UsageError
from seqkit.export.c.source import Source
from seqkit.kernels import Weights
from seqkit.layers import Recurrent
from seqkit.layers.direction import weights_of

_PRODUCT = """
/* y += W x, with the {rows} weights of each of the {columns} inputs side by side */
static void add_product_{rows}_{columns}(const float *restrict w, const float *restrict x, float *restrict y)
{{
    for (int j = 0; j < {columns}; ++j) {{
        const float *restrict column = w + (size_t)j * {rows};
        const float value = x[j];
        for (int k = 0; k < {rows}; ++k)
            y[k] += column[k] * value;
    }}
}}
"""
_PRODUCT_OF_FOUR = """
/* y += W x, with the {rows} weights of each of the {columns} inputs side by side; four inputs at a time */
static void add_product_{rows}_{columns}(const float *restrict w, const float *restrict x, float *restrict y)
{{
    for (int j = 0; j < {columns}; j += 4) {{
        const float *restrict column = w + (size_t)j * {rows};
        for (int k = 0; k < {rows}; ++k)
            y[k] += column[k] * x[j] + column[{rows} + k] * x[j + 1]
                + column[2 * {rows} + k] * x[j + 2] + column[3 * {rows} + k] * x[j + 3];
    }}
}}
"""
SIGMOID = """
static inline float sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }
"""
_TANH = """
/* tanh by one exponential, to 1e-7, which takes half of the time of tanhf */
static inline float tangent(float x) { return 1.0f - 2.0f / (1.0f + expf(2.0f * x)); }
"""


def add_product(source: Source, name: str, weight: Tensor) -> str:
    """Adds a matrix (R, C) and the function for its size; returns the call of it before ``x, y)``."""
    rows, columns = weight.shape
    source.floats(name, weight.T.contiguous())
    template = _PRODUCT if columns % 4 else _PRODUCT_OF_FOUR
    source.add(template.format(rows=rows, columns=columns))
    return f"add_product_{rows}_{columns}({name}, "


def linear(source: Source, name: str, module: nn.Linear) -> Callable[[str, str], str]:
    """Adds a linear map; returns what writes its lines for the names of x and y."""
    rows = module.out_features
    call = add_product(source, f"{name}_weight", module.weight)
    if module.bias is None:
        start = f"memset({{y}}, 0, {rows} * sizeof(float));"
    else:
        source.floats(f"{name}_bias", module.bias)
        start = f"memcpy({{y}}, {name}_bias, {rows} * sizeof(float));"
    return lambda x, y: f"    {start.format(y=y)}\n    {call}{x}, {y});"


def add_recurrent(source: Source, layer: Recurrent, prefix: str = "layer") -> None:
    """Adds ``PREFIX_L_D(x, h)``, for an LSTM ``PREFIX_L_D(x, h, c)``, for each layer and direction: one step.

    Raises :class:`UsageError` for a cell without C.
    """
    body_of = _bodies(layer.cell)
    source.add(SIGMOID)
    source.add(_TANH)
    states = "".join(f", float *restrict {name}" for name in layer.cell.state_names)
    for number, directions in enumerate(layer.layers):
        for place, direction in enumerate(directions):  # type: ignore[arg-type,var-annotated]
            name = f"{prefix}_{number}_{place}"
            lines = body_of(source, name, layer.cell, weights_of(direction), layer.hidden_size)
            head = f"/* One step of layer {number + 1}, {('forward', 'backward')[place]}. */"
            source.add(f"{head}\nstatic void {name}(const float *restrict x{states})\n{{\n{lines}\n}}")


def check_layer(layer: Recurrent) -> None:
    """Raises :class:`UsageError` for a layer without C, before any work is done."""
    _bodies(layer.cell)
    for option, given in {"residual": layer.residual, "learned_state": layer.initial is not None}.items():
        if given:
            raise UsageError(f"there is no C for a layer with {option}; export it with --format onnx or torch")


_Body = Callable[[Source, str, Cell, Weights, int], str]


def _bodies(cell: Cell) -> _Body:
    # A class derived from a cell may compute something else.
    found = {LSTM: _lstm, GRU: _gru, RNN: _rnn}.get(type(cell))
    if found is None:
        raise UsageError(
            f"there is no C for {cell!r}; export it with --format torch, or train with a cell that C has: rnn, lstm or "
            "gru"
        )
    return found


def _begin(source: Source, name: str, weights: Weights) -> str:
    """``a = W x + b``."""
    rows = len(weights.bias)
    source.floats(f"{name}_bias", weights.bias)
    call = add_product(source, f"{name}_weight_x", weights.weight_x)
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


def step_lines(layer: Recurrent, x: str) -> str:
    """One step of all layers of one direction, from x, on ``s->h[L][H]`` and ``s->c[L][H]``."""
    lines = []
    for number in range(layer.num_layers):
        states = "".join(f", s->{name}[{number}]" for name in layer.cell.state_names)
        lines.append(f"    layer_{number}_0({x}{states});")
        x = f"s->h[{number}]"
    return "\n".join(lines)


def add_run(source: Source, name: str, layer: Recurrent, scratch: str, x: str, prefix: str = "layer") -> None:
    """Adds a function that runs all layers over ``count`` steps, from x of step t, into ``s->outputs``.

    The last state of the last layer is ``s->final``. Layers take turns in two rooms of the scratch.
    """
    hidden, width = layer.hidden_size, layer.output_size
    blocks = []
    rooms = [f"s->{_room(layer, number)}" for number in range(layer.num_layers)]
    for number in range(layer.num_layers):
        source_of_step = x if number == 0 else f"{rooms[number - 1]} + (size_t)t * {width}"
        for place in range(layer.num_directions):
            states = "".join(f", {each}" for each in layer.cell.state_names)
            clear = "".join(f"    memset({each}, 0, sizeof {each});\n" for each in layer.cell.state_names)
            order = "int t = 0; t < count; ++t" if place == 0 else "int t = count; t-- > 0;"
            final = ""
            if number == layer.num_layers - 1:
                final = f"\n    memcpy(s->final + {place * hidden}, h, sizeof h);"
            blocks.append(
                f"{clear}    for ({order}) {{\n        {prefix}_{number}_{place}({source_of_step}{states});\n"
                f"        memcpy({rooms[number]} + (size_t)t * {width} + {place * hidden}, h, sizeof h);\n    }}{final}"
            )
    declared = "\n".join(f"    float {each}[{hidden}];" for each in layer.cell.state_names)
    body = "\n".join(blocks)
    source.add(f"static void {name}({scratch} *s, int count)\n{{\n{declared}\n{body}\n}}")


def _room(layer: Recurrent, number: int) -> str:
    """The last layer writes ``outputs``, the others by turns into ``below`` and ``outputs``."""
    return "outputs" if (layer.num_layers - 1 - number) % 2 == 0 else "below"


def rooms(layer: Recurrent, longest: str) -> str:
    """The fields of a scratch that :func:`add_run` writes."""
    width = layer.output_size
    below = f"    float below[{longest} * {width}];\n" if layer.num_layers > 1 else ""
    return f"    float outputs[{longest} * {width}];\n{below}    float final[{width}];"
