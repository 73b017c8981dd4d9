"""Building: what can go wrong on other people's machines, with a compiler that a test can afford."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tomlkit

from seqkit.kernels import build as build_module
from seqkit.kernels.build import BuildError, CellSource, any_cell_built, build, built, clear

COMPILER = """#!/bin/sh
echo run >> "$LOG"
{work}
while [ "$1" != "-o" ]; do shift; done
echo library > "$2"
"""


@pytest.fixture
def compiler(tmp_path, monkeypatch):
    """Puts a pretended compiler in place and a cache folder of the test's own; gives the file it logs to."""

    def make(work=""):
        path = tmp_path / "pretended-c++"
        path.write_text(COMPILER.format(work=work))
        path.chmod(0o755)
        monkeypatch.setenv("CXX", str(path))
        return tmp_path / "log"

    monkeypatch.setenv("LOG", str(tmp_path / "log"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return make


def test_a_build_is_reported_once_kept_and_found_again(compiler):
    log, said = compiler(), []
    assert built() is None
    path = build(said.append)
    assert path.read_text() == "library\n"
    assert build(said.append) == built() == path
    assert log.read_text() == "run\n"
    assert len(said) == 1 and "about half a minute" in said[0]
    assert clear() == 1 and built() is None


def test_a_compiled_cell_is_a_build_of_its_own_under_a_name_made_of_its_text(compiler, monkeypatch, tmp_path):
    log, said = compiler(), []
    cells = [CellSource("MyCell", text) for text in ("int a;", "int b;")]
    assert not any_cell_built()
    paths = [build(said.append, cell=cell) for cell in (*cells, cells[0])]
    assert paths[0] == paths[2] != paths[1] and any_cell_built()
    assert log.read_text() == "run\n" * 2
    assert [line.startswith("Building MyCell, once for this machine") for line in said] == [True, True]
    assert (paths[0].parent / "cell.cpp").read_text() == "int a;"
    monkeypatch.delenv("CXX")
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    # Neither is the library of the kernels, even where no compiler says which one that would be.
    assert built() is None and built(cell=cells[1]) == paths[1]
    assert clear() == 2 and not any_cell_built()


def test_a_compiled_cell_that_fails_says_which(compiler):
    compiler("echo 'cell.cpp:3: error: no such thing' >&2; exit 1")
    with pytest.raises(BuildError, match=r"^MyCell could not be built \(cell.cpp:3: error: no such thing\)"):
        build(print, cell=CellSource("MyCell", "int a"))


def test_without_a_compiler_an_old_build_serves_and_a_new_one_is_refused_with_the_mend(compiler, monkeypatch, tmp_path):
    compiler()
    path = build(print)
    monkeypatch.delenv("CXX")
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    assert built() == path
    clear()
    with pytest.raises(BuildError, match=r"no C\+\+ compiler is on the PATH; install g\+\+") as error:
        build(print)
    assert "\n" not in str(error.value)


def test_another_compiler_asks_for_another_build(compiler, tmp_path, monkeypatch):
    compiler()
    build(print)
    other = tmp_path / "other-c++"
    other.write_text(COMPILER.format(work="# another"))
    other.chmod(0o755)
    monkeypatch.setenv("CXX", str(other))
    assert built() is None


def test_a_failing_build_says_the_first_error_and_keeps_the_log(compiler):
    compiler("echo 'operators.cpp:7: error: no such thing' >&2; exit 1")
    with pytest.raises(BuildError, match="error: no such thing") as error:
        build(print)
    log = Path(str(error.value).rpartition(" ")[2])
    assert "no such thing" in log.read_text()
    assert built() is None


def test_a_home_that_cannot_be_written_is_named(compiler, tmp_path, monkeypatch):
    compiler()
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(BuildError, match=r"cannot be kept in .*file"):
        build(print)


def builder():
    code = "from seqkit.kernels.build import build; build(print)"
    return subprocess.Popen([sys.executable, "-c", code], env=os.environ.copy(), stdout=subprocess.PIPE, text=True)


@pytest.mark.command
def test_of_two_processes_one_builds_and_the_other_waits(compiler):
    log = compiler("sleep 3")
    both = [builder(), builder()]
    said = [process.communicate(timeout=60)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert log.read_text() == "run\n"
    assert sum("Building" in text for text in said) == 1


@pytest.mark.command
def test_an_interrupted_build_leaves_nothing_that_stands_in_the_way(compiler):
    log = compiler("sleep 5")
    with builder() as process:
        deadline = time.monotonic() + 60
        while not log.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
    assert built() is None
    compiler()
    assert build(print).exists()


@pytest.mark.command
def test_where_nothing_can_be_built_torchs_own_serve_and_one_line_says_why(monkeypatch, tmp_path):
    code = (
        "import torch, warnings\nfrom seqkit import Recurrent\n"
        "with warnings.catch_warnings(record=True) as caught:\n"
        "    warnings.simplefilter('always')\n"
        "    layer = Recurrent('lstm', 2, 3, kernel='native')\n"
        "    for _ in range(3):\n        print(layer(torch.zeros(1, 2, 2))[0].shape)\n"
        "print(len(caught), caught[0].message)\n"
    )
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path), "PATH": str(tmp_path)}
    environment.pop("CXX", None)
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    *shapes, last = done.stdout.splitlines()
    assert len(shapes) == 3
    assert last.startswith("1 The native kernels cannot run here, so torch's own are used: no C++ compiler")


def test_the_key_names_source_torch_processor_and_flags():
    folder = build_module._folder("c++")
    assert folder.parent == build_module.cache_folder()
    machine, _, compiler = folder.name.partition("-")
    assert (len(machine), len(compiler)) == (16, 8)


SOURCES_FOLDER = build_module.SOURCES
SOURCES = [path for path in SOURCES_FOLDER.rglob("*") if path.is_file()]


@pytest.fixture
def key_of(monkeypatch):
    """The key of a build from the sources in a folder."""

    def key(folder):
        monkeypatch.setattr(build_module, "SOURCES", folder)
        build_module._machine_key.cache_clear()
        return build_module._machine_key()

    yield key
    build_module._machine_key.cache_clear()


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_a_change_of_any_source_asks_for_another_build(source, tmp_path, key_of):
    copied = shutil.copytree(SOURCES_FOLDER, tmp_path / "cpp")
    before = key_of(SOURCES_FOLDER)
    assert key_of(copied) == before
    with (copied / source.relative_to(SOURCES_FOLDER)).open("a") as file:
        file.write("// changed\n")
    assert key_of(copied) != before


def test_defines_ask_for_a_build_of_their_own(compiler):
    compiler('echo "$@" >> "$LOG.arguments"')
    usual, defined = build(print), build(print, ("SEQKIT_LINEAR_GATES", "ANSWER=42"))
    assert usual != defined
    assert (built(), built(("SEQKIT_LINEAR_GATES", "ANSWER=42"))) == (usual, defined)
    first, second = Path(os.environ["LOG"] + ".arguments").read_text().splitlines()
    assert "-DSEQKIT_LINEAR_GATES" not in first
    assert "-DSEQKIT_LINEAR_GATES -DANSWER=42" in second


def test_the_package_ships_every_source():
    root = SOURCES_FOLDER.parents[2]
    project = tomlkit.parse((root / "pyproject.toml").read_text())
    patterns = project["tool"]["setuptools"]["package-data"]["seqkit"]
    shipped = {path for pattern in patterns for path in (root / "seqkit").glob(str(pattern))}
    assert shipped.issuperset(SOURCES)


@pytest.mark.parametrize("part", ["torch", "capability", "processor"])
def test_another_torch_or_processor_asks_for_another_build(part, monkeypatch, tmp_path, key_of):
    before = key_of(SOURCES_FOLDER)
    if part == "torch":
        monkeypatch.setattr(build_module.torch, "__version__", "99.0.0")
    elif part == "capability":
        monkeypatch.setattr(build_module.torch.backends.cpu, "get_cpu_capability", lambda: "VSX")
    else:
        (tmp_path / "cpuinfo").write_text("flags : other\n")
        monkeypatch.setattr(build_module, "Path", lambda *_: tmp_path / "cpuinfo")
    assert key_of(SOURCES_FOLDER) != before
