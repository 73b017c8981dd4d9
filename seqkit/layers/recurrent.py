"""A cell run over time: stacked, in one or two directions.

B batch, T time, I input_size, H hidden_size, L num_layers, D directions (1 or 2).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from itertools import chain
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from seqkit.cells import Cell, make_cell
from seqkit.errors import UsageError, unknown
from seqkit.kernels import INFERENCE_PRECISIONS, Cudnn, OnePiece, PackedStack, Weights, kernel_name
from seqkit.layers.call_checks import Lengths, check_kinds, check_sizes, check_state, check_weights, checked_lengths
from seqkit.layers.convert import cell_of, copy_from_torch, layer_to_torch
from seqkit.layers.direction import Direction, make_direction, plain_weights, weights_of
from seqkit.layers.learned import LearnedState
from seqkit.layers.noise import Noise, check_dropouts, drawn_in_the_loop
from seqkit.layers.quick import quick_run, quick_step
from seqkit.layers.ragged import Mask, packed_like, unpacked
from seqkit.layers.running import apart, run_layers
from seqkit.layers.state import State
from seqkit.layers.zoneout import zoned_out

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
        recurrent_dropout: probability of zeroing what the recurrent products read, while training: one draw of units
            for each sequence, layer and direction, the same at every step (Gal and Ghahramani, 2016, arXiv:1512.05287;
            what Keras calls so).
        variational_dropout: probability of zeroing what a layer reads from below, while training: one draw of features
            for each sequence and layer, the first one too, the same at every step (the same source).
        zoneout: probability of a unit's keeping its state, drawn at each step while training (see
            :class:`~seqkit.layers.zoneout.Zoneout`): a number, or one for each state by its name.
        residual: whether each layer after the first adds what it reads to its outputs (Prakash et al., 2016,
            arXiv:1610.03098). The state is the cell's own.
        learned_state: whether sequences without a given state start from one that is learned, not from zeros.
        chrono: longest memory, in steps, that the biases of gates begin with (chrono initialisation, see
            :class:`Direction`); None: biases begin as the cell gives them.
        kernel: how the time loop runs: ``"auto"``, or a name of ``seqkit.kernels.KERNELS``; None: the value of
            ``SEQKIT_KERNELS`` when the layer is constructed, else ``"auto"``.
        precision: ``"f32"``, or ``"bf16"``: products of matrices may round both sides to bfloat16 where the processor
            multiplies those faster; sums, gates, states and gradients stay in float32. ``"int8"``, for inference alone:
            to 8-bit integers, of weights with a scale for each row, of inputs and states with one for each of theirs.
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
        recurrent_dropout: float = 0.0,
        variational_dropout: float = 0.0,
        zoneout: float | Mapping[str, float] = 0.0,
        residual: bool = False,
        learned_state: bool = False,
        chrono: int | None = None,
        kernel: str | None = None,
        precision: str = "f32",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        **cell_options: Any,
    ) -> None:
        super().__init__()
        check_sizes(input_size=input_size, hidden_size=hidden_size, num_layers=num_layers)
        if precision not in INFERENCE_PRECISIONS:
            raise unknown("precision", precision, INFERENCE_PRECISIONS)
        self.cell = zoned_out(make_cell(cell, **cell_options), zoneout)
        dropouts = {"dropout": dropout, "weight_dropout": weight_dropout, "variational_dropout": variational_dropout}
        check_dropouts(self.cell, recurrent_dropout, **dropouts)
        if residual and num_layers == 1:
            raise UsageError("residual connections lead past layers after the first; give num_layers 2 or more")
        self.input_size, self.hidden_size = input_size, hidden_size
        self.bidirectional, self.residual = bidirectional, residual
        self.dropout, self.weight_dropout = dropout, weight_dropout
        self.recurrent_dropout, self.variational_dropout = recurrent_dropout, variational_dropout
        self.noise = Noise()
        self.kernel, self.precision = kernel_name(kernel), precision
        # What the native kernel keeps from call to call; it compares it with the weights.
        self._packed = PackedStack()
        # What the cudnn kernel keeps: of all layers, which are -1, and of each where there is dropout between them.
        self._memory: dict[int, OnePiece] = defaultdict(OnePiece)
        sizes = [input_size] + [self.output_size] * (num_layers - 1)
        with torch.device(device) if device is not None else nullcontext():
            self.layers = nn.ModuleList(
                nn.ModuleList(make_direction(self.cell, size, hidden_size, chrono) for _ in range(self.num_directions))
                for size in sizes
            )
            # Without it there is no such module, so that layers have the weights that they always had.
            self.initial = LearnedState(self.cell, *self._state_shape) if learned_state else None
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
            if isinstance(direction, (Direction, LearnedState)):
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
        """What a sequence starts from, (B, L·D, H) for each state of the cell: zeros, or the learned state.

        Zeros have the dtype and device of ``like`` (or the weights).
        """
        if self.initial is not None:
            return cast(State, self.initial(batch_size))
        template = next(self.parameters()) if like is None else like
        return State({name: template.new_zeros(batch_size, *self._state_shape) for name in self.cell.state_names})

    def _started(self, x: Tensor, state: State | None) -> State | None:
        """The state that was given, or the learned one; None for zeros."""
        if state is not None or self.initial is None or not isinstance(x, Tensor) or not x.dim():
            return state
        return self.initial_state(len(x))

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
            state: the state to start from; None: zeros, or the learned state.
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
        state = self._started(x, state)
        if kernel is None:
            found = quick_run(self, x, lengths, state)
            if found is not None:
                return found
        return run_layers(self, x, self._check(x, lengths, state), state, kernel)

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

    @property
    def draws(self) -> bool:
        """Whether training draws numbers, other than between layers."""
        in_loop = drawn_in_the_loop(self.cell, self.recurrent_dropout)
        return in_loop or bool(self.weight_dropout or self.variational_dropout)

    def _apply(self, fn: Any, recurse: bool = True) -> Recurrent:
        """What ``to``, ``cuda`` and their like call: on a GPU, weights then lie as cuDNN reads them."""
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self._memory.clear()  # it holds what was left behind
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
        for number, directions in (
            enumerate(layers) if apart(self, always=True) else [(-1, list(chain.from_iterable(layers)))]
        ):
            self._memory[number].join(self.cell, directions)

    def _in_own_dtype(self, x: Tensor, state: State | None) -> tuple[Tensor, State | None]:
        dtype = self._weights(self._layers(), 0)[0].weight_h.dtype
        return x.to(dtype), None if state is None else State({name: state[name].to(dtype) for name in state})

    def _weights(self, layers: list[list[nn.Module]], number: int) -> list[Weights]:
        """Those of one layer, with dropout where it is requested."""
        if not layers:
            raise UsageError("the layer has no layers left; put one into its list of layers")
        weights = [weights_of(direction) for direction in layers[number]]
        for w in weights:
            check_weights(w, self.cell, self.output_size if number else self.input_size, self.hidden_size, number)
        if len(weights) != self.num_directions:
            raise UsageError(f"layers[{number}] must have {self.num_directions} directions, not {len(weights)}")
        return weights

    def step(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """One time step with the same weights: x (B, I) to the output (B, H) and the next state.

        Equal to the whole-sequence call in evaluation; in training, every dropout is drawn anew for each step, except
        inside :meth:`~seqkit.layers.noise.Noise.one_sequence` of the layer's ``noise``.

        Raises:
            UsageError: for two directions, which need the sequence's end.
        """
        if self.bidirectional:
            raise UsageError(
                "a bidirectional layer also reads each sequence from its end, so it cannot step; call it with whole "
                "sequences"
            )
        state = self._started(x, state)
        stepped = quick_step(self, x, state)
        if stepped is not None:
            return stepped
        check_kinds(x, state)
        shape = x.shape
        if len(shape) != 2 or shape[1] != self.input_size:
            raise UsageError(f"input of a step must be (batch, {self.input_size}), not {tuple(shape)}")
        check_state(state, self.cell.state_names, (shape[0], *self._state_shape))
        return run_layers(self, x, None, state, None)

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

        Ours is batch first whatever the module's ``batch_first``. An LSTM with ``proj_size`` becomes an
        ``lstm-projected`` whose ``hidden_size`` is that size. Raises :class:`UsageError` for other modules.
        """
        cell = cell_of(module)
        sizes = (module.input_size, module.proj_size or module.hidden_size, module.num_layers)
        layer = cls(cell, *sizes, module.bidirectional, module.dropout)
        weight = module.all_weights[0][0]
        layer.to(weight.device, weight.dtype)
        copy_from_torch(layer.directions(), module)
        return layer.train(module.training)

    def to_torch(self) -> nn.RNNBase:
        """The same layer as torch's module, with ``batch_first=True``; weights are copied.

        Raises :class:`UsageError` for a cell or an option that torch does not have.
        """
        return layer_to_torch(self)

    def directions(self) -> Iterator[Direction]:
        """The parameters of each layer and direction: layer by layer, the forward direction first."""
        return (cast(Direction, direction) for directions in self._layers() for direction in directions)

    def extra_repr(self) -> str:
        """The text between the parentheses of ``repr``."""
        return (
            f"{self.cell!r}, input_size={self.input_size}, hidden_size={self.hidden_size}, "
            f"num_layers={self.num_layers}, bidirectional={self.bidirectional}, dropout={self.dropout}{self._extras()}"
        )

    def _extras(self) -> str:
        names = ("weight_dropout", "recurrent_dropout", "variational_dropout", "residual")
        given = {name: value for name in names if (value := getattr(self, name))}
        if self.initial is not None:
            given["learned_state"] = True
        return "".join(f", {name}={value}" for name, value in given.items())

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
