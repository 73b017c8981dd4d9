"""Frames with a set of labels each: how they are read, and streams of them."""

import json

import numpy as np
import pytest

from seqkit import load
from seqkit.data import DataError
from seqkit.data.frames import has_label_sets, read_label_set_clips


def test_sets_of_frames_are_read_from_tables_lines_and_matrices(tmp_path):
    (tmp_path / "a.csv").write_text("x,label\n1,b|a\n2,\n3,b\n")
    np.save(tmp_path / "b.npy", np.ones((2, 1), np.float32))
    (tmp_path / "b.labels.txt").write_text("a\n\n")
    np.savez(tmp_path / "c.npz", features=np.ones((2, 1)), labels=np.array([[1, 0], [1, 1]]))
    clips = [
        read_label_set_clips(tmp_path / name)[0].labels if name != "b.npy" else None for name in ("a.csv", "c.npz")
    ]
    assert clips == [(("a", "b"), (), ("b",)), (("0",), ("0", "1"))]
    assert read_label_set_clips(tmp_path / "b.npy")[0].labels == (("a",), ())
    assert has_label_sets(tmp_path / "c.npz", None) and not has_label_sets(tmp_path / "a.csv", None)


def test_what_is_not_a_set_of_labels_for_a_frame_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text("x,old,new\n1,1,0\n2,3,0\n")
    with pytest.raises(DataError, match=r"a\.csv:3: column 'old' is '3', but of several label columns"):
        read_label_set_clips(tmp_path / "a.csv", "old,new")
    (tmp_path / "b.csv").write_text("x,label\n1,\n2,\n")
    with pytest.raises(DataError, match="no frame has a label"):
        read_label_set_clips(tmp_path / "b.csv")
    np.savez(tmp_path / "c.npz", features=np.ones((2, 1)), labels=np.array([[1, 0], [2, 1]]))
    with pytest.raises(DataError, match=r"c\.npz has a matrix of labels with other numbers than 0 and 1"):
        read_label_set_clips(tmp_path / "c.npz")


def test_a_stream_says_of_each_frame_what_the_whole_sequence_does(command, tmp_path):
    draw = np.random.default_rng(0)
    for number in range(16):
        frames = draw.normal(size=(20, 2))
        rows = [f"{a:.3f},{b:.3f},{int(a > 0)},{int(b > 0.5)}\n" for a, b in frames]
        (tmp_path / f"{number}.csv").write_text("a,b,high,far\n" + "".join(rows))
    options = ["--label-column", "high,far", "--bidirectional", "false", "--delay", "1", "--hidden-size", "16"]
    options += ["--batch-size", "2", "--learning-rate", "0.03", "--dropout", "0"]
    done = command("run", "frames", "--data", tmp_path, "--epochs", "12", "--out", tmp_path / "run", *options)
    assert done.returncode == 0, done.stderr
    assert "labels are columns of 0 and 1, so a frame has a set of them (--target" in done.stderr
    results = json.loads((tmp_path / "run/results.json").read_text())
    # Saying every label of every frame gives 0.58.
    assert results["metric"] == "micro_f1" and results["test"]["micro_f1"] > 0.75
    model = load(tmp_path / "run")
    (whole,) = model.predict([tmp_path / "3.csv"])
    stream = model.stream()
    lines = (tmp_path / "3.csv").read_text().splitlines()[1:]
    answers = [answer for line in lines if (answer := stream.push(",".join(line.split(",")[:2])))] + [*stream.finish()]
    assert [answer.labels for answer in answers] == list(whole.labels)
    assert [list(a.probabilities.values()) for a in answers] == pytest.approx(np.array(whole.probabilities), abs=1e-5)
