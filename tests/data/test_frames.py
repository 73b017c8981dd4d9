import json
import math
import pickle

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from seqkit import UsageError
from seqkit.data import DataError, SourceLocation
from seqkit.data.frames import (
    FeatureColumns,
    Layout,
    Scaling,
    clip_of,
    parse_number,
    read_clip,
    read_clips,
    split_clips,
    split_line,
    table_of,
)

FRAMES = np.array([[0, 1], [2, 3], [4, 5]], np.float32)
TABLE = "x,y,label\n0,1,walk\n2,3,walk\n4,5,run\n"


def save(folder, name, features=FRAMES, labels="walk\nwalk\nrun\n"):
    np.save(folder / f"{name}.npy", features)
    if labels is not None:
        (folder / f"{name}.labels.txt").write_text(labels, encoding="utf-8")
    return folder / f"{name}.npy"


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def test_every_format_holds_the_same_sequence(tmp_path):
    save(tmp_path, "a")
    np.savez(tmp_path / "b.npz", features=FRAMES, labels=["walk", "walk", "run"])
    write(tmp_path / "c.csv", TABLE)
    write(tmp_path / "d.tsv", TABLE.replace(",", "\t"))
    (tmp_path / "deeper").mkdir()
    write(tmp_path / "deeper" / "e.csv", "label;y;x\nwalk;1;0\n\nwalk;3;2\nrun;5;4\n")
    write(tmp_path / "notes.md", "no sequence")
    write(tmp_path / ".hidden.csv", "no table")
    clips = read_clips(tmp_path)
    assert [e.clip.name for e in clips] == ["a.npy", "b.npz", "c.csv", "d.tsv", "deeper/e.csv"]
    for e in clips[:4]:
        assert e.clip.features.tolist() == FRAMES.tolist()
        assert e.labels == ("walk", "walk", "run")
    tables = read_clips(tmp_path / "deeper", layout=Layout(2, ("x", "y")))
    assert tables[0].clip.features.tolist() == FRAMES.tolist(), "columns are known by their names"
    assert [tables[0].location_of(number).line for number in range(3)] == [2, 4, 5]
    assert clips[0].location_of(2) == SourceLocation(str(tmp_path / "a.labels.txt"), 3)


def test_whole_numbers_are_labels_and_pictures_are_laid_out_in_a_row(tmp_path):
    np.savez(tmp_path / "a.npz", features=np.arange(24, dtype=np.uint8).reshape(2, 3, 4), labels=np.array([7, 0]))
    (e,) = read_clips(tmp_path)
    assert e.labels == ("7", "0")
    assert e.clip.features.tolist() == [list(range(12)), list(range(12, 24))]


def test_an_empty_cell_and_nan_are_missing(tmp_path):
    (e,) = read_clips(write(tmp_path / "a.csv", "label,x,y\na,,1\nb,nan,2\nc,NA,3\n"))
    assert np.isnan(e.clip.features).tolist() == [[True, False]] * 3
    (e,) = read_clips(save(tmp_path, "b", np.array([[math.nan, 1.0]] * 3)))
    assert np.isnan(e.clip.features).tolist() == [[True, False]] * 3


def test_a_clip_to_predict_on_needs_no_labels(tmp_path):
    layout = Layout(2, ("x", "y"))
    for path in (save(tmp_path, "a", labels=None), write(tmp_path / "b.csv", "y,note,x\n1,-,0\n3,-,2\n5,-,4\n")):
        assert read_clip(path, layout).features.tolist() == FRAMES.tolist()


CLOCKS = ["2024-05-01T12:00:00.5", "2024-05-01 12:00", "12:00:01", "1:02:03 PM", "05/01/2024", "2024-05-01T12:00:00Z"]


@pytest.mark.parametrize("clock", CLOCKS)
def test_times_of_a_clock_are_not_a_feature_whatever_their_column_is_called(clock, tmp_path):
    (e,) = read_clips(write(tmp_path / "a.csv", f"when,x,label\n{clock},1,a\n{clock},2,b\n"))
    assert e.clip.layout.names == ("x",) and e.clip.index == ("when",)


@pytest.mark.parametrize(
    ("name", "values", "is_index"),
    [
        ("t", "0 0.1 0.2", True),
        ("Time (s)", "3 4 9", True),
        ("timestamp_ms", "1 2 3", True),
        ("frame", "0 1 2", True),
        ("time", "3 1 2", False),
        ("time", "1 1 2", False),
        ("time_to_peak", "1 2 3", False),
        ("temperature", "1 2 3", False),
        ("tilt", "1 2 3", False),
    ],
)
def test_numbers_are_an_index_if_they_grow_and_their_name_says_time(name, values, is_index, tmp_path):
    rows = "".join(f"{value},5,a\n" for value in values.split())
    (e,) = read_clips(write(tmp_path / "a.csv", f"{name},x,label\n{rows}"))
    assert (e.clip.layout.names == ("x",)) == is_index
    assert e.clip.index == ((name,) if is_index else ())


