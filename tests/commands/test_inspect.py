"""``seqkit inspect`` on small runs of several tasks."""

import json
import random
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import NamedTuple

import pytest

import seqkit
from seqkit.inspection.inside import look_inside
from seqkit.runs import load

SMALL = ["--hidden-size", "8", "--embedding-size", "8", "--epochs", "1", "--dropout", "0", "--embedding-dropout", "0"]


@pytest.fixture(scope="session")
def runs(tmp_path_factory, command):
    """Names of tasks to finished runs."""
    folder, draw = tmp_path_factory.mktemp("inspect"), random.Random(0)
    names = [[*draw.sample(["Ann", "Bob", "Eve", "Tom", "Ida", "Max"], 2), draw.choice("abcdef")] for _ in range(60)]
    (folder / "names.conll").write_text(
        "\n\n".join("\n".join(f"{word} {'O' if len(word) == 1 else 'N'}" for word in row) for row in names) + "\n"
    )
    colours = {"red": "rouge", "blue": "bleu", "big": "grand"}
    pairs = {f"the {a} {b} {n}": f"le {b} {colours[a]} {n}" for a in colours for b in ("cat", "tree") for n in range(9)}
    (folder / "pairs.tsv").write_text("English\tFrench\n" + "".join(f"{a}\t{b}\n" for a, b in pairs.items()))
    (folder / "text.txt").write_text("".join(f"{' '.join(row)}.\n" for row in names * 5))
    (folder / "reviews.csv").write_text("text,label\n" + "".join(f"{' '.join(n)},{n[2] in 'abc'}\n" for n in names))
    rows = [[draw.choice("ab"), *(draw.random() for _ in range(3))] for _ in range(60)]
    (folder / "rows.csv").write_text("label,x,y,z\n" + "".join(",".join(map(str, row)) + "\n" for row in rows))
    parts = ["--valid-fraction", "0.2", "--test-fraction", "0.2"]
    asked = {
        "tag": ["--data", folder / "names.conll", *SMALL, "--min-count", "1", "--spelled-below", "0", *parts],
        "translate": ["--data", folder / "pairs.tsv", *SMALL, "--tokenizer", "word", *parts],
        "g2p": ["--data", folder / "pairs.tsv", *SMALL, *parts],
        "charlm": ["--data", folder / "text.txt", *SMALL, "--streams", "2", "--chunk", "16", "--recall", "4"],
        "caption": ["--letters", "20", "--faces", "Sans", "--sizes", "20", *SMALL[:6], "--width", "4", *parts],
        "sentiment": ["--data", folder / "reviews.csv", *SMALL, "--pooling", "attention", "--min-count", "1"],
        "frames": ["--strips", "20", "--hidden-size", "8", "--epochs", "1"],
        "digit": ["--data", folder / "rows.csv", "--epochs", "1"],
    }
    for task, options in asked.items():
        done = command("run", task, *options, "--out", folder / task)
        assert done.returncode == 0, done.stderr
    return {task: folder / task for task in asked}


def shown(page):
    """The numbers of a page's heat maps."""
    return json.loads(re.search(r"const MAPS = (\[.*?\]);\n", page.read_text("utf-8")).group(1))


def inspected(command, tmp_path, run, *arguments):
    out = tmp_path / "page.html"
    done = command("inspect", run, *arguments, "--out", out)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{out}\n"
    text = out.read_text("utf-8")
    assert not re.search(r"(src|href)=\"(?!#)|@import|url\((?!#)|https?://(?!www\.w3\.org)", text), (
        "the page needs the network"
    )
    return out, text


def test_a_text_shows_every_gate_and_state_of_both_directions_and_what_words_are_worth(trained, command, tmp_path):
    out, text = inspected(command, tmp_path, trained[0], "a wonderful film")
    maps = shown(out)
    assert [m["name"] for m in maps] == ["i", "f", "g", "o", "h", "c"] * 2
    assert all(m["columns"] == ["a", "wonderful", "film"] for m in maps)
    assert all(len(m["values"]) == 8 and len(m["values"][0]) == 3 for m in maps)
    assert "How much each step of the encoder contributes" in text
    answer = load(trained[0]).predict(["a wonderful film"])[0]
    assert f"{answer.label} ({answer.probabilities[answer.label]:.3f})" in text
    assert text.count("How long units remember") == 2
    assert "Encoder, layer 1, reads forward" in text and "Encoder, layer 1, reads backward" in text
    assert text.count("<b>forget gate</b> f") == text.count("<b>memory</b> c") == 2
    assert all(f"<span>{value:.3f}</span>" in text for value in answer.probabilities.values())


def test_predictions_are_the_same_bit_for_bit_while_a_model_is_recorded(trained, runs):
    asked = {"tag": ["Ann Bob c", "Eve"], "translate": ["the red cat 3", "the big tree 1"], "charlm": ["Ann", "Bob c"]}
    for run, texts in [
        (trained[0], ["a dull film", "moving"]),
        *((runs[task], texts) for task, texts in asked.items()),
    ]:
        model = load(run)
        before = model.predict(texts)
        with seqkit.record(model) as trace:
            assert model.predict(texts) == before
        assert trace.layers and model.predict(texts) == before


