"""Arrays that anybody may have made: whatever the bytes are, an array comes out or one sentence that names the file."""

import io
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqkit.data import arrays
from seqkit.data.arrays import read_arrays, read_npy
from seqkit.data.pictures.vectors import read_vector
from seqkit.data.readers import DataError
from seqkit.data.vector_files import load_vectors
from seqkit.errors import SeqkitError

FEATURES = np.arange(12, dtype=np.float32).reshape(4, 3)
LABELS = np.array(["stand", "stand", "walk", "walk"])


def packed(save, *arrays, **named):
    stream = io.BytesIO()
    save(stream, *arrays, **named)
    return stream.getvalue()


WHOLE = {
    "a.npy": packed(np.save, FEATURES),
    "a.npz": packed(np.savez, features=FEATURES, labels=LABELS),
    "b.npz": packed(np.savez_compressed, features=FEATURES, labels=LABELS),
}


def npy(header, content=b""):
    """A file with this text as its header."""
    text = header.encode("latin-1") + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + content


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("arrays")


@pytest.mark.parametrize("name", WHOLE)
def test_arrays_are_read_as_numpy_wrote_them(folder, name):
    path = folder / name
    path.write_bytes(WHOLE[name])
    found = read_arrays(path, ("features", "labels"))
    assert np.array_equal(found.get("features", found.get("")), FEATURES)
    assert name == "a.npy" or found["labels"].tolist() == LABELS.tolist()


@pytest.mark.parametrize(
    "array",
    [FEATURES.T, FEATURES.astype(">f8"), FEATURES[:0], np.array(3.5), np.array(["é", "日本"], ">U2"), FEATURES > 3],
)
def test_any_order_type_and_shape_is_read(folder, array):
    path = folder / "any.npy"
    np.save(path, array)
    found = read_npy(path)
    assert found.shape == array.shape and np.array_equal(found, array)
    assert found.flags.writeable, "torch warns of arrays that cannot be written"


@settings(max_examples=200)
@given(st.sampled_from(sorted(WHOLE)), st.data())
def test_flipped_bits_give_an_array_or_a_sentence_with_the_file(folder, name, data):
    content = bytearray(WHOLE[name])
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path = folder / f"flipped-{name}"
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))] if data.draw(st.booleans()) else content)
    try:
        read_arrays(path, ("features", "labels"))
    except DataError as error:
        assert path.name in str(error) and "\n" not in str(error)


@pytest.mark.parametrize(
    "content",
    [
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,), }"),
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-4, -3), }", bytes(48)),
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3"),
        npy("{'descr': '<q9', 'fortran_order': False, 'shape': (2,), }", bytes(48)),
        npy("(" * 300),
        npy("{'descr': '<U1', 'fortran_order': False, 'shape': (1,), }", b"\xff\xff\xff\xff"),
        b"\x93NUMPY\x09\x00" + bytes(40),
        b"",
    ],
    ids=["too large", "negative", "cut", "unknown type", "brackets", "no text", "format", "empty"],
)
def test_headers_that_lie_are_refused(folder, content):
    path = folder / "lies.npy"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"lies\.npy is not an array of numpy \(.+\); save it again"):
        read_npy(path)


def test_an_array_that_would_unfold_to_far_more_than_its_file_is_refused_before_it_does(folder, monkeypatch):
    # 256 MB are allowed from any file; so many would only make this test slow.
    monkeypatch.setattr(arrays, "_ANY_RATIO", 1 << 20)
    path = folder / "bomb.npz"
    np.savez_compressed(path, features=np.zeros((1 << 10, 4 << 10), np.uint8))
    with pytest.raises(DataError, match=r"bomb\.npz would unfold to 4 MB, 100 times its size and more"):
        read_arrays(path, ("features", "labels"))
    np.savez(path, features=np.zeros((1 << 10, 4 << 10), np.uint8))
    assert read_arrays(path, ("features",))["features"].nbytes == 4 << 20, "what is not packed has its size"


@pytest.mark.parametrize("method", [12, 14, 93, 99])
def test_arrays_packed_in_ways_nobody_here_unpacks_are_refused(folder, method):
    content = bytearray(WHOLE["a.npz"])
    for mark, place in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        at = content.find(mark) + place
        content[at : at + 2] = method.to_bytes(2, "little")
    path = folder / "method.npz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"method\.npz"):
        read_arrays(path, ("features",))


@pytest.mark.parametrize("read", [read_npy, read_vector, load_vectors])
@pytest.mark.parametrize("name", ["x.npy", "x.safetensors", "x.txt.gz"])
def test_a_pipe_or_an_endless_device_is_refused_before_it_is_opened(tmp_path, read, name):
    # Were it opened, this test would never end.
    os.mkfifo(tmp_path / name)
    with pytest.raises(SeqkitError, match="it is a pipe or a device"):
        read(tmp_path / name)
    (tmp_path / f"link-{name}").symlink_to("/dev/zero")
    with pytest.raises(SeqkitError, match="it is a pipe or a device"):
        read(tmp_path / f"link-{name}")
