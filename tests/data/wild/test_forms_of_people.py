"""Texts and labels in several forms of Unicode, as two programs or two keyboards write them."""

from unicodedata import normalize

import pytest

from seqkit.topologies.class_weights import CLASS_WEIGHTS_FILE, class_weights_from_json
from seqkit.topologies.codec import read_labels

FORMS = {
    "composed": lambda text: normalize("NFC", text),
    "decomposed": lambda text: normalize("NFD", text),
    "mixed": lambda text: "".join(
        normalize(("NFC", "NFD")[n % 2], line) for n, line in enumerate(text.splitlines(keepends=True))
    ),
}
WORDS = ["été", "maïs", "Zoë", "한국어", "đường", "Ōsaka"]
ROWS = [(f"{word} {number}", "où" if number % 2 else "là") for number, word in enumerate(WORDS * 4)]


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl"])
def test_labels_are_the_same_in_every_form(wild, form, name):
    if name.endswith("jsonl"):
        lines = [f'{{"text": "{text}", "label": "{label}"}}' for text, label in ROWS]
    else:
        mark = "," if name.endswith("csv") else "\t"
        lines = [f"text{mark}label", *(f"{text}{mark}{label}" for text, label in ROWS)]
    reading = wild("sentiment", name, form("\n".join(lines)))
    assert not reading.error
    assert {example.label for example in reading.examples} == {"là", "où"}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_column_is_named_in_either_form(wild, form):
    content = form("été,catégorie\n" + "\n".join(",".join(row) for row in ROWS))
    reading = wild("sentiment", "a.csv", content, text_column="été", label_column="catégorie")
    assert len(reading.examples) == len(ROWS)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_pronunciations_have_the_same_phonemes_in_every_form(wild, form):
    reading = wild("g2p", "a.txt", form("été\t/ete/\nçà\t/sɑ̃ç/\nmaïs\t/ma.is/\n"))
    found = [normalize("NFC", reference) for pair in reading.examples for reference in pair.references]
    assert found == ["e t e", "s ɑ̃ ç", "m a i s"]


def test_one_run_scores_both_forms_alike(command, small, tmp_path):
    data, other, run = tmp_path / "a.csv", tmp_path / "b.csv", tmp_path / "run"
    text = "text,label\n" + "\n".join(",".join(row) for row in ROWS)
    data.write_text(normalize("NFC", text))
    other.write_text(normalize("NFD", text))
    assert command("run", "sentiment", "--data", data, "--out", run, *small, "--epochs", 1).returncode == 0
    first, second = (command("evaluate", run, "--data", path) for path in (data, other))
    assert first.returncode == second.returncode == 0
    # Texts are shown as they were written, the scores are the same.
    assert normalize("NFC", second.stdout) == normalize("NFC", first.stdout.replace("a.csv", "b.csv"))
    answers = [command("predict", run, normalize(form, ROWS[0][0])).stdout for form in ("NFC", "NFD", "NFKD")]
    assert len({normalize("NFC", answer) for answer in answers}) == 1


def test_labels_of_a_run_older_than_normal_forms_are_those_of_data_read_today():
    labels = [normalize("NFD", label) for label in ("là", "où")]
    assert read_labels(labels) == ("là", "où")
    files = {CLASS_WEIGHTS_FILE: dict(zip(labels, (1, 2), strict=True))}
    assert class_weights_from_json(files, ("là", "où")) == (1.0, 2.0)
    # Such a run may have learned both forms; its head has a score for each.
    twins = ("où", normalize("NFD", "où"))
    assert read_labels(list(twins)) == twins


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_tags_are_the_same_in_every_form(wild, form):
    lines = form("le\tdét\nchat\tnoun\n\nété\tnoun\nlà\tadvérbe\n\nun\tdét\n")
    tags = {tag for sentence in wild("tag", "a.conll", lines).examples for tag in sentence.tags}
    assert tags == {"dét", "noun", "advérbe"}


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_text_in_another_form_in_the_test_file_is_a_leak(wild, tmp_path, form):
    (tmp_path / "test.csv").write_text("text,label\n" + "\n".join(",".join(row) for row in ROWS[:2]))
    content = normalize(form, "text,label\n" + "\n".join(",".join(row) for row in ROWS))
    reading = wild("sentiment", "a.csv", content, test_data=str(tmp_path / "test.csv"))
    assert any("2 of 2 inputs of the test split are also in the training split" in f for f in reading.findings)
