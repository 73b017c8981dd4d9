"""The families of models by the names that exports give them."""

from __future__ import annotations

from importlib import import_module

from seqkit.errors import SeqkitError
from seqkit.runtime.family import Family
from seqkit.runtime.manifest import Opened

KINDS = {
    "label": ("texts", "Labels"),
    "label sets": ("texts", "LabelSets"),
    "numbers": ("texts", "Numbers"),
    "vectors": ("vectors", "Vectors"),
    "tags": ("tags", "Tags"),
    "frames": ("frames", "Frames"),
    "frame sets": ("frames", "SetFrames"),
    "language model": ("language", "Language"),
    "pairs": ("pairs", "Pairs"),
    "captions": ("captions", "Captions"),
}
"""Module and class of each; only the module that is needed is imported, so that a model starts sooner."""


def family_of(opened: Opened) -> type[Family]:
    """The class that answers for a folder; raises :class:`SeqkitError` for a kind that is not known here."""
    if opened.kind not in KINDS:
        raise SeqkitError(f"{opened.path} has a model of a kind that is not known here, {opened.kind!r:.40}; upgrade")
    module, name = KINDS[opened.kind]
    found: type[Family] = getattr(import_module(f"seqkit.runtime.{module}"), name)
    return found
