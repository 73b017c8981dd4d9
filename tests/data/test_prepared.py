"""Prepared data sets: examples of every task as bytes and back, read by number, and folders that are not as written."""

import fcntl
import json
import os
import time
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file

from seqkit.data import Example, SourceLocation, Splits
from seqkit.data.frames import LabelledClip, LabelSetClip, clip_of
from seqkit.data.pairs import Pair
from seqkit.data.pictures import Captioned, Picture
from seqkit.data.prepared import FolderWriter, StoredExamples, count_of, learning_splits, open_prepared
from seqkit.data.prepared.forms import ExampleForms
from seqkit.data.readers import LabelSetExample, NumberExample, TextPair
from seqkit.data.tagged import Sentence
from seqkit.errors import SeqkitError, UsageError
from seqkit.machine import this_process

PLACE = SourceLocation("a.csv", 7)
FEATURES = np.array([[1.5, np.nan], [0.25, -3.0]], np.float32)
PICTURE = Picture("a.png", "d", np.arange(12, dtype=np.uint8).reshape(2, 2, 3))
EXAMPLES = [
    Example('a\n"film" ☃', "good", PLACE, 0.1),
    Example(TextPair.of("one", "two"), "same", PLACE),
    Example("one\ttwo", "no pair", PLACE),
    LabelSetExample("text", ("a", "b"), PLACE),
    NumberExample("text", (0.1, -1e-300), ("price", "weight"), PLACE, 2.5),
    Sentence(("A", "word"), ("O", "B-X"), PLACE, "document"),
    Pair("source", ("one", "two"), PLACE),
    LabelledClip(clip_of("c", FEATURES, ("x", "y")), ("up", "down"), PLACE, (3, 5)),
    LabelSetClip(clip_of("c", FEATURES.astype(np.float64)), ((), ("a", "b")), PLACE),
    Captioned(PICTURE, ("a cat", "cat"), "g", PLACE),
]
KINDS = list(dict.fromkeys(map(type, EXAMPLES)))


def same(one, other):
    """Whether two examples are equal, those fields among them that no comparison of theirs looks at."""
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other, equal_nan=True)
    if hasattr(one, "__dataclass_fields__"):
        return type(one) is type(other) and all(same(getattr(one, f.name), getattr(other, f.name)) for f in fields(one))
    return type(one) is type(other) and one == other


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: type(example).__name__)
def test_an_example_is_read_as_it_was_written(example):
    files = []
    row = ExampleForms(KINDS, files).write(example)
    assert same(ExampleForms(KINDS, files).read(row), example)


@given(st.text(), st.text(), st.integers(0, 2**40), st.floats(0, 1e30))
def test_any_text_is_read_as_it_was_written(text, label, line, weight):
    example, forms = Example(text, label, SourceLocation("f", line), weight), ExampleForms([Example], [])
    assert forms.read(forms.write(example)) == example


@pytest.mark.parametrize("wrong", [None, True, "x", [], {}, [1]])
def test_a_value_of_another_type_is_no_example(wrong):
    forms = ExampleForms([Example, Sentence], ["a.csv"])
    plain = json.loads(forms.write(Example("text", "label", PLACE, 2.0)))
    assert plain == [0, ["text", "label", [0, 7], 2.0]]
    for change in ([0, ["text", "label", [0, wrong], 2.0]], [0, ["text", "label", [0, 7], wrong]], [1, [wrong]]):
        with pytest.raises((TypeError, ValueError)):
            forms.read(json.dumps(change).encode())


def test_names_of_many_files_do_not_fill_the_manifest():
    files = []
    forms = ExampleForms([Example], files)
    places = [SourceLocation(f"{number}.txt", 1) for number in range(1500)]
    rows = [forms.write(Example("t", "l", place)) for place in places]
    assert len(files) == 1000
    assert [forms.read(row).location for row in rows] == places


