"""The exported folder: what is in it, what is refused, and that nothing of torch is needed to answer with it."""

import json
import subprocess
import sys
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest

from seqkit import runtime
from seqkit.data.sources.strips import strips
from seqkit.errors import SeqkitError, UsageError
from seqkit.files import signed
from seqkit.runtime.__main__ import main
from seqkit.runtime.manifest import MANIFEST

ROOT = Path(__file__).parents[2]
BLOCKED = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked}:
            raise ImportError(name + " is not installed")

sys.meta_path.insert(0, Blocked())
"""
OTHERS = ("torch", "sklearn", "scipy", "click", "rich", "safetensors", "tomlkit", "charset_normalizer", "onnx")
"""What `pip install seqkit` brings, or an export needs"""


@pytest.fixture
def folder(opened, texts, tmp_path):
    """An exported classifier."""
    opened("sentiment", texts)
    return tmp_path / "out"


def run_blocked(code, *arguments):
    """Runs a program in a process that has none of the packages that only training needs."""
    blocked = BLOCKED.format(blocked=OTHERS)
    return subprocess.run(
        [sys.executable, "-c", blocked + code, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )


ANSWER = """
import seqkit
from seqkit import runtime
model = runtime.load(sys.argv[1])
print([prediction.label for prediction in model.predict(["a fine film", "dull"])])
assert not {"torch", "sklearn", "scipy"} & {*sys.modules}
"""


@pytest.mark.command
def test_it_answers_where_torch_is_not_installed(opened, texts, tmp_path):
    model, _ = opened("sentiment", texts)
    done = run_blocked(ANSWER, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str([each.label for each in model.predict(["a fine film", "dull"])])


IMPORT = """
import pkgutil
from importlib import import_module
import seqkit.runtime
for found in pkgutil.iter_modules(seqkit.runtime.__path__, "seqkit.runtime."):
    import_module(found.name)
