"""Several lines in one plot: each looks like itself."""

import re

from seqkit.drawing.lines import line_plot


def test_lines_that_have_the_same_colour_differ_in_style_and_mark(monkeypatch):
    drawn = []
    monkeypatch.setattr("seqkit.drawing.lines.svg", lambda figure, text: drawn.append(figure) or text)
    line_plot({str(n): [n, n + 1] for n in range(20)}, [1, 2], "across", "up")
    lines = drawn[0].axes[0].lines
    looks = {(line.get_color(), line.get_linestyle(), line.get_marker()) for line in lines}
    assert len(looks) == len(lines) == 20
    assert max(line.get_linewidth() for line in lines) < 3


def test_the_text_of_a_plot_names_its_lines():
    assert re.search("up over across: rnn, gru", line_plot({"rnn": [1, 2], "gru": [2, 3]}, [1, 2], "across", "up"))
