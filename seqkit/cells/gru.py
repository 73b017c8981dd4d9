"""The gated recurrent unit, in both of its forms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, sigmoid, tanh

from seqkit.cells.base import Cell, CellState, Saved, StepGradients
from seqkit.errors import unknown


class GRU(Cell):
    """The gated recurrent unit.

    With ``a = W_x x + b`` for each gate::

        z, r = σ(a_z + U_z h), σ(a_r + U_r h)
        n = tanh(a_n + r ⊙ (U_n h + c_n))     reset="after", the form of cuDNN, ONNX and torch
        n = tanh(a_n + U_n (r ⊙ h))           reset="before", the form of the 2014 paper
        h' = (1 - z) ⊙ h + z ⊙ n

    ``z`` is the input gate and ``1 - z`` takes the forget gate's part; torch's z is our 1 - z.

    Source: Cho et al., 2014 (arXiv:1406.1078); reset after the product: Chung et al., 2014 (arXiv:1412.3555), footnotes
    to Keras and cuDNN.
    """

    gate_names = ("z", "r", "n")

    def __init__(self, reset: Literal["after", "before"] = "after") -> None:
        if reset not in ("after", "before"):
            raise unknown("reset", str(reset), ("after", "before"))
        self.reset = reset

    @property
    def recurrent_bias(self) -> tuple[str, ...]:
        """``c_n`` stands inside the reset gate's reach, so the input's bias cannot stand for it."""
        return ("n",) if self.reset == "after" else ()

    @property
    def stages(self) -> tuple[tuple[str, ...], ...]:
        """With the reset before the product, the candidate's product has to wait for the reset gate."""
        return (("z", "r", "n"),) if self.reset == "after" else (("z", "r"), ("n",))

    def step(self, x: Tensor, r: Tensor, state: CellState) -> CellState:
        """See the class."""
        (h,) = state
        z, n, _ = self._gates(x, r)
        return ((1 - z) * h + z * n,)

    def gates(self, x: Tensor, r: Tensor, state: CellState) -> dict[str, Tensor]:
        """z, r, n."""
        z, n, reset = self._gates(x, r)
        return {"z": z, "r": reset, "n": n}

    def kept(self, gates: Mapping[str, Tensor]) -> Tensor:
        """``1 - z``."""
        return 1 - gates["z"]

    def step_backward(self, grad: CellState, saved: Saved) -> StepGradients:
        """``da_n = dh' z (1 - n²)``, ``da_z = dh' (n - h) z (1 - z)``; the reset gate's share of ``da_n`` likewise."""
        (dh,), (h,) = grad, saved.state
        z, n, reset = self._gates(saved.x, saved.r)
        da_n = dh * z * (1 - n * n)
        da_z = dh * (n - h) * z * (1 - z)
        dr_n = da_n
        da_r = torch.zeros_like(da_n)
        if self.reset == "after":
            u_n = saved.r.chunk(3, -1)[2]
            dr_n = da_n * reset
            da_r = da_n * u_n * reset * (1 - reset)
        return StepGradients(torch.cat([da_z, da_r, da_n], -1), torch.cat([da_z, da_r, dr_n], -1), (dh * (1 - z),))

    def operand(self, stage: int, x: Tensor, r: Tensor, state: CellState) -> Tensor:
        """``h`` first; ``r ⊙ h`` for the candidate when the reset stands before the product."""
        (h,) = state
        return h if stage == 0 else self._reset(x, r) * h

    def operand_backward(self, stage: int, grad: Tensor, saved: Saved) -> StepGradients:
        """Of ``r ⊙ h``: to ``h`` goes ``grad r``, to the reset gate ``grad h r (1 - r)``."""
        (h,) = saved.state
        reset = self._reset(saved.x, saved.r)
        da_r = grad * h * reset * (1 - reset)
        zero = torch.zeros_like(da_r)
        da = torch.cat([zero, da_r, zero], -1)
        return StepGradients(da, da, (grad * reset,))

    def _gates(self, x: Tensor, r: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x_z, _, x_n = x.chunk(3, -1)
        r_z, _, r_n = r.chunk(3, -1)
        reset = self._reset(x, r)
        n = tanh(x_n + reset * r_n) if self.reset == "after" else tanh(x_n + r_n)
        return sigmoid(x_z + r_z), n, reset

    @staticmethod
    def _reset(x: Tensor, r: Tensor) -> Tensor:
        hidden = x.shape[-1] // 3
        return sigmoid(x[..., hidden : 2 * hidden] + r[..., hidden : 2 * hidden])
