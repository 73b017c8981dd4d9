"""The task of problems that show memory: what is generated, what is asked, what counts."""

import json
import random

import pytest
import torch

from seqkit import UsageError
from seqkit.config import make_config
from seqkit.data.inputs.words import WordReader
from seqkit.data.questions import asked
from seqkit.data.sources.memory import NOTHING, PROBLEMS, SHORTEST, lengths_of_test, memory_problem
from seqkit.runs import Model, find_task
from seqkit.topologies.synced.tagging import Tagged

MEMORY = find_task("memory")
LENGTHS = (SHORTEST, 9, 25, 100)


def drawn(problem, count=30):
    generator = random.Random(0)
    return [PROBLEMS[problem].draw(generator, length) for length in LENGTHS for _ in range(count)]


def answers(words, tags):
    return [tags[place] for place in asked(words)]


@pytest.mark.parametrize("problem", PROBLEMS)
def test_a_sequence_has_its_length_and_is_tagged_exactly_where_something_is_asked(problem):
    for number, (words, tags) in enumerate(drawn(problem)):
        assert len(words) == len(tags) == LENGTHS[number // 30]
        assert [place for place, tag in enumerate(tags) if tag != NOTHING] == asked(words)


def test_the_answer_of_adding_is_the_sum_of_the_marked_digits_of_each_half():
    for words, tags in drawn("adding"):
        marked = [place for place, word in enumerate(words) if word.startswith("+")]
        assert len(marked) == 2 and marked[0] < (len(words) - 1) // 2 <= marked[1]
        assert answers(words, tags) == [str(sum(int(words[place]) for place in marked))]


def test_the_answers_of_copy_are_the_symbols_at_the_beginning():
    for words, tags in drawn("copy"):
        found = answers(words, tags)
        assert found == words[: len(found)] and {*words[len(found) :]} <= {".", "?"}


def test_parity_is_that_of_the_ones_so_far():
    for words, tags in drawn("parity"):
        assert tags == [("even", "odd")[words[: place + 1].count("1") % 2] for place in range(len(words))]


def test_recall_asks_once_for_the_value_that_followed_each_key():
    for words, tags in drawn("recall"):
        places = asked(words)
        keys = [words[place - 1] for place in places]
        assert len({*keys}) == len(keys) >= 2
        assert answers(words, tags) == [words[words.index(key) + 1] for key in keys]


def test_brackets_that_are_answered_are_balanced_as_far_as_they_close():
    for words, tags in drawn("brackets"):
        text = "".join(tag if word == "?" else word for word, tag in zip(words, tags, strict=True))
        while "()" in text or "[]" in text:
            text = text.replace("()", "").replace("[]", "")
        assert not {*text} & {*")]"}


def test_s3_is_what_swaps_and_rotations_make_of_three_things():
    for words, tags in drawn("s3"):
        things = "abc"
        for word, tag in zip(words, tags, strict=True):
            things = things[1] + things[0] + things[2] if word == "s" else things[1:] + things[0]
            assert tag == things


def test_data_follow_from_the_seed_and_the_test_has_lengths_that_training_has_not():
    one, same, other = (memory_problem("s3", 20, 50, 3, seed) for seed in (1, 1, 2))
    assert one == same and one.train != other.train
    assert [len(e.words) for e in one.test] == [length for length in lengths_of_test(20) for _ in range(3)]
    assert max(len(e.words) for e in one.train) <= 20 < max(len(e.words) for e in one.test) == 80


def trial(problem="adding", **options):
    config = make_config(MEMORY.config, {"problem": problem, "sequences": 40, "tested": 4, "length": 16, **options})
    splits = MEMORY.read(config, [])
    codec = MEMORY.learn_codec(config, splits.train)
    torch.manual_seed(0)
    return config, splits, codec, MEMORY.build_head(config, codec).eval()


def test_only_answers_count_in_the_loss():
    _, splits, codec, head = trial()
    items = [codec.encode(example.words, example) for example in splits.train[:5]]
    assert head.loss(codec.collate(items)).count == 5
    assert NOTHING not in codec.labels


def test_each_length_has_a_score_and_their_average_is_the_score():
    _, splits, _, _ = trial()
    wrong = {len(splits.test[0].words)}
    answered = [
        Tagged(e.words, tuple("x" if len(e.words) in wrong else tag for tag in e.tags), ()) for e in splits.test
    ]
    scores = MEMORY.score(answered, splits.test)
    assert scores == {"accuracy": 0.8, "accuracy_8": 0.0} | {f"accuracy_{n}": 1.0 for n in lengths_of_test(16)[2:]} | {
        "accuracy": scores["accuracy"]
    }
    assert scores["accuracy"] == pytest.approx(sum(v for k, v in scores.items() if "_" in k) / 4)


def test_the_baseline_knows_only_the_word_at_which_it_is_asked():
    config, splits, _, _ = trial("copy", sequences=400, tested=50)
    answered = MEMORY.predict_baseline(config, splits)
    assert len({tag for p in answered for place in asked(p.words) for tag in [p.tags[place]]}) == 1
    assert MEMORY.score(answered, splits.test)["accuracy"] < 0.3


def test_a_typed_sequence_is_split_at_blanks_and_only_answers_are_shown():
    config, _, codec, head = trial()
    model = Model(MEMORY, config, codec, head)
    typed, given = model.predict(["1 +3 4 +9 ?", ["1", "+3", "4", "+9", "?"]])
    assert typed.words == given.words == ("1", "+3", "4", "+9", "?")
    line, facts = MEMORY.format_prediction(typed)
    assert line == typed.tags[-1] and facts["answers"] == [line]
    assert json.loads(json.dumps(facts))["words"][1] == "+3"


def test_generated_sequences_have_splits_of_their_own():
    with pytest.raises(UsageError, match="splits of their own"):
        trial(valid_data="x.conll")


def test_a_run_has_a_score_for_each_length_and_comparisons_show_them(command, tmp_path):
    options = ["--problem", "parity", "--length", "16", "--sequences", "60", "--tested", "4", "--epochs", "1"]
    done = command("compare", "memory", *options, "--cells", "gru,rnn", "--seeds", "1", "--out", tmp_path / "compared")
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "compared/gru-0/results.json").read_text())
    assert {"accuracy", "accuracy_8", "accuracy_64"} <= results["test"].keys()
    rows = [line.split() for line in done.stdout.partition("By length: accuracy")[2].splitlines()[1:5]]
    assert rows[0] == ["8", "16", "32", "64"] and [row[0] for row in rows[1:]] == ["gru", "rnn", "baseline"]
    assert [float(value) for value in rows[1][1:]] == pytest.approx(
        [results["test"][f"accuracy_{length}"] for length in rows[0]], abs=5e-4
    )
    assert (tmp_path / "compared/compare.svg").is_file()


