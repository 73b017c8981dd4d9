"""Folders of pictures with captions, vectors made beforehand, and what is wrong with them."""

import json
import sys
import unicodedata

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save_file

from seqkit import SeqkitError, UsageError
from seqkit.config import make_config
from seqkit.data import DataError
from seqkit.data.pictures import read_captioned, read_picture, read_vector, split_groups, vectors_in
from seqkit.runs import find_task

FORMATS = ["png", "jpg", "gif", "bmp", "webp"]


def paint(path, value=255, size=(8, 8)):
    Image.new("L", size, value).save(path)


@pytest.fixture
def folder(tmp_path):
    """Three pictures, black, grey and white, without their captions."""
    for name, value in (("a.png", 0), ("b.png", 120), ("c.png", 255)):
        paint(tmp_path / name, value)
    return tmp_path


TSV = "file\tcaption\na.png\tall black\nb.png\tgrey\na.png\tnight\nc.png\twhite as snow\n"


def read(folder, name="captions.tsv", text=TSV, **options):
    (folder / name).write_text(text, encoding="utf-8")
    return read_captioned(folder, 8, False, **options)


COCO = {
    "images": [{"id": 7, "file_name": "a.png"}, {"id": 9, "file_name": "b.png"}, {"id": 1, "file_name": "c.png"}],
    "annotations": [
        {"image_id": 7, "caption": "all black"},
        {"image_id": 9, "caption": "grey"},
        {"image_id": 7, "caption": "night"},
        {"image_id": 1, "caption": " white as\n snow "},
    ],
}
PLAIN = {"a.png": ["all black", "night"], "b.png": "grey", "c.png": "white as snow"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("captions.tsv", TSV),
        ("captions.csv", "image,caption\n" + TSV.partition("\n")[2].replace("\t", ",")),
        ("captions.json", json.dumps(PLAIN)),
        ("captions.json", json.dumps(COCO)),
    ],
    ids=["tsv", "csv", "json", "coco"],
)
def test_every_format_gives_each_picture_all_its_captions(folder, name, text):
    examples = read(folder, name, text)
    assert [e.captions for e in examples] == [("all black", "night"), ("grey",), ("white as snow",)]
    assert [str(e.picture) for e in examples] == ["a.png", "b.png", "c.png"]
    assert [int(e.picture.values.mean()) for e in examples] == [0, 120, 255]


KARPATHY = {
    "dataset": "album",
    "images": [
        {"filename": name, "sentences": [{"raw": text} for text in ([texts] if isinstance(texts, str) else texts)]}
        for name, texts in PLAIN.items()
    ],
}
FLICKR = "a.png#0\tall black\na.png#1\tnight\nb.png#0\tgrey\nc.png#0\twhite as snow\n"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("captions.json", json.dumps(KARPATHY)),
        ("captions.txt", FLICKR),
        ("captions.txt", FLICKR.replace("#0", "").replace("#1", "")),
        ("captions.txt", "image,caption\na.png,all black\na.png,night\nb.png,grey\nc.png,white as snow\n"),
    ],
    ids=["karpathy", "flickr with numbers", "flickr without", "kaggle"],
)
def test_the_forms_of_shared_data_sets_are_read(folder, name, text):
    assert [e.captions for e in read(folder, name, text)] == [("all black", "night"), ("grey",), ("white as snow",)]


def test_pictures_in_a_folder_beside_the_captions_are_found(folder):
    (folder / "annotations").mkdir()
    (folder / "train").mkdir()
    for name in PLAIN:
        (folder / name).rename(folder / "train" / name)
    (folder / "annotations" / "captions_train.json").write_text(json.dumps(COCO))
    examples = read_captioned(folder / "annotations" / "captions_train.json", 8, False)
    assert [int(e.picture.values.mean()) for e in examples] == [0, 120, 255]


