"""Options: one dataclass gives the command line, the TOML file and ``--set`` their names, types, limits and help."""

from seqkit.config.options import (
    FromData,
    Option,
    arguments_of,
    from_data,
    make_config,
    option,
    options_of,
    parse_setting,
)
from seqkit.config.shared import (
    BeamOptions,
    ClassWeightOptions,
    PretrainingOptions,
    RecurrentOptions,
    SplitOptions,
    VocabularyOptions,
)
from seqkit.config.toml import read_toml, write_toml
from seqkit.config.training import TrainingConfig

__all__ = [
    "BeamOptions",
    "ClassWeightOptions",
    "FromData",
    "Option",
    "PretrainingOptions",
    "RecurrentOptions",
    "SplitOptions",
    "TrainingConfig",
    "VocabularyOptions",
    "arguments_of",
    "from_data",
    "make_config",
    "option",
    "options_of",
    "parse_setting",
    "read_toml",
    "write_toml",
]