def write(folder, examples, task="sentiment", **facts):
    """A prepared data set with those examples for training, and one in either other split."""
    with FolderWriter(folder, [Example]) as writer:
        for example in examples:
            writer.add("train", example)
        for split in ("valid", "test"):
            writer.add(split, Example(split, "a", PLACE))
        about = {"task": task, "version": "0", "options": {}, "firsts": [0], "notes": [], "sources": []}
        amounts = dict.fromkeys(("train", "valid", "test"), (len(examples), "examples"))
        return writer.complete({**about, **facts}, amounts)


@pytest.fixture
def examples():
    return [Example(f"text {number} " + "x" * (number % 50), "ab"[number % 2], PLACE) for number in range(300)]


@pytest.fixture
def stored(tmp_path, examples, monkeypatch):
    """The training split, read from disk."""
    monkeypatch.setattr("seqkit.data.prepared.folder.WHOLE", 100)
    monkeypatch.setattr("seqkit.data.prepared.folder.SAMPLE", 1000)
    write(tmp_path / "folder", examples, firsts=[0, 1])
    return open_prepared(tmp_path / "folder", "sentiment").splits([Example], 3).train


def test_stored_examples_are_a_sequence_like_the_list_of_them(stored, examples, monkeypatch):
    monkeypatch.setattr("seqkit.data.prepared.rows._READ", 500)
    monkeypatch.setattr("seqkit.data.prepared.rows._SPILLED", 7)
    assert isinstance(stored, StoredExamples)
    assert len(stored) == 300
    assert list(stored) == examples
    assert [stored[5], stored[-1], stored[299]] == [examples[5], examples[-1], examples[299]]
    assert stored[10:30:7] == examples[10:30:7]
    with pytest.raises(IndexError):
        stored[300]


def test_sizes_are_those_of_the_rows(stored, examples):
    assert stored.sizes.tolist() == [4 + len(stored.forms.write(example)) for example in examples]


def test_a_sample_is_drawn_by_the_seed_and_has_every_label(stored, examples, tmp_path):
    sample = stored.sample
    assert 10 < len(sample) < 40
    assert {example.label for example in sample} == {"a", "b"}
    assert [examples.index(example) for example in sample] == sorted(map(examples.index, sample))
    folder = open_prepared(tmp_path / "folder", "sentiment")
    assert folder.splits([Example], 3).train.sample == sample
    assert folder.splits([Example], 4).train.sample != sample


def test_what_is_learned_from_a_sample_knows_how_many_there_are(stored):
    learned = learning_splits(Splits(stored, [], []))
    assert learned.train == stored.sample
    assert count_of(learned.train) == 300
    assert count_of([1, 2]) == 2


def test_few_examples_are_read_into_memory(tmp_path, examples):
    write(tmp_path / "folder", examples)
    splits = open_prepared(tmp_path / "folder", "sentiment").splits([Example], 0)
    assert splits.train == examples
    assert [len(splits.valid), len(splits.test)] == [1, 1]


def test_all_is_on_the_disk_before_the_folder_has_its_name_and_the_name_before_the_return(
    tmp_path, examples, monkeypatch
):
    events, fsync, rename = [], os.fsync, Path.rename

    def synced(handle):
        events.append(Path(f"/proc/self/fd/{handle}").readlink())
        fsync(handle)

    def renamed(self, target):
        events.append("rename")
        return rename(self, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "rename", renamed)
    write(tmp_path / "folder", examples)
    assert events.count("rename") == 1 and events[-2:] == ["rename", tmp_path]
    names = {path.name for path in events[:-2]}
    assert {"train.safetensors", "valid.safetensors", "test.safetensors"} <= names


def test_the_files_are_safetensors(tmp_path, examples):
    write(tmp_path / "folder", examples)
    tensors = load_file(tmp_path / "folder/train.safetensors")
    begin, end = tensors["offsets"][7:9]
    assert b"text 7 xxxxxxx" in tensors["rows"][begin:end].tobytes()
    assert len(tensors["offsets"]) == 301