def test_a_picture_without_a_caption_is_noted_and_hidden_files_are_not(folder):
    paint(folder / "d.png", 7)
    (folder / "._a.png").write_bytes(b"what a Mac leaves behind")
    notes = []
    assert len(read(folder, notes=notes)) == 3
    assert notes == ["1 picture has no caption in captions.tsv and will not be used: 'd.png'"]


@pytest.mark.parametrize(("on_disk", "listed"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_accents_of_names_are_the_same_in_either_form(folder, on_disk, listed):
    paint(folder / unicodedata.normalize(on_disk, "café.png"), 50)
    text = TSV + f"{unicodedata.normalize(listed, 'café.png')}\tdark\n"
    assert int(read(folder, text=text)[-1].picture.values.mean()) == 50


def test_a_picture_is_shown_as_it_was_taken(tmp_path):
    picture = Image.new("L", (8, 8))
    picture.putpixel((0, 0), 255)
    exif = picture.getexif()
    exif[0x0112] = 3  # turned by 180 degrees
    picture.save(tmp_path / "a.png", exif=exif)
    values = read_picture(tmp_path / "a.png", 8, False).values[:, :, 0]
    assert values[7, 7] == 255 and values[0, 0] == 0


def test_what_is_not_a_picture_is_not_run_whatever_it_is_called(tmp_path):
    (tmp_path / "a.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EOF\n")
    with pytest.raises(DataError, match="cannot be read as a picture"):
        read_picture(tmp_path / "a.png", 8, False)


def test_a_picture_that_unfolds_to_too_many_pixels_is_refused_before_it_does(tmp_path):
    Image.new("1", (8000, 8000)).save(tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size < 20_000
    with pytest.raises(DataError, match="8000 x 8000 pixels, more than 50,000,000"):
        read_picture(tmp_path / "a.png", 8, False)


@pytest.mark.parametrize("ending", FORMATS)
def test_every_kind_of_file_is_read_in_grey_and_in_colour(tmp_path, ending):
    path = tmp_path / f"picture.{ending}"
    Image.new("RGB", (40, 20), (200, 10, 10)).save(path)
    grey, color = (read_picture(path, 16, way).values for way in (False, True))
    assert (grey.shape, color.shape) == ((16, 16, 1), (16, 16, 3))
    # Twice as wide as high: scaled to fit, black above and below.
    assert color[8, 8, 0] > 180 and color[8, 8, 1] < 40
    assert (color[1] == 0).all() and (grey[1] == 0).all()


def test_what_is_transparent_is_white(tmp_path):
    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(tmp_path / "a.png")
    assert (read_picture(tmp_path / "a.png", 8, False).values == 255).all()


BAD = {
    "no captions file": (
        None,
        None,
        "has no captions.tsv, captions.json, captions.csv, captions.jsonl or captions.txt",
    ),
    "caption alone": ("captions.tsv", TSV + "d.png\tred\n", r"captions.tsv:6: 'd.png' has a caption but is not in"),
    "a name that leads out": (
        "captions.tsv",
        TSV + "../d.png\tred\n",
        r"captions.tsv:6: '../d.png' leads out of the folder",
    ),
    "a name from the root": (
        "captions.tsv",
        TSV + "/etc/d.png\tred\n",
        r"captions.tsv:6: '/etc/d.png' leads out of the",
    ),
    "an image without sentences": (
        "captions.json",
        json.dumps({"images": [{"filename": "a.png"}]}),
        "image 1 of the list",
    ),
    "empty caption": ("captions.tsv", TSV + "c.png\t \n", "captions.tsv:6: the caption of 'c.png' is empty"),
    "no file column": ("captions.tsv", TSV.replace("file", "thing"), "captions.tsv:1: .* call them file and caption"),
    "no caption column": (
        "captions.tsv",
        TSV.replace("caption", "thing"),
        "captions.tsv:1: .* call them file and caption",
    ),
    "no JSON": ("captions.json", '{"a.png": "x",\n "b.png" "y"}', "captions.json:2: this is not JSON"),
    "a list": ("captions.json", "[]", "captions.json:1: the file must hold one object"),
    "nothing": ("captions.json", "{}", "captions.json has no captions in it"),
    "a number": ("captions.json", '{"a.png": 3}', "the captions of 'a.png' are neither a text"),
    "no image": ("captions.json", json.dumps({**COCO, "images": []}), "annotation of image 7 names no image"),
    "no id": ("captions.json", json.dumps({**COCO, "images": [{"id": 1}]}), "images with id and file_name"),
}


@pytest.mark.parametrize(("name", "text", "message"), BAD.values(), ids=BAD)
def test_a_folder_that_is_wrong_is_refused_with_its_location(folder, name, text, message):
    if name:
        (folder / name).write_text(text, encoding="utf-8")
    with pytest.raises(SeqkitError, match=message) as error:
        read_captioned(folder, 8, False)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "is empty .0 bytes."), (b"no picture at all", "cannot be read as a picture"), ("cut", "cannot be read")],
)
def test_an_unreadable_picture_is_named(folder, content, message):
    whole = folder / "b.png"
    if content == "cut":
        Image.effect_noise((64, 64), 50).save(whole)
        content = whole.read_bytes()[:900]
    whole.write_bytes(content)
    with pytest.raises(SeqkitError, match=f"b.png {message}"):
        read(folder)


