"""Values that processes send each other: they arrive as they were, and bytes decide nothing but values."""

import json
import math
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save

from seqkit.answers.labels import Classified
from seqkit.training.values import from_bytes, to_bytes


class Pair(NamedTuple):
    first: Any
    second: Any = None


@dataclass(frozen=True)
class Found:
    name: str
    pairs: tuple[Pair, ...] = ()
    notes: dict[str, Any] = field(default_factory=dict)


PLAIN = st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text() | st.floats(allow_nan=False)
VALUES = st.recursive(
    PLAIN,
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(st.text() | st.integers(), inner)
        | st.builds(Pair, inner, inner)
        | st.builds(Found, st.text(), st.just((Pair(1), Pair("a"))), st.dictionaries(st.text(), inner))
    ),
    max_leaves=20,
)


def same_types(first, second):
    assert type(first) is type(second)
    if isinstance(first, dict):
        assert [*first] == [*second]
        first, second = [*first.values()], [*second.values()]
    if isinstance(first, list | tuple):
        for pair in zip(first, second, strict=True):
            same_types(*pair)


@given(VALUES)
def test_what_arrives_is_what_was_sent(value):
    found = from_bytes(to_bytes(value))
    assert found == value
    same_types(found, value)


def test_every_bit_of_numbers_arrives():
    rare = [0.1 + 0.2, 5e-324, -0.0, math.inf, 1e308]
    found = from_bytes(to_bytes([*rare, math.nan]))
    assert [value.hex() for value in found[:-1]] == [value.hex() for value in rare]
    assert math.isnan(found[-1])


def test_predictions_and_arrays_arrive():
    tied = torch.arange(6.0).view(2, 3)
    value = {"a": tied, "b": tied.T, "rows": np.arange(3, dtype=np.int16), "one": np.float32(0.1)}
    found = from_bytes(to_bytes([value, [Classified("good", {"good": 0.75, "bad": 0.25})] * 3]))
    assert torch.equal(found[0]["a"], tied)
    assert torch.equal(found[0]["b"], tied.T)
    assert found[0]["rows"].dtype == np.int16
    assert found[0]["rows"].tolist() == [0, 1, 2]
    assert isinstance(found[0]["one"], np.float32)
    assert found[1] == [Classified("good", {"good": 0.75, "bad": 0.25})] * 3


class Other:
    pass


@pytest.mark.parametrize("value", [Other(), {1, 2}, b"bytes", len], ids=lambda value: type(value).__name__)
def test_what_could_not_be_made_again_is_refused(value):
    with pytest.raises(TypeError):
        to_bytes([value])


@pytest.mark.parametrize("name", ["os:system", "subprocess:Popen", "nowhere:Thing", "seqkit.answers.labels:NONE"])
def test_bytes_decide_which_values_arrive_and_never_which_code_runs(name):
    content = save({}, {"value": json.dumps([["objects", 0, 1, [["plain", ["true"]]]], [name]])})
    with pytest.raises(ValueError, match="is known in this process"):
        from_bytes(content)
