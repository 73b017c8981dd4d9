"""Plots that stand in a page and take its colours."""

import math
import re

from seqkit.drawing.curves import calibration_curve, loss_curves, metric_curve
from seqkit.scores.calibration import Bin

HISTORY = [{"epoch": n, "train_loss": 1 / n, "loss": 1.2 / n, "f1_marks": n / 10} for n in range(1, 6)]


def test_plots_take_their_colours_from_the_page_and_their_letters_are_text():
    bins = [Bin(0.5, 0.6, 3, 0.55, 2 / 3)]
    for plot in (loss_curves(HISTORY, 4), metric_curve(HISTORY, "f1_marks", 4), calibration_curve(bins)):
        assert plot.startswith('<svg role="img" aria-label="') and "currentColor" in plot and "var(--pale)" in plot
        # Only the paper behind, which is not drawn, keeps a colour of its own.
        assert not re.search(r"#fe0\d0\d|(fill|stroke): #(?!ffffff)[0-9a-f]{6}", plot)
        assert "<text" in plot and not re.search(r"<svg[^>]* (width|height)=", plot)
    assert loss_curves(HISTORY, 4) == loss_curves(HISTORY, 4)


def test_a_loss_that_is_not_a_number_leaves_a_gap():
    assert "NaN" not in loss_curves([{**HISTORY[0], "loss": math.nan}, *HISTORY[1:]], 4).replace("nan", "NaN")
