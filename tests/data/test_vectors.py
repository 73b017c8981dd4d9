import pytest

from seqkit import UsageError
from seqkit.data import DataError, Vocabulary
from seqkit.data.vectors import read_vectors

VOCABULARY = Vocabulary(("<pad>", "<unk>"), ("cat", "new york", "dog"))


def read(tmp_path, content, size=None):
    path = tmp_path / "v.txt"
    path.write_text(content, encoding="utf-8")
    return read_vectors(path, VOCABULARY, size)


@pytest.mark.parametrize("header", ["", "3 2\n"])
def test_glove_and_word2vec_files_are_read(tmp_path, header):
    vectors = read(tmp_path, header + "cat 1 2\nbird 3 4\nnew york 5 6\n", 2)
    assert vectors.matrix.tolist() == [[0, 0], [0, 0], [1, 2], [5, 6], [0, 0]]
    assert vectors.found.tolist() == [False, False, True, True, False]


def test_the_first_of_two_vectors_wins_and_is_told(tmp_path):
    vectors = read(tmp_path, "cat 1 2\ncat 3 4\n")
    assert vectors.matrix[2].tolist() == [1, 2]
    assert any("v.txt:2" in note for note in vectors.notes)


@pytest.mark.parametrize(
    ("content", "kind", "message"),
    [
        ("cat 1 2\ndog 1\n", DataError, "v.txt:2: the row has 1 values, expected 2"),
        ("cat 1 2\ndog 1 2 3\n", DataError, "v.txt:2: the row has 3 values, expected 2"),
        ("cat 1 2\ndog 1 x\n", DataError, "v.txt:2: .*a vector is made of numbers"),
        ("cat 1 nan\n", DataError, "v.txt:1: .*not finite"),
        ("cat\n", DataError, "v.txt:1: no numbers"),
        ("bird 1 2\n", DataError, "no vector for any word"),
        ("cat 1 2 3\n", UsageError, "v.txt:1: the vectors have 3 values but the embedding 2"),
    ],
)
def test_a_bad_file_is_refused_with_its_line(tmp_path, content, kind, message):
    with pytest.raises(kind, match=message):
        read(tmp_path, content, 2)
