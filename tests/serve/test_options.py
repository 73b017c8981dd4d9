"""Options of an answer as requests have them: types, bounds, and a beam that holds what is asked for."""

import pytest

from seqkit.errors import UsageError
from seqkit.serve import Limits
from seqkit.serve.options import AnswerOptions

SCHEMAS = {
    "beam_size": {"type": "integer", "minimum": 1, "default": 5},
    "n_best": {"type": "integer", "minimum": 1},
    "max_ratio": {"type": "number", "minimum": 0, "exclusiveMinimum": 0},
    "copy_unknown": {"type": "boolean"},
}


def checked(options, schemas=SCHEMAS):
    return AnswerOptions("translate", schemas, Limits(beam=8)).checked(options)


def test_a_beam_is_as_wide_as_asked_and_holds_as_many_texts_as_are_wanted():
    assert checked({"n_best": 3}) == {"n_best": 3, "beam_size": 5}
    assert checked({"n_best": 7}) == {"n_best": 7, "beam_size": 7}
    assert checked({"n_best": 2, "beam_size": 4}) == {"n_best": 2, "beam_size": 4}
    assert checked({"n_best": 4, "beam_size": 2}) == {"n_best": 4, "beam_size": 4}
    # A tagger has several answers without a beam.
    assert checked({"n_best": 3}, {"n_best": SCHEMAS["n_best"]}) == {"n_best": 3}


@pytest.mark.parametrize(
    "options",
    [
        {"max_ratio": 0},
        {"max_ratio": 4.5},
        {"max_ratio": float("nan")},
        {"beam_size": 0},
        {"beam_size": 9},
        {"beam_size": 2.5},
        {"beam_size": True},
        {"copy_unknown": 1},
        {"beem_size": 2},
    ],
)
def test_what_is_out_of_bounds_or_of_another_type_is_refused(options):
    with pytest.raises(UsageError):
        checked(options)


def test_numbers_are_taken_as_json_has_them():
    assert checked({"max_ratio": 2, "beam_size": 3.0}) == {"max_ratio": 2.0, "beam_size": 3}
    assert type(checked({"beam_size": 3.0})["beam_size"]) is int
