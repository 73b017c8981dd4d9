"""Processors without AVX-512, or without AVX2: the same tests, on what torch and oneDNN do when told to do without."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from seqkit.kernels import ensure

TESTS = Path(__file__).with_name("test_native.py")
BEYOND = {"avx2": ("AVX512",), "default": ("AVX512", "AVX2")}
"""What torch would say that this processor has, were it not told."""

pytestmark = pytest.mark.skipif(not ensure(print), reason="the native kernels cannot be built here")


@pytest.mark.command
@pytest.mark.parametrize(
    ("torchs", "onednns"), [("avx2", "AVX2"), pytest.param("default", "SSE41", marks=pytest.mark.slow)]
)
def test_a_lesser_processor_gets_correct_answers(tmp_path, torchs, onednns):
    if torch.backends.cpu.get_cpu_capability() not in BEYOND[torchs]:
        pytest.skip("this processor has no more than that itself")
    told = {"ATEN_CPU_CAPABILITY": torchs, "ONEDNN_MAX_CPU_ISA": onednns, "XDG_CACHE_HOME": str(tmp_path)}
    check = f"import torch; assert torch.backends.cpu.get_cpu_capability().lower() == {torchs!r}"
    command = f"{check}; import sys, pytest; sys.exit(pytest.main(['-q', '-x', {str(TESTS)!r}]))"
    done = subprocess.run(
        [sys.executable, "-c", command],
        env={**os.environ, **told, "OMP_NUM_THREADS": "1"},
        cwd=TESTS.parents[2],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert " passed" in done.stdout
    assert len(list(tmp_path.glob("seqkit/kernels/*/native.so"))) == 1
