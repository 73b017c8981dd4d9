"""A cell run over time: stacked, in one or two directions.

B batch, T time, I input_size, H hidden_size, L num_layers, D directions (1 or 2).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from itertools import chain
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout
from torch.nn.utils.rnn import PackedSequence

from seqkit.cells import Cell, make_cell
from seqkit.errors import UsageError, unknown
from seqkit.kernels import (
    PRECISIONS,
    CellFacts,
    Cudnn,
    Native,
    OnePiece,
    PackedStack,
    Weights,
    choose_kernel,
    facts_of,
    kernel_name,
    transformed,
)
from seqkit.layers.call_checks import Lengths, check_dtypes, check_kinds, check_sizes, check_state, checked_lengths
from seqkit.layers.convert import cell_of, copy_from_torch, copy_to_torch, module_of
from seqkit.layers.direction import Direction, plain_weights, step_tensors, weights_of
from seqkit.layers.ragged import Mask, packed_like, unpacked
from seqkit.layers.state import State

__all__ = ["Direction", "Lengths", "Recurrent"]


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
        chrono: longest memory, in steps, that the biases of gates begin with (chrono initialisation, see
            :class:`Direction`); None: biases begin as the cell gives them.
        kernel: how the time loop runs: ``"auto"``, or a name of ``seqkit.kernels.KERNELS``; None: the value of
            ``SEQKIT_KERNELS`` when the layer is constructed, else ``"auto"``.
        precision: ``"f32"``, or ``"bf16"``: products of matrices may round both sides to bfloat16 where the processor
            multiplies those faster; sums, gates, states and gradients stay in float32.
        device: where the weights are; None: torch's default.
        dtype: of the weights; None: torch's default.
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
        chrono: int | None = None,
        kernel: str | None = None,
        precision: str = "f32",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        **cell_options: Any,
    ) -> None:
        super().__init__()
        check_sizes(input_size=input_size, hidden_size=hidden_size, num_layers=num_layers)
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
        # What the cudnn kernel keeps: of all layers, which are -1, and of each where there is dropout between them.
        self._memory: defaultdict[int, OnePiece] = defaultdict(OnePiece)
        sizes = [input_size] + [self.output_size] * (num_layers - 1)
        with torch.device(device) if device is not None else nullcontext():
            self.layers = nn.ModuleList(
                nn.ModuleList(Direction(self.cell, size, hidden_size, chrono) for _ in range(self.num_directions))
                for size in sizes
            )
        self.to(dtype=dtype)

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
        self,
        x: Tensor | PackedSequence,
        lengths: Lengths | None = None,
        state: State | None = None,
        *,
        mask: Tensor | None = None,
        kernel: str | None = None,
    ) -> tuple[Any, State]:
        """Runs over whole sequences.

        Args:
            x: inputs (B, T, I), or a ``PackedSequence``; then the outputs are one, too, and ``lengths`` is left out.
            lengths: (B) the number of steps of each sequence, 0 to T; None: all T. The steps after them are padding:
                they change nothing, their output is 0, and the backward direction starts at each sequence's own end.
            state: the state to start from; None: zeros.
            mask: (B, T) of bool in place of ``lengths``, for real steps (True) that are not the first ones. The others
                change nothing, and their output is 0.
            kernel: a kernel for this call.

        Returns:
            Outputs of the last layer (B, T, D·H), and the state after each sequence's last step, (B, L·D, H) each.

        Raises:
            UsageError: (a ValueError) for shapes that do not fit.
        """
        if isinstance(x, PackedSequence) or mask is not None:
            return self._run_ragged(x, lengths, state, mask, kernel)
        if lengths is None and kernel is None:
            found = self._quick_run(x, state)
            if found is not None:
                return found
        return self._run(x, self._check(x, lengths, state), state, kernel)

    def _run_ragged(
        self,
        x: Tensor | PackedSequence,
        lengths: Lengths | None,
        state: State | None,
        mask: Tensor | None,
        kernel: str | None,
    ) -> tuple[Tensor | PackedSequence, State]:
        if sum((isinstance(x, PackedSequence), lengths is not None, mask is not None)) > 1:
            raise UsageError("which steps are real is said twice; give a PackedSequence, or lengths, or a mask")
        if isinstance(x, PackedSequence):
            padded, sizes = unpacked(x)
            out, final = self.forward(padded, sizes, state, kernel=kernel)
            return packed_like(out, sizes, x), final
        self._check(x, None, state)
        real = Mask(cast(Tensor, mask), x)
        out, final = self.forward(real.together(x), real.lengths, state, kernel=kernel)
        return real.apart(out), final

    def _quick_run(self, x: Tensor, state: State | None) -> tuple[Tensor, State] | None:
        """One layer without gradients or padding, with nothing checked twice; None where it is not that."""
        found = self._quick_kernel(x)
        layers = self._modules["layers"]._modules  # type: ignore[union-attr]
        if (
            found is None
            or len(layers) != 1
            or x.dim() != 3
            or not x.size(1)
            or (self.training and self.weight_dropout)
        ):
            return None
        (kernel, facts), packed = found, self._packed
        try:
            tensors = step_tensors(layers.values())  # type: ignore[arg-type]
            if tensors[1].size(1) != self.hidden_size:
                return None
            first, *others = facts.states
            states = (None, None) if state is None else (state[first], state[others[0]] if others else None)
            out, h, c = kernel.infer(
                self.cell, self._stack, tensors, self.num_directions, x, None, states, packed.layer(0)
            )
        except (RuntimeError, KeyError, TypeError, IndexError):
            return None  # the ordinary way finds out what is wrong and says so
        return out, _state_of(facts, h, c)

    def _quick_kernel(self, x: Tensor) -> tuple[Native, CellFacts] | None:
        """The native kernel, where it is the one for such input, without gradients, and nothing is traced."""
        if torch.is_grad_enabled() or not isinstance(x, Tensor) or torch.compiler.is_compiling() or transformed():
            return None
        choice = (self.kernel, self.precision, x.dtype, x.is_cpu)
        found = self._packed.kernel_for.get(choice)
        if found is None:
            kernel = choose_kernel(self.cell, x, self.kernel, self.precision)
            found = self._packed.kernel_for[choice] = kernel, facts_of(self.cell)
        kernel, facts = found
        return (kernel, facts) if isinstance(kernel, Native) and facts.has_products else None

    def _run(self, x: Tensor, lengths: Tensor | None, state: State | None, kernel: str | None) -> tuple[Tensor, State]:
        layers, device = self._layers(), x.device.type
        if device in ("cpu", "cuda") and torch.is_autocast_enabled(device):
            # Rounded states would not fit weights in float32; products may still be rounded, see `precision`.
            x, state = self._in_own_dtype(x, state)
            with torch.autocast(device, enabled=False):
                return self._run(x, lengths, state, kernel)
        weights = self._weights(layers, 0)
        check_dtypes(x, state, weights[0].weight_h.dtype)
        cell = self.cell
        runner = choose_kernel(cell, x, kernel or self.kernel, self.precision)
        initial = None if state is None else [state[name] for name in cell.state_names]
        apart = self.training and self.dropout > 0 and len(layers) > 1
        if isinstance(runner, Cudnn) and not apart:
            # All layers in one call.
            stack = [weights, *(self._weights(layers, number) for number in range(1, len(layers)))]
            x, final = runner.run_stack(cell, stack, x, lengths, initial, self._memory[-1])
            return x, State(zip(cell.state_names, final, strict=True))
        if lengths is not None and not isinstance(runner, Cudnn):
            lengths = lengths.to(x.device)
        finals, width = [], self.num_directions
        for number in range(len(layers)):
            if number:
                x = dropout(x, self.dropout, self.training)
                weights = self._weights(layers, number)
            own = slice(number * width, (number + 1) * width)
            start = initial if initial is None or len(layers) == 1 else [value[:, own] for value in initial]
            if isinstance(runner, Cudnn):
                x, final = runner.run_stack(cell, [weights], x, lengths, start, self._memory[number])
            else:
                x, final = runner.run(cell, weights, x, lengths, start, self._packed.layer(number))
            finals.append(final)
        stacked = finals[0] if len(finals) == 1 else [torch.cat(parts, 1) for parts in zip(*finals, strict=True)]
        return x, State(zip(cell.state_names, stacked, strict=True))

    def _apply(self, fn: Any, recurse: bool = True) -> Recurrent:
        """What ``to``, ``cuda`` and their like call: on a GPU, weights then lie as cuDNN reads them."""
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        weight = next(self.parameters(), None)
        if weight is not None and weight.is_cuda and Cudnn.knows(self.cell):
            self.join_weights()
        return self

    def join_weights(self) -> None:
        """Moves the parameters into one piece of memory, in cuDNN's order; they stay the same parameters.

        Tensors that shared memory with them, other than the parameters themselves, are left behind.
        """
        plain = [list(map(plain_weights, layer)) for layer in self._layers()]
        layers = [[weights for weights in layer if weights is not None] for layer in plain]
        if any(len(layer) != self.num_directions for layer in layers):
            return
        apart = self.dropout > 0 and len(layers) > 1
        for number, directions in enumerate(layers) if apart else [(-1, list(chain.from_iterable(layers)))]:
            self._memory[number].join(self.cell, directions)

    def _in_own_dtype(self, x: Tensor, state: State | None) -> tuple[Tensor, State | None]:
        dtype = self._weights(self._layers(), 0)[0].weight_h.dtype
        return x.to(dtype), None if state is None else State({name: state[name].to(dtype) for name in state})

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

        Equal to the whole-sequence call in evaluation; in training, dropout between layers is drawn again for each
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
        check_kinds(x, state)
        shape = x.shape
        if len(shape) != 2 or shape[1] != self.input_size:
            raise UsageError(f"input of a step must be (batch, {self.input_size}), not {tuple(shape)}")
        check_state(state, self.cell.state_names, (shape[0], *self._state_shape))
        return self._run(x, None, state, None)

    def _quick_step(self, x: Tensor, state: State | None) -> tuple[Tensor, State] | None:
        """A step without gradients as one operator (1.7 times as fast); None where it does not apply."""
        found = None if self.training else self._quick_kernel(x)
        if found is None:
            return None
        kernel, facts = found
        layers, units = self._modules["layers"]._modules, self.hidden_size  # type: ignore[union-attr]
        try:
            tensors = step_tensors(layers.values())  # type: ignore[arg-type]
            if tensors[1].size(1) != units:
                return None
            out, h, c = kernel.step(facts, self._stack, tensors, len(layers), units, x, state, self._packed)
        except (RuntimeError, KeyError, TypeError, IndexError):
            return None  # the ordinary way finds out what is wrong and says so
        return out, _state_of(facts, h, c)

    def _stack(self) -> list[list[Weights]]:
        return [[weights_of(direction) for direction in layer] for layer in self._layers()]

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
        """Refuses shapes that do not fit; returns lengths, or None where nothing is padding."""
        if torch.compiler.is_exporting():
            # Values are not known while exporting, and the recorded program must hold for any.
            return lengths if isinstance(lengths, Tensor) else None
        check_kinds(x, state)
        shape = x.shape
        if len(shape) != 3 or shape[2] != self.input_size or shape[1] < 1:
            raise UsageError(f"input must be (batch, time >= 1, {self.input_size}), not {tuple(shape)}")
        check_state(state, self.cell.state_names, (shape[0], *self._state_shape))
        return None if lengths is None else checked_lengths(lengths, x)


def _state_of(facts: CellFacts, first: Tensor, second: Tensor) -> State:
    names = facts.states
    # Not by zip, which takes 0.3 microseconds more of a step's 10.
    return State({names[0]: first, names[1]: second} if len(names) > 1 else {names[0]: first})


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
