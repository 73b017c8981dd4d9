"""squash.h and bfloat16.h alone, compiled for each capability of processors, against double precision over all numbers.

Coarser bounds would pass a wrong coefficient of e^x: 1/730 for 1/720 adds one unit in the last place. The last test
plants such bugs.
"""

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
LN2 = np.log(2)
COUNT = 1 << 18
"""Of arguments in a range: the average error of a 64th of them is known to a hundredth of a unit in the last place"""


class Functions:
    """The functions of the headers in a folder, on arrays of float32."""

    def __init__(self, sources: Path, capability: str, scratch: Path) -> None:
        from torch.utils.cpp_extension import include_paths, library_paths

        flags = [flag for flag in _flags(()) if "CAPABILITY" not in flag]
        flags += _CAPABILITY_FLAGS.get(capability, ["-DCPU_CAPABILITY=DEFAULT"])
        library = scratch / "squashing.so"
        source = Path(__file__).with_name("squashing.cpp")
        paths = [*(f"-I{path}" for path in (sources, *include_paths())), *(f"-L{path}" for path in library_paths())]
        command = [*shlex.split(_compiler() or ""), *flags, str(source), "-o", str(library), *paths, "-lc10"]
        subprocess.run(command, check=True)
        self.library = ctypes.CDLL(str(library))

    def call(self, name: str, x: np.ndarray, *kinds: type, count: int | None = None) -> list[np.ndarray]:
        assert (x.dtype, x.flags.c_contiguous) == (np.float32, True)
        results = [np.empty(x.size, kind) for kind in kinds]
        arrays = [array.ctypes.data_as(ctypes.c_void_p) for array in (x, *results)]
        getattr(self.library, name)(*arrays, ctypes.c_int64(x.size if count is None else count))
        return results

    def of(self, name: str, x: np.ndarray) -> np.ndarray:
        return self.call(name, x, np.float32)[0].astype(np.float64)

    def exponential(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rest, scale = self.call("exponential_of", x, np.float32, np.float32)
        return rest.astype(np.float64), scale.astype(np.float64)


@pytest.fixture(
    scope="module", params=[POSSIBLE[-1], *(pytest.param(c, marks=pytest.mark.slow) for c in POSSIBLE[:-1])]
)
def functions(request, tmp_path_factory):
    return Functions(SOURCES, request.param, tmp_path_factory.mktemp(request.param))


def between(low, high):
    return np.linspace(low, high, COUNT, dtype=np.float32)


def ulps(found, truth):
    """The error of each value in units in the last place of what is true."""
    return (found - truth) / np.spacing(np.abs(truth).astype(np.float32)).astype(np.float64)


def bias(errors):
    """The largest average of a 64th of the errors: those of rounding cancel, that of a coefficient does not."""
    return max(abs(part.mean()) for part in np.split(errors, 64))


def check_exponential(functions):
    # Where the scale is 1; measured: 0.85 units in the last place, and on average 0.08 of 2^-24.
    x = between(-LN2 / 2, LN2 / 2)
    rest, scale = functions.exponential(x)
    truth = np.expm1(x.astype(np.float64))
    assert (scale == 1).all()
    assert np.abs(ulps(rest, truth)[x != 0]).max() < 1
    assert bias((rest - truth) * 2**24) < 0.09
    # All that gates ask for, in 2^-24 of each value; measured: 0.76, and on average 0.06.
    x = between(-87, 87)
    rest, scale = functions.exponential(x)
    errors = ((1 + rest) * scale / np.exp(x.astype(np.float64)) - 1) * 2**24
    assert np.abs(errors).max() < 1
    assert bias(errors) < 0.09
    assert np.abs(np.log2(scale) - x / LN2).max() < 0.5 + 1e-4


def check_gates(functions):
    small = np.geomspace(1e-37, 1, COUNT // 2)
    # The bounds that squash.h promises; measured: tanh 3.5, sigmoid 2.9.
    for x in (between(-20, 20), between(-1, 1), np.concatenate([small, -small]).astype(np.float32)):
        exact = x.astype(np.float64)
        assert np.abs(ulps(functions.of("tanh_of", x), np.tanh(exact)))[x != 0].max() < 4
        assert np.abs(ulps(functions.of("sigmoid_of", x), 1 / (1 + np.exp(-exact)))).max() < 4
    # Measured: 2.4, and on average 0.07.
    far = between(-87, -20)
    errors = ulps(functions.of("sigmoid_of", far), 1 / (1 + np.exp(-far.astype(np.float64))))
    assert np.abs(errors).max() < 3
    assert bias(errors) < 0.09


def test_e_to_the_x_is_within_a_unit_in_the_last_place_and_errs_to_no_side(functions):
    check_exponential(functions)


def test_tanh_and_sigmoid_are_within_4_units_in_the_last_place(functions):
    check_gates(functions)


def test_gates_have_the_limits_of_infinity_and_keep_a_nan(functions):
    x = np.resize(np.array([-np.inf, np.inf, 3e38, -3e38, 0.0, -0.0, np.nan, -np.nan], np.float32), 64)
    tanh, sigmoid = functions.of("tanh_of", x), functions.of("sigmoid_of", x)
    np.testing.assert_array_equal(tanh, np.tanh(x.astype(np.float64)))
    # e^-87, where the argument is cut, is 1.6e-38.
    np.testing.assert_allclose(sigmoid[:6], [0, 1, 1, 0, 0.5, 0.5], atol=2e-38, rtol=0)
    assert np.isnan(sigmoid[6:8]).all()


def every_rounding():
    """Each bfloat16, NaNs too, with what makes it go down, be a tie, and go up."""
    lower = np.array([0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF], np.uint32)
    return ((np.arange(1 << 16, dtype=np.uint32) << 16) + lower[:, None]).ravel().view(np.float32)


def check_rounding(functions):
    x = every_rounding()
    expected = torch.from_numpy(x).bfloat16().view(torch.int16).numpy().view(np.uint16)
    row = functions.call("round_row", x, np.uint16)[0]
    # Both rows of a pair, and with 33 the rest behind the last full vector.
    pairs = functions.call("store_pair", x, np.uint16, count=x.size // 2)[0]
    some = functions.call("store_pair", x[: 2 * 33], np.uint16, count=33)[0]
    for found, truth in (
        (row, expected),
        (pairs, expected.reshape(2, -1).T.ravel()),
        (some, expected[: 2 * 33].reshape(2, -1).T.ravel()),
    ):
        nan = (truth & 0x7FFF) > 0x7F80
        assert ((found[nan] & 0x7FFF) > 0x7F80).all()
        np.testing.assert_array_equal(found[~nan], truth[~nan])


def test_bf16_is_the_nearest_with_ties_to_even_and_a_nan_stays_one(functions):
    check_rounding(functions)


WRONG = [
    ("squash.h", "V(1.f / 5040)", "V(1.f / 5130)"),
    ("squash.h", "V(1.f / 720)", "V(1.f / 730)"),
    ("squash.h", "V(1.f / 120)", "V(1.f / 121)"),
    ("squash.h", "V(1.f / 24)", "V(1.f / 24.01f)"),
    ("squash.h", "V(1.f / 6)", "V(1.f / 6.0001f)"),
    ("squash.h", "V(.5f)", "V(.50001f)"),
    ("squash.h", "2.12194440e-4f", "2.1219e-4f"),
    ("squash.h", "-0.693359375f", "-0.69335f"),
    ("squash.h", "1.44269504f", "1.45f"),
    ("squash.h", ".round()", ".floor()"),
    ("squash.h", "IntV(127)", "IntV(126)"),
    ("squash.h", "clamp(x.neg(), V(-87.f), V(87.f))", "clamp(x.neg(), V(-87.f), V(80.f))"),
    ("squash.h", "clamp(x + x, V(-20.f), V(20.f))", "clamp(x + x, V(-20.f), V(15.f))"),
    ("squash.h", "m + V(2.f)", "m + V(2.000001f)"),
    ("squash.h", "V(1.f) + e.scale", "V(1.000001f) + e.scale"),
    ("squash.h", "e.scale - V(1.f)", "e.scale - V(1.0000002f)"),
    ("bfloat16.h", " + ((bits >> IntV(16)) & IntV(1))", " + IntV(1)"),
    ("bfloat16.h", " + ((bits >> IntV(16)) & IntV(1))", ""),
    ("bfloat16.h", "IntV(0x7fff)", "IntV(0x7ffe)"),
    ("bfloat16.h", "value != value", "value > value"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "old", "new"), WRONG)
def test_a_wrong_constant_is_seen(name, old, new, tmp_path):
    sources = Path(shutil.copytree(SOURCES, tmp_path / "cpp"))
    text = (sources / name).read_text("utf-8")
    assert old in text
    (sources / name).write_text(text.replace(old, new), "utf-8")
    wrong = Functions(sources, POSSIBLE[-1], tmp_path)
    with pytest.raises(AssertionError):
        check_exponential(wrong)
        check_gates(wrong)
        check_rounding(wrong)
