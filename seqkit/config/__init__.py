"""Options: one dataclass gives the command line, the TOML file and ``--set`` their names, types, limits and help."""

from seqkit.config.options import Option, arguments_of, make_config, option, options_of, parse_setting
from seqkit.config.shared import BeamOptions, ClassWeightOptions, RecurrentOptions, SplitOptions, VocabularyOptions
from seqkit.config.toml import read_toml, write_toml
from seqkit.config.training import TrainingConfig

__all__ = [
    "BeamOptions",
    "ClassWeightOptions",
    "Option",
    "RecurrentOptions",
    "SplitOptions",
    "TrainingConfig",
    "VocabularyOptions",
    "arguments_of",
    "make_config",
    "option",
    "options_of",
    "parse_setting",
    "read_toml",
    "write_toml",
]
