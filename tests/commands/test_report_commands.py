"""``report.html`` at the end of a run, and ``seqkit report``."""

import html
import json
import random
import re
import shlex
import shutil
from html.parser import HTMLParser

import numpy as np
import pytest

from seqkit.errors import UsageError
from seqkit.report import results
from seqkit.report.findings import gather_again
from seqkit.report.mistakes import with_mistakes
from seqkit.report.run_files import read_run_files
from seqkit.runs import RunDirectory, load
from seqkit.runs.model import open_run

EVIL = "<script>alert(1)</script> & dull"
FOR_ALL = ["Scores on the test split", "Learning", "The model", "How it was made", "To repeat the run"]
VOID = {"meta", "img", "path", "br", "use"}


class Page(HTMLParser):
    """The tags of a page, checked to be closed in order, and what they refer to."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.links, self.text = [], [], [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.links += [value for name, value in attributes if name in ("src", "href", "xlink:href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)
        self.links += [value for name, value in attributes if name in ("src", "href", "xlink:href")]

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def sections(text):
    return re.findall(r"<h2>(.*?)</h2>", text)


def results_of(run):
    return json.loads((run / "results.json").read_text())


def read(run):
    return (run / "report.html").read_text("utf-8")


@pytest.fixture(scope="module")
def evil(command, reviews, small, tmp_path_factory):
    """A finished run on texts, some of which look like HTML, with labels that do, too."""
    folder = tmp_path_factory.mktemp("evil")
    rows = [line.rsplit(",", 1) for line in reviews.read_text().splitlines()[1:]]
    lines = [f'"{text} {EVIL}",<b>{label}' for text, label in rows]
    (folder / "evil.csv").write_text("text,label\n" + "\n".join(lines) + "\n")
    done = command(
        "run", "sentiment", "--data", folder / "evil.csv", "--out", folder / "a & b", *small, "--ngrams", "false"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"Its report: {folder / 'a & b' / 'report.html'}"
    return folder / "a & b"


def test_texts_and_labels_from_the_data_stay_text(evil):
    text = read(evil)
    page = Page(text)
    assert "script" not in page.tags and page.tags.count("b") == text.count('<div class="big">') * 5
    assert html.escape(EVIL) in text and EVIL in "".join(page.text)
    assert "&lt;b&gt;good" in text


def test_a_page_asks_the_network_for_nothing(evil):
    text = read(evil)
    page = Page(text)
    assert all(link.startswith(("#", "data:")) for link in page.links)
    assert not {"script", "link", "iframe", "object"} & {*page.tags}
    assert not re.search(r"@import|url\((?!#)|https?://(?!www\.w3\.org/)", text)


def test_a_page_of_texts_has_every_part(evil):
    text = read(evil)
    assert {*FOR_ALL, "Correct and wrong answers", "Is its confidence justified?"} == {*sections(text)}
    assert text.count("<svg") == 4 and 'class="shaded"' in text and "Worst mistakes" in text
    assert 'aria-label="many to one, bidirectional"' in text and "σ(a_i)" in text and "many to one" in text
    assert "prefers-color-scheme: dark" in text and 'content="width=device-width' in text
    results = json.loads((evil / "results.json").read_text())
    limits = json.loads((evil / "report.json").read_text())["baseline_intervals"]["accuracy"]
    below = " to ".join(f"{limit:.4f}" for limit in limits)
    assert f'<td class="number">{results["baseline"]["accuracy"]:.4f}\n{below}</td>' in text


def test_the_header_names_the_baseline_and_says_how_far_the_model_is_from_it(evil):
    text, results = read(evil), results_of(evil)
    difference = results["test"]["accuracy"] - results["baseline"]["accuracy"]
    header = text[text.index("<header>") : text.index("</header>")]
    assert "compared with TF-IDF with logistic regression" in header
    assert f"<b>{'+' if difference > 0 else '−'}{abs(difference):.4f}</b>" in header or difference == 0


def test_hits_and_misses_of_a_confusion_matrix_have_their_own_hues_and_the_page_explains_them(evil):
    text = read(evil)
    square = text[text.index('<table class="shaded">') :].split("</table>")[0]
    labels = square.count("<tr>") - 1
    assert square.count("number hit") == labels and square.count("number miss") == labels * (labels - 1)
    assert "Blue: correct; orange: confused." in text


def test_predictions_have_truth_confidence_and_the_line_that_they_are_of(evil):
    lines = (evil.parent / "evil.csv").read_text().splitlines()
    records = [json.loads(line) for line in (evil / "predictions.jsonl").read_text("utf-8").splitlines()]
    for record in records:
        file, _, line = record["source"].rpartition(":")
        assert file == str(evil.parent / "evil.csv") and lines[int(line) - 1].endswith(f",{record['truth']}")
        assert record["input"] in lines[int(line) - 1]
        assert record["confidence"] == record["probabilities"][record["label"]]
    correct = sum(record["label"] == record["truth"] for record in records)
    assert correct / len(records) == pytest.approx(results_of(evil)["test"]["accuracy"])


def test_as_many_mistakes_are_listed_as_requested_the_worst_first(evil, command, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(evil, run)
    path = run / "predictions.jsonl"
    records = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    files = read_run_files(run)
    wrong = [record for record in records if record["label"] != record["truth"]]
    table = with_mistakes(files, 1000).findings["tables"][-1]
    assert len(table["rows"]) == len(wrong)
    told = [records[n]["probabilities"][records[n]["truth"]] for n in range(len(records)) if records[n] in wrong]
    assert [float(row[2]) for row in table["rows"]] == pytest.approx([1 - p for p in sorted(told)], abs=0.006)
    assert len(with_mistakes(files, 1).findings["tables"][-1]["rows"]) == min(1, len(wrong))
    assert command("report", run, "--mistakes", "3").returncode == 0
    done = command("report", run, "--mistakes", "0")
    assert done.returncode == 2


def mistakes_of(run, records, count=2):
    """The table of the worst mistakes in a run whose predictions are these records."""
    (run / "predictions.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
    table = with_mistakes(read_run_files(run), count).findings["tables"][-1]
    assert table["title"] == "Worst mistakes"
    return table["columns"], table["rows"]


WORDS = {"input": ["a", "b", "c"], "words": ["a", "b", "c"], "source": "my words.conll:7"}
ONES = {"a": 1.0, "b": 100.0}
KINDS = {
    "words": (
        [
            {**WORDS, "tags": ["X", "Y", "X"], "sure": [0.9, 0.6, 0.7], "truth": ["X", "X", "Y"]},
            {**WORDS, "tags": ["Y", "Y", "Y"], "sure": [0.8, 0.9, 0.9], "truth": ["X", "Y", "Y"]},
        ],
        ["truth", "answer", "confidence", "line", "step", "at"],
        [["X", "Y", "0.80", "7", 1, "[a] b c"], ["Y", "X", "0.70", "7", 3, "a b [c]"]],
    ),
    "answers to questions": (
        [
            {
                "input": ["b", "?"],
                "words": ["b", "?"],
                "answers": ["a"],
                "sure": [0.4],
                "truth": ["-", "b"],
                "source": "c:1",
            }
        ],
        ["truth", "answer", "confidence", "line", "step", "at"],
        [["b", "a", "0.40", "1", 2, "b [?]"]],
    ),
    "frames": (
        [{"input": "clip é.csv", "labels": ["up", "up"], "sure": [0.9, 0.8], "truth": ["up", "down"], "source": "x:2"}],
        ["truth", "answer", "confidence", "line", "step", "at"],
        [["down", "up", "0.80", "", 2, "clip é.csv"]],
    ),
    "sets of labels": (
        [
            {"input": "t", "labels": ["a"], "probabilities": {"a": 0.6, "b": 0.4}, "truth": ["b"], "source": "f:3"},
            {"input": "u", "labels": ["a"], "probabilities": {"a": 0.9, "b": 0.1}, "truth": [], "source": "f:4"},
            {
                "input": "v",
                "labels": ["b", "a"],
                "probabilities": {"a": 0.9, "b": 0.9},
                "truth": ["a", "b"],
                "source": "f:5",
            },
        ],
        ["truth", "answer", "line", "text"],
        [["b", "a", "3", "t"], ["(none)", "a", "4", "u"]],
    ),
    "numbers": (
        [
            {"input": text, "number": 1.0, "low": 0.0, "high": 2.0, "truth": truth, "source": f"f.csv:{truth}"}
            for text, truth in (("s", 2), ("t", 9), ("u", -5))
        ],
        ["truth", "answer", "interval", "line", "text"],
        [["9", "1", "0 to 2", "9", "t"], ["-5", "1", "0 to 2", "-5", "u"]],
    ),
    "several numbers, each on its own scale": (
        [
            {"input": "t", "number": ONES, "low": ONES, "high": ONES, "truth": truth}
            for truth in ({"a": 2.0, "b": 110.0}, {"a": 1.0, "b": 90.0}, {"a": 1.0, "b": 100.0})
        ],
        ["", "truth", "answer", "interval", "line", "text"],
        [["a", "2", "1", "1 to 1", "", "t"], ["b", "110", "100", "100 to 100", "", "t"]],
    ),
    "texts": (
        [
            {"input": "two cats", "translation": "deux", "score": -2.0, "truth": ["deux chats"], "source": "p.tsv:1"},
            {
                "input": "a cat",
                "translation": "un",
                "score": -0.5,
                "truth": ["un chat", "le chat"],
                "source": "p.tsv:2",
            },
            {
                "input": "a dog",
                "translation": "un chien",
                "score": -0.1,
                "truth": ["x", "un chien"],
                "source": "p.tsv:3",
            },
        ],
        ["truth", "answer", "line", "input"],
        [["un chat | le chat", "un", "2", "a cat"], ["deux chats", "deux", "1", "two cats"]],
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_answer_has_its_worst_mistakes(kind, evil, tmp_path):
    shutil.copytree(evil, tmp_path / "run")
    records, columns, rows = KINDS[kind]
    assert mistakes_of(tmp_path / "run", records) == (columns, rows)


def test_a_run_that_does_not_say_what_is_correct_has_no_mistakes_to_list(evil, tmp_path):
    shutil.copytree(evil, tmp_path / "run")
    with pytest.raises(UsageError, match=r"no mistakes to list: .*leave out --mistakes"):
        mistakes_of(tmp_path / "run", [{"input": "bytes 0 to 9", "bpc": 1.0, "source": "a.txt"}])


def test_the_interval_of_the_report_holds_the_score(evil):
    found = json.loads((evil / "report.json").read_text())["intervals"]
    score = json.loads((evil / "results.json").read_text())["test"]["accuracy"]
    low, high = found["limits"]["accuracy"]
    assert low <= score <= high and low < high and found["resamples"] == len(found["samples"]) == 1000


def test_the_interval_of_the_baseline_is_that_of_its_own_answers(evil):
    limits = json.loads((evil / "report.json").read_text())["baseline_intervals"]
    model = load(evil)
    splits = model.task.read(model.config, [])
    answers = model.task.predict_baseline(model.config, splits)
    right = np.array([a.label == e.label for a, e in zip(answers, splits.test, strict=True)])
    generator = np.random.default_rng(0)
    drawn = [right[generator.integers(len(right), size=len(right))].mean() for _ in range(1000)]
    assert limits["accuracy"] == pytest.approx(np.percentile(drawn, [2.5, 97.5]))


def test_the_command_of_a_report_makes_the_same_run_again(evil, command, tmp_path):
    line = re.search(r'<pre class="fold">seqkit (run .*?)</pre>', read(evil))[1]
    done = command(*shlex.split(html.unescape(re.sub("</?span>", "", line))), "--out", tmp_path / "again")
    assert done.returncode == 0, done.stderr
    one, other = ((run / "config.toml").read_text() for run in (evil, tmp_path / "again"))
    assert one == other
    assert (
        json.loads((evil / "results.json").read_text())["test"]
        == json.loads((tmp_path / "again/results.json").read_text())["test"]
    )


def test_a_report_is_rebuilt_without_the_data(evil, command, tmp_path):
    run = tmp_path / evil.name
    shutil.copytree(evil, run)
    (run / "report.html").unlink()
    moved = evil.parent / "evil.csv"
    moved.rename(moved.with_suffix(".away"))
    try:
        done = command("report", run)
    finally:
        moved.with_suffix(".away").rename(moved)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{run / 'report.html'}\n", "")
    # The path of the folder stands in the command that repeats the run.
    assert read(run).replace(html.escape(str(run)), html.escape(str(evil))) == read(evil)


def test_a_run_from_before_there_were_reports_gets_the_same_findings(evil):
    kept, again = (
        json.loads((evil / "report.json").read_text()),
        json.loads(json.dumps(gather_again(open_run(evil), results_of(evil)))),
    )
    assert {key for key in kept if kept[key] != again[key]} <= {"finished", "notes"}


def test_a_report_from_before_baselines_had_intervals_is_made_without_them(evil, command, tmp_path):
    run = shutil.copytree(evil, tmp_path / "run")
    found = json.loads((run / "report.json").read_text())
    del found["baseline_intervals"]
    facts = RunDirectory(run).read_facts()
    RunDirectory(run).replace_file("report.json", json.dumps(found).encode(), facts)
    assert command("report", run).returncode == 0
    results = json.loads((run / "results.json").read_text())
    assert f'<td class="number">{results["baseline"]["accuracy"]:.4f}</td>' in read(run)


def test_a_report_that_fails_leaves_the_run_finished(command, reviews, small, tmp_path, monkeypatch):
    def broken(files):
        raise ZeroDivisionError("no page today")

    monkeypatch.setattr("seqkit.commands.training.write_page", broken)
    done = command("run", "sentiment", "--data", reviews, "--out", tmp_path / "run", *small, "--epochs", "1")
    assert done.returncode == 0 and "accuracy" in done.stdout
    assert "the report could not be written (no page today); try:" in " ".join(done.stderr.split())
    assert (tmp_path / "run/results.json").exists() and not (tmp_path / "run/report.html").exists()


def test_without_matplotlib_a_sentence_is_where_a_plot_would_be(evil, command, tmp_path, monkeypatch):
    run = tmp_path / "run"
    shutil.copytree(evil, run)
    monkeypatch.setattr(results, "find_spec", lambda name: None)
    assert command("report", run).returncode == 0
    text = read(run)
    assert text.count("<svg") == 1 and text.count("needs matplotlib") == 2
    assert {*FOR_ALL, "Is its confidence justified?"} <= {*sections(text)}


@pytest.mark.parametrize(
    ("break_it", "code", "message"),
    [
        (lambda run: (run / "results.json").unlink(), 2, "has no results yet; finish it with `seqkit resume"),
        (lambda run: (run / "report.json").write_text("{}"), 1, "is damaged or of another version; delete it"),
        (lambda run: (run / "results.json").write_text("[]"), 1, "results.json is damaged: an object is expected"),
        (lambda run: (run / "metrics.jsonl").write_text("{\n"), 1, "metrics.jsonl is damaged"),
        (lambda run: (run / "run.json").unlink(), 2, "is not a run; give a folder made by `seqkit run`"),
    ],
)
def test_a_run_without_what_a_report_needs_is_refused_in_a_sentence(break_it, code, message, evil, command, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(evil, run)
    break_it(run)
    done = command("report", run)
    assert (done.returncode, done.stdout) == (code, "") and message in done.stderr


def test_a_page_of_digits_shows_the_mistakes(command, tmp_path):
    command("run", "digit", "--out", tmp_path / "run", "--epochs", "2", "--hidden-size", "8", "--num-layers", "1")
    text = read(tmp_path / "run")
    Page(text)
    assert {*FOR_ALL, "Pictures", "Is its confidence justified?"} < {*sections(text)}
    assert "data:image/png;base64," in text and 'aria-label="one to one"' in text and text.count("<svg") == 4


def test_a_page_of_a_language_model_shows_what_it_writes(command, tmp_path):
    words, generator = ["the", "sea", "is", "<i>calm", "today"], random.Random(0)
    (tmp_path / "text.txt").write_text(" ".join(generator.choices(words, k=3000)))
    options = ["--data", tmp_path / "text.txt", "--epochs", "1", "--hidden-size", "8", "--streams", "4"]
    done = command("run", "charlm", "--out", tmp_path / "run", *options)
    assert done.returncode == 0, done.stderr
    text = read(tmp_path / "run")
    page = Page(text)
    assert {*FOR_ALL, "What it writes"} < {*sections(text)} and "i" not in page.tags
    assert "Is its confidence justified?" not in sections(text)
    assert "fewer than ten examples or pieces" in text and 'aria-label="many to many, next step"' in text


def test_a_page_of_tagged_words_shows_whether_the_confidence_in_each_is_justified(command, tmp_path):
    generator = random.Random(0)
    tags = {"a": "DET", "sea": "NOUN", "ship": "NOUN", "sails": "VERB", "sinks": "VERB"}
    words = [[*generator.choices(list(tags), k=5)] for _ in range(120)]
    (tmp_path / "tags.conll").write_text("\n\n".join("\n".join(f"{w}\t{tags[w]}" for w in line) for line in words))
    options = ["--data", tmp_path / "tags.conll", "--epochs", "1", "--hidden-size", "8", "--test-fraction", "0.2"]
    done = command("run", "tag", "--out", tmp_path / "run", *options)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "run/report.json").read_text())
    assert found["calibration"]["answers"] == found["parts"]["test"][0] and found["parts"]["test"][1] == "words"
    assert {*FOR_ALL, "Is its confidence justified?"} < {*sections(read(tmp_path / "run"))}


def test_commands_in_messages_are_quoted_where_a_folder_has_a_blank_in_its_name(evil, command, tmp_path):
    run = tmp_path / "my run é"
    shutil.copytree(evil, run)
    done = command("resume", run)
    assert f"seqkit evaluate '{run}'" in done.stderr and f"seqkit resume '{run}' --epochs" in done.stderr
    (tmp_path / "a text.csv").write_text("text\na\n")
    done = command("predict", run, tmp_path / "a text.csv")
    assert f"seqkit predict '{run}' --input '{tmp_path / 'a text.csv'}'" in done.stderr
