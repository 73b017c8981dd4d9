"""What pip installs: one top-level name, and nothing that a user's own tasks.py or cli.py could break."""

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    names = ("seqkit", "tasks", "cli.py", "pyproject.toml", "README.md", "LICENSE")
    source.mkdir()
    subprocess.run(["cp", "-r", *(str(ROOT / name) for name in names), str(source)], check=True)
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", folder, source]
    subprocess.run(command, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The wheel in an environment of its own, which sees the packages it needs but not this checkout."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    (site,) = folder.glob("lib/python*/site-packages")
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", site, wheel]
    subprocess.run(command, check=True, capture_output=True)
    # A folder named in a .pth file is searched, but its own .pth files, such as the editable install's, are not read.
    (site / "needed.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return folder / "bin" / "python", site


def test_the_wheel_has_one_top_level_name(wheel):
    names = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {name for name in names if not name.endswith(".dist-info")} == {"seqkit"}
    inside = zipfile.ZipFile(wheel).namelist()
    assert "seqkit/py.typed" in inside
    assert "seqkit/tasks/sentiment.py" in inside


def test_every_module_of_the_checkout_is_in_the_wheel(wheel):
    inside = set(zipfile.ZipFile(wheel).namelist())
    for top, target in (("seqkit", "seqkit"), ("tasks", "seqkit/tasks")):
        for path in (ROOT / top).rglob("*.py"):
            assert f"{target}/{path.relative_to(ROOT / top).as_posix()}" in inside


def test_it_works_beside_somebodys_own_tasks_and_cli(installed, tmp_path):
    python, site = installed
    for name in ("tasks.py", "cli.py"):
        (tmp_path / name).write_text("raise SystemExit('somebody else\\'s file was imported')\n")
    code = (
        "import sys; sys.path.insert(0, ''); import seqkit; from seqkit.tasks import SentimentHead; "
        "print(seqkit.__file__, SentimentHead.__module__)"
    )
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    options = {"cwd": tmp_path, "capture_output": True, "text": True, "env": environment}
    done = subprocess.run([python, "-c", code], **options, check=False)
    assert done.stdout.split() == [str(site / "seqkit/__init__.py"), "seqkit.tasks.sentiment"], done.stderr
    listed = subprocess.run([python, "-m", "seqkit", "list"], **options, check=False)
    assert listed.returncode == 0, listed.stderr
    assert "sentiment" in listed.stdout
