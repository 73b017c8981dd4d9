"""Vanishing and exploding gradients: of a plain recurrent network by its spectral radius, then of the gated cells.

T time, I inputs, H hidden units.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from seqkit.cells import make_cell
from seqkit.drawing.lines import line_plot
from seqkit.inspection.gradient_flow import gradient_norms
from seqkit.layers.recurrent import Direction
from seqkit.lessons.lesson import Lesson, figure_beside, mathematics, paragraphs
from seqkit.pages import muted, section, table
from seqkit.training.checkpoint import seeded

_RADII = (0.5, 1.0, 1.5)
_STEPS, _UNITS, _INPUTS = 60, 64, 16
_NONE, _ORDINARY = 0.0, 1.0
"""Standard deviation of the inputs"""
_FLOOR = 1e-12
_CELLS: Mapping[str, tuple[str, int | None]] = {
    "rnn": ("rnn", None),
    "lstm": ("lstm", None),
    "gru": ("gru", None),
    "lstm, chrono 100": ("lstm", 100),
    "gru, chrono 100": ("gru", 100),
}


def radius_flow(radius: float, inputs: float, seed: int) -> list[float]:
    """The gradient left after 0, 1, 2, … steps back, in an RNN whose recurrent weights have that spectral radius."""
    with seeded(seed), torch.no_grad():
        direction = Direction(make_cell("rnn"), _INPUTS, _UNITS)
        # All eigenvalues of a rotation lie on the circle of radius 1.
        direction.weight_h.copy_(radius * torch.linalg.qr(torch.randn(_UNITS, _UNITS)).Q)
        x = inputs * torch.randn(_STEPS, _INPUTS)
    return gradient_norms(direction, x, seed=seed)


def cell_flow(cell: str, chrono: int | None, seed: int) -> list[float]:
    """The same in a new layer of a cell, as a run would begin with it."""
    with seeded(seed):
        direction = Direction(make_cell(cell), _INPUTS, _UNITS, chrono)
        return gradient_norms(direction, torch.randn(_STEPS, _INPUTS), seed=seed)


def _sections(seed: int) -> list[str]:
    linear = {f"radius {radius:g}": radius_flow(radius, _NONE, seed) for radius in _RADII}
    saturated = {f"radius {radius:g}": radius_flow(radius, _ORDINARY, seed) for radius in _RADII}
    cells = {name: cell_flow(*of_cell, seed) for name, of_cell in _CELLS.items()}
    return [_linear_section(linear), _saturated_section(linear, saturated), _cells_section(cells)]


def _plot(flows: Mapping[str, Sequence[float]]) -> str:
    shown = {name: [norm if norm > _FLOOR else float("nan") for norm in norms] for name, norms in flows.items()}
    across, up = "steps back from the loss", "gradient left"
    return line_plot(shown, range(_STEPS), across, up, log_up=True, level=(1.0, "all of it"))


def _left(norms: Sequence[float], lag: int = _STEPS - 1) -> str:
    return f"{norms[lag]:.2g}"


def _linear_section(flows: Mapping[str, Sequence[float]]) -> str:
    small, one, large = flows.values()
    text = paragraphs(
        f"{_STEPS - 1} steps back, {_left(small)} of the gradient is left with a radius of 0.5, {_left(one)} with "
        f"1, and {_left(large)} with 1.5. The first vanishes: nothing that far back can be learned. The last "
        "explodes: a single training step of that size ruins the weights, which is why gradients are clipped.",
        "There is no input here, so h stays 0, where tanh has the slope 1: each step back multiplies the gradient by "
        "the same matrix, whose eigenvalues all have one absolute value, the spectral radius.",
    )
    maths = mathematics("h_t = tanh(W h_{t−1} + U x_t + b)", "\\frac{∂ h_T}{∂ h_t} = ∏_{k=t+1}^T diag(1 − h_k^2) W")
    return section("Each step back multiplies by the same matrix", figure_beside(_plot(flows), maths + text))


def _saturated_section(linear: Mapping[str, Sequence[float]], saturated: Mapping[str, Sequence[float]]) -> str:
    rows = [[name, _left(linear[name]), _left(norms)] for name, norms in saturated.items()]
    *_, one, large = saturated.values()
    text = paragraphs(
        f"With inputs tanh saturates: 1 − h² is far below 1 wherever a unit is near −1 or 1. Now even a radius of 1 "
        f"loses its gradient ({_left(one)} is left), and 1.5 {_fate(large)}. Saturation is no cure: it protects from "
        "explosion by forgetting."
    )
    left = muted(f"Gradient left after {_STEPS - 1} steps:")
    left += table(["recurrent weights", "no input", "inputs"], rows, numbers={1, 2})
    return section("A saturated tanh shrinks it further", figure_beside(_plot(saturated), text + left))


def _fate(norms: Sequence[float]) -> str:
    last = norms[_STEPS - 1]
    if last > 100:
        return f"still explodes, though more slowly ({_left(norms)})"
    if last < 0.01:
        return f"vanishes, too ({_left(norms)})"
    return f"neither explodes nor vanishes within {_STEPS} steps ({_left(norms)})"


def _cells_section(flows: Mapping[str, Sequence[float]]) -> str:
    kept = _kept("lstm", None)
    text = paragraphs(
        "These are new layers, as a run begins with them: nothing is trained. A gated cell does not start with a "
        f"long memory. The LSTM's forget gate starts at σ(1), so each step keeps {kept:.0%} of c; the GRU's z starts "
        f"at σ(0) = 1/2, and keeps half of h. After {_STEPS - 1} steps the RNN has {_left(flows['rnn'])} of its "
        f"gradient left, the LSTM {_left(flows['lstm'])}, the GRU {_left(flows['gru'])}.",
        "A gate offers a choice: training can open the forget gate to 1, where the gradient stays whole, "
        "whatever W is. An RNN has no such weight to adjust.",
        "Chrono initialisation begins there: it samples biases so that units remember up to T = 100 steps. With it the "
        f"GRU keeps {_left(flows['gru, chrono 100'])}, and the LSTM {_left(flows['lstm, chrono 100'])}.",
    )
    maths = mathematics(
        "c_t = f_t ⊙ c_{t−1} + i_t ⊙ g_t",
        "\\frac{∂ c_T}{∂ c_t} ≈ ∏_{k=t+1}^T diag(f_k)",
        "b_f = log(u),  u ∼ U(1, T − 1)",
    )
    rows = [[name, _left(norms, 20), _left(norms)] for name, norms in flows.items()]
    left = table(["new layer", "20 steps back", f"{_STEPS - 1} steps back"], rows, numbers={1, 2})
    source = muted(
        "Pascanu, Mikolov and Bengio, 2013 (arXiv:1211.5063); Tallec and Ollivier, 2018 (arXiv:1804.11188). The norm "
        f"is that of the output's gradient, the root mean square over 8 random losses; {_UNITS} units."
    )
    return section("Gates can let it through", figure_beside(_plot(flows) + left, maths + text + source))


def _kept(cell: str, chrono: int | None) -> float:
    """The average fraction of the state that a new unit keeps while it reads nothing."""
    direction = Direction(make_cell(cell), _INPUTS, _UNITS, chrono)
    x, zeros = direction.bias.detach().unsqueeze(0), torch.zeros(1, len(direction.weight_h))
    state = (torch.zeros(1, _UNITS),) * len(direction.cell.state_names)
    kept = direction.cell.kept(direction.cell.gates(x, zeros, state))
    assert kept is not None
    return float(kept.mean())


_EXAMPLE = """
from seqkit.lessons.gradients import cell_flow, radius_flow

print(radius_flow(1.5, inputs=0.0, seed={seed})[-1])
print(cell_flow("lstm", chrono=100, seed={seed})[-1])
"""

LESSON = Lesson(
    "Vanishing and exploding gradients",
    "How much of the loss's gradient reaches a step far back, and what decides it?",
    _sections,
    (radius_flow, cell_flow),
    _EXAMPLE,
)
