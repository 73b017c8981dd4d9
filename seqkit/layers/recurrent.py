"""A cell run over time: stacked, in one or two directions.

B batch, T time, I input_size, H hidden_size, L num_layers, D directions (1 or 2).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout

from seqkit.cells import Cell, make_cell
from seqkit.errors import UsageError, unknown
from seqkit.kernels import PRECISIONS, PreparedStep, Weights, choose_kernel, kernel_name, prepare_step
from seqkit.layers.state import State

Lengths = Tensor | Sequence[int]


class Direction(nn.Module):
    """The parameters of one direction of one layer, shapes as in :class:`~seqkit.kernels.base.Weights`.

    They start out as: orthogonal recurrent weights for each gate (Saxe et al., 2014), Glorot-uniform input weights for
    each gate, biases 0 except where the cell says else (an LSTM's forget gate starts at 1).
    """

    bias_h: Tensor | None

    def __init__(self, cell: Cell, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.cell = cell
        rows = len(cell.gate_names) * hidden_size
        self.weight_x = nn.Parameter(torch.empty(rows, input_size))
        self.weight_h = nn.Parameter(torch.empty(rows, hidden_size))
        self.bias = nn.Parameter(torch.empty(rows))
        inner = len(cell.recurrent_bias) * hidden_size
        self.register_parameter("bias_h", nn.Parameter(torch.empty(inner)) if inner else None)
        # Ordered, or the dictionary sorts them by name; kernels rely on the order in which the cell declares them.
        self.own = nn.ParameterDict(OrderedDict(cell.own_parameters(hidden_size)))
        self.has_own = len(self.own) > 0
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draws new initial weights from torch's generator; the cell's own parameters stay as declared."""
        gates = self.cell.gate_names
        blocks = zip(self.weight_x.chunk(len(gates)), self.weight_h.chunk(len(gates)), strict=True)
        for weight_x, weight_h in blocks:
            nn.init.xavier_uniform_(weight_x)
            nn.init.orthogonal_(weight_h)
        for gate, bias in zip(gates, self.bias.chunk(len(gates)), strict=True):
            bias.fill_(self.cell.initial_bias.get(gate, 0.0))
        if self.bias_h is not None:
            self.bias_h.zero_()

    def weights(self) -> Weights:
        """The parameters as kernels take them."""
        # Looked up in the dictionary: a module's attributes are slow, and a single step is over in microseconds.
        found = self._parameters
        own = dict(self.own.items()) if self.has_own else {}
        return Weights(found["weight_x"], found["weight_h"], found["bias"], found["bias_h"], own)  # type: ignore[arg-type]


class Recurrent(nn.Module):
    """A recurrent layer: any cell, any number of layers, one or two directions; batch first.

    Args:
        cell: a name (``"rnn"``, ``"lstm"``, ``"gru"``, ...), a :class:`~seqkit.cells.Cell` class, or a cell.
        input_size: I.
        hidden_size: H, for each direction.
        num_layers: L; each layer reads the outputs of the one below.
        bidirectional: whether a second set of weights reads each sequence from its end; outputs lie side by side.
        dropout: probability of zeroing an output between layers, while training.
        weight_dropout: probability of zeroing a recurrent weight, drawn once a call, while training (Merity, Keskar and
            Socher, 2018, arXiv:1708.02182).
        kernel: how the time loop runs: ``"auto"``, ``"native"``, ``"aten"`` or ``"reference"``; None: what
            ``SEQKIT_KERNELS`` says when the layer is made, else ``"auto"``.
        precision: ``"f32"``, or ``"bf16"``: products of matrices may round both sides to bfloat16 where the processor
            multiplies those and is quicker at it; sums, gates, states and gradients stay as they are.
        cell_options: arguments of the cell, such as ``reset="before"`` for a GRU.

    Raises:
        UsageError: (a ValueError) for an unknown cell, option, kernel or precision, and for sizes below 1.
    """

    def __init__(
        self,
        cell: str | type[Cell] | Cell,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
        *,
        weight_dropout: float = 0.0,
        kernel: str | None = None,
        precision: str = "f32",
        **cell_options: Any,
    ) -> None:
        super().__init__()
        _check_sizes(input_size=input_size, hidden_size=hidden_size, num_layers=num_layers)
        for name, chance in (("dropout", dropout), ("weight_dropout", weight_dropout)):
            if not 0 <= chance < 1:
                raise UsageError(f"{name} must be at least 0 and below 1, not {chance}")
        if precision not in PRECISIONS:
            raise unknown("precision", precision, PRECISIONS)
        self.cell = make_cell(cell, **cell_options)
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bidirectional, self.dropout, self.weight_dropout = bidirectional, dropout, weight_dropout
        self.kernel, self.precision = kernel_name(kernel), precision
        # What kernels keep of each layer's weights; they notice when a weight changes.
        self._caches: list[dict[str, Any]] = [{} for _ in range(num_layers)]
        self._prepared: PreparedStep | None = None
        self._prepared_for: tuple[Any, ...] = ()
        self._state_shape = (num_layers * self.num_directions, hidden_size)
        sizes = [input_size] + [self.output_size] * (num_layers - 1)
        self._directions = [
            [Direction(self.cell, size, hidden_size) for _ in range(self.num_directions)] for size in sizes
        ]
        self.layers = nn.ModuleList(nn.ModuleList(directions) for directions in self._directions)

    @property
    def num_directions(self) -> int:
        """D: 2 when bidirectional, else 1."""
        return 2 if self.bidirectional else 1

    @property
    def output_size(self) -> int:
        """D·H, the size of each output."""
        return self.num_directions * self.hidden_size

    def initial_state(self, batch_size: int, like: Tensor | None = None) -> State:
        """Zeros, (B, L·D, H) for each state of the cell, with the dtype and device of ``like`` (or the weights)."""
        template = next(self.parameters()) if like is None else like
        return State({name: template.new_zeros(batch_size, *self._state_shape) for name in self.cell.state_names})

    def forward(
        self, x: Tensor, lengths: Lengths | None = None, state: State | None = None, *, kernel: str | None = None
    ) -> tuple[Tensor, State]:
        """Runs over whole sequences.

        Args:
            x: inputs (B, T, I).
            lengths: (B) the number of steps of each sequence, 0 to T; None: all T. Steps beyond are padding: they
                change nothing, their output is 0, and the backward direction starts at each sequence's own end.
            state: the state to start from; None: zeros.
            kernel: a kernel for this call.

        Returns:
            Outputs of the last layer (B, T, D·H), and the state after each sequence's last step, (B, L·D, H) each.

        Raises:
            UsageError: (a ValueError) for shapes that do not fit.
        """
        return self._run(x, self._check(x, lengths, state), state, kernel)

    def _run(self, x: Tensor, lengths: Tensor | None, state: State | None, kernel: str | None) -> tuple[Tensor, State]:
        cell = self.cell
        runner = choose_kernel(cell, x, kernel or self.kernel, self.precision)
        initial = None if state is None else [state[name] for name in cell.state_names]
        if self.num_layers == 1:
            x, final = runner.run(cell, self._weights(0), x, lengths, initial, self._caches[0])
            return x, State(dict(zip(cell.state_names, final, strict=True)))
        finals, width = [], self.num_directions
        for number, cache in enumerate(self._caches):
            if number:
                x = dropout(x, self.dropout, self.training)
            part = slice(number * width, (number + 1) * width)
            start = None if initial is None else [value[:, part] for value in initial]
            x, final = runner.run(cell, self._weights(number), x, lengths, start, cache)
            finals.append(final)
        parts = [torch.cat(same, 1) for same in zip(*finals, strict=True)]
        return x, State(dict(zip(cell.state_names, parts, strict=True)))

    def _weights(self, number: int) -> list[Weights]:
        weights = [direction.weights() for direction in self._directions[number]]
        if self.training and self.weight_dropout:
            return [w._replace(weight_h=dropout(w.weight_h, self.weight_dropout)) for w in weights]
        return weights

    def step(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """One time step with the same weights: x (B, I) to the output (B, H) and the next state.

        Equal to the whole-sequence call in evaluation; in training, dropout between layers is drawn anew for each
        step. Raises :class:`UsageError` for two directions, which need the sequence's end.
        """
        if self.bidirectional:
            raise UsageError(
                "a bidirectional layer reads each sequence from its end too, so it cannot step; call it whole"
            )
        made = self._quick_step(x, state)
        if made is not None:
            return made
        shape = x.shape
        if len(shape) != 2 or shape[1] != self.input_size:
            raise UsageError(f"input of a step must be (batch, {self.input_size}), not {tuple(shape)}")
        self._check_state(state, shape[0])
        return self._run(x, None, state, None)

    def _quick_step(self, x: Tensor, state: State | None) -> tuple[Tensor, State] | None:
        """A step without gradients, prepared once for many; None where the way with all checks has to serve."""
        if self.training or torch.is_grad_enabled() or torch.compiler.is_compiling():
            return None
        asked = (self.kernel, self.precision, x.dtype)
        if self._prepared_for != asked or (self._prepared is not None and not self._prepared.fits()):
            self._prepared, self._prepared_for = self._prepare_step(x), asked
        if self._prepared is None:
            return None
        try:
            out, final = self._prepared(x, state)
        except (RuntimeError, KeyError):
            return None  # no such step: the checks say what is wrong with it
        return out, State(final)

    def _prepare_step(self, x: Tensor) -> PreparedStep | None:
        directions = [directions[0] for directions in self._directions]
        parameters = [found for d in directions for found in (d._parameters, d.own._parameters) if found]
        kernel = choose_kernel(self.cell, x, self.kernel, self.precision)
        return prepare_step(kernel, self.cell, [d.weights() for d in directions], parameters, self._caches)

    @classmethod
    def from_torch(cls, module: nn.RNNBase) -> Recurrent:
        """The same layer as an ``nn.RNN``, ``nn.LSTM`` or ``nn.GRU``, any layers and directions; weights are copied.

        Ours is batch first whatever the module's ``batch_first``. Raises :class:`UsageError` for projections.
        """
        from seqkit.layers.convert import from_torch

        return from_torch(module)

    def to_torch(self) -> nn.RNNBase:
        """The same layer as torch's module, with ``batch_first=True``; weights are copied.

        Raises :class:`UsageError` for a cell that torch does not have.
        """
        from seqkit.layers.convert import to_torch

        return to_torch(self)

    def extra_repr(self) -> str:
        """What ``repr`` shows."""
        return (
            f"{self.cell!r}, input_size={self.input_size}, hidden_size={self.hidden_size}, "
            f"num_layers={self.num_layers}, bidirectional={self.bidirectional}, dropout={self.dropout}"
        )

    def _check(self, x: Tensor, lengths: Lengths | None, state: State | None) -> Tensor | None:
        """Refuses shapes that do not fit; returns lengths as a tensor, or None where nothing is padding."""
        if torch.compiler.is_exporting():
            # What the values are is not known; what is recorded must hold for any.
            return lengths if isinstance(lengths, Tensor) else None
        shape = x.shape
        if len(shape) != 3 or shape[2] != self.input_size or shape[1] < 1:
            raise UsageError(f"input must be (batch, time >= 1, {self.input_size}), not {tuple(shape)}")
        batch, steps, _ = shape
        self._check_state(state, batch)
        if lengths is None:
            return None
        lengths = torch.as_tensor(lengths, dtype=torch.int64, device=x.device)
        if lengths.shape != (batch,):
            raise UsageError(f"lengths must be one number for each of {batch} sequences, not {tuple(lengths.shape)}")
        if batch and not 0 <= int(lengths.min()) <= int(lengths.max()) <= steps:
            raise UsageError(f"lengths must lie between 0 and the {steps} steps given, not {lengths.tolist()}")
        return None if bool((lengths == steps).all()) else lengths

    def _check_state(self, state: State | None, batch: int) -> None:
        if state is None or torch.compiler.is_exporting():
            return
        shape = (batch, *self._state_shape)
        for name in self.cell.state_names:
            found = state[name].shape if name in state else None
            if found != shape:
                raise UsageError(f"state '{name}' must be {shape}, not {'missing' if found is None else tuple(found)}")


def _check_sizes(**sizes: int) -> None:
    for name, size in sizes.items():
        if size < 1:
            raise UsageError(f"{name} must be at least 1, not {size}")
