"""Options: one dataclass gives the command line, the TOML file and ``--set`` their names, types, limits and help."""

from seqkit.config.options import C, TrainingConfig, make_config, option, options_of

__all__ = ["C", "TrainingConfig", "make_config", "option", "options_of"]
