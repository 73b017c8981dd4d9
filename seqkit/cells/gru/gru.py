"""The gated recurrent unit, in both of its forms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import torch
from torch import Tensor, sigmoid, tanh

from seqkit.cells.base import Cell, CellState, Saved, StepGradients
from seqkit.errors import unknown


class GRU(Cell):
    """The gated recurrent unit.

    With ``a = W_x x + b`` for each gate::

        z, r = σ(a_z + U_z h), σ(a_r + U_r h)
        n = tanh(a_n + r ⊙ (U_n h + c_n))     reset="after" (cuDNN, ONNX, torch)
        n = tanh(a_n + U_n (r ⊙ h))           reset="before" (the 2014 paper)
        h' = (1 - z) ⊙ h + z ⊙ n

    ``z`` is the input gate and ``1 - z`` takes the place of a forget gate; torch's z is our 1 - z.

    Args:
        reset: whether the reset gate multiplies ``"after"`` the candidate's recurrent product or ``"before"`` it.

    Shapes:
        x, r (B, 3·H) in the order z, r, n; the state is ``h`` (B, H).

    Examples:
        A closed input gate keeps the state, an open one replaces it by the candidate, here tanh(0.5):

        >>> import torch
        >>> h, no_product = torch.tensor([[0.9]]), torch.zeros(1, 3)
        >>> inputs = [torch.tensor([[z, 0.0, 0.5]]) for z in (-20.0, 20.0)]
        >>> [GRU().step(x, no_product, (h,)) for x in inputs]
        [(tensor([[0.9000]]),), (tensor([[0.4621]]),)]

    Use: where an LSTM would do, with a quarter fewer weights; the usual second choice.

    Source: Cho et al., 2014 (arXiv:1406.1078): version 3 of the paper resets before the product, version 1 after it.
    Chung et al., 2014 (arXiv:1412.3555) found both to perform equally well.
    """

    gate_names = ("z", "r", "n")
    memory_gates: ClassVar[Mapping[str, int]] = {"z": -1}

    def __init__(self, reset: Literal["after", "before"] = "after") -> None:
        if reset not in ("after", "before"):
            raise unknown("reset", str(reset), ("after", "before"))
        self.reset = reset

    @property
    def recurrent_bias(self) -> tuple[str, ...]:
        """The reset gate multiplies ``c_n`` but not ``b_n``, so one cannot replace the other."""
        return ("n",) if self.reset == "after" else ()

    @property
    def stages(self) -> tuple[tuple[str, ...], ...]:
        """With the reset before the product, the candidate's product has to wait for the reset gate."""
        return (("z", "r", "n"),) if self.reset == "after" else (("z", "r"), ("n",))

    def step(self, x: Tensor, r: Tensor, state: CellState) -> CellState:
        """The new ``h``; the equations are the class's."""
        (h,) = state
        z, n, _ = self._gates(x, r)
        return ((1 - z) * h + z * n,)

    def gates(self, x: Tensor, r: Tensor, state: CellState) -> dict[str, Tensor]:
        """The values of z, r and n."""
        z, n, reset = self._gates(x, r)
        return {"z": z, "r": reset, "n": n}

    def kept(self, gates: Mapping[str, Tensor]) -> Tensor:
        """``1 - z``, which takes the place of a forget gate."""
        return 1 - gates["z"]

    def step_backward(self, grad: CellState, saved: Saved) -> StepGradients:
        """``da_n = dh' z (1 - n²)``, ``da_z = dh' (n - h) z (1 - z)``; the reset gate's share of ``da_n`` likewise."""
        (dh,), (h,) = grad, saved.state
        z, n, reset = self._gates(saved.x, saved.r)
        da_n = dh * z * (1 - n * n)
        da_z = dh * (n - h) * z * (1 - z)
        # With the reset before the product its gradient comes from operand_backward, not from here.
        dr_n = da_n
        da_r = torch.zeros_like(da_n)
        if self.reset == "after":
            u_n = saved.r.chunk(3, -1)[2]
            dr_n = da_n * reset
            da_r = da_n * u_n * reset * (1 - reset)
        return StepGradients(torch.cat([da_z, da_r, da_n], -1), torch.cat([da_z, da_r, dr_n], -1), (dh * (1 - z),))

    def operand(self, stage: int, x: Tensor, r: Tensor, state: CellState) -> Tensor:
        """``h``; for the candidate ``r ⊙ h``, when the reset comes before the product."""
        (h,) = state
        return h if stage == 0 else self._reset(x, r) * h

    def operand_backward(self, stage: int, grad: Tensor, saved: Saved) -> StepGradients:
        """Of ``r ⊙ h``: ``h`` gets ``grad r`` and the reset gate ``grad h r (1 - r)``."""
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
