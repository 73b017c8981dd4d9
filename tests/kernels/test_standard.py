"""The C++ of the standard cells is what the compiler makes of their steps."""

import pytest
import torch

from seqkit.cells import make_cell
from seqkit.compiler.cpp import cell_struct
from seqkit.compiler.trace import trace
from seqkit.kernels.standard import HEADER, standard_header


@pytest.mark.skipif(not torch.__version__.startswith("2.13."), reason="other releases of torch record other operators")
def test_the_header_is_what_is_made_of_the_steps():
    assert HEADER.read_text("utf-8") == standard_header(), "run python -m seqkit.kernels.standard"


def test_slopes_are_computed_from_the_values_of_the_functions():
    text = cell_struct(trace(make_cell("lstm")))
    assert text.count("slope_of_sigmoid(kept[") == 3 and text.count("slope_of_tanh(") == 2
    # What only slopes are made of is not there: no 1 - s is left.
    assert "V(1.0f) -" not in text


def test_what_is_added_as_a_negative_is_subtracted():
    assert ".neg()" not in cell_struct(trace(make_cell("gru")))
