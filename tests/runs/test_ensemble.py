"""The folder of an ensemble: whole in itself, guarded, and scored only on what no member has seen."""

import json
import shutil

import pytest

from seqkit import SeqkitError, UsageError, load
from seqkit.estimators import SequenceClassifier
from seqkit.runs.ensemble import make_ensemble, score_ensemble


@pytest.fixture(scope="module")
def ensemble(siblings, tmp_path_factory):
    """A scored ensemble of the two."""
    made = make_ensemble([siblings / "run-1", siblings / "run-2"], tmp_path_factory.mktemp("ensembles") / "both", [])
    score_ensemble(made)
    return made.run.path


def test_an_ensemble_that_was_stopped_before_its_results_is_made_by_the_same_call(siblings, ensemble, tmp_path):
    pair, out = [siblings / "run-1", siblings / "run-2"], tmp_path / "both"
    began = make_ensemble(pair, out, [])
    assert not began.run.results.exists()
    with pytest.raises(UsageError, match="unfinished ensemble of other runs"):
        make_ensemble([pair[0], siblings / "run-3"], out, [])
    score_ensemble(make_ensemble(pair, out, []))
    for name in ("predictions.jsonl", "members/1/model.safetensors", "members/2/model.safetensors"):
        assert (out / name).read_bytes() == (ensemble / name).read_bytes()
    with pytest.raises(UsageError, match="exists and is not empty; choose another folder with --out"):
        make_ensemble(pair, out, [])


def test_a_copy_works_when_everything_else_is_gone(siblings, ensemble, tmp_path):
    texts = ["a wonderful film", "dull", "so"]
    expected = [load(siblings / f"run-{number}").predict_proba(texts) for number in (1, 2)]
    shutil.copytree(ensemble, tmp_path / "copy")
    for number, (one, other) in enumerate(zip(*expected, strict=True)):
        found = load(tmp_path / "copy").predict_proba(texts)[number]
        assert found["good"] == pytest.approx((one["good"] + other["good"]) / 2, abs=1e-6)
    assert not [path for path in ensemble.rglob("*") if path.suffix in {".pkl", ".pt", ".py"}]


def test_a_member_is_a_run_of_its_own(siblings, ensemble):
    texts = ["a wonderful film"]
    assert load(ensemble / "members/2").predict(texts) == load(siblings / "run-2").predict(texts)


@pytest.mark.parametrize("name", ["run.json", "model.safetensors", "vocab.json", "config.toml"])
def test_a_member_that_was_edited_is_found_out(ensemble, tmp_path, name):
    shutil.copytree(ensemble, tmp_path / "edited")
    path = tmp_path / "edited/members/2" / name
    path.write_bytes(path.read_bytes().replace(b"0", b"1", 1))
    with pytest.raises(SeqkitError, match="was changed after"):
        load(tmp_path / "edited")


def test_a_member_that_was_exchanged_for_another_run_is_found_out(siblings, ensemble, tmp_path):
    shutil.copytree(ensemble, tmp_path / "edited")
    shutil.copytree(siblings / "run-3", tmp_path / "edited/members/2", dirs_exist_ok=True)
    with pytest.raises(SeqkitError, match="was changed after"):
        load(tmp_path / "edited")


def test_results_have_the_ensemble_its_members_and_the_baseline_on_the_test_split_that_all_share(siblings, ensemble):
    results = json.loads((ensemble / "results.json").read_text())
    assert {"test", "baseline", "task", "metric", "better", "parameters", "labels"} <= results.keys()
    for number, member in enumerate(results["members"], 1):
        own = json.loads((siblings / f"run-{number}/results.json").read_text())
        assert member == {"name": f"run-{number}", "test": own["test"]}
    rows = [json.loads(line) for line in (ensemble / "predictions.jsonl").read_text().splitlines()]
    texts = [row["input"] for row in rows]
    assert [row["probabilities"] for row in rows] == load(ensemble).predict_proba(texts)
    assert results["parameters"] == sum(
        json.loads((siblings / f"run-{number}/results.json").read_text())["parameters"] for number in (1, 2)
    )


