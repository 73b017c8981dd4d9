"""What a release is: the archives that are built, and what they are once pip has installed them.

Each test looks at archives made from this checkout, in an environment that borrows the packages seqkit needs. With
``--archives DIST``, as ``make release`` asks, it looks at those in DIST, in an empty environment that gets every
package from the registry, at the versions of constraints.txt.
"""

import os
import random
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

from benchmarks.imports import ROOT, modules

pytestmark = pytest.mark.command

VERSION = (ROOT / "seqkit/version.py").read_text("utf-8").split('"')[-2]
PUBLIC = """
import pkgutil, seqkit
from importlib import import_module
for found in pkgutil.walk_packages(seqkit.__path__, "seqkit."):
    if not any(part.startswith("_") for part in found.name.split(".")):
        module = import_module(found.name)
        for name in getattr(module, "__all__", ()):
            getattr(module, name)
        print(found.name)
for name in seqkit.__all__:
    print(getattr(seqkit, name).__name__)
"""


def run(*command, **options):
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def copy_checkout(target):
    """What git has; not what tools, runs and earlier builds leave beside it."""
    target.mkdir()
    for path in ROOT.iterdir():
        if path.name in ("build", "dist", "runs", "site") or (path.name.startswith(".") and path.name != ".ci"):
            continue
        if path.is_dir():
            shutil.copytree(path, target / path.name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(path, target)


@pytest.fixture(scope="module")
def archives(request, tmp_path_factory):
    """The wheel and the sdist."""
    folder = request.config.getoption("--archives")
    if folder is None:
        folder = tmp_path_factory.mktemp("archives")
        source = folder / "source"
        copy_checkout(source)
        run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, source)
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return wheel, sdist


@pytest.fixture(scope="module")
def wheel(archives):
    return zipfile.ZipFile(archives[0])


@pytest.fixture(scope="module")
def metadata(wheel):
    return message_from_bytes(wheel.read(f"seqkit-{VERSION}.dist-info/METADATA"))


def borrowing(folder, wheel):
    """The wheel in an environment which sees the packages that it needs, but not this checkout."""
    venv.create(folder, with_pip=False)
    run(sys.executable, "-m", "pip", "--python", folder / "bin/python", "install", "-q", "--no-deps", wheel)
    (site,) = folder.glob("lib/python*/site-packages")
    # A folder named in a .pth file is searched, but its own .pth files, such as the editable install's, are not read.
    packages = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    (site / "needed.pth").write_text("\n".join(packages) + "\n")


def empty(folder, wheel):
    """The wheel and nothing but what pip brings with it."""
    venv.create(folder, with_pip=True)
    run(folder / "bin/python", "-m", "pip", "install", "-q", "--constraint", ROOT / "constraints.txt", wheel)


@pytest.fixture(scope="module")
def installed(request, archives, tmp_path_factory):
    """An environment that has the wheel."""
    folder = tmp_path_factory.mktemp("environment")
    make = empty if request.config.getoption("--archives") else borrowing
    make(folder, archives[0])
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def elsewhere(installed, tmp_path):
    """Runs a program of that environment in an empty folder, as somebody who has no checkout would."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return lambda program, *words: run(installed / "bin" / program, *words, cwd=tmp_path, env=environment)


def test_the_wheel_has_one_top_level_name(wheel):
    names = {name.split("/")[0] for name in wheel.namelist()}
    assert names == {"seqkit", f"seqkit-{VERSION}.dist-info"}


def test_every_module_of_the_checkout_is_in_the_wheel(wheel):
    inside = set(wheel.namelist())
    for name, path in modules().items():
        folder = name.replace(".", "/")
        assert {f"{folder}.py", f"{folder}/__init__.py"} & inside, path


def test_every_other_file_that_a_package_reads_is_in_the_wheel(wheel):
    inside, others = set(wheel.namelist()), [path for path in (ROOT / "seqkit").rglob("*") if path.is_file()]
    needed = {path.relative_to(ROOT).as_posix() for path in others if path.suffix not in (".py", ".pyc")}
    assert "seqkit/py.typed" in needed
    assert any(name.endswith(".cpp") for name in needed)
    assert needed <= inside, needed - inside


def test_the_sdist_holds_what_is_needed_to_test_document_and_license_it(archives):
    with tarfile.open(archives[1]) as sdist:
        inside = {name.partition("/")[2] for name in sdist.getnames()}
    folders = ("seqkit", "tasks", "tests", "docs", "benchmarks", "examples")
    kept = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file()]
    needed = {path.relative_to(ROOT).as_posix() for path in kept if "__pycache__" not in path.parts}
    needed |= {"LICENSE", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "Makefile", "mkdocs.yml", "constraints.txt"}
    needed |= {"pyproject.toml", "cli.py", ".ci/run"}
    assert needed <= inside, needed - inside
    assert not [name for name in inside if "__pycache__" in name or name.startswith((".venv", ".git"))]


def test_the_metadata_say_what_a_registry_shows(metadata):
    assert (metadata["Name"], metadata["Version"], metadata["License-Expression"]) == ("seqkit", VERSION, "MIT")
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata.get_payload(decode=True).decode("utf-8").strip() == (ROOT / "README.md").read_text("utf-8").strip()
    assert "UNKNOWN" not in metadata.values()


def test_the_changelog_has_the_version():
    assert f"\n## {VERSION} " in (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert f"\nversion: {VERSION}\n" in (ROOT / "CITATION.cff").read_text("utf-8")


def test_it_works_beside_somebodys_own_tasks_and_cli(installed, elsewhere, tmp_path):
    for name in ("tasks.py", "cli.py"):
        (tmp_path / name).write_text("raise SystemExit('somebody else\\'s file was imported')\n")
    code = (
        "import sys; sys.path.insert(0, ''); import seqkit; from seqkit.tasks import SentimentHead; "
        "print(seqkit.__file__, SentimentHead.__module__)"
    )
    place, module = elsewhere("python", "-c", code).split()
    assert Path(place).is_relative_to(installed)
    assert module == "seqkit.tasks.sentiment"
    assert "sentiment" in elsewhere("seqkit", "list")


def test_the_command_says_its_version_and_its_help(elsewhere):
    assert elsewhere("seqkit", "--version") == f"seqkit, version {VERSION}\n"
    assert "train a model and score it" in elsewhere("seqkit", "--help")


def test_every_public_name_comes_without_an_extra(elsewhere):
    named = elsewhere("python", "-W", "error", "-c", PUBLIC).split()
    assert {"seqkit.layers", "seqkit.tasks.sentiment", "Recurrent"} <= {*named}


def test_a_run_is_trained_and_predicts(elsewhere, tmp_path):
    words, generator = {"good": "warm", "bad": "dull"}, random.Random(0)
    rows = [f"a {words[label]} film {generator.random():.3f},{label}\n" for label in words for _ in range(30)]
    (tmp_path / "reviews.csv").write_text("text,label\n" + "".join(rows))
    small = ["--hidden-size", "8", "--epochs", "2", "--set", "embedding_size=8"]
    elsewhere("seqkit", "run", "sentiment", "--data", "reviews.csv", "--out", "run", *small)
    assert (tmp_path / "run/report.html").exists()
    assert elsewhere("seqkit", "predict", "run", "a warm film").split()[0] in words