def page_of(command, *arguments):
    done = command("inspect", *arguments)
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.removesuffix("\n"))


def test_each_text_has_a_page_of_its_own_in_the_run_and_where_it_is_gets_printed(trained, command):
    run = trained[0]
    dull, moving = page_of(command, run, "Dull, so dull!"), page_of(command, run, "moving")
    assert dull.parent == moving.parent == run / "inspect"
    assert dull.name.startswith("dull-so-dull-") and moving.name.startswith("moving-")
    assert page_of(command, run, "dull so dull") != dull
    assert "dull" in dull.read_text("utf-8") and "dull" not in moving.read_text("utf-8")
    draft = dull.parent / f".{dull.name}.0123456789abcdef.tmp"
    draft.touch()  # as a killed one leaves it
    dull.write_text("an old page")
    assert page_of(command, run, "Dull, so dull!") == dull
    assert dull.stat().st_size > 10_000 and not draft.exists()
    flows = page_of(command, run, "--gradient-flow")
    assert flows.name.startswith("gradient-flow-")
    assert page_of(command, run, "moving film", "--gradient-flow") != page_of(command, run, "moving film")


@pytest.mark.parametrize("text", ["../../x", "日本 🎉", "…", "a" * 5000, "nul/\n/new line"])
def test_any_text_names_a_page_inside_the_run(trained, command, text):
    page = page_of(command, trained[0], f"{text} film")
    assert page.parent == trained[0] / "inspect" and page.is_file()


def test_several_texts_are_shown_beside_each_other(trained, runs, command, tmp_path):
    _, text = inspected(command, tmp_path, trained[0], "a wonderful film", "a dull one", "--gradient-flow")
    assert text.count("<article") == 2 and "<h2>a wonderful film</h2>" in text and "<h2>a dull one</h2>" in text
    assert "All models read the 2 inputs above" in text
    answers = load(trained[0]).predict(["a wonderful film", "a dull one"])
    assert all(f"({answer.probabilities[answer.label]:.3f})" in text for answer in answers)
    out, _ = inspected(command, tmp_path, runs["translate"], "the red cat 3", "the big tree 1")
    assert len(shown(out)) % 2 == 0


def test_a_translation_shows_both_sides_and_its_attention(runs, command, tmp_path):
    out, text = inspected(command, tmp_path, runs["translate"], "the red cat 3")
    maps = shown(out)
    written = load(runs["translate"]).predict(["the red cat 3"])[0].text
    assert f"<b>{written}</b>" in text
    looked = drawn_attention(text)
    assert looked.rows[-1] == "</s>" and rows_sum_to_one(looked)
    assert [m["name"] for m in maps] == ["z", "r", "n", "h"] * 3
    assert maps[-1]["columns"][0] == "<s>"


class Looked(NamedTuple):
    """A drawing of attention, as the page has it."""

    columns: list[str]
    rows: list[str]
    values: list[list[float]]


def drawn_attention(text):
    root = ElementTree.fromstring(re.search(r'<svg[^>]*class="heat".*?</svg>', text, re.DOTALL)[0])
    texts = [label for label in root.iter("text") if label.get("style") is None and label.get("font-size") == "12"]
    columns = [label.text for label in texts if label.get("transform")]
    rows = [label.text for label in texts if not label.get("transform")]
    values = [float(cell[0].text.rpartition(": ")[2]) for cell in root.iter("rect") if len(cell)]
    width = len(columns)
    return Looked(columns, rows, [values[at : at + width] for at in range(0, len(values), width)])


def rows_sum_to_one(looked):
    # Values have three digits.
    return len(looked.rows) == len(looked.values) and all(
        abs(sum(row) - 1) <= 0.005 * len(row) for row in looked.values
    )


def test_attention_that_pools_shows_how_much_of_each_word_the_label_has(runs, command, tmp_path):
    out, text = inspected(command, tmp_path, runs["sentiment"], "Ann Bob c")
    looked, first = drawn_attention(text), shown(out)[0]
    assert "Attention: which steps the encoder pools" in text and first["name"] == "i"
    assert looked.columns == first["columns"] == ["ann", "bob", "c"]
    assert looked.rows[0] in ("True", "False") and len(looked.values) == 1
    assert rows_sum_to_one(looked)


def test_a_language_model_shows_what_it_looks_back_on(runs, command, tmp_path):
    _, text = inspected(command, tmp_path, runs["charlm"], "Ann Bob")
    looked = drawn_attention(text)
    assert "Attention: which earlier steps the model recalls" in text and looked.rows == looked.columns == [*"Ann␣Bob"]
    assert rows_sum_to_one(looked)
    for t, row in enumerate(looked.values):
        assert all(value == 0 for j, value in enumerate(row) if not t - 4 < j <= t)