def test_members_that_were_tested_on_different_texts_have_no_common_test_split(siblings, tmp_path):
    notes = []
    made = make_ensemble([siblings / "run-1", siblings / "run-3"], tmp_path / "out", notes)
    assert made.splits is None
    assert f"{siblings / 'run-1'} and {siblings / 'run-3'} have different test splits" in notes[0]
    assert load(tmp_path / "out").predict(["dull"])


def test_data_that_have_changed_are_not_scored_on(opinions, tiny_run, tmp_path):
    data = tmp_path / "data.csv"
    shutil.copy(opinions, data)
    runs = [tiny_run(data, tmp_path / str(seed), seed=seed, split_seed=0, epochs=1) for seed in (0, 1)]
    data.write_text(data.read_text() + "one more,good\n")
    notes = []
    assert make_ensemble(runs, tmp_path / "changed", notes).splits is None
    assert "have changed since it was trained" in notes[0]
    data.unlink()
    assert make_ensemble(runs, tmp_path / "gone", notes).splits is None
    assert "cannot be read" in notes[1]


def test_a_member_that_was_saved_without_its_data_is_joined_and_the_ensemble_not_scored(siblings, opinions, tmp_path):
    rows = [line.rsplit(",", 1) for line in opinions.read_text().splitlines()[1:]]
    texts, labels = [text for text, _ in rows], [label for _, label in rows]
    fitted = SequenceClassifier(hidden_size=6, epochs=1).fit(texts, labels)
    fitted.save(tmp_path / "saved")
    notes = []
    assert make_ensemble([siblings / "run-1", tmp_path / "saved"], tmp_path / "both", notes).splits is None
    assert notes == [f"not scored: {tmp_path / 'saved'} was saved without the data of its training"]
    assert load(tmp_path / "both").predict(["a dull film"])


def test_what_cannot_answer_together_is_refused_before_anything_is_written(
    siblings, ensemble, pointed, trained, tmp_path
):
    one, out = siblings / "run-1", tmp_path / "out"
    for runs, problem in (
        ([one], "two runs or more"),
        ([one, one], "is named twice"),
        ([one, ensemble], "is an ensemble itself; name its members"),
        ([one, pointed], r"differ in task \(sentiment and digit\)"),
        ([one, tmp_path / "nowhere"], "is not a run"),
    ):
        with pytest.raises(UsageError, match=problem):
            make_ensemble(runs, out, [])
    assert not out.exists()
    with pytest.raises(UsageError, match="exists and is not empty; resume it with `seqkit resume"):
        make_ensemble([one, siblings / "run-2"], one, [])


def test_members_with_other_labels_are_refused_with_what_differs(siblings, tiny_run, tmp_path):
    data = tmp_path / "other.csv"
    data.write_text("text,label\n" + "".join(f"word{n} here,{('no', 'yes')[n % 2]}\n" for n in range(40)))
    tiny_run(data, tmp_path / "other", epochs=1)
    with pytest.raises(UsageError, match=r"run-1 and .*other differ in labels \(bad, good and no, yes\)"):
        make_ensemble([siblings / "run-1", tmp_path / "other"], tmp_path / "out", [])


def test_an_ensemble_is_neither_resumed_nor_started_from_nor_an_estimator(ensemble, command, opinions, tmp_path):
    with pytest.raises(UsageError, match="cannot be loaded as an estimator; name one of its members"):
        SequenceClassifier.load(ensemble)
    assert SequenceClassifier.load(ensemble / "members/1").predict(["dull"]).shape == (1,)
    done = command("run", "sentiment", "--data", opinions, "--init-from", ensemble, "--out", tmp_path / "new")
    assert "cannot be started from" in done.stderr
    (tmp_path / "copy").mkdir()
    shutil.copytree(ensemble, tmp_path / "copy", dirs_exist_ok=True)
    (tmp_path / "copy/results.json").unlink()
    done = command("resume", tmp_path / "copy")
    assert done.returncode == 2
    assert "cannot be resumed" in done.stderr