def test_later_sequences_may_have_an_index_and_models_that_read_a_time_still_do(tmp_path):
    path = write(tmp_path / "a.csv", "t,when,x,label\n1,12:00,5,a\n2,12:01,6,b\n3,12:02,7,b\n")
    (e,) = read_clips(path, layout=Layout(1, ("x",)))
    assert e.clip.features.tolist() == [[5], [6], [7]]
    (e,) = read_clips(path, layout=Layout(2, ("x", "t")))
    assert e.clip.features.tolist() == [[5, 1], [6, 2], [7, 3]]


def test_columns_are_chosen_and_ignored_by_name(tmp_path):
    path = write(tmp_path / "a.csv", "t,note,x,y,label\n1,hi,5,0,a\n2,ho,6,0,b\n3,ha,7,0,b\n")
    (e,) = read_clips(path, "label", chosen=FeatureColumns(ignored="note,y"))
    assert (e.clip.layout.names, e.clip.index) == (("x",), ("t",))
    (e,) = read_clips(path, "label", chosen=FeatureColumns(used="y, t"))
    assert (e.clip.layout.names, e.clip.index) == (("y", "t"), ())
    (e,) = read_clips(path, "label", Layout(1, ("x",)), chosen=FeatureColumns(ignored="note,y"))
    assert e.clip.features.tolist() == [[5], [6], [7]]
    with pytest.raises(
        DataError, match=r"a.csv:1: no column 'z', which --feature-columns and --ignore-columns may name"
    ):
        read_clips(path, "label", chosen=FeatureColumns(ignored="z"))


def test_a_table_written_is_read_again(tmp_path):
    features = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    features[1, 2] = math.nan
    write(tmp_path / "a.csv", "p,q,r,label\n" + "0,0,0,x\n" * 5)
    (e,) = read_clips(tmp_path / "a.csv")
    original = type(e)(clip_of("a", features, e.clip.layout.names), ("x", "a b", 'q"', ",", "é"), e.location)
    (tmp_path / "b.csv").write_bytes(table_of(original))
    (again,) = read_clips(tmp_path / "b.csv")
    assert again.clip.features.astype(np.float32).tobytes() == features.tobytes()
    assert again.labels == original.labels and again.clip.layout == original.clip.layout


BAD_TABLES = [
    ("x,y\n1,2\n", UsageError, "a.csv:1: cannot tell which column holds the label"),
    ("x,y,label\n", DataError, "a.csv:1: the file has a header but no rows"),
    ("", DataError, "a.csv:1: the file is empty"),
    (
        "x,label\n1,a\nbig,b\n",
        DataError,
        "column 'x': 'big' is not a number; correct it, or leave it empty if "
        "the value is missing; if the column is no feature, leave it out: --ignore-columns 'x'",
    ),
    ("x,label\n1,a\n1_0,b\n", DataError, "a.csv:3: column 'x': '1_0' is not a number"),
    ("x,label\n1,a\n\ninf,b\n", DataError, "a.csv:4: column 'x': inf is infinite or too large"),
    ("x,label\n-1e999,a\n", DataError, "a.csv:2: column 'x': -1e999 is infinite or too large"),
    ("x,label\n1,a\n2, \n", DataError, "a.csv:3: the frame has no label"),
    ("x,label\n1,a\n2\n", DataError, "a.csv:3: 1 field, but the first line names 2 columns"),
    ("label\na\n", DataError, "a.csv:1: there is a column of labels but no feature"),
]


@pytest.mark.parametrize(("text", "kind", "message"), BAD_TABLES)
def test_a_bad_table_is_refused_with_its_line(text, kind, message, tmp_path):
    with pytest.raises(kind) as caught:
        read_clips(write(tmp_path / "a.csv", text))
    assert message in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_label_column_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"no column 'lable' .*did you mean --label-column 'label'"):
        read_clips(write(tmp_path / "a.csv", TABLE), label_column="lable")


BAD_ARRAYS = [
    ({"features": np.zeros((0, 2), np.float32)}, "has no frames in it"),
    ({"features": np.zeros(3, np.float32)}, r"has the shape (3,); a sequence is an array of (frames, features)"),
    ({"features": np.array([["a", "b"]] * 3)}, "holds <U1 instead of numbers"),
    ({"features": np.array([[0, 1], [2, -np.inf], [4, 5]])}, "feature 2 of frame 2 is infinite or too large"),
    ({"labels": None}, "has no labels; write them in a.labels.txt beside it"),
    ({"labels": "walk\nrun\n"}, "has 3 frames but 2 labels"),
    ({"labels": "walk\n\nrun\n"}, "a.labels.txt:2: the frame has no label"),
]


