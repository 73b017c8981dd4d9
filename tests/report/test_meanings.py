"""What the scores of a report mean."""

from seqkit.report.meanings import meanings


def test_segments_are_explained_once_and_the_others_refer_to_it():
    found = meanings(["accuracy", "segment_f1_10", "segment_f1_25", "edit"])
    assert list(found) == ["accuracy", "segment f1 10", "segment f1 25", "edit"]
    assert "at least 10 % of the frames" in found["segment f1 10"]
    assert found["segment f1 25"] == "the same with 25 %"


def test_a_score_that_is_not_known_has_no_meaning():
    assert meanings(["score_of_ones_own"]) == {}
