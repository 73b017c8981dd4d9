"""The cache of builds: a library runs code when it is loaded, so none is taken that somebody else could have made."""

import os
import stat
from pathlib import Path
from types import SimpleNamespace

import pytest

from seqkit.kernels import build as build_module
from seqkit.kernels.build import BuildError, build, built

COMPILER = '#!/bin/sh\necho run >> "$LOG"\nwhile [ "$1" != "-o" ]; do shift; done\necho library > "$2"\n'


@pytest.fixture
def log(tmp_path, monkeypatch):
    """A pretended compiler and a cache of the test's own; the file says how often it built."""
    (tmp_path / "c++").write_text(COMPILER)
    (tmp_path / "c++").chmod(0o755)
    monkeypatch.setenv("CXX", str(tmp_path / "c++"))
    monkeypatch.setenv("LOG", str(tmp_path / "log"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "log"


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_the_folder_and_the_library_are_this_users_alone(log):
    path = build(print)
    assert [mode(each) for each in (path, path.parent, path.parent.parent)] == [0o700] * 3


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_text("lib"),
        lambda path: path.write_bytes(b""),
        lambda path: path.with_name("native.sha256").unlink(),
        lambda path: path.with_name("native.sha256").write_text("0" * 64),
        lambda path: path.chmod(0o777),
        lambda path: path.parent.chmod(0o777),
        lambda path: path.parent.parent.chmod(0o770),
        lambda path: (path.rename(path.with_name("other")), path.symlink_to("other")),
        lambda path: (path.unlink(), os.mkfifo(path, 0o600)),
        lambda path: (path.with_name("lock").unlink(), os.mkfifo(path.with_name("lock"), 0o600), path.write_bytes(b"")),
        lambda path: (path.with_name("build-x").mkdir(), path.write_bytes(b"")),
    ],
    ids=["cut", "empty", "no digest", "other digest", "mode", "folder", "above", "link", "pipe", "lock", "killed"],
)
def test_what_others_could_have_made_or_is_not_whole_is_built_again(log, damage):
    path = build(print)
    damage(path)
    assert built() is None
    assert build(print) == built() == path
    assert (path.read_text(), log.read_text()) == ("library\n", "run\n" * 2)
    assert {each.name for each in path.parent.iterdir()} <= {"native.so", "native.sha256", "lock", "other"}


@pytest.mark.parametrize("whose", ["native.so", "", ".."], ids=["library", "folder", "above"])
def test_a_build_of_another_user_is_not_taken(log, whose, monkeypatch):
    path = build(print)
    stranger, lstat = (path.parent / whose).resolve(), Path.lstat

    def of_stranger(self):
        found = lstat(self)
        return SimpleNamespace(st_mode=found.st_mode, st_uid=12345) if self.resolve() == stranger else found

    monkeypatch.setattr(build_module.Path, "lstat", of_stranger)
    assert built() is None
    if whose == "native.so":
        # It is replaced, for the folder is ours.
        build(print)
        assert log.read_text() == "run\n" * 2
        return
    with pytest.raises(BuildError, match="belongs to another user, who could put any code there; remove it, or set"):
        build(print)


def test_a_compiler_with_an_open_quote_is_not_a_compiler(log, monkeypatch):
    monkeypatch.setenv("CXX", "'")
    with pytest.raises(BuildError, match=r"no C\+\+ compiler"):
        build(print)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda folder: folder.write_text(""), "cannot be kept in .*kernels"),
        (lambda folder: folder.symlink_to("/tmp"), "belongs to another user|is no folder"),
        (lambda folder: folder.symlink_to("nowhere"), "cannot be kept in .*kernels"),
        (os.mkfifo, "cannot be kept in .*kernels"),
    ],
    ids=["file", "link", "broken link", "pipe"],
)
def test_a_cache_that_is_no_folder_is_named(log, make, sentence):
    folder = build_module.cache_folder()
    folder.parent.mkdir(parents=True)
    make(folder)
    assert built() is None
    with pytest.raises(BuildError, match=sentence):
        build(print)


def test_without_a_home_there_is_no_build_and_a_sentence(log, monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(
        Path, "home", lambda: (_ for _ in ()).throw(RuntimeError("Could not determine home directory."))
    )
    assert built() is None
    with pytest.raises(BuildError, match="cannot be kept in ~: this user has no home folder; set XDG_CACHE_HOME"):
        build(print)


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("\x7fELF nonsense", "cannot be started: Exec format error"),
        ("#!/bin/sh\n", "ended well and has written nothing"),
    ],
)
def test_a_compiler_that_compiles_nothing_is_named(log, tmp_path, script, sentence):
    (tmp_path / "c++").write_text(script)
    with pytest.raises(BuildError, match=rf"the compiler .*c\+\+ {sentence}"):
        build(print)
    assert built() is None