"""


@pytest.mark.command
def test_every_module_of_the_runtime_is_imported_without_torch():
    done = run_blocked(IMPORT)
    assert done.returncode == 0, done.stderr


@pytest.mark.command
def test_without_onnxruntime_it_says_what_to_install(folder):
    code = "from seqkit.runtime.__main__ import main\nsys.exit(main(sys.argv[1:]))"
    done = run_blocked(code.replace("from", "sys.modules['onnxruntime'] = None\nfrom", 1), folder, "a film")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == ("error: an exported model needs onnxruntime; install it with: pip install onnxruntime\n")


def test_a_folder_that_was_not_exported_is_refused_with_what_to_do(tmp_path):
    with pytest.raises(UsageError, match=r"is not an exported model: it has no runtime\.json$"):
        runtime.load(tmp_path)
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(UsageError, match="write one with `seqkit export "):
        runtime.load(tmp_path)
    (tmp_path / "onnx").mkdir()
    (tmp_path / "onnx" / MANIFEST).write_text("{}")
    with pytest.raises(UsageError, match="its export is "):
        runtime.load(tmp_path)


@pytest.mark.parametrize("name", ["model.onnx", "symbols.json"])
def test_a_file_that_was_changed_or_is_gone_is_refused(name, folder):
    path = folder / name
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(SeqkitError, match=f"{name} was changed after it was exported; export the run again"):
        runtime.load(folder)
    path.unlink()
    with pytest.raises(SeqkitError, match=f"cannot read .*{name}: No such file.*export the run again"):
        runtime.load(folder)


def changed(folder, **values):
    """The manifest with other values, and a digest that fits them."""
    facts = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_bytes(signed({**facts, **values}))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"format": 2}, "was exported by a newer seqkit"),
        ({"kind": "poems"}, "a kind that is not known here, 'poems'"),
        ({"settings": {}}, "do not fit together"),
        ({"kind": "frames"}, "do not fit together"),
        ({"codec": ["nothing"]}, "is incomplete: nothing is missing"),
        ({"digests": {"../model.onnx": "0"}}, r"is damaged: the name of a file in the folder"),
        ({"digests": {}}, "is damaged|is incomplete"),
        ({"batches": {"batch_tokens": 0, "batch_size": 1}}, "is damaged"),
        ({"settings": 3}, "is damaged"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused_in_one_sentence(values, message, folder):
    changed(folder, **values)
    with pytest.raises(SeqkitError, match=message) as error:
        runtime.load(folder)
    assert "\n" not in str(error.value)


def test_an_edited_manifest_is_refused(folder):
    text = (folder / MANIFEST).read_text()
    (folder / MANIFEST).write_text(text.replace('"task": "sentiment"', '"task": "opinion"'))
    with pytest.raises(SeqkitError, match=r"runtime\.json was changed after it was written"):
        runtime.load(folder)
    (folder / MANIFEST).write_text("[1]")
    with pytest.raises(SeqkitError, match="is damaged"):
        runtime.load(folder)


def test_a_single_file_has_no_manifest(opened, texts, tmp_path):
    from seqkit.export import write as exporting

    opened("sentiment", texts)
    exporting.export(tmp_path, "onnx", tmp_path / "alone" / "model.onnx")
    assert sorted(path.name for path in (tmp_path / "alone").iterdir()) == ["model.json", "model.onnx"]


def test_the_command_answers_as_seqkit_predict_does(opened, texts, tmp_path, capsys, monkeypatch):
    model, _ = opened("sentiment", texts)
    wanted = [model.task.format_prediction(each) for each in model.predict(["a fine film", "dull"])]
    assert main([str(tmp_path / "out"), "a fine film", "dull"]) == 0
    lines = [f"{line}\t{text}" for (line, _), text in zip(wanted, ("a fine film", "dull"), strict=True)]
    assert capsys.readouterr().out.splitlines() == lines
    monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(b"\xef\xbb\xbfa fine film\r\n\n")))
    assert main([str(tmp_path / "out"), "--json"]) == 0
    first, blank = map(json.loads, capsys.readouterr().out.splitlines())
    assert first["label"] == wanted[0][1]["label"] and blank == {"input": ""}


def test_the_command_continues_a_text(opened, prose, tmp_path, capsys):
    model, _ = opened("charlm", prose)
    wanted = "".join(model.generate("the ", length=30, temperature=0.0))
    arguments = ["--prompt", "the Q", "--length", "30", "--temperature", "0"]
    assert main([str(tmp_path / "out"), *arguments]) == 0
    assert "not seen in training, and read as unknown: 'Q'" in capsys.readouterr().err
    assert main([str(tmp_path / "out"), "--prompt", "the ", *arguments[2:]]) == 0
    assert capsys.readouterr().out == f"the {wanted}\n"


def test_the_command_says_what_is_wrong_in_one_line(folder, tmp_path, capsys):
    assert main([str(tmp_path / "nowhere"), "x"]) == 2
    assert main([str(folder), "--prompt", "x"]) == 2
    assert main([str(folder), "--stream"]) == 2
    assert main([str(folder), str(folder / "symbols.json")]) == 2
    said = capsys.readouterr()
    assert said.out == "" and [line[:7] for line in said.err.splitlines()] == ["error: "] * 4
    assert "is a file; for what is in it" in said.err


def test_the_command_labels_frames_as_they_come(opened, tmp_path, capsys, monkeypatch):
    clips = strips((4, 1, 1), 1, 0).train
    model, _ = opened("frames", clips, bidirectional=False, delay=2, hidden_size=8)
    rows = [",".join(map(str, row)) for row in clips[0].clip.features[:5].tolist()]
    stream = model.stream()
    wanted = [answer.label for row in rows if (answer := stream.push(row))] + [each.label for each in stream.finish()]
    for lines, code in ((rows, 0), ([rows[0], "1,x"], 1)):
        monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO("\n".join(lines).encode())))
        assert main([str(tmp_path / "out"), "--stream"]) == code
    said = capsys.readouterr()
    assert said.out.splitlines() == wanted
    assert said.err.startswith("error: standard input:2: ") and said.err.count("\n") == 1
