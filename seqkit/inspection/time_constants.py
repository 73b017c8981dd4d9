"""How long the units of a layer remember, and a chart of it.

T time, H hidden units.
"""

from __future__ import annotations

import math

from torch import Tensor

from seqkit.pages import muted

_LEFT, _WIDTH, _BOTTOM, _HEIGHT = 40, 430, 110, 100
"""The chart within its box, in pixels."""


def time_constants(kept: Tensor) -> Tensor:
    """(H): steps after which a unit that keeps the fraction f of its state has 1/e of it left, ``-1 / log f``.

    ``kept`` (T, H) is averaged over time first.
    """
    # In float32 a gate may be exactly open or shut, which would have no finite time.
    return -1 / kept.double().mean(0).clamp(1e-6, 1 - 1e-6).log()


def time_constant_bars(kept: Tensor) -> str:
    """A bar for each unit, the most forgetful first, on a logarithmic scale of steps; ``kept`` (T, H)."""
    steps = time_constants(kept)
    units = [(int(unit), float(steps[unit])) for unit in steps.argsort()]
    low, high = math.floor(math.log10(units[0][1])), math.ceil(math.log10(units[-1][1]) + 1e-9)
    high = max(high, low + 1)

    def y(value: float) -> float:
        return _BOTTOM - _HEIGHT * (math.log10(value) - low) / (high - low)

    wide = _WIDTH / len(units)
    bars = "".join(
        f'<rect x="{_LEFT + number * wide:.2f}" y="{y(tau):.1f}" width="{max(wide - 0.6, 0.5):.2f}" '
        f'height="{_BOTTOM - y(tau):.1f}"><title>unit {unit}: {tau:.2f} steps</title></rect>'
        for number, (unit, tau) in enumerate(units)
    )
    ticks = "".join(
        f'<line x1="{_LEFT}" x2="{_LEFT + _WIDTH}" y1="{y(10.0**power):.1f}" y2="{y(10.0**power):.1f}"/>'
        f'<text x="{_LEFT - 6}" y="{y(10.0**power) + 4:.1f}" text-anchor="end">{10.0**power:g}</text>'
        for power in range(low, high + 1)
    )
    about = muted(
        "Time constant −1 / log(average fraction of the state that is kept), in steps, of each of the "
        f"{len(units)} units, the most forgetful first; the median is {units[len(units) // 2][1]:.3g} steps."
    )
    return (
        "<h3>How long units remember</h3>"
        f'<svg class="bars" viewBox="0 0 480 118" role="img" aria-label="time constants of {len(units)} units">'
        f"{ticks}{bars}</svg>{about}"
    )
