"""The wheel of ``seqkit-runtime``: the modules of this source that answer without torch, and none besides.

``python -m benchmarks.runtime_wheel dist`` builds it. What ``seqkit.runtime`` and ``seqkit serve`` import, directly or
not, is read from the source, so that no list has to be kept.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import tomlkit

from benchmarks.imports import ROOT, arrows, modules

DEPENDENCIES = ("numpy", "regex")
"""Those of seqkit that answering needs, too"""
EXTRAS = {"text": ("tokenizers",), "data": ("pillow",), "arrow": ("pyarrow",), "zstd": ("zstandard",)}
"""What some models or files need beside them, by the names that the extras of seqkit have"""
SERVE = ("click", "safetensors")
"""What ``seqkit serve`` needs beside the extra ``serve`` of seqkit"""
ONNXRUNTIME = ("<1.29", "3.15")
"""Before this version `pip install` takes 141 MB, from it on 149 to 162; Pythons from this one on have no such wheels,
and take the newest"""
STARTS = ("seqkit.runtime", "seqkit.__main__", "seqkit.commands.serve")
"""Where people begin; the first with all that is in it"""
LEFT_OUT = ("seqkit.serve.runs", "seqkit.training")
"""What a service asks for when it is given a run, and then says that it is not there; and what is for torchrun"""
DATA = ("py.typed", "pages/page.css", "serve/page.css", "serve/page.html", "serve/page.js")
"""Files beside the modules"""
README = ROOT / "docs/runtime.md"


def needed() -> dict[str, Path]:
    """The modules that these starts import, with their packages.

    The package ``seqkit`` names all of its modules and imports none, so what it names does not count.
    """
    found, every = set[str](), modules()
    imported = defaultdict(set)
    for arrow in arrows(every):
        imported[arrow.source].add(arrow.target)
    waiting = [name for name in every if name.startswith(STARTS[0]) or name in STARTS]
    while waiting:
        name = waiting.pop()
        if name in found or name.startswith(LEFT_OUT):
            continue
        found.add(name)
        waiting += _packages_of(name)
        waiting += () if name == "seqkit" else imported[name]
    return {name: every[name] for name in sorted(found)}


def _packages_of(name: str) -> Iterator[str]:
    while "." in name:
        name = name.rpartition(".")[0]
        yield name


def project() -> str:
    """Its pyproject.toml, with the versions that seqkit asks for."""
    facts = tomlkit.parse((ROOT / "pyproject.toml").read_text("utf-8")).unwrap()
    own, extras = facts["project"], facts["project"]["optional-dependencies"]
    asked = {_name(entry): entry for entry in [*own["dependencies"], *(e for many in extras.values() for e in many)]}
    packages = sorted({name for name, path in needed().items() if path.name == "__init__.py"})
    same = ("readme", "license", "license-files", "requires-python", "keywords")
    written = {
        "build-system": facts["build-system"],
        "project": {
            "name": "seqkit-runtime",
            "version": (ROOT / "seqkit/version.py").read_text("utf-8").split('"')[-2],
            "description": "Answers of models that seqkit has trained and exported, without torch.",
            **{key: own[key] for key in same},
            "dependencies": [*(asked[name] for name in DEPENDENCIES), *_small(asked["onnxruntime"])],
            "optional-dependencies": {
                **{extra: [asked[name] for name in names] for extra, names in EXTRAS.items()},
                "serve": [*extras["serve"], *(asked[name] for name in SERVE)],
            },
        },
        "tool": {"setuptools": {"packages": packages, "package-data": {"seqkit": list(DATA)}}},
    }
    return tomlkit.dumps(written)


def _small(requirement: str) -> list[str]:
    below, python = ONNXRUNTIME
    return [f"{requirement},{below}; python_version < '{python}'", f"{requirement}; python_version >= '{python}'"]


def _name(requirement: str) -> str:
    return requirement.partition(">")[0].partition("=")[0]


def build(target: Path) -> Path:
    """Builds the wheel into a folder; gives back its path."""
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        source = Path(name)
        for path in [*needed().values(), *(ROOT / "seqkit" / name for name in DATA)]:
            copy = source / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy)
        shutil.copy(ROOT / "LICENSE", source)
        shutil.copy(README, source / "README.md")
        (source / "pyproject.toml").write_text(project(), "utf-8")
        command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(source / "dist")]
        subprocess.run([*command, str(source)], check=True, stdout=subprocess.DEVNULL)
        (wheel,) = (source / "dist").glob("*.whl")
        return Path(shutil.copy(wheel, target))


if __name__ == "__main__":
    print(build(Path(sys.argv[1] if len(sys.argv) > 1 else "dist")))
