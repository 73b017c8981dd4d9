"""int8.h alone, compiled for each capability of processors, against integers of numpy. The last test plants bugs."""

import ctypes
import shlex
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

from seqkit.kernels.build import _CAPABILITY_FLAGS, SOURCES, _compiler, _flags
from seqkit.kernels.library import ensure

pytestmark = [
    pytest.mark.command,
    pytest.mark.skipif(not ensure(print), reason="the native kernels cannot be built here"),
]
CAPABILITIES = ("DEFAULT", "AVX2", "AVX512")
HERE = torch.backends.cpu.get_cpu_capability()
POSSIBLE = CAPABILITIES[: CAPABILITIES.index(HERE) + 1 if HERE in CAPABILITIES else 1]


class Functions:
    """The functions of the header in a folder, by torch's product of integers or by our own loop."""

    def __init__(self, sources, capability, scratch, by_hand):
        from torch.utils.cpp_extension import include_paths, library_paths

        flags = [flag for flag in _flags(("SEQKIT_INT8_BY_HAND",) if by_hand else ()) if "CAPABILITY" not in flag]
        flags += _CAPABILITY_FLAGS.get(capability, ["-DCPU_CAPABILITY=DEFAULT"])
        library, source = scratch / "int8.so", Path(__file__).with_name("int8.cpp")
        paths = [*(f"-I{path}" for path in (sources, *include_paths())), *(f"-L{path}" for path in library_paths())]
        linked = ["-lc10"] if by_hand else ["-ltorch_cpu", "-lc10"]
        command = [*shlex.split(_compiler() or ""), *flags, str(source), "-o", str(library), *paths, *linked]
        subprocess.run(command, check=True)
        self.library = ctypes.CDLL(str(library))
        self.library.quantize_row.restype = ctypes.c_float
        self.library.quantized_rows.restype = ctypes.c_int64

    def call(self, name, *arguments):
        given = [
            a.ctypes.data_as(ctypes.c_void_p) if isinstance(a, np.ndarray) else ctypes.c_int64(a) for a in arguments
        ]
        return getattr(self.library, name)(*given)

    def row(self, x):
        """The bytes of a row, what pads them, and its scale."""
        found = np.full(-(-x.size // 4) * 4, 77, np.uint8)
        scale = self.call("quantize_row", x, x.size, found)
        return found[: x.size], found[x.size :], scale

    def block(self, x):
        """The levels (K, width) of a block, scales and sums of its columns."""
        rows, width = x.shape
        found = np.empty(self.call("quantized_rows", rows) * width, np.uint8)
        self.call("quantize_block", x, rows, width, found)
        levels, rest = np.split(found, [-(-rows // 4) * 4 * width])
        scales, sums = np.split(rest.view(np.float32), 2)
        levels = levels.view(np.int8).reshape(-1, width, 4).transpose(0, 2, 1).reshape(-1, width)
        return levels, scales, sums.view(np.int32)

    def product(self, a, b, columns, first):
        found = np.empty((len(a), columns), np.float32)
        self.call("product", len(a), columns, a.shape[1], a, b, b.shape[1], first, found)
        return found


@pytest.fixture(
    scope="module",
    params=[
        (POSSIBLE[-1], False),
        (POSSIBLE[-1], True),
        *(pytest.param((c, True), marks=pytest.mark.slow) for c in POSSIBLE[:-1]),
    ],
    ids=str,
)
def functions(request, tmp_path_factory):
    capability, by_hand = request.param
    return Functions(SOURCES, capability, tmp_path_factory.mktemp(capability), by_hand)


def levels_of(x, axis):
    """Levels and scales by definition: the largest magnitude is 127, a half goes to the even one."""
    largest = np.abs(x).max(axis, keepdims=True)
    inverse = np.float32(127) / np.maximum(largest, np.float32(1e-30))
    return np.rint(x.astype(np.float64) * inverse).astype(np.int64), largest / np.float32(127)


def drawn(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def halves(count):
    """Numbers half way between two levels, to both sides of 0, and the largest of them."""
    return np.resize(np.array([127, -127, 0.5, -0.5, 1.5, -1.5, 2.5, 126.5, -126.5, 0], np.float32), count)


def check_rows(functions):
    for count in (1, 3, 16, 17, 64, 101):
        for x in (drawn(count), halves(count), 1e30 * drawn(count), 1e-39 * drawn(count), np.zeros(count, np.float32)):
            found, padding, scale = functions.row(x)
            levels, expected = levels_of(x, 0)
            np.testing.assert_array_equal(found.astype(int) - 128, levels)
            assert scale == expected[0] and not padding.any()


def check_blocks(functions):
    for rows, width in ((1, 16), (6, 64), (33, 48)):
        for x in (drawn(rows, width), halves(rows * width).reshape(rows, width), 0 * drawn(rows, width)):
            levels, scales, sums = functions.block(x)
            expected, scale = levels_of(x, 0)
            np.testing.assert_array_equal(levels[:rows], expected)
            np.testing.assert_array_equal(scales, scale[0])
            np.testing.assert_array_equal(sums, 128 * expected.sum(0))
            assert not levels[rows:].any()


def check_products(functions):
    for M, K, width, first, columns in (
        (1, 5, 64, 0, 64),
        (3, 100, 48, 16, 32),
        (64, 512, 64, 0, 64),
        (7, 33, 48, 32, 16),
    ):
        # The second holds the largest bytes alone: where two products are added in 16 bits they overflow.
        for a, b in (
            (drawn(M, K), drawn(K, width, seed=1)),
            (np.ones((M, K), np.float32), np.ones((K, width), np.float32)),
        ):
            (x, row_scale), (y, column_scale) = levels_of(a, 1), levels_of(b, 0)
            sums = (x @ y)[:, first : first + columns].astype(np.float32)
            expected = sums * (row_scale * column_scale[:, first : first + columns])
            np.testing.assert_array_equal(functions.product(a, b, columns, first), expected)


def check_what_is_not_finite(functions):
    for poison in (np.nan, np.inf, -np.inf):
        for count in (16, 19):
            x = drawn(count)
            x[count - 2] = poison
            assert not np.isfinite(functions.row(x)[2])
            block = drawn(count, 32)
            block[count - 2, 5] = poison
            scales = functions.block(block)[1]
            assert not np.isfinite(scales[5]) and np.isfinite(np.delete(scales, 5)).all()


CHECKS = (check_rows, check_blocks, check_products, check_what_is_not_finite)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_integers_are_those_of_the_definition(functions, check):
    check(functions)


PLANTED = {
    "kNearest + kOffset": "kNearest + 129.f",
    "quad(K), A, lda": "quad(K) - 4, A, lda",
    "- IntV::loadu(offsets + n)": "- IntV::loadu(offsets)",
    "V(row_scales[m])": "V(row_scales[0])",
    "kOffset * level": "127 * level",
    "+ k % kQuad]": "+ 3 - k % kQuad]",
    "& 0x7fffffff": "& 0x7f7fffff",
    "std::max(largest, kSmallest)": "largest",
    "a[3] * b[4 * n + 3]": "int16_t(a[2] * b[4 * n + 2] + a[3] * b[4 * n + 3])",
}


@pytest.mark.slow
@pytest.mark.parametrize("line", PLANTED)
def test_a_planted_bug_is_found(line, tmp_path):
    sources = tmp_path / "cpp"
    shutil.copytree(SOURCES, sources)
    header = sources / "int8.h"
    text = header.read_text()
    assert line in text
    header.write_text(text.replace(line, PLANTED[line]))
    broken = Functions(sources, POSSIBLE[-1], tmp_path, by_hand=True)
    with pytest.raises(AssertionError):
        for check in CHECKS:
            check(broken)