@pytest.mark.parametrize(("changes", "message"), BAD_ARRAYS)
def test_a_bad_array_is_refused(changes, message, tmp_path):
    with pytest.raises(DataError) as caught:
        read_clips(save(tmp_path, "a", **changes))
    assert message in str(caught.value)
    assert str(tmp_path / "a") in str(caught.value)


def test_pickled_objects_are_refused_and_never_loaded(tmp_path):
    class Trap:
        def __reduce__(self):
            return (exec, ("raise SystemExit('it ran')",))

    np.save(tmp_path / "a.npy", np.array([[Trap()]], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "b.npz", features=FRAMES, labels=np.array([Trap(), 1, 2], dtype=object))
    np.save(tmp_path / "c.npy", FRAMES)
    for name in ("a.npy", "b.npz"):
        with pytest.raises(DataError, match=rf"{name} holds pickled objects, .*; save plain arrays"):
            read_clips(tmp_path / name)


BAD_ARCHIVES = [
    ({"x": FRAMES}, r"no array 'features' \(there is: x\)"),
    ({"two\nlines": FRAMES}, r"no array 'features' \(there is: two lines\)"),
    ({"features": FRAMES}, "has no labels; add an array"),
    ({"features": FRAMES, "labels": np.zeros(3)}, "labels of float64 in the shape"),
    ({"features": FRAMES, "labels": np.zeros((3, 1), int)}, r"in the shape \(3, 1\)"),
    ({"features": FRAMES, "labels": np.zeros(4, int)}, "has 3 frames but 4 labels"),
]


@pytest.mark.parametrize(("content", "message"), BAD_ARCHIVES)
def test_a_bad_archive_is_refused(content, message, tmp_path):
    np.savez(tmp_path / "a.npz", **content)
    with pytest.raises(DataError, match=message):
        read_clips(tmp_path / "a.npz")


def test_a_bare_pickle_is_refused(tmp_path):
    (tmp_path / "a.npy").write_bytes(pickle.dumps([1, 2]))
    with pytest.raises(DataError, match=r"a.npy holds pickled objects"):
        read_clips(tmp_path / "a.npy")


def test_y_beside_x_is_a_feature_and_else_a_label(tmp_path):
    (e,) = read_clips(write(tmp_path / "a.csv", "X,Y,action\n1,2,a\n"), label_column="action")
    assert e.clip.layout.names == ("X", "Y")
    (e,) = read_clips(write(tmp_path / "b.csv", "x,y\n1,a\n"), label_column="y")
    assert (e.clip.layout.names, e.labels) == (("x",), ("a",))
    (e,) = read_clips(write(tmp_path / "c.csv", "p,y\n1,a\n"))
    assert e.labels == ("a",)


def test_what_is_not_a_sequence_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"has no sequences in it; put files there that end with .npy, .npz, .csv"):
        read_clips(tmp_path)
    with pytest.raises(UsageError, match="no file"):
        read_clips(tmp_path / "a.npy")
    with pytest.raises(UsageError, match=r"cannot tell what .*a.wav is by its ending"):
        read_clips(tmp_path / "a.wav")
    with pytest.raises(DataError, match=r"a.npy is not an array of numpy .*; save it again"):
        read_clips(write(tmp_path / "a.npy", "text"))
    with pytest.raises(DataError, match=r"b.npz is not an array of numpy .*; save it again"):
        read_clips(write(tmp_path / "b.npz", "PK\x03\x04 and no more"))
    with pytest.raises(UsageError, match="is a folder; give the files in it"):
        read_clip(tmp_path, Layout(2))


CHANGES = [
    ("x,y,z,label\n1,2,3,a\n", "b.csv:1: feature 'z' is not in other sequences"),
    ("x,label\n1,a\n", "b.csv:1: feature 'y' is missing, which other sequences have (the columns here are x); add"),
    ("x,z,label\n1,2,a\n", "b.csv:1: feature 'y' is missing"),
    (
        "p,q,label\n1,2,a\n",
        "b.csv:1: features 'x', 'y' are missing, which other sequences have (the columns here are p, q",
    ),
]


@pytest.mark.parametrize(("text", "message"), CHANGES)
def test_features_that_change_are_refused(text, message, tmp_path):
    write(tmp_path / "a.csv", TABLE)
    write(tmp_path / "b.csv", text)
    with pytest.raises(DataError) as caught:
        read_clips(tmp_path)
    assert message in str(caught.value)


def test_a_number_of_features_that_changes_is_refused(tmp_path):
    save(tmp_path, "a")
    save(tmp_path, "b", np.zeros((3, 4), np.float32))
    with pytest.raises(DataError, match=r"b.npy has 4 features, but 2 are expected"):
        read_clips(tmp_path)


