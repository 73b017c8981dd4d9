"""A cell run over time: stacked, in one or two directions.

B batch, T time, I input_size, H hidden_size, L num_layers, D directions (1 or 2).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout
from torch.nn.utils.rnn import PackedSequence

from seqkit.cells import Cell, make_cell
from seqkit.errors import UsageError, unknown
from seqkit.kernels import PRECISIONS, Native, PackedStack, Weights, choose_kernel, kernel_name, transformed
from seqkit.layers.convert import cell_of, copy_from_torch, copy_to_torch, module_of
from seqkit.layers.direction import Direction, step_tensors, weights_of
from seqkit.layers.state import State

__all__ = ["Direction", "Lengths", "Recurrent"]

Lengths = Tensor | Sequence[int]


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
        kernel: how the time loop runs: ``"auto"``, ``"native"``, ``"aten"`` or ``"reference"``; None: the value of
            ``SEQKIT_KERNELS`` when the layer is constructed, else ``"auto"``.
        precision: ``"f32"``, or ``"bf16"``: products of matrices may round both sides to bfloat16 where the processor
            multiplies those faster; sums, gates, states and gradients stay in float32.
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
        for name, probability in (("dropout", dropout), ("weight_dropout", weight_dropout)):
            if not 0 <= probability < 1:
                raise UsageError(f"{name} must be at least 0 and below 1, not {probability}")
        if precision not in PRECISIONS:
            raise unknown("precision", precision, PRECISIONS)
        self.cell = make_cell(cell, **cell_options)
        self.input_size, self.hidden_size = input_size, hidden_size
        self.bidirectional, self.dropout, self.weight_dropout = bidirectional, dropout, weight_dropout
        self.kernel, self.precision = kernel_name(kernel), precision
        # What the native kernel keeps from call to call; it compares it with the weights.
        self._packed = PackedStack()
        sizes = [input_size] + [self.output_size] * (num_layers - 1)
        self.layers = nn.ModuleList(
            nn.ModuleList(Direction(self.cell, size, hidden_size) for _ in range(self.num_directions)) for size in sizes
        )

    @property
    def num_layers(self) -> int:
        """L, the number of ``layers``."""
        return len(self._layers())

    def _layers(self) -> list[list[nn.Module]]:
        """The modules in ``layers`` as they are now; looked up like this, since attributes of modules take long."""
        modules: Any = self._modules["layers"]
        return [list(layer._modules.values()) for layer in modules._modules.values()]

    @property
    def _state_shape(self) -> tuple[int, int]:
        return self.num_layers * self.num_directions, self.hidden_size

    def reset_parameters(self) -> None:
        """Draws new initial weights from torch's generator, as in a layer that was just made."""
        for direction in self.modules():
            if isinstance(direction, Direction):
                direction.reset_parameters()

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
            lengths: (B) the number of steps of each sequence, 0 to T; None: all T. The steps after them are padding:
                they change nothing, their output is 0, and the backward direction starts at each sequence's own end.
            state: the state to start from; None: zeros.
            kernel: a kernel for this call.

        Returns:
            Outputs of the last layer (B, T, D·H), and the state after each sequence's last step, (B, L·D, H) each.

        Raises:
            UsageError: (a ValueError) for shapes that do not fit.
        """
        return self._run(x, self._check(x, lengths, state), state, kernel)

    def _run(self, x: Tensor, lengths: Tensor | None, state: State | None, kernel: str | None) -> tuple[Tensor, State]:
        layers, device = self._layers(), x.device.type
        if device == "cpu" and torch.is_autocast_enabled(device):
            # Rounded states would not fit weights in float32; products may still be rounded, see `precision`.
            x, state = self._in_own_dtype(x, state)
            with torch.autocast(device, enabled=False):
                return self._run(x, lengths, state, kernel)
        weights = self._weights(layers, 0)
        self._check_dtypes(x, state, weights[0].weight_h)
        cell = self.cell
        runner = choose_kernel(cell, x, kernel or self.kernel, self.precision)
        initial = None if state is None else [state[name] for name in cell.state_names]
        if len(layers) == 1:
            x, final = runner.run(cell, weights, x, lengths, initial, self._packed.layer(0))
            return x, State(zip(cell.state_names, final, strict=True))
        finals, width = [], self.num_directions
        for number in range(len(layers)):
            if number:
                x = dropout(x, self.dropout, self.training)
                weights = self._weights(layers, number)
            own = slice(number * width, (number + 1) * width)
            start = None if initial is None else [value[:, own] for value in initial]
            x, final = runner.run(cell, weights, x, lengths, start, self._packed.layer(number))
            finals.append(final)
        stacked = [torch.cat(parts, 1) for parts in zip(*finals, strict=True)]
        return x, State(zip(cell.state_names, stacked, strict=True))

    def _in_own_dtype(self, x: Tensor, state: State | None) -> tuple[Tensor, State | None]:
        dtype = self._weights(self._layers(), 0)[0].weight_h.dtype
        return x.to(dtype), None if state is None else State({name: state[name].to(dtype) for name in state})

    def _check_dtypes(self, x: Tensor, state: State | None, weight: Tensor) -> None:
        dtype = weight.dtype
        given = {"input": x} if state is None else {"input": x, **{f"state '{n}'": t for n, t in state.items()}}
        for name, tensor in given.items():
            if tensor.dtype != dtype:
                ours, theirs = (str(each).removeprefix("torch.") for each in (dtype, tensor.dtype))
                raise UsageError(f"{name} is {theirs}, but the layer's weights are {ours}; convert one: x.to({dtype})")

    def _weights(self, layers: list[list[nn.Module]], number: int) -> list[Weights]:
        """Those of one layer, with dropout where it is asked for."""
        weights = [weights_of(direction) for direction in layers[number]]
        rows, below = len(self.cell.gate_names) * self.hidden_size, self.output_size if number else self.input_size
        inner = self.cell.recurrent_gates * self.hidden_size
        for w in weights:
            if w.weight_x.shape != (rows, below) or w.weight_h.shape != (inner, self.hidden_size):
                raise UsageError(
                    f"the weights in layers[{number}] are {tuple(w.weight_x.shape)} and {tuple(w.weight_h.shape)}, but "
                    f"this layer needs {(rows, below)} and {(inner, self.hidden_size)}"
                )
        if len(weights) != self.num_directions:
            raise UsageError(f"layers[{number}] must have {self.num_directions} directions, not {len(weights)}")
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
                "a bidirectional layer also reads each sequence from its end, so it cannot step; call it with whole "
                "sequences"
            )
        stepped = self._quick_step(x, state)
        if stepped is not None:
            return stepped
        _check_kinds(x, state)
        shape = x.shape
        if len(shape) != 2 or shape[1] != self.input_size:
            raise UsageError(f"input of a step must be (batch, {self.input_size}), not {tuple(shape)}")
        self._check_state(state, shape[0])
        return self._run(x, None, state, None)

    def _quick_step(self, x: Tensor, state: State | None) -> tuple[Tensor, State] | None:
        """A step without gradients as one operator (1.7 times as fast); None where it does not apply."""
        if self.training or torch.is_grad_enabled() or torch.compiler.is_compiling() or transformed():
            return None
        if not isinstance(x, Tensor):
            return None
        choice = (self.kernel, self.precision, x.dtype, x.is_cpu)
        kernel = self._packed.kernel_for.get(choice)
        if kernel is None:
            kernel = choose_kernel(self.cell, x, self.kernel, self.precision)
            self._packed.kernel_for[choice] = kernel
        if not isinstance(kernel, Native) or not self.cell.stages:
            return None
        layers = self._modules["layers"]._modules  # type: ignore[union-attr]
        tensors = step_tensors(layers.values())  # type: ignore[arg-type]
        try:
            out, final = kernel.step(self.cell, self._stack, tensors, len(layers), x, state, self._packed)
        except (RuntimeError, KeyError, TypeError, IndexError):
            return None  # the ordinary way finds out what is wrong and says so
        return out, State(final)

    def _stack(self) -> list[Weights]:
        return [weights_of(direction) for layer in self._layers() for direction in layer]

    @contextmanager
    def weights_stand_still(self) -> Iterator[None]:
        """For code that knows that nobody edits the weights inside: they are compared in the first call only."""
        self._packed.hold.begin()
        try:
            yield
        finally:
            self._packed.hold.end()

    @classmethod
    def from_torch(cls, module: nn.RNNBase) -> Recurrent:
        """The same layer as an ``nn.RNN``, ``nn.LSTM`` or ``nn.GRU``, any layers and directions; weights are copied.

        Ours is batch first whatever the module's ``batch_first``. Raises :class:`UsageError` for projections and other
        modules.
        """
        cell, sizes = cell_of(module), (module.input_size, module.hidden_size, module.num_layers)
        layer = cls(cell, *sizes, module.bidirectional, module.dropout)
        weight = module.all_weights[0][0]
        layer.to(weight.device, weight.dtype)
        copy_from_torch(layer.directions(), module)
        return layer.train(module.training)

    def to_torch(self) -> nn.RNNBase:
        """The same layer as torch's module, with ``batch_first=True``; weights are copied.

        Raises :class:`UsageError` for a cell that torch does not have.
        """
        weight = next(self.parameters())
        module = module_of(
            self.cell,
            self.input_size,
            self.hidden_size,
            self.num_layers,
            batch_first=True,
            bidirectional=self.bidirectional,
            # torch warns of a dropout between layers where there is only one.
            dropout=self.dropout if self.num_layers > 1 else 0.0,
            dtype=weight.dtype,
            device=weight.device,
        )
        copy_to_torch(self.cell, self.directions(), module)
        return module.train(self.training)

    def directions(self) -> Iterator[Direction]:
        """The parameters of each layer and direction: layer by layer, the forward direction first."""
        return (cast(Direction, direction) for directions in self._layers() for direction in directions)

    def extra_repr(self) -> str:
        """The text between the parentheses of ``repr``."""
        return (
            f"{self.cell!r}, input_size={self.input_size}, hidden_size={self.hidden_size}, "
            f"num_layers={self.num_layers}, bidirectional={self.bidirectional}, dropout={self.dropout}"
        )

    def _check(self, x: Tensor, lengths: Lengths | None, state: State | None) -> Tensor | None:
        """Refuses shapes that do not fit; returns lengths as a tensor, or None where nothing is padding."""
        if torch.compiler.is_exporting():
            # Values are not known while exporting, and the recorded program must hold for any.
            return lengths if isinstance(lengths, Tensor) else None
        _check_kinds(x, state)
        shape = x.shape
        if len(shape) != 3 or shape[2] != self.input_size or shape[1] < 1:
            raise UsageError(f"input must be (batch, time >= 1, {self.input_size}), not {tuple(shape)}")
        batch, steps, _ = shape
        self._check_state(state, batch)
        if lengths is None:
            return None
        lengths = torch.as_tensor(lengths, device=x.device)
        if lengths.is_floating_point() or lengths.is_complex():
            raise UsageError(f"lengths must be whole numbers, not {str(lengths.dtype).removeprefix('torch.')}")
        lengths = lengths.to(torch.int64)
        if lengths.shape != (batch,):
            raise UsageError(f"lengths must be one number for each of {batch} sequences, not {tuple(lengths.shape)}")
        if transformed():
            return lengths  # whose values may be those of many calls at once
        if batch and not 0 <= int(lengths.min()) <= int(lengths.max()) <= steps:
            raise UsageError(f"lengths must lie between 0 and the {steps} steps given, not {lengths.tolist()}")
        return None if bool((lengths == steps).all()) else lengths

    def _check_state(self, state: State | None, batch: int) -> None:
        if state is None or torch.compiler.is_exporting():
            return
        shape = (batch, *self._state_shape)
        for name in self.cell.state_names:
            actual = tuple(state[name].shape) if name in state else None
            if actual != shape:
                raise UsageError(f"state '{name}' must be {shape}, not {'missing' if actual is None else actual}")


def _check_kinds(x: object, state: object) -> None:
    if isinstance(x, PackedSequence):
        raise UsageError("input is a PackedSequence; give what pad_packed_sequence(..., batch_first=True) returns")
    if not isinstance(x, Tensor):
        raise UsageError(f"input must be a tensor, not {type(x).__name__}; torch.as_tensor converts it")
    if state is not None and not isinstance(state, Mapping):
        raise UsageError(f"state must be a State, not {type(state).__name__}: State({{'h': h}}), with 'c' for an LSTM")


@contextmanager
def weights_stand_still(module: nn.Module) -> Iterator[None]:
    """For code that knows that nobody edits the weights of a module's recurrent layers inside.

    A call outside compares the weights with what it keeps of them; inside only the first one does.
    """
    with ExitStack() as layers:
        for layer in module.modules():
            if isinstance(layer, Recurrent):
                layers.enter_context(layer.weights_stand_still())
        yield


def _check_sizes(**sizes: int) -> None:
    for name, size in sizes.items():
        if size < 1:
            raise UsageError(f"{name} must be at least 1, not {size}")