def test_a_caption_shows_its_words_over_the_places_of_the_picture(runs, command, tmp_path):
    from PIL import Image

    Image.new("L", (20, 20), 128).save(tmp_path / "grey.png")
    out, text = inspected(command, tmp_path, runs["caption"], tmp_path / "grey.png")
    looked, first = drawn_attention(text), shown(out)[0]
    assert "Attention: what the decoder looks at while it writes" in text and rows_sum_to_one(looked)
    assert looked.columns == [f"place\u00a0{place + 1}" for place in range(len(looked.columns))]
    assert [*first["columns"][1:], looked.rows[-1]] == looked.rows
    answer = load(runs["caption"]).predict([tmp_path / "grey.png"])[0]
    assert f"<b>{answer.text}</b>" in text and "How much each step of the decoder contributes" in text


def test_a_spelling_shows_its_letters_and_the_phonemes(runs, command, tmp_path):
    out, text = inspected(command, tmp_path, runs["g2p"], "the red")
    looked, first = drawn_attention(text), shown(out)[0]
    assert looked.columns == first["columns"] == [*"the␣red"] and rows_sum_to_one(looked)
    assert f"<b>{load(runs['g2p']).predict(['the red'])[0].text}</b>" in text


def test_a_task_that_does_not_say_what_its_steps_are_has_them_numbered(runs):
    model = load(runs["tag"])

    class Unexplained(type(model.task)):
        explain = None

    model.task = Unexplained()
    inside = look_inside(model, model.task.parse_input("Ann Bob c"))
    assert {layer.name: layer.steps for layer in inside.layers}["encoder.recurrent"] == ["1", "2", "3"]
    assert inside.answer == model.task.format_prediction(model.predict(["Ann Bob c"])[0])[0]
    assert not inside.influence and not inside.attention
    assert any("No contributions are shown" in note for note in inside.notes)


def test_words_of_a_tagger_are_shown_and_the_reader_of_their_letters_is_named(runs, command, tmp_path):
    out, text = inspected(command, tmp_path, runs["tag"], "Ann Bob c")
    assert {tuple(m["columns"]) for m in shown(out)} == {("Ann", "Bob", "c")}
    assert "Not shown: the reader of each word&#x27;s letters, which" in text


def test_a_language_model_shows_its_text_and_blanks_as_signs(runs, command, tmp_path):
    out, text = inspected(command, tmp_path, runs["charlm"], "Ann Bob")
    assert shown(out)[0]["columns"] == ["A", "n", "n", "␣", "B", "o", "b"]
    assert "next: " in text


def test_frames_are_shown_by_number(runs, command, tmp_path):
    import numpy as np

    model = load(runs["frames"])
    np.save(tmp_path / "clip.npy", np.zeros((4, model.codec.scaling.size), np.float32))
    out, text = inspected(command, tmp_path, runs["frames"], tmp_path / "clip.npy")
    assert shown(out)[0]["columns"] == ["1", "2", "3", "4"]
    assert 'aria-label="4 frames with their labels and signals"' in text and 'class="tokens"' not in text


def test_gradients_flow_through_a_text_or_through_the_test_split(trained, runs, command, tmp_path):
    _, text = inspected(command, tmp_path, trained[0], "a wonderful film and an actor", "--gradient-flow")
    assert 'aria-label="Norm of the gradient by lag: rnn, lstm, gru"' in text
    assert (
        "Only lstm is trained; add other runs with --beside RUN" in text and "All models read the input above" in text
    )
    for run, read in ((trained[0], "16 examples"), (runs["charlm"], "the beginning")):
        _, text = inspected(command, tmp_path, run, "--gradient-flow")
        assert f"All models read {read} of the test split" in text and "<canvas" not in text


def test_runs_of_other_cells_are_shown_beside_the_first(trained, reviews, small, runs, command, tmp_path):
    done = command("run", "sentiment", "--data", reviews, *small, "--cell", "rnn", "--out", tmp_path / "rnn")
    assert done.returncode == 0, done.stderr
    beside = ["--gradient-flow", "--beside", tmp_path / "rnn"]
    _, text = inspected(command, tmp_path, trained[0], *beside)
    assert "Trained: rnn and lstm." in text and ">rnn, trained<" in text and ">lstm, trained<" in text
    done = command("inspect", runs["charlm"], *beside)
    assert done.returncode == 2 and "a sentiment run cannot be shown beside one of charlm" in done.stderr


@pytest.mark.parametrize(
    ("task", "arguments", "said"),
    [
        ("digit", ["1,2,3"], "a digit model is one to one: it has no time"),
        ("digit", ["--gradient-flow"], "a digit model is one to one: it has no time"),
        ("tag", [], "give a text to look at, or --gradient-flow"),
        ("tag", ["Ann", "--beside", "."], "--beside needs --gradient-flow"),
        ("tag", ["  "], "there is nothing to read"),
        ("charlm", [""], "there is nothing to read"),
        ("tag", ["Ann", "--out", "/nowhere/page.html"], "cannot write /nowhere/page.html"),
    ],
)
def test_what_cannot_be_shown_is_refused_in_a_sentence(runs, command, task, arguments, said):
    done = command("inspect", runs[task], *arguments)
    assert done.returncode == 2
    assert said in done.stderr and done.stderr.count("\n") == 1