def test_a_folder_that_is_not_completed_leaves_nothing(tmp_path, examples):
    with pytest.raises(ZeroDivisionError), FolderWriter(tmp_path / "folder", [Example]) as writer:
        writer.add("train", examples[0])
        raise ZeroDivisionError
    assert not list(tmp_path.iterdir())


def test_what_a_killed_process_left_is_removed(tmp_path, examples):
    killed = tmp_path / ".folder.00.tmp"
    killed.mkdir()
    (killed / "train.safetensors").write_bytes(b"half")
    (killed / "writer.json").write_text(json.dumps({**this_process(), "started": 1}))
    write(tmp_path / "folder", examples)
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
    assert sorted(path.name for path in (tmp_path / "folder").iterdir()) == [
        "prepared.json",
        "test.safetensors",
        "train.safetensors",
        "valid.safetensors",
    ]


def test_what_another_process_is_preparing_is_not_prepared_again(tmp_path, examples):
    at_work = tmp_path / ".folder.01.tmp"
    at_work.mkdir()
    (at_work / "writer.json").write_text(json.dumps(this_process()))
    with pytest.raises(UsageError, match=rf"process {os.getpid()} on .* is preparing .*folder; wait for it, or choose"):
        write(tmp_path / "folder", examples)
    assert [*tmp_path.iterdir()] == [at_work]


def test_who_comes_second_from_another_machine_leaves_the_folder_of_the_first(tmp_path, examples, monkeypatch):
    with pytest.raises(UsageError, match="folder exists already"), FolderWriter(tmp_path / "folder", [Example]) as late:
        with monkeypatch.context() as elsewhere:
            elsewhere.setattr("seqkit.machine._machine", lambda: "elsewhere")
            write(tmp_path / "folder", examples)
        late.complete({}, dict.fromkeys(("train", "valid", "test"), (0, "examples")))
    assert read_all(tmp_path / "folder") == examples
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_a_draft_without_a_name_is_removed_unless_somebody_holds_it(tmp_path, examples):
    """A process may be killed before it has written its name, and after it has removed it."""
    killed, files = tmp_path / ".folder.00.tmp", tmp_path / ".folder.mine.tmp"
    for folder in (killed, files):
        folder.mkdir()
        (folder / "train.safetensors").write_bytes(b"whole")
    with FolderWriter(tmp_path / "folder", [Example]) as writer:
        (writer._draft / "writer.json").unlink()
        write(tmp_path / "folder", examples)
        assert writer._draft.is_dir()
    assert sorted(path.name for path in tmp_path.iterdir()) == [".folder.mine.tmp", "folder"]


def test_a_draft_of_another_machine_is_removed_after_hours_of_silence(tmp_path, examples):
    """The machine may be this one before a power cut: its processes have ended, and nobody can ask for them."""
    drafts = [tmp_path / f".folder.0{number}.tmp" for number in range(3)]
    for draft in drafts:
        draft.mkdir()
        (draft / "train.safetensors").write_bytes(b"half")
        (draft / "writer.json").write_text(json.dumps({**this_process(), "machine": "another", "process": 1}))
    long_ago = time.time() - 7 * 3600
    for path in (*drafts, *(path for draft in drafts for path in draft.iterdir())):
        os.utime(path, (long_ago, long_ago))
    os.utime(drafts[1] / "train.safetensors")  # its writer is still at work
    # In a container of the same system, paused: it has the lock.
    handle = os.open(drafts[2], os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    write(tmp_path / "folder", examples)
    os.close(handle)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".folder.01.tmp", ".folder.02.tmp", "folder"]


def test_a_folder_in_use_is_refused(tmp_path, examples):
    write(tmp_path / "folder", examples)
    with pytest.raises(UsageError, match=r"folder exists already; choose another folder with --out"):
        FolderWriter(tmp_path / "folder", [Example])


