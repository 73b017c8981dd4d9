"""Options that several topologies share: splits, vocabulary, recurrent layers, beam search."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from seqkit.cells import OwnCell, available_cells, make_cell, named_cell
from seqkit.config.options import option
from seqkit.config.training import TrainingConfig
from seqkit.data.normal_forms import AS_IT_IS, NORMAL_FORMS

L = TypeVar("L")
MOST_LAYERS = 1000
"""One that somebody means has ten; a thousand million take all memory before the first error."""

IN_MEMORY = "(in memory)"
"""The option ``data`` of a model whose data were no file"""


@dataclass(frozen=True, kw_only=True)
class SplitOptions(TrainingConfig):
    """Where the data come from, and how much of them is for validation and test."""

    section: ClassVar[str] = "Data"

    data: str = option("", "the data: a file", path=True)
    valid_data: str | None = option(
        None, "a file with the validation split (default: split off at random)", path=True, reads=True
    )
    test_data: str | None = option(
        None, "a file with the test split (default: split off at random)", path=True, reads=True
    )
    valid_fraction: float = option(0.1, "fraction of the examples for validation", above=0, below=0.5, reads=True)
    test_fraction: float = option(0.1, "fraction of the examples for testing", above=0, below=0.5, reads=True)


@dataclass(frozen=True, kw_only=True)
class VocabularyOptions(TrainingConfig):
    """Which tokens have a symbol of their own."""

    section: ClassVar[str] = "Vocabulary"

    min_count: int = option(1, "tokens seen less often in training are unknown", minimum=1)
    max_symbols: int = option(30000, "largest vocabulary", minimum=3)
    normal_form: str = option(
        AS_IT_IS,
        "Unicode normal form: NFC (é is one character), NFKC (also full-width letters and ligatures), or none",
        choices=lambda: NORMAL_FORMS,
    )


def _names_weight_file(class_weight: str) -> bool:
    """Whether weights of labels are in a file, and neither balanced nor given as JSON."""
    return class_weight != "balanced" and not class_weight.lstrip().startswith("{")


@dataclass(frozen=True, kw_only=True)
class ClassWeightOptions(TrainingConfig):
    """How much each label counts in the loss."""

    section: ClassVar[str] = "Training"

    class_weight: str | None = option(
        None,
        'weights of labels in the loss: balanced, a JSON or CSV file with a weight for each label, or {"label": 2.5}',
        path=_names_weight_file,
    )


def sizes_without_vectors(config: Any) -> str | None:
    """The sizes of a token's vector to search; vectors of a file have a size of their own."""
    return None if config.vectors else "64,96,128,192,256"


@dataclass(frozen=True, kw_only=True)
class TeacherOptions(TrainingConfig):
    """What a small model learns from a better one."""

    section: ClassVar[str] = "Learning from other models"

    teacher: str | None = option(
        None, "a run, or a file of probabilities, whose predictions this model learns beside the labels", path=True
    )
    teacher_weight: float = option(0.7, "weight of the teacher in the loss, from 0 to 1", minimum=0)
    temperature: float = option(
        2.0,
        "temperature of the teacher's probabilities; above 1, unlikely labels count more",
        above=0,
    )


def _names_texts(pretrain: str) -> bool:
    """Whether the texts of a pretraining are in a file."""
    return pretrain not in ("none", "auto")


@dataclass(frozen=True, kw_only=True)
class PretrainingOptions(TrainingConfig):
    """What a model learns before its training."""

    section: ClassVar[str] = "Learning from other models"

    pretrain: str = option(
        "none",
        "train language models first: none, auto (on the training texts, if there are enough), or a file of texts",
        path=_names_texts,
    )


_OPTIONS = (
    "chrono",
    "residual",
    "learned_state",
    "weight_dropout",
    "recurrent_dropout",
    "variational_dropout",
    "zoneout",
)
"""Of recurrent layers, which go without where they are not given"""


@dataclass(frozen=True, kw_only=True)
class RecurrentOptions(TrainingConfig):
    """The recurrent layers of a head."""

    section: ClassVar[str] = "Model"

    cell: str = option(
        "lstm",
        "recurrent cell, or FILE.py:CLASS; `seqkit list cells` shows all",
        choices=available_cells,
        read=named_cell,
        accepts=OwnCell,
        tune="gru,lstm",
    )
    cell_options: dict[str, str] = option({}, "options of the cell, such as reset=before for gru")
    hidden_size: int = option(128, "units of a cell", minimum=1, tune="64,96,128,192,256")
    num_layers: int = option(1, "recurrent layers", minimum=1, below=MOST_LAYERS, tune="1,2")
    residual: bool | None = option(None, "add what each layer after the first reads to its outputs [false]")
    learned_state: bool = option(False, "learn the state that sequences start from [else zeros]")
    weight_dropout: float = option(0.0, "dropout on recurrent weights", minimum=0, below=1)
    recurrent_dropout: float = option(
        0.0, "dropout on what recurrent products read, the same units at every step of a sequence", minimum=0, below=1
    )
    variational_dropout: float = option(
        0.0, "dropout on what each layer reads, the same features at every step of a sequence", minimum=0, below=1
    )
    zoneout: float = option(0.0, "probability that a unit keeps its state in a step", minimum=0, below=1)
    chrono: int | None = option(
        None, "longest memory, in steps, that gates begin with [else the cell's own biases]", minimum=2
    )

    def build(self, layer: Callable[..., L], *arguments: Any, **options: Any) -> L:
        """An ``Encoder``, ``Decoder`` or ``Recurrent`` with these options: ``config.build(Encoder, 5000, 64)``.

        ``options`` are those of the layer, and override the configuration.
        """
        shared: dict[str, Any] = {
            "cell": make_cell(self.cell, **self.cell_options),
            "hidden_size": self.hidden_size,
            "num_layers": self.num_layers,
            "kernel": None if self.kernel == "auto" else self.kernel,
            "precision": self.precision,
        }
        given = {name: getattr(self, name) for name in _OPTIONS if getattr(self, name)}
        return layer(*arguments, **{**shared, **given, **options})


@dataclass(frozen=True, kw_only=True)
class BeamOptions(TrainingConfig):
    """The search for the output of a decoder."""

    section: ClassVar[str] = "Beam search"

    beam_size: int = option(5, "hypotheses kept by beam search; 1: greedy", minimum=1)
    length_penalty: float = option(0.0, "how much the search favours longer outputs", minimum=0)
    no_repeat_ngram: int = option(0, "never repeat an n-gram of this many tokens; 0: no limit", minimum=0)
