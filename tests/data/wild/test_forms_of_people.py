"""Texts and labels in several forms of Unicode, as two programs or two keyboards write them."""

from unicodedata import normalize

import pytest

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
