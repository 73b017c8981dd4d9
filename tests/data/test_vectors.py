"""What reading word vectors promises: both formats, and the line of everything that is wrong."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqkit.data.readers import DataError
from seqkit.data.vectors import read_vectors
from seqkit.data.vocab import Vocabulary
from seqkit.errors import SeqkitError, UsageError

modest = settings(max_examples=100, deadline=None, derandomize=True)
VOCABULARY = Vocabulary(["<pad>", "<unk>"], ["cat", "dog", "at home", "fish"])
GLOVE = "cat 1 2 3\ndog 4 5 6.5\nbird 7 8 9\nat home 1e-1 -2 3\n"


@pytest.fixture
def vectors(tmp_path):
    def read(content, size=None):
        path = tmp_path / "v.txt"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_vectors(path, VOCABULARY, size)

    return read


@pytest.mark.parametrize("content", [GLOVE, "4 3\n" + GLOVE, GLOVE.replace("\n", " \r\n"), GLOVE + "\n"])
def test_glove_and_word2vec_text_are_read(vectors, content):
    matrix, has_vector, _ = vectors(content, size=3)
    assert has_vector.tolist() == [False, False, True, True, True, False]
    expected = [[0, 0, 0], [0, 0, 0], [1, 2, 3], [4, 5, 6.5], [0.1, -2, 3], [0, 0, 0]]
    torch.testing.assert_close(matrix, torch.tensor(expected), rtol=0, atol=0)


def test_the_first_of_two_vectors_counts_and_one_note_says_so(vectors):
    matrix, _, notes = vectors("cat 1 2\ndog 3 4\ncat 5 6\ndog 7 8\n")
    assert matrix[2:4].tolist() == [[1, 2], [3, 4]]
    (note,) = (note for note in notes if "second vector" in note)
    assert note.startswith("2 ")
    assert note.endswith("v.txt:3")


def test_a_word_spelled_like_a_special_gets_no_vector(vectors):
    _, has_vector, _ = vectors("<pad> 1 2\n<unk> 1 2\ncat 3 4\n")
    assert has_vector.tolist() == [False, False, True, False, False, False]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("cat 1 2 3\ndog 4 5\n", r"v\.txt:2: the row has 2 values, expected 3"),
        ("cat 1 2 3\ndog 4 5 6 7\n", r"v\.txt:2: the row has 4 values, expected 3"),
        ("cat 1 2 3\ndog 4 x 6\n", r"v\.txt:2: 'x' is not a number"),
        ("cat 1 2 3\ndog 4 nan 6\n", r"v\.txt:2: .*not finite"),
        ("cat 1 2 3\ndog 4 inf 6\n", r"v\.txt:2: .*not finite"),
        ("cat 1 2 3\ndog 4 1e300 6\n", r"v\.txt:2: .*not finite"),
        ("cat\n", r"v\.txt:1: no numbers"),
        ("2 3\ncat 1 2\n", r"v\.txt:2: the row has 2 values, expected 3"),
        (b"cat 1 2\nd\xe9 1 2\n", r"v\.txt:2: byte 0xe9 at column 2"),
        ("bird 1 2\n", r"v\.txt has no vector for any word"),
        ("", r"v\.txt has no vector for any word"),
        ("2 3\n", r"v\.txt has no vector for any word"),
    ],
)
def test_every_fault_is_named_with_its_line(vectors, content, message):
    with pytest.raises(DataError, match=message):
        vectors(content)


@pytest.mark.parametrize("content", [GLOVE, "4 3\n" + GLOVE])
def test_another_size_than_the_files_is_refused_with_both(vectors, content):
    with pytest.raises(UsageError, match=r"v\.txt:1: the vectors have 3 values but the embedding 5; ask for 3"):
        vectors(content, size=5)


@modest
@given(
    content=st.binary(max_size=60)
    | st.tuples(st.integers(0, 40), st.binary(max_size=4)).map(
        lambda cut: GLOVE.encode()[: cut[0]] + cut[1] + GLOVE.encode()[cut[0] + 2 :]
    )
)
def test_whatever_the_file_holds_only_a_plain_error_comes_out(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "fuzzed.vec"
    path.write_bytes(content)
    try:
        read_vectors(path, VOCABULARY)
    except SeqkitError as error:
        assert "\n" not in str(error)


def test_a_header_of_absurd_numbers_is_an_error_not_a_crash(vectors):
    for content in ("9" * 5000 + " " + "9" * 5000, "1 99999999999\ncat 1 2"):
        with pytest.raises(SeqkitError):
            vectors(content)