@given(st.floats(-1e30, 1e30))
def test_a_number_is_read_as_it_is_written(value):
    assert parse_number(f" {value!r} ") == value


@pytest.mark.parametrize(
    ("line", "cells"),
    [
        ("1 2   3", ["1", "2", "3"]), ("1\t\t3", ["1", "", "3"]), ("1, 2 ,3", ["1", "2", "3"]),
        ("1,,3", ["1", "", "3"]), ("0,5;1", ["0,5", "1"]), ("7", ["7"]),
    ],
)  # fmt: skip
def test_a_line_is_split_at_what_it_has(line, cells):
    assert split_line(line) == cells


def clips_of(*features):
    return [clip_of(str(number), np.array(values, np.float64)) for number, values in enumerate(features)]


def test_scaling_by_hand():
    # The third feature never changes, the fourth is missing once: its mean is over the three frames that have it.
    clips = clips_of([[0, 10, 7, 1], [2, 10, 7, math.nan]], [[4, 30, 7, 1], [6, 30, 7, 4]])
    scaling = Scaling.fit(clips)
    assert scaling.mean.tolist() == [3, 20, 7, 2]
    deviations = [math.sqrt((9 + 1 + 1 + 9) / 4), 10, math.inf, math.sqrt((1 + 1 + 4) / 3)]
    assert scaling.inverse == pytest.approx([1 / d for d in deviations])
    assert scaling.masked.tolist() == [3] and scaling.size == 5
    scaled = scaling(np.array([[3, 30, 9, math.nan], [math.nan, 1e9, 7, 2]]))
    assert scaled.dtype == np.float32
    # Whatever is far off becomes 50; a feature that was never missing in training has no flag.
    assert scaled.tolist() == [[0, 1, 0, 0, 1], [0, 50, 0, 0, 0]]


@example(np.array([[0.0, 3e-161], [3e-161, 3e-161]]))
@given(
    arrays.arrays(
        np.float64, arrays.array_shapes(min_dims=2, max_dims=2, min_side=2, max_side=6), elements=st.floats(-1e6, 1e6)
    )
)
def test_scaled_features_have_mean_0_and_deviation_1_or_say_nothing(features):
    scaled = Scaling.fit(clips_of(features))(features)
    for column in scaled.T.astype(np.float64):
        assert column.mean() == pytest.approx(0, abs=1e-5)
        assert column.std() == pytest.approx(1, abs=1e-5) or not column.any()


def test_a_frame_alone_is_scaled_as_among_others():
    generator = np.random.default_rng(0)
    features = generator.normal(size=(200, 3)) * [1, 10, 100]
    features[generator.random(features.shape) < 0.05] = math.nan
    features[generator.random(features.shape) < 0.05] *= 1e4
    for clips in (clips_of(features), clips_of(np.nan_to_num(features))):
        scaling = Scaling.fit(clips)
        alone = np.concatenate([scaling(row[None]) for row in features])
        assert alone.tobytes() == scaling(features).tobytes()


def test_scaling_goes_through_json():
    scaling = Scaling.fit(clips_of([[0.1, 1], [0.2, math.nan], [0.7, 3]]))
    again = Scaling.from_json(json.loads(json.dumps(scaling.to_json())), "features.json")
    assert [again.mean.tolist(), again.inverse.tolist(), again.masked.tolist()] == [
        scaling.mean.tolist(), scaling.inverse.tolist(), scaling.masked.tolist(),
    ]  # fmt: skip
    for broken in (
        {},
        [],
        {"mean": [1], "inverse": [1, 2], "masked": []},
        {"mean": [1], "inverse": [1], "masked": [4]},
    ):
        with pytest.raises(DataError, match=r"features.json .*; restore it from a backup"):
            Scaling.from_json(broken, "features.json")


def labelled(tmp_path, count):
    for number in range(count):
        save(tmp_path, f"c{number}", FRAMES + number // 2)
    return read_clips(tmp_path)


def test_splits_are_whole_sequences_and_twins_stay_together(tmp_path):
    clips = labelled(tmp_path, 40)
    splits = split_clips(clips, 0.1, 0.2, 0)
    every = (splits.train, splits.valid, splits.test)
    contents = [{e.clip.digest for e in split} for split in every]
    assert [len(split) for split in every] == [28, 4, 8]
    assert sum(map(len, contents)) == len(set.union(*contents)) == 20
    other = split_clips(clips, 0.1, 0.2, 1)
    assert [e.clip.name for e in other.test] != [e.clip.name for e in splits.test]
    assert not split_clips(clips, 0.0, 0.2, 0).valid


def test_too_few_sequences_are_refused(tmp_path):
    with pytest.raises(
        DataError, match="2 different sequences cannot be divided into training, validation and test; add sequences"
    ):
        split_clips(labelled(tmp_path, 4), 0.1, 0.1, 0)
