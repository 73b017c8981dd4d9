"""Options: one dataclass gives the command line, the TOML file and ``--set`` their names, types, limits and help."""

from seqkit.config.options import (
    FromData,
    Option,
    answer_schemas,
    arguments_of,
    declared_defaults,
    from_data,
    make_config,
    option,
    options_of,
    parse_setting,
    plain,
    written,
)
from seqkit.config.shared import (
    BeamOptions,
    ClassWeightOptions,
    PretrainingOptions,
    RecurrentOptions,
    SplitOptions,
    TeacherOptions,
    VocabularyOptions,
    sizes_without_vectors,
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
    "TeacherOptions",
    "TrainingConfig",
    "VocabularyOptions",
    "answer_schemas",
    "arguments_of",
    "declared_defaults",
    "from_data",
    "make_config",
    "option",
    "options_of",
    "parse_setting",
    "plain",
    "read_toml",
    "sizes_without_vectors",
    "write_toml",
    "written",
]
