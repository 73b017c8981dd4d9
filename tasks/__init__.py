"""Task heads. Each file here is one task, found by its presence; its public names can be imported from here, too."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from seqkit.plugins import source_files


def __getattr__(name: str) -> Any:
    if not name.startswith("_"):
        for path in source_files(__name__):
            module = import_module(f"{__name__}.{path.stem}")
            if name in module.__all__:
                return getattr(module, name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
