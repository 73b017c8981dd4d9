"""Training pairs are looked up by their source, and answer where the validation split says so."""

import pytest
import torch
from sklearn.feature_extraction.text import TfidfVectorizer

from seqkit.config import make_config
from seqkit.data import DataError, SourceLocation
from seqkit.data.pairs import Pair
from seqkit.data.placeholders import slot
from seqkit.scores.direction import Criterion
from seqkit.topologies.delayed import DelayedOptions, EncoderDecoderHead, PairCodec, Translated
from seqkit.topologies.delayed.explain import explain_output
from seqkit.topologies.delayed.export import export_encoder_decoder
from seqkit.topologies.delayed.memory import NEVER, PairMemory, Recalled
from seqkit.topologies.delayed.memory_tuning import tune_gate

PAIRS = [
    ("open the file", "ouvrir le fichier"),
    ("close the file", "fermer le fichier"),
    ("save {name} as", "enregistrer {name} sous"),
    ("save all", "tout enregistrer"),
]


def built(memory=10):
    codec = PairCodec.learn(PAIRS, ("word", "word"), 100, memory=memory)
    torch.manual_seed(0)
    config = make_config(DelayedOptions, {"data": "x", "hidden_size": 8, "embedding_size": 4})
    return codec, EncoderDecoderHead.build(config, codec).eval()


def predicted(codec, head, *sources, **options):
    return head.predict(codec.collate([codec.encode(source) for source in sources]), **options)


def test_the_nearest_source_is_that_of_scikit_learn_s_tfidf():
    sources = ["the cat sat .", "the dog sat on the mat", "a cat and a dog", "birds sing !", "The CAT sings"]
    memory = PairMemory(sources, sources)
    vectorizer = TfidfVectorizer(token_pattern=r"\w+|[^\w\s]")
    known = vectorizer.fit_transform(sources)
    for text in ("the cat sings !", "a dog on a mat", "THE BIRDS", "sat , sat ."):
        similar = (known @ vectorizer.transform([text]).T).toarray()[:, 0]
        found = memory.nearest(text)
        assert found.source == sources[similar.argmax()]
        if text == "the cat sings !":
            # All of its words are known, so that both are the same cosine.
            assert found.similarity == pytest.approx(similar.max(), abs=1e-6)


def test_a_source_itself_has_similarity_1_and_a_text_without_its_words_has_no_pair():
    memory = PairMemory(*zip(*PAIRS, strict=True))
    assert memory.nearest("close the file") == (pytest.approx(1.0), "close the file", "fermer le fichier")
    assert memory.nearest("print everything") is None
    assert memory.nearest("") is None


def test_of_equally_near_sources_the_first_is_found():
    assert PairMemory(["a b", "a c"], ["first", "second"]).nearest("a").target == "first"


def test_only_a_pair_with_the_same_placeholders_is_found():
    memory = PairMemory([f"save {slot(0)} as", "save all"], [f"enregistrer {slot(0)} sous", "tout enregistrer"])
    assert memory.nearest("save as").target == "tout enregistrer"
    assert memory.nearest(f"save {slot(0)} now").target == f"enregistrer {slot(0)} sous"
    assert memory.nearest(f"save {slot(0)} to {slot(1)}") is None


def test_a_recalled_target_has_the_placeholders_of_the_text():
    codec, _ = built()
    item = codec.encode("save %s as")
    found = codec.recall(item.masked, item.placeholders)
    assert (found.source, found.target) == ("save %s as", "enregistrer %s sous")


def test_memory_answers_from_its_threshold_on_and_the_network_below_it():
    codec, head = built()
    sources = ("close the file", "close it")
    alone = predicted(codec, head, *sources)
    assert [found.recalled for found in alone] == [None, None]
    head.gate.threshold.fill_(0.99)
    near, far = predicted(codec, head, *sources)
    assert (near.text, near.recalled) == ("fermer le fichier", "close the file")
    assert far == alone[1]


def test_the_best_of_the_network_comes_after_what_is_recalled():
    codec, head = built()
    (alone,) = predicted(codec, head, "close the file", n_best=3)
    head.gate.threshold.fill_(0.5)
    (found,) = predicted(codec, head, "close the file", n_best=3)
    assert [text for text, _ in found.n_best] == ["fermer le fichier", *(text for text, _ in alone.n_best[:2])]
    assert [score for _, score in found.n_best] == [score for _, score in alone.n_best]


def test_more_pairs_than_are_requested_are_not_kept_at_all():
    codec, head = built(memory=len(PAIRS) - 1)
    assert codec.memory is None
    assert "memory.json" not in codec.to_json()
    assert not [name for name in head.state_dict() if "gate" in name]


def test_a_memory_is_the_same_after_its_file():
    codec, _ = built()
    again = PairCodec.from_json(codec.to_json())
    assert again.memory.nearest("open file") == codec.memory.nearest("open file")
    assert again.to_json() == codec.to_json()


def test_sides_of_different_lengths_are_not_a_memory():
    with pytest.raises(DataError, match=r"memory\.json must hold as many sources as targets"):
        PairMemory.from_json({"sources": ["a"], "targets": []})
    with pytest.raises(DataError, match=r"memory\.json must hold .* all of them texts"):
        PairMemory.from_json({"sources": ["a", 1], "targets": ["b", "c"]})


def example(reference):
    return Pair("x", (reference,), SourceLocation("x", 1))


def tuned(similarities, written, recalled, references):
    outputs = [Translated(text, 0.0, ()) for text in written]
    found = [None if s is None else Recalled(s, "x", text) for s, text in zip(similarities, recalled, strict=True)]

    def score(predictions, examples):
        return {"right": sum(p.text in e.references for p, e in zip(predictions, examples, strict=True))}

    return tune_gate(outputs, found, list(map(example, references)), score, Criterion("right", True))


def test_the_threshold_parts_the_texts_that_memory_answers_better():
    chosen = tuned([0.9, 0.2, 0.7, None], ["no", "yes", "no", "yes"], ["yes", "no", "yes", ""], ["yes"] * 4)
    assert (chosen.threshold, chosen.tuned, chosen.alone, chosen.answered) == (0.7, 4, 2, 0.5)


def test_a_memory_that_makes_nothing_better_never_answers():
    chosen = tuned([0.9, 0.2], ["yes", "yes"], ["yes", "no"], ["yes", "yes"])
    assert chosen.threshold == NEVER
    assert chosen.to_json()["similarity"] is None


def test_a_gain_that_may_be_luck_opens_no_memory():
    # Two answers are better with memory and one is worse: the gain is 1, and its deviation √3.
    written, recalled = ["no", "no", "yes", *["no"] * 17], ["yes", "yes", "no", *["no"] * 17]
    chosen = tuned([0.9] * 3 + [0.1] * 17, written, recalled, ["yes"] * 20)
    assert (chosen.threshold, chosen.tuned) == (NEVER, 1)


def test_the_explanation_of_a_recalled_answer_says_which_pair_it_is_of():
    codec, head = built()
    head.gate.threshold.fill_(0.5)
    explanation = explain_output(head, codec, "close the file")
    assert explanation.answer == "fermer le fichier"
    assert explanation.attention[1] == ["fermer", "le", "fichier", "</s>"]
    assert "“close the file”, of similarity 1.00" in explanation.notes[0]


def test_an_export_holds_no_training_pair():
    codec, head = built()
    assert "memory.json" not in export_encoder_decoder(head, codec).symbols
