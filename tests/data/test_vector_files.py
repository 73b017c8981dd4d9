"""Every form in which word vectors come, and what is said of a damaged one."""

import gzip

import pytest
import torch
from safetensors.torch import save_file

from seqkit.data import Vocabulary
from seqkit.data.readers import DataError
from seqkit.data.vector_files import ENDINGS, load_vectors, write_vectors
from seqkit.data.vectors import nearest, read_vectors, vector_size
from seqkit.errors import UsageError

WORDS = ["cat", "dog", "naïve", "12"]
MATRIX = torch.tensor([[1.0, 2.0], [1.5, 1.9], [-3.0, 0.25], [0.0, -1e-5]])


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_was_written_is_read_whatever_the_form(ending, tmp_path):
    path = tmp_path / f"vectors{ending}"
    write_vectors(path, WORDS, MATRIX)
    words, matrix = load_vectors(path)
    assert words == WORDS
    torch.testing.assert_close(matrix, MATRIX)
    assert vector_size(path) == 2
    found = read_vectors(path, Vocabulary(["<pad>", "<unk>"], ["dog", "fish"]), 2)
    assert found.matrix[2].tolist() == pytest.approx([1.5, 1.9])
    assert found.has_vector.tolist() == [False, False, True, False]
    first = path.read_bytes()
    write_vectors(path, WORDS, MATRIX)
    assert path.read_bytes() == first


def test_what_a_killed_writer_left_goes_and_what_others_write_stays(tmp_path):
    (tmp_path / ".v.txt.0123456789abcdef.tmp").touch()
    (tmp_path / ".other.txt.0123456789abcdef.tmp").touch()
    write_vectors(tmp_path / "v.txt", WORDS, MATRIX)
    assert {path.name for path in tmp_path.iterdir()} == {"v.txt", ".other.txt.0123456789abcdef.tmp"}


def test_the_header_line_is_that_of_word2vec(tmp_path):
    write_vectors(tmp_path / "v.vec", WORDS, MATRIX)
    assert (tmp_path / "v.vec").read_text("utf-8").splitlines()[:2] == ["4 2", "cat 1 2"]
    write_vectors(tmp_path / "v.txt", WORDS, MATRIX)
    assert (tmp_path / "v.txt").read_text("utf-8").startswith("cat 1 2\n")


def test_faults_in_a_gzipped_file_are_named_with_the_line(tmp_path):
    path = tmp_path / "v.txt.gz"
    path.write_bytes(gzip.compress(b"cat 1 2\ndog 1\n"))
    with pytest.raises(DataError, match=r"v\.txt\.gz:2: the row has 1 values, expected 2"):
        load_vectors(path)
    whole = gzip.compress("".join(f"w{n} {n * 7919 % 1000} {n * 104729 % 1000}\n" for n in range(2000)).encode())
    for damaged in (whole[: len(whole) // 2], whole[:-200] + bytes(100) + whole[-100:], b"cat 1 2\n"):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=r"v\.txt\.gz:\d+: cannot read on"):
            load_vectors(path)


def test_other_and_damaged_safetensors_are_refused_by_name(tmp_path):
    path = tmp_path / "v.safetensors"
    path.write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"v\.safetensors is not a safetensors file"):
        load_vectors(path)
    save_file({"weight": MATRIX}, path)
    with pytest.raises(DataError, match="is not a file of vectors"):
        load_vectors(path)
    write_vectors(path, WORDS, MATRIX / 0)
    with pytest.raises(DataError, match="must have a finite vector for each of its 4 words"):
        load_vectors(path)
    write_vectors(path, WORDS[:3], MATRIX)
    with pytest.raises(DataError, match="must have a finite vector for each of its 3 words"):
        load_vectors(path)


def test_files_that_are_not_there_or_have_another_ending_are_refused(tmp_path):
    for name in ("none.txt", "none.txt.gz", "none.safetensors"):
        with pytest.raises(UsageError, match="none"):
            load_vectors(tmp_path / name)
    with pytest.raises(UsageError, match=r"name it with one of \.txt"):
        write_vectors(tmp_path / "v.bin", WORDS, MATRIX)


def test_the_nearest_word_points_the_same_way_whatever_its_length():
    matrix = torch.tensor([[1.0, 0.0], [0.0, 3.0], [50.0, 1.0], [-1.0, 0.0]])
    assert [word for word, _ in nearest("a", ["a", "b", "c", "d"], matrix)] == ["c", "b", "d"]
    assert nearest("a", ["a", "b", "c", "d"], matrix, 1)[0][1] == pytest.approx(50 / 2501**0.5)
    with pytest.raises(UsageError, match="unknown word 'kat'"):
        nearest("kat", WORDS, MATRIX)