def read_all(folder, task="sentiment"):
    return list(open_prepared(folder, task).splits([Example], 0).train)


def test_a_byte_that_has_changed_is_found(tmp_path, examples):
    write(tmp_path / "folder", examples)
    file = tmp_path / "folder/train.safetensors"
    content = bytearray(file.read_bytes())
    place = content.index(b"text 41")
    content[place] ^= 1
    file.write_bytes(content)
    with pytest.raises(SeqkitError, match=r"train\.safetensors is damaged at example 42; remove the folder, and prep"):
        read_all(tmp_path / "folder")


def test_examples_in_another_order_and_offsets_that_lead_elsewhere_are_found(tmp_path):
    alike = [Example(f"text {number}", "a", PLACE) for number in range(10)]
    write(tmp_path / "folder", alike)
    file = tmp_path / "folder/train.safetensors"
    content, size = file.read_bytes(), 4 + len(ExampleForms([Example], []).write(alike[0]))
    file.write_bytes(
        content[:512] + content[512 + size : 512 + 2 * size] + content[512 : 512 + size] + content[512 + 2 * size :]
    )
    with pytest.raises(SeqkitError, match=r"train\.safetensors has other examples than were written"):
        read_all(tmp_path / "folder")
    for offset in (-8, 2**62, 7):
        file.write_bytes(content[:-16] + offset.to_bytes(8, "little", signed=True) + content[-8:])
        with pytest.raises(SeqkitError, match=r"train\.safetensors is damaged at example (9|10)"):
            read_all(tmp_path / "folder")


def test_a_file_that_was_cut_short_or_removed_is_found(tmp_path, examples):
    write(tmp_path / "folder", examples)
    file = tmp_path / "folder/train.safetensors"
    file.write_bytes(file.read_bytes()[:-8])
    with pytest.raises(SeqkitError, match=r"train\.safetensors has .* bytes, not .* as when it was written"):
        read_all(tmp_path / "folder")
    file.unlink()
    with pytest.raises(SeqkitError, match=r"cannot read .*train\.safetensors: No such file"):
        read_all(tmp_path / "folder")


def test_a_pipe_in_the_place_of_a_file_is_refused_and_not_opened(tmp_path, examples):
    write(tmp_path / "folder", examples)
    file = tmp_path / "folder/train.safetensors"
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(SeqkitError, match=r"cannot read .*train\.safetensors: it is a pipe or a device"):
        read_all(tmp_path / "folder")


def test_a_manifest_that_was_edited_is_found(tmp_path, examples):
    write(tmp_path / "folder", examples)
    manifest = tmp_path / "folder/prepared.json"
    manifest.write_text(manifest.read_text().replace('"firsts": [\n  0', '"firsts": [\n  1'))
    with pytest.raises(SeqkitError, match=r"prepared\.json was changed after it was written"):
        read_all(tmp_path / "folder")


def test_another_task_and_another_format_are_refused(tmp_path, examples):
    write(tmp_path / "folder", examples)
    with pytest.raises(SeqkitError, match=r"prepared for task 'sentiment', not 'tag'"):
        read_all(tmp_path / "folder", "tag")
    manifest = tmp_path / "folder/prepared.json"
    facts = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**facts, "format": 9, "version": "7.1"}))
    with pytest.raises(SeqkitError, match=r"was prepared by seqkit 7\.1 in format 9, and this version reads format 1"):
        read_all(tmp_path / "folder")


def test_a_source_that_has_changed_is_named(tmp_path, examples):
    from seqkit.data.prepared.folder import state_of

    source = tmp_path / "a.csv"
    source.write_text("text,label\n")
    write(tmp_path / "folder", examples, sources=[state_of(source)])
    folder = open_prepared(tmp_path / "folder", "sentiment")
    assert folder.changed_sources() == []
    source.write_text("text,label\nnew,a\n")
    assert folder.changed_sources() == [str(source)]
    source.unlink()
    assert folder.changed_sources() == []
