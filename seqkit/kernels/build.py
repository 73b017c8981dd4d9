"""Builds the native kernels once for this machine, and finds them again.

A build lies in the user's cache folder under a name made of all sources, torch, the processor, the flags and the
compiler, so that a change of any of them asks for a new one. Only this module writes there.

A library runs code when it is loaded, so one is only taken that nobody else could have put there or changed: it and its
folder belong to this user, or to the superuser, nobody else may write to them, and it has the digest of when it was
built. Any other counts as none, and is rebuilt.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shlex
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import NamedTuple

import torch

from seqkit.errors import SeqkitError
from seqkit.machine import cache_home

SOURCES = Path(__file__).with_name("cpp")
"""The folder of the C++ sources, of which ``operators.cpp`` is compiled and includes all the others."""
_LIBRARY = "native.so"
_DIGEST = "native.sha256"
_SCRATCH = "build-"
"""How a folder begins in which a build is under way; a killed one leaves it"""
_CELL = "cell-"
"""How the folder of a cell begins"""
_CAPABILITY_FLAGS = {
    "AVX512": ["-DCPU_CAPABILITY=AVX512", "-DCPU_CAPABILITY_AVX512"],
    "AVX2": ["-DCPU_CAPABILITY=AVX2", "-DCPU_CAPABILITY_AVX2"],
}


class CellSource(NamedTuple):
    """The C++ that was made of a cell, which is a library of its own beside that of the kernels."""

    name: str
    text: str


class BuildError(SeqkitError):
    """The native kernels cannot be built here; the sentence says why."""


def cache_folder() -> Path:
    """Where builds lie: ``seqkit/kernels`` in ``XDG_CACHE_HOME``, or in ``~/.cache``; raises as :func:`cache_home`."""
    return cache_home() / "seqkit" / "kernels"


def built(defines: tuple[str, ...] = (), cell: CellSource | None = None) -> Path | None:
    """The library that fits this source, torch and processor, if one was built; with this compiler, if there is one.

    ``defines``: macros of the C++ source, such as ``"SEQKIT_LINEAR_GATES"``, of a library that is not the usual one.
    ``cell``: the library of this cell instead.
    """
    compiler = _compiler()
    try:
        if compiler is not None:
            path = _folder(compiler, defines, cell) / _LIBRARY
            return path if _is_ours(path) else None
        libraries = filter(_is_ours, sorted(cache_folder().glob(f"{_key(defines, cell)}-*/{_LIBRARY}")))
        return next(libraries, None)
    except OSError:
        # There is no such folder, or we may not look into it.
        return None


def fits(library: Path) -> bool:
    """Whether a library of the kernels is of this source, torch and processor, as compiled cells have to be."""
    return library.parent.name.startswith(_machine_key())


def any_cell_built() -> bool:
    """Whether a cell was ever compiled here: only then is it worth finding out which of them one is."""
    try:
        return next(cache_folder().glob(f"{_CELL}*/{_LIBRARY}"), None) is not None
    except OSError:
        return False


def build(say: Callable[[str], None], defines: tuple[str, ...] = (), cell: CellSource | None = None) -> Path:
    """The library, built if need be; one process builds and others wait for it. The rest as in :func:`built`.

    Raises:
        BuildError: no compiler, a folder that cannot be written, or an error of the compiler.
    """
    if (path := built(defines, cell)) is not None:
        return path
    compiler = _compiler()
    if compiler is None:
        raise BuildError("no C++ compiler is on the PATH; install g++ (Debian: apt install g++) for the native kernels")
    try:
        folder = _folder(compiler, defines, cell)
        _make_private(folder)
        with _locked(folder / "lock"):
            if not _is_ours(folder / _LIBRARY):
                what, long = ("the native kernels", "half a minute") if cell is None else (cell.name, "ten seconds")
                say(f"Building {what}, once for this machine: about {long} ...")
                _compile(compiler, folder, defines, cell)
    except OSError as error:
        where = error.filename or cache_folder()
        raise BuildError(f"the native kernels cannot be kept in {where}: {error.strerror or error}") from error
    return folder / _LIBRARY


def _make_private(folder: Path) -> None:
    """Makes a folder that is this user's alone, with those above it; raises :class:`BuildError` for another user's."""
    cache_folder().parent.mkdir(parents=True, exist_ok=True)
    for each in (cache_folder(), folder):
        each.mkdir(mode=0o700, exist_ok=True)
        found = each.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (os.geteuid(), 0):
            raise BuildError(
                f"{each} is a link, or belongs to another user, who could put any code there; remove it, or set "
                "XDG_CACHE_HOME to a folder of your own"
            )
        if found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) != 0o700:
            each.chmod(0o700)
        if found.st_mode & 0o022:
            # Until now anybody could have moved things here.
            for library in each.rglob(_LIBRARY):
                library.unlink()


def _is_ours(library: Path) -> bool:
    """Whether a build is whole, and nobody but this user and the superuser could have made it what it is."""
    try:
        files = [path.lstat() for path in (library, library.with_name(_DIGEST))]
        folders = [path.lstat() for path in (library.parent, library.parent.parent)]
        kinds = [stat.S_ISREG(each.st_mode) for each in files] + [stat.S_ISDIR(each.st_mode) for each in folders]
        if not all(kinds):
            return False
        if any(each.st_uid not in (os.geteuid(), 0) or each.st_mode & 0o022 for each in (*files, *folders)):
            return False
        return library.with_name(_DIGEST).read_text("ascii") == _digest(library)
    except (OSError, ValueError):
        return False


def _digest(library: Path) -> str:
    return hashlib.sha256(library.read_bytes()).hexdigest()


def clear() -> int:
    """Deletes every build; returns how many there were."""
    try:
        count = len(list(cache_folder().glob(f"*/{_LIBRARY}")))
        if cache_folder().exists():
            shutil.rmtree(cache_folder())
    except OSError as error:
        raise SeqkitError(f"cannot delete {error.filename}: {error.strerror or error}; check its permissions") from None
    return count


def _compile(compiler: str, folder: Path, defines: tuple[str, ...], cell: CellSource | None) -> None:
    """Into a temporary file that takes its name when it is whole: an interrupted build leaves none behind."""
    from torch.utils.cpp_extension import include_paths, library_paths

    for left in folder.glob(f"{_SCRATCH}*"):
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=_SCRATCH, dir=folder) as scratch:
        target = Path(scratch) / _LIBRARY
        command = [*shlex.split(compiler), *_flags(defines), *(f"-I{path}" for path in include_paths())]
        source = SOURCES / "operators.cpp"
        if cell is not None:
            source = folder / "cell.cpp"
            source.write_text(cell.text)
        command += [f"-I{SOURCES}", str(source), "-o", str(target)]
        command += [*(f"-L{path}" for path in library_paths()), "-ltorch_cpu", "-lc10"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        except OSError as error:
            raise BuildError(f"the compiler {compiler} cannot be started: {error.strerror}; set CXX") from None
        if done.returncode != 0:
            log = folder / "build.log"
            log.write_text(shlex.join(command) + "\n" + done.stderr)
            first = next((line for line in done.stderr.splitlines() if "error" in line), "no message")
            what = "the native kernels" if cell is None else cell.name
            raise BuildError(f"{what} could not be built ({first.strip()[:200]}); all of it is in {log}")
        if not target.is_file():
            raise BuildError(f"the compiler {compiler} ended well and has written nothing; set CXX to another one")
        target.chmod(0o700)
        digest = Path(scratch) / _DIGEST
        digest.write_text(_digest(target), "ascii")
        # A crash between the two leaves a digest that does not fit, and so another build.
        digest.replace(folder / _DIGEST)
        target.replace(folder / _LIBRARY)


def _flags(defines: tuple[str, ...]) -> list[str]:
    abi = int(torch.compiled_with_cxx11_abi())
    # Hidden, so that two libraries of these sources in one process do not take functions from each other.
    common = ["-std=c++20", "-O3", "-fopenmp", "-fPIC", "-shared", "-fvisibility=hidden", "-w"]
    common += [f"-D_GLIBCXX_USE_CXX11_ABI={abi}", *(f"-D{define}" for define in defines)]
    native = "-mcpu=native" if platform.machine() in ("aarch64", "arm64") else "-march=native"
    capability = torch.backends.cpu.get_cpu_capability()
    return [*common, native, *_CAPABILITY_FLAGS.get(capability, ["-DCPU_CAPABILITY=DEFAULT"])]


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """The system frees the lock when its holder dies, so that a killed build blocks nobody."""
    # For both: a pipe that is only written to waits for its reader.
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _compiler() -> str | None:
    named = os.environ.get("CXX")
    if named:
        try:
            words = shlex.split(named)
        except ValueError:
            # A quote that is never closed names nothing.
            return None
        return named if words and shutil.which(words[0]) else None
    return next((name for name in ("c++", "g++", "clang++") if shutil.which(name)), None)


def _folder(compiler: str, defines: tuple[str, ...] = (), cell: CellSource | None = None) -> Path:
    program = Path(shutil.which(shlex.split(compiler)[0]) or compiler).resolve()
    stamp = f"{compiler} {program} {program.stat().st_size if program.exists() else 0}"
    return cache_folder() / f"{_key(defines, cell)}-{hashlib.sha256(stamp.encode()).hexdigest()[:8]}"


def _key(defines: tuple[str, ...], cell: CellSource | None) -> str:
    if cell is None:
        return _machine_key(defines)
    return _CELL + hashlib.sha256(f"{_machine_key(defines)}\0{cell.text}".encode()).hexdigest()[:16]


@cache
def _machine_key(defines: tuple[str, ...] = ()) -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    processor = next((line for line in lines if line.startswith(("flags", "Features"))), platform.machine())
    key = hashlib.sha256(_sources())
    for part in (torch.__version__, processor, *_flags(defines)):
        key.update(part.encode() + b"\0")
    return key.hexdigest()[:16]


def _sources() -> bytes:
    """Every C++ file by path and content, in the order of the paths."""
    files = sorted(path for path in SOURCES.rglob("*") if path.suffix in (".h", ".cpp"))
    return b"".join(str(path.relative_to(SOURCES)).encode() + b"\0" + path.read_bytes() + b"\0" for path in files)