@pytest.mark.slow
def test_a_gru_tracks_a_state_and_min_gru_does_not(command, tmp_path):
    options = ["--problem", "s3", "--length", "24", "--sequences", "600", "--epochs", "15"]
    scores = {}
    for cell in ("gru", "min-gru"):
        assert command("run", "memory", *options, "--cell", cell, "--out", tmp_path / cell).returncode == 0
        scores[cell] = json.loads((tmp_path / cell / "results.json").read_text())["test"]["accuracy_96"]
    assert scores["gru"] > 0.95 and scores["min-gru"] < 0.3


def test_how_words_are_read_and_answers_written_is_in_the_codec_so_that_exports_do_the_same():
    config = make_config(MEMORY.config, {"problem": "recall", "length": 12, "sequences": 60, "tested": 2})
    splits = MEMORY.read(config, [])
    codec = MEMORY.load_codec(MEMORY.learn_codec(config, splits.train).to_json())
    reader = WordReader(**WordReader.fields_of(codec.to_json()))
    assert codec.words("a, (b ?") == reader.words("a, (b ?") == ("a,", "(b", "?")
    tagged = Tagged(("a", "?", "b", "?"), ("x", "y", "x", "z"), (0.1, 0.2, 0.3, 0.4), reader.scheme)
    facts = {"words": ("a", "?", "b", "?"), "answers": ["y", "z"], "sure": [0.2, 0.4]}
    assert MEMORY.format_prediction(tagged) == tagged.formatted() == ("y z", facts)
