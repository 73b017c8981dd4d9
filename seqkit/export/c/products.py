"""Linear maps and tables of vectors as C, with weights of float32 or of int8.

R outputs, C inputs. Weights are written input by input, so that a compiler can compute several outputs at once without
changing the order of any sum.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from seqkit.export.c.rounding import as_int8
from seqkit.export.c.source import Source

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
_ROUNDED_PRODUCT = """
/* y += W x, with the {rows} int8 weights of each of the {columns} inputs side by side, and a scale for each output */
static void add_rounded_{rows}_{columns}(
    const signed char *restrict w, const float *restrict scale, const float *restrict x, float *restrict y)
{{
    float sums[{rows}] = {{0}};
    for (int j = 0; j < {columns}; ++j) {{
        const signed char *restrict column = w + (size_t)j * {rows};
        const float value = x[j];
        for (int k = 0; k < {rows}; ++k)
            sums[k] += (float)column[k] * value;
    }}
    for (int k = 0; k < {rows}; ++k)
        y[k] += scale[k] * sums[k];
}}
"""
_ROUNDED_ROW = """
/* A row of {name}, which is int8 with a scale for each row. */
static const float *{name}_row(int row, float *to)
{{
    for (int k = 0; k < {size}; ++k)
        to[k] = {name}_scale[row] * (float){name}[(size_t)row * {size} + k];
    return to;
}}
"""


def add_product(source: Source, name: str, weight: Tensor, exact: bool = False) -> str:
    """Adds a matrix (R, C) and the function for its size; returns the call of it before ``x, y)``.

    An exact one is of float32 in a file of int8, too.
    """
    rows, columns = weight.shape
    if source.int8 and not exact:
        _add_rounded(source, name, weight, by_columns=True)
        source.add(_ROUNDED_PRODUCT.format(rows=rows, columns=columns))
        return f"add_rounded_{rows}_{columns}({name}, {name}_scale, "
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


def add_vectors(source: Source, name: str, table: Tensor) -> Callable[[str], str]:
    """Adds a vector of C numbers for each row of a table (R, C); returns what writes the vector of a row."""
    size = table.shape[1]
    if not source.int8:
        source.floats(name, table)
        return lambda row: f"{name} + (size_t)({row}) * {size}"
    _add_rounded(source, name, table)
    source.add(_ROUNDED_ROW.format(name=name, size=size))
    return lambda row: f"{name}_row({row}, (float[{size}]){{0}})"


def _add_rounded(source: Source, name: str, weight: Tensor, by_columns: bool = False) -> None:
    """Adds weights (R, C) as int8 and their scales (R), the weights by columns where asked."""
    rounded, scale = as_int8(weight)
    source.integers(name, (rounded.T if by_columns else rounded).flatten().tolist(), "signed char")
    source.floats(f"{name}_scale", scale)
