"""Figures for notebooks, and what objects show there."""

import pytest
import torch

import seqkit
from seqkit import Recurrent, UsageError
from seqkit.inspection.record import Trace

pytest.importorskip("matplotlib")


@pytest.fixture
def trace():
    torch.manual_seed(0)
    layer = Recurrent("lstm", 3, 5)
    with seqkit.record(layer) as trace:
        layer(torch.randn(2, 7, 3), [7, 4])
    return trace


def test_gates_have_a_map_each_with_the_units_and_steps_of_one_sequence(trace):
    figure = seqkit.plot.gates(trace, row=1, words=["a", "b", "c", "d"])
    maps = {axes.get_title(): axes.images[0].get_array() for axes in figure.axes}
    assert list(maps) == ["i", "f", "g", "o", "h", "c"] and {values.shape for values in maps.values()} == {(5, 4)}
    torch.testing.assert_close(torch.tensor(maps["f"].data), trace.layers[0].gates["f"][1, :4].T.detach())
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["a", "b", "c", "d"]


def test_a_trace_without_what_is_requested_is_refused(trace):
    with pytest.raises(UsageError, match="the trace has no attention"):
        seqkit.plot.attention(trace)
    with seqkit.record(Recurrent("gru", 3, 4)) as nothing:
        pass
    with pytest.raises(UsageError, match="no call of a recurrent layer"):
        seqkit.plot.gates(nothing)


def test_confusions_are_counted_with_the_truth_as_rows():
    figure = seqkit.plot.confusion(["a", "a", "b"], ["a", "b", "b"])
    assert figure.axes[0].images[0].get_array().tolist() == [[1, 1], [0, 1]]
    assert figure.axes[0].get_ylabel() == "truth"
    with pytest.raises(UsageError, match="3 labels and 1 answers"):
        seqkit.plot.confusion(["a", "a", "b"], ["a"])


def test_learning_shows_the_losses_of_a_run(trained):
    run = trained[0] if isinstance(trained, tuple) else trained
    lines = {line.get_label(): line for line in seqkit.plot.learning(run).axes[0].lines}
    assert lines.keys() == {"training", "validation"}


def test_what_a_notebook_shows_is_short_and_safe(trace):
    assert repr(trace) == "Trace(layers: recurrent layer (2, 7, 5); attention: none)"
    assert "<td>recurrent layer, layer 1</td>" in trace._repr_html_()
    assert "<td>i, f, g, o</td>" in trace._repr_html_()


def test_names_are_completed_before_they_are_imported():
    names = {*dir(seqkit)}
    assert {*seqkit.__all__, "cells"} <= names
    assert not {"Any", "TYPE_CHECKING", "annotations", "import_module"} & names


def test_attention_of_a_decoder_that_wrote_step_by_step_has_a_row_for_each_step():
    steps = torch.rand(4, 3, 1, 5)
    trace = Trace([], [("decoder.attention", each) for each in steps])
    shown = seqkit.plot.attention(trace, row=2).axes[0].images[0].get_array()
    torch.testing.assert_close(torch.tensor(shown.data), steps[:, 2, 0])
    assert seqkit.plot.attention(trace, call=1).axes[0].images[0].get_array().shape == (1, 5)
    whole = Trace([], [("decoder.attention", torch.rand(1, 6, 5))])
    assert seqkit.plot.attention(whole).axes[0].images[0].get_array().shape == (6, 5)
