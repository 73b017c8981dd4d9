"""The library in a process: loaded once, whatever is asked for later; a build is announced, and is no warning."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from seqkit.kernels.build import _folder, built
from seqkit.kernels.library import ensure

pytestmark = pytest.mark.skipif(not ensure(print), reason="the native kernels cannot be built here")

RUN_A_LAYER = """
import torch
from seqkit import Recurrent
print(tuple(Recurrent("lstm", 2, 3, kernel="native")(torch.zeros(1, 4, 2))[0].shape))
"""
SHAPE = "(1, 4, 3)\n"


@pytest.fixture
def run(tmp_path):
    """Runs Python code in a process of its own, with a copy of the build in its cache folder; warnings are errors."""
    folder = built().parent
    shutil.copytree(folder, tmp_path / "cache" / "seqkit" / "kernels" / folder.name)

    def run_code(code, **environment):
        environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache"), **environment}
        command = [sys.executable, "-W", "error", "-c", dedent(code)]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    return run_code


def test_where_another_library_is_wanted_the_loaded_one_serves(run, tmp_path):
    # torch aborts the interpreter when a second library defines the same operators.
    shutil.copytree(tmp_path / "cache", tmp_path / "other")
    (other,) = tmp_path.glob("other/seqkit/kernels/*/native.so")
    code = f"""
        import os
        from seqkit.kernels import ensure, ready
        from seqkit.kernels.library import load
        assert ensure(print)
        os.environ["XDG_CACHE_HOME"] = {str(tmp_path / "other")!r}
        assert ensure(print) and ready()
        load({str(other)!r})
    """
    done = run(dedent(code) + RUN_A_LAYER)
    assert (done.returncode, done.stdout) == (0, SHAPE), done.stderr


def test_a_reloaded_module_does_not_load_the_library_again(run):
    code = """
        import importlib
        from seqkit.kernels import library
        assert library.ensure(print)
        importlib.reload(library)
        assert library.ensure(print)
    """
    done = run(dedent(code) + RUN_A_LAYER)
    assert (done.returncode, done.stdout) == (0, SHAPE), done.stderr


def test_threads_may_ask_for_the_library_at_once(run):
    code = """
        import time
        import torch
        from concurrent.futures import ThreadPoolExecutor
        from seqkit.kernels.library import ensure
        load_library, loads = torch.ops.load_library, []
        def load_slowly(path):
            loads.append(path)
            time.sleep(0.2)
            load_library(path)
        torch.ops.load_library = load_slowly
        with ThreadPoolExecutor(4) as pool:
            assert all(pool.map(ensure, [print] * 4))
        assert len(loads) == 1, loads
    """
    done = run(dedent(code) + RUN_A_LAYER)
    assert (done.returncode, done.stdout) == (0, SHAPE), done.stderr


def test_a_layer_that_asks_for_native_builds_it_and_says_so_without_a_warning(run, tmp_path):
    compiler = tmp_path / "quick-c++"
    compiler.write_text(f'#!/bin/sh\nwhile [ "$1" != "-o" ]; do shift; done\ncp {built()} "$2"\n')
    compiler.chmod(0o755)
    done = run(RUN_A_LAYER, CXX=str(compiler), XDG_CACHE_HOME=str(tmp_path / "empty"))
    assert (done.returncode, done.stdout) == (0, SHAPE), done.stderr
    assert done.stderr.count("Building the native kernels") == 1
    assert len(list(Path(tmp_path).glob("empty/seqkit/kernels/*/native.so"))) == 1


def test_a_second_build_in_a_process_is_loaded_beside_the_first_which_serves(run, tmp_path):
    # torch aborts the interpreter where a library defines operators that are there.
    second = tmp_path / "second.so"
    shutil.copy(built(), second)
    code = f"""
        import torch
        from seqkit.kernels import ensure
        assert ensure(print)
        torch.ops.load_library({str(second)!r})
    """
    done = run(dedent(code) + RUN_A_LAYER)
    assert (done.returncode, done.stdout) == (0, SHAPE), done.stderr


def test_a_library_that_was_cut_short_is_built_again_and_never_mapped(run, tmp_path, monkeypatch):
    # Code beyond the end of a mapped file is a bus error.
    (path,) = tmp_path.glob("cache/seqkit/kernels/*/native.so")
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)
    compiler = tmp_path / "c++"
    compiler.write_text(f'#!/bin/sh\nwhile [ "$1" != "-o" ]; do shift; done\ncp {built()} "$2"\n')
    compiler.chmod(0o755)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path.parent.rename(_folder(str(compiler)))
    done = run(RUN_A_LAYER, CXX=str(compiler))
    assert (done.returncode, done.stdout) == (0, SHAPE), done.stderr
    assert "Building the native kernels" in done.stderr


def test_a_forked_process_computes_after_its_parent_has_with_several_threads(run):
    code = """
        import os, signal, warnings
        import torch
        from seqkit import Recurrent, nn
        torch.set_num_threads(2)
        layer, theirs = Recurrent("gru", 64, 128, kernel="native"), nn.LSTM(64, 128)
        x = torch.zeros(64, 32, 64)
        def compute():
            layer(x)[0].sum().backward()
            theirs(x)[0].sum().backward()
            return torch.ones(512, 512) @ torch.ones(512, 512)
        compute()
        warnings.simplefilter("ignore")  # that of newer Pythons, of threads
        if not (child := os.fork()):
            signal.alarm(60)
            compute()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        assert torch.get_num_threads() == 2
    """
    done = run(code)
    assert done.returncode == 0, done.stderr
