"""Spelling to phonemes: the dictionary, its splits, scores, and words learned by heart."""

import pytest
import torch
from seqkit.tasks.g2p import TASK, G2PConfig
from seqkit.tasks.translate import Translated

from seqkit.config import make_config
from seqkit.data import DataError, SourceLocation, Splits
from seqkit.data.pairs import Pair
from seqkit.data.sources import pronunciations as module
from seqkit.data.sources.pronunciations import cmudict, without_stress

TEN = {
    "cat": "K AE T",
    "city": "S IH T IY",
    "chat": "CH AE T",
    "photo": "F OW T OW",
    "top": "T AA P",
    "though": "DH OW",
    "tough": "T AH F",
    "eight": "EY T",
    "night": "N AY T",
    "it's": "IH T S",
}
PAIRS = [Pair(word, (said,), SourceLocation("ten", number)) for number, (word, said) in enumerate(TEN.items(), 1)]


@pytest.fixture(scope="module")
def dictionary():
    return list(cmudict())


@pytest.mark.parametrize(
    ("words", "given", "units"), [(3100, {}, 256), (3101, {}, 512), (300, {"hidden_size": 512}, 512)]
)
def test_few_words_have_fewer_units_unless_somebody_says_how_many(words, given, units):
    splits = Splits(PAIRS[:1] * words, PAIRS[:1], PAIRS[:1])
    assert TASK.recipe(make_config(G2PConfig, given), splits).hidden_size == units


def answers(*texts):
    return [Translated(text, 0.0, ((text, 0.0),)) for text in texts]


def test_the_dictionary_has_every_entry_without_its_number_and_remark(dictionary):
    assert len(dictionary) == 135_166
    said = [pair.references[0] for pair in dictionary if pair.source == "tomato"]
    assert said == ["T AH0 M EY1 T OW2", "T AH0 M AA1 T OW2"]
    remarked = next(pair for pair in dictionary if pair.source == "aalborg")
    assert remarked.references == ("AO1 L B AO0 R G",)
    assert not any("(" in pair.source or "#" in pair.references[0] for pair in dictionary)


def test_the_phonemes_are_the_39_of_english_without_stress(dictionary):
    phonemes = {phoneme for pair in map(without_stress, dictionary) for phoneme in pair.references[0].split()}
    assert len(phonemes) == 39
    assert all(phoneme.isalpha() for phoneme in phonemes)


def test_a_dictionary_that_is_none_is_named_with_its_line(monkeypatch, tmp_path):
    broken = tmp_path / "cmudict.dict"
    broken.write_text("cat K AE1 T\ncat\n")
    monkeypatch.setattr(module, "CMUDICT", type("Fake", (), {"locate": lambda self: broken})())
    with pytest.raises(DataError, match=r"cmudict.dict:2: no word and phonemes in 'cat'"):
        list(cmudict())


def test_splits_share_no_word_and_every_pronunciation_is_accepted(tmp_path):
    lines = [f"w{n}\tA{n % 3} B\nw{n}\tC{n % 3}\n" for n in range(60)]
    path = tmp_path / "words.tsv"
    path.write_text("".join(lines))
    splits = TASK.read(make_config(G2PConfig, {"data": str(path)}), [])
    words = [{pair.source for pair in split} for split in (splits.train, splits.valid, splits.test)]
    assert [len(split) for split in words] == [54, 3, 3]
    assert len(set.union(*words)) == 60
    assert all(pair.references == ("A B", "C") for pair in [*splits.valid, *splits.test])
    assert sorted(pair.references for pair in splits.train) == [("A B",)] * 54 + [("C",)] * 54
    stressed = TASK.read(make_config(G2PConfig, {"data": str(path), "stress": True}), [])
    assert all(pair.references[1][1] in "012" for pair in stressed.test)


def test_a_word_is_correct_if_it_is_pronounced_in_any_correct_way():
    examples = [
        Pair("read", ("R IY D", "R EH D"), SourceLocation("x", 1)),
        Pair("cat", ("K AE T",), SourceLocation("x", 2)),
    ]
    assert TASK.score(answers("R EH D", "K AE T"), examples) == {"wer": 0, "per": 0}
    # One phoneme of three is wrong, and one too many.
    scores = TASK.score(answers("R EH D", "K AH T S"), examples)
    assert scores == {"wer": 1 / 2, "per": pytest.approx(2 / 6)}


def test_the_baseline_says_a_word_like_the_one_that_is_spelled_most_like_it():
    train = [Pair(w, (s,), SourceLocation("x", 1)) for w, s in (("nation", "N EY SH AH N"), ("bright", "B R AY T"))]
    test = [
        Pair("station", ("S T EY SH AH N",), SourceLocation("x", 3)),
        Pair("light", ("L AY T",), SourceLocation("x", 4)),
    ]
    splits = Splits(train, [], test)
    scores = TASK.score(TASK.predict_baseline(make_config(G2PConfig, {}), splits), test)
    assert scores == {"wer": 1.0, "per": pytest.approx((2 + 2) / (6 + 3))}


def test_ten_words_are_learned_by_heart():
    torch.manual_seed(0)
    small = {"hidden_size": 24, "embedding_size": 12, "dropout": 0.0, "embedding_dropout": 0.0}
    config = make_config(G2PConfig, {**small, "label_smoothing": 0.0})
    codec = TASK.learn_codec(config, PAIRS)
    head = TASK.build_head(config, codec)
    batch = codec.collate([codec.encode(pair.source, pair) for pair in PAIRS])
    optimizer = torch.optim.Adam(head.parameters(), lr=0.02)
    for _ in range(80):
        optimizer.zero_grad()
        head.loss(batch).mean.backward()
        optimizer.step()
    predictions = head.eval().predict(batch)
    assert [p.text for p in predictions] == list(TEN.values())
    assert TASK.format_prediction(predictions[0]) == ("K AE T", {"phonemes": "K AE T", "score": predictions[0].score})


def test_the_most_confident_mistakes_are_shown_first():
    examples = PAIRS[:3]
    predictions = [Translated("K AE T", -0.1, ()), Translated("S", -0.9, ()), Translated("CH", -0.2, ())]
    (table,) = TASK.tables(predictions, examples)
    assert table.rows == [["chat", "CH AE T", "CH"], ["city", "S IH T IY", "S"]]


def test_an_entry_of_a_dictionary_is_read_as_its_word():
    assert TASK.parse_input("READ(2)  R EH1 D") == TASK.parse_input("read") == "read"
    assert TASK.parse_input("new york  N UW Y AO R K") == "new york"
