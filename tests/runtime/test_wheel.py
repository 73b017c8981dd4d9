"""The wheel of seqkit-runtime: what is in it, and that it answers in an environment that has nothing else."""

import ast
import os
import re
import subprocess
import sys
import venv
import zipfile
from email import message_from_bytes
from importlib.util import find_spec
from pathlib import Path

import pytest

from benchmarks.imports import ROOT
from benchmarks.runtime_wheel import build, needed

ALLOWED = {"numpy", "regex", "onnxruntime", "seqkit", *sys.stdlib_module_names}
SERVICE = ("seqkit.serve", "seqkit.commands", "seqkit.__main__", "seqkit.pages")
"""What the extra ``serve`` is for"""
INSIDE = {"tokenizers", "PIL", "pyarrow", "zstandard", "safetensors", "charset_normalizer"}
"""What is imported inside functions, for those who need it"""
BORROWED = ("numpy", "regex", "onnxruntime")


def imported_at_once(path):
    """The packages that a module imports when it is imported itself."""
    todo, found = list(ast.parse(path.read_text("utf-8")).body), set()
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(str(node.module).partition(".")[0])
        elif isinstance(node, ast.Try):
            todo += node.body
    return found


def test_what_it_holds_imports_nothing_but_numpy_regex_and_onnxruntime():
    modules = {name: path for name, path in needed().items() if not name.startswith(SERVICE)}
    assert {"seqkit", "seqkit.runtime", "seqkit.runtime.tags", "seqkit.data.vocab", "seqkit.errors"} <= modules.keys()
    assert not [name for name in modules if name.startswith(("seqkit.layers", "seqkit.topologies", "seqkit.tasks"))]
    for name, path in modules.items():
        assert imported_at_once(path) <= {*ALLOWED, *INSIDE}, name
        assert not imported_at_once(path) & {"torch", "sklearn", "scipy", "click", "rich"}, name


def test_the_service_in_it_needs_no_more_than_its_extra_brings():
    modules = {name: path for name, path in needed().items() if name.startswith(SERVICE)}
    assert {"seqkit.__main__", "seqkit.commands.serve", "seqkit.serve.exported", "seqkit.serve.server"} <= {*modules}
    assert "seqkit.serve.runs" not in modules
    for name, path in modules.items():
        brought = {"starlette", "uvicorn", "websockets", "httptools", "click", "safetensors"}
        assert imported_at_once(path) <= {*ALLOWED, *INSIDE, *brought}, name


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return build(tmp_path_factory.mktemp("wheel"))


@pytest.mark.command
def test_it_asks_for_no_torch(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (place,) = [name for name in archive.namelist() if name.endswith("/METADATA")]
        metadata = message_from_bytes(archive.read(place))
        assert {"seqkit/py.typed", "seqkit/serve/page.html", "seqkit/pages/page.css"} <= {*archive.namelist()}
    assert metadata["Name"] == "seqkit-runtime"
    always = [entry for entry in metadata.get_all("Requires-Dist") if "extra ==" not in entry]
    assert {re.split(r"[<>=]", entry)[0] for entry in always} == {"numpy", "regex", "onnxruntime"}
    # Newer ones bring a plain installation above 150 MB.
    assert 'onnxruntime<1.29,>=1.18; python_version < "3.15"' in always
    assert wheel.stat().st_size < 1_000_000


@pytest.mark.command
def test_it_answers_in_an_environment_without_torch(wheel, opened, texts, tmp_path):
    model, _ = opened("sentiment", texts)
    said = "seqkit: click is not installed; install it with: pip install 'seqkit-runtime[serve]'\n"
    venv.create(tmp_path / "env", with_pip=False)
    python = tmp_path / "env/bin/python"
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "-q", "--no-deps", str(wheel)]
    subprocess.run(install, check=True, stdout=subprocess.DEVNULL)
    (site,) = (tmp_path / "env").glob("lib/python*/site-packages")
    for name in BORROWED:
        # The package alone, not the folder that it lies in, which has torch, too.
        folder = Path(find_spec(name).origin).parent
        (site / name).symlink_to(folder)
        if (folder.parent / f"{name}.libs").is_dir():
            (site / f"{name}.libs").symlink_to(folder.parent / f"{name}.libs")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [str(python), "-m", "seqkit.runtime", str(tmp_path / "out"), "a fine film", "dull"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    wanted = [model.task.format_prediction(each)[0] for each in model.predict(["a fine film", "dull"])]
    assert [line.rpartition("\t")[0] for line in done.stdout.splitlines()] == wanted
    served = subprocess.run(
        [str(python), "-m", "seqkit", "serve"], capture_output=True, text=True, check=False, env=environment
    )
    assert (served.returncode, served.stderr) == (1, said)
    code = "import torch"
    assert subprocess.run([str(python), "-c", code], capture_output=True, check=False, cwd=tmp_path).returncode == 1


def test_the_image_ends_without_root_and_with_the_command_of_the_runtime():
    lines = (ROOT / "examples/runtime/Dockerfile").read_text("utf-8").replace("\\\n", " ").splitlines()
    instructions = [line.partition(" ")[::2] for line in lines if line and not line.startswith("#")]
    bases = [words for kind, words in instructions if kind == "FROM"]
    assert len(bases) == 2 and all(re.fullmatch(r"\S+:(?!latest)\S+( AS build)?", base) for base in bases)
    assert {kind for kind, _ in instructions} <= {"FROM", "COPY", "RUN", "ENV", "USER", "ENTRYPOINT"}
    last = instructions[[kind for kind, _ in instructions].index("USER") - 4 :]
    (user,) = [words for kind, words in last if kind == "USER"]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)
    assert ast.literal_eval(dict(last)["ENTRYPOINT"])[1:] == ["-m", "seqkit.runtime", "/model"]
    (install,) = [words for kind, words in instructions if kind == "RUN"]
    assert "--no-cache-dir" in install


def test_the_image_keeps_what_is_imported():
    (install,) = re.findall(r"(?ms)^RUN (.*?[^\\])$", (ROOT / "examples/runtime/Dockerfile").read_text("utf-8"))
    removed = {word.replace("/", ".") for word in re.findall(r"(?<=\s)(?:numpy|onnxruntime)/\w+", install)}
    assert "numpy.f2py" in removed
    for path in needed().values():
        nodes = [*ast.walk(ast.parse(path.read_text("utf-8")))]
        names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
        names |= {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}
        assert not names & removed, path
