"""Digests of examples: whether data are those that a run was made with."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from typing import Any

from seqkit.data import Splits
from seqkit.data.prepared import StoredExamples
from seqkit.topologies import AnyTask


def fingerprint(task: AnyTask, splits: Splits[Any]) -> str:
    """A digest of all examples and of the split that each is in; that of a stored split was made with it."""
    if isinstance(splits.train, StoredExamples):
        return splits.train.fingerprint
    digest = hashlib.blake2b(digest_size=16)
    for split in dataclasses.fields(splits):
        digest.update(split.name.encode())
        _add_content(digest, getattr(splits, split.name))
    return digest.hexdigest()


def content_digest(examples: Sequence[Any]) -> str:
    """A digest of the examples of one split."""
    digest = hashlib.blake2b(digest_size=16)
    _add_content(digest, examples)
    return digest.hexdigest()


def _add_content(digest: hashlib.blake2b, examples: Sequence[Any]) -> None:
    for example in examples:
        digest.update(repr(_content(example)).encode("utf-8", "surrogatepass"))


_ABSENT = {"weight": 1, "group": ""}
"""What an example has that says nothing of it"""


def _content(example: Any) -> Any:
    """An example without its location, which changes with the file's name.

    A weight of 1 is left out, too, and so is no group: the examples of earlier versions had neither.
    """
    if not dataclasses.is_dataclass(example):
        return example
    left_out = {"location", *(name for name, none in _ABSENT.items() if getattr(example, name, none) == none)}
    return [getattr(example, f.name) for f in dataclasses.fields(example) if f.name not in left_out]
