"""Spelling to phonemes: the dictionary, its parts, scores, and words learned by heart."""

import pytest
import torch
from seqkit.tasks import g2p
from seqkit.tasks.g2p import G2PConfig
from seqkit.tasks.translate import Translated

from seqkit.config import make_config
from seqkit.data import DataError, SourceLocation
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


def test_parts_share_no_word_and_every_pronunciation_is_accepted(tmp_path):
    lines = [f"w{n}\tA{n % 3} B\nw{n}\tC{n % 3}\n" for n in range(60)]
    path = tmp_path / "words.tsv"
    path.write_text("".join(lines))
    splits = g2p.read(make_config(G2PConfig, {"data": str(path)}), [])
    words = [{pair.source for pair in part} for part in (splits.train, splits.valid, splits.test)]
    assert [len(part) for part in words] == [54, 3, 3]
    assert len(set.union(*words)) == 60
    assert all(pair.references == ("A B", "C") for pair in [*splits.valid, *splits.test])
    assert sorted(pair.references for pair in splits.train) == [("A B",)] * 54 + [("C",)] * 54
    kept = g2p.read(make_config(G2PConfig, {"data": str(path), "stress": True}), [])
    assert all(pair.references[1][1] in "012" for pair in kept.test)


def test_a_word_is_right_if_it_is_said_in_any_way_that_is():
    examples = [
        Pair("read", ("R IY D", "R EH D"), SourceLocation("x", 1)),
        Pair("cat", ("K AE T",), SourceLocation("x", 2)),
    ]
    assert g2p.score(answers("R EH D", "K AE T"), examples) == {"wer": 0, "per": 0}
    # One phoneme of three is wrong, and one too many.
    found = g2p.score(answers("R EH D", "K AH T S"), examples)
    assert found == {"wer": 1 / 2, "per": pytest.approx(2 / 6)}


def test_the_baseline_says_a_word_like_the_one_that_is_spelled_most_like_it():
    train = [Pair(w, (s,), SourceLocation("x", 1)) for w, s in (("nation", "N EY SH AH N"), ("bright", "B R AY T"))]
    test = [
        Pair("station", ("S T EY SH AH N",), SourceLocation("x", 3)),
        Pair("light", ("L AY T",), SourceLocation("x", 4)),
    ]
    splits = g2p.Splits(train, [], test)
    found = g2p.score(g2p.baseline(make_config(G2PConfig, {}), splits), test)
    assert found == {"wer": 1.0, "per": pytest.approx((2 + 2) / (6 + 3))}


def test_ten_words_are_learned_by_heart():
    torch.manual_seed(0)
    small = {"hidden_size": 24, "embedding_size": 12, "dropout": 0.0, "embedding_dropout": 0.0}
    config = make_config(G2PConfig, {**small, "label_smoothing": 0.0})
    codec = g2p.learn(config, PAIRS)
    head = g2p.TASK.build_head(config, codec)
    batch = codec.collate([codec.encode(pair.source, pair) for pair in PAIRS])
    optimizer = torch.optim.Adam(head.parameters(), lr=0.02)
    for _ in range(80):
        optimizer.zero_grad()
        head.loss(batch).mean.backward()
        optimizer.step()
    found = head.eval().predict(batch)
    assert [p.text for p in found] == list(TEN.values())
    assert g2p.show(found[0]) == ("K AE T", {"phonemes": "K AE T", "score": found[0].score})


def test_the_surest_mistakes_are_shown_first():
    examples = PAIRS[:3]
    found = [Translated("K AE T", -0.1, ()), Translated("S", -0.9, ()), Translated("CH", -0.2, ())]
    (table,) = g2p.tables(found, examples)
    assert table.rows == [["chat", "CH AE T", "CH"], ["city", "S IH T IY", "S"]]
