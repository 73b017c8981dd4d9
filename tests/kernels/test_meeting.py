"""The barrier of a team of threads under the thread sanitizer: what one wrote before it, the others read behind it.

The sanitizer knows the atomic numbers that the barrier is made of, and nothing of OpenMP, which is left out here. That
the loops have a barrier wherever they need one is what test_teams.py and test_linear_gates.py show by their numbers.
"""

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from seqkit.kernels.build import SOURCES, _compiler, _flags
from seqkit.kernels.library import ensure

pytestmark = [
    pytest.mark.command,
    pytest.mark.skipif(not ensure(print), reason="the native kernels cannot be built here"),
]


def compiled(sources, folder):
    """The program, in which the sanitizer watches every access; skips where the compiler has none."""
    from torch.utils.cpp_extension import include_paths

    program, source = folder / "meeting", Path(__file__).with_name("meeting.cpp")
    flags = [flag for flag in _flags(()) if flag not in ("-shared", "-fPIC", "-fopenmp", "-O3")]
    command = [*shlex.split(_compiler() or ""), *flags, "-O1", "-g", "-fsanitize=thread", "-pthread"]
    command += [*(f"-I{path}" for path in (sources, *include_paths())), str(source), "-o", str(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "tsan" in done.stderr:
        pytest.skip("this compiler has no thread sanitizer")
    assert done.returncode == 0, done.stderr
    return program


def met(program, size, rounds):
    # At fixed addresses: the sanitizer does not start where the kernel spreads them widely.
    words = ["setarch", "-R", program] if shutil.which("setarch") else [program]
    done = subprocess.run([*map(str, words), str(size), str(rounds)], capture_output=True, text=True, check=False)
    if "unexpected memory mapping" in done.stderr:
        pytest.skip("the thread sanitizer does not run on this kernel")
    return done


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    return compiled(SOURCES, tmp_path_factory.mktemp("meeting"))


@pytest.mark.parametrize("size", [1, 2, 3])
def test_members_read_behind_the_barrier_what_the_others_wrote_before_it(size, program):
    done = met(program, size, 40)
    assert (done.returncode, done.stderr) == (0, "")


WRONG = [
    ("fetch_add(1, std::memory_order_acq_rel)", "fetch_add(1, std::memory_order_relaxed)"),
    ("round_.store(round + 1, std::memory_order_release)", "round_.store(round + 1, std::memory_order_relaxed)"),
    ("if (size == 1) return;", "if (size < 3) return;"),
    ("== size - 1", "== 0"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("old", "new"), WRONG)
def test_a_weaker_barrier_is_seen(old, new, tmp_path):
    sources = Path(shutil.copytree(SOURCES, tmp_path / "cpp"))
    text = (sources / "team.h").read_text("utf-8")
    assert old in text
    (sources / "team.h").write_text(text.replace(old, new), "utf-8")
    done = met(compiled(sources, tmp_path), 2, 100)
    assert done.returncode != 0
    assert done.returncode == 1 or "data race" in done.stderr