def test_a_picture_that_is_not_there_is_a_wrong_command(tmp_path):
    with pytest.raises(UsageError, match="no picture"):
        read_picture(tmp_path / "a.png", 8, False)


def test_without_pillow_the_error_says_what_to_install(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(UsageError, match=r"pip install 'seqkit\[data\]'"):
        read(folder)


ROWS = np.arange(6, dtype=np.float32).reshape(3, 2)


def test_rows_of_an_array_follow_the_captions_file_or_a_list_of_names(tmp_path):
    np.save(tmp_path / "vectors.npy", ROWS)
    examples = read(tmp_path, vectors=vectors_in(tmp_path))
    assert [(str(e.picture), e.picture.values.tolist()) for e in examples] == [
        ("a.png", [[0, 1]]), ("b.png", [[2, 3]]), ("c.png", [[4, 5]]),
    ]  # fmt: skip
    (tmp_path / "vectors.names").write_text("c.png\na.png\nb.png\n")
    examples = read(tmp_path, vectors=tmp_path / "vectors.npy")
    assert [e.picture.values.tolist() for e in examples] == [[[2, 3]], [[4, 5]], [[0, 1]]]


def test_tensors_are_found_by_name_and_may_be_grids(tmp_path):
    grids = {name: np.full((4, 2), n, np.float16) for n, name in enumerate(("c.png", "b.png", "a.png"))}
    save_file(grids, tmp_path / "vectors.safetensors")
    examples = read(tmp_path, vectors=vectors_in(tmp_path))
    assert [(e.picture.values.shape, e.picture.values[0, 0]) for e in examples] == [((4, 2), n) for n in (2, 1, 0)]


def test_one_vector_is_read_from_a_file_of_its_own(tmp_path):
    np.save(tmp_path / "a.npy", ROWS[0])
    save_file({"x": ROWS}, tmp_path / "b.safetensors")
    assert read_vector(tmp_path / "a.npy").values.tolist() == [[0, 1]]
    assert read_vector(tmp_path / "b.safetensors").values.shape == (3, 2)


def test_vectors_that_are_wrong_are_refused(tmp_path):
    path = tmp_path / "vectors.npy"

    def error(array):
        np.save(path, array)
        with pytest.raises(SeqkitError) as raised:
            read(tmp_path, vectors=path)
        return str(raised.value)

    assert "has 2 rows, but the captions file names 3 pictures" in error(ROWS[:2])
    assert "vectors are (pictures, F) or" in error(ROWS[0])
    assert "the vector of b.png has values that are not finite" in error(np.where(ROWS == 2, np.nan, ROWS))
    assert "holds no numbers" in error(np.array([["x"]] * 3))
    (tmp_path / "vectors.names").write_text("a.png\nb.png\nd.png\n")
    assert "has no vector of c.png" in error(ROWS)
    path.write_bytes(b"")
    with pytest.raises(SeqkitError, match="is not an array of numpy"):
        read(tmp_path, vectors=path)
    other = tmp_path / "vectors.safetensors"
    save_file({"a.png": ROWS[0], "b.png": ROWS[0], "c.png": np.zeros(3, np.float32)}, other)
    with pytest.raises(SeqkitError, match=r"the vectors of a.png and c.png differ in shape"):
        read(tmp_path, vectors=other)
    other.write_bytes(b"x")
    with pytest.raises(SeqkitError, match="is not a safetensors file"):
        read(tmp_path, vectors=other)
    with pytest.raises(UsageError, match=r"has no vectors\.npy or vectors\.safetensors"):
        vectors_in(tmp_path / "elsewhere")


def test_the_same_picture_under_two_names_stays_in_one_split(tmp_path):
    lines = ["file\tcaption"]
    for number in range(40):
        paint(tmp_path / f"{number}.png", 6 * (number // 2))
        lines.append(f"{number}.png\tnumber {number}")
    examples = read(tmp_path, text="\n".join(lines))
    splits = split_groups(examples, 0.2, 0.2, seed=1)
    groups = [{e.group for e in split} for split in (splits.train, splits.valid, splits.test)]
    assert [len(split) for split in groups] == [12, 4, 4]
    assert sum(map(len, groups)) == len(set.union(*groups))
    assert sum(map(len, (splits.train, splits.valid, splits.test))) == 40
    again = split_groups(examples[::-1], 0.2, 0.2, seed=1)
    assert {e.group for e in again.test} == groups[2]
    with pytest.raises(SeqkitError, match="2 different pictures cannot be divided"):
        split_groups(examples[:4], 0.2, 0.2, seed=1)


def test_pictures_keep_their_own_color_unless_it_is_chosen(tmp_path):
    draw = np.random.default_rng(0)
    for name, colored in (("grey", False), ("color", True)):
        folder = tmp_path / name
        folder.mkdir()
        for number in range(4):
            pixels = np.repeat(draw.integers(0, 256, (20, 20, 1), np.uint8), 3, 2)
            if colored and number == 3:
                pixels[:8, :8] = (200, 20, 20)
            Image.fromarray(pixels).save(folder / f"{number}.jpg")
        (folder / "captions.tsv").write_text("".join(f"{number}.jpg\tpicture {number}\n" for number in range(4)))
    for name, color, channels, said in (
        ("grey", None, 1, 0),
        ("color", None, 3, 1),
        ("grey", True, 3, 0),
        ("color", False, 1, 0),
    ):
        notes: list[str] = []
        read = read_captioned(tmp_path / name, 16, color, notes=notes)
        assert {example.picture.values.shape for example in read} == {(16, 16, channels)}
        assert len(notes) == said and all("--color false reads them in grey" in note for note in notes)


def test_a_run_writes_down_how_its_pictures_were_read_and_reads_others_alike(tmp_path):
    task = find_task("caption")
    for number in range(6):
        Image.new("RGB", (16, 16), (255, 40 * number, 0)).save(tmp_path / f"{number}.png")
    (tmp_path / "captions.tsv").write_text("".join(f"{number}.png\tpicture {number}\n" for number in range(6)))
    config = make_config(task.config, {"data": str(tmp_path), "valid_fraction": 0.2, "test_fraction": 0.2})
    splits = task.read(config, [])
    config = task.recipe(config, splits)
    assert config.color is True
    codec = task.learn_codec(config, splits.train)
    for example in task.read_file(config, tmp_path, codec):
        assert example.picture.values.shape == codec.shape == (32, 32, 3)
