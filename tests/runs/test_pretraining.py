"""Language models of a run's own texts before its training."""

import json
import random

import pytest
import torch

from seqkit import SeqkitError, UsageError, load
from seqkit.config import make_config
from seqkit.layers import Encoder
from seqkit.runs import find_task, resume, start
from seqkit.topologies.pretraining_head import PretrainingHead, Reading
from seqkit.training import Callback, Stopped
from seqkit.training.checkpoint import read_tensors

SIZES = {"hidden_size": 6, "embedding_size": 5, "epochs": 2, "min_count": 1, "batch_size": 20}
WORDS = ["red", "old", "big", "new", "cat", "dog", "box", "sun"]


@pytest.fixture(scope="module")
def texts(reviews, tmp_path_factory):
    """Texts without labels: the words of the reviews and others, among them a text of the reviews themselves."""
    generator = random.Random(3)
    lines = [" ".join(generator.choices(WORDS, k=6)) for _ in range(60)]
    own = [line.rpartition(",")[0] for line in reviews.read_text("utf-8").splitlines()[1:]]
    path = tmp_path_factory.mktemp("data") / "texts.txt"
    path.write_text("\n".join([*lines, *own]), encoding="utf-8")
    return path


def begin(reviews, out, notes=None, **values):
    task = find_task("sentiment")
    config = make_config(task.config, {"data": str(reviews), **SIZES, **values})
    return start(task, config, out, [] if notes is None else notes)


@pytest.fixture(autouse=True, scope="module")
def few_epochs():
    """Twenty would take ten times as long and show nothing more."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("seqkit.topologies.pretraining._MOST_EPOCHS", 3)
        yield


class StopAt(Callback):
    """Stops a training whose optimizer has taken so many steps; language models are trained before the head."""

    def __init__(self, step, metric):
        self.step, self.metric = step, metric

    def on_step(self, trainer):
        trainer.stopping = trainer.metric == self.metric and trainer.progress.step == self.step


def same(first, second):
    ours, theirs = (read_tensors(run / "model.safetensors")[0] for run in (first, second))
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.fixture(scope="module")
def whole(reviews, texts, tmp_path_factory):
    """A run with language models first that nobody stopped."""
    out, notes = tmp_path_factory.mktemp("whole") / "run", []
    session = begin(reviews, out, notes, pretrain=str(texts))
    session.train()
    return out, session, notes


def test_a_run_stopped_in_its_language_models_and_after_them_changes_no_bit(whole, reviews, texts, tmp_path):
    session = begin(reviews, tmp_path / "run", pretrain=str(texts))
    for stop in (StopAt(3, "perplexity"), StopAt(20, "perplexity"), StopAt(5, "accuracy")):
        with pytest.raises(Stopped):
            session.train([stop])
        session = resume(tmp_path / "run", [])
    session.train()
    assert same(tmp_path / "run", whole[0])


def test_a_folder_says_what_came_first_and_keeps_nothing_else_of_it(whole, texts):
    out, session, notes = whole
    facts = session.finish().results["pretraining"]
    assert facts["texts"] < len(texts.read_text("utf-8").splitlines()) + 240
    assert facts["perplexity"] < 60
    assert not (out / "pretraining").exists()
    assert not (out / ".pretraining").exists()
    assert f"first, language models (forward and backward) are trained on {facts['texts']:,} texts" in notes[-1]


def test_texts_of_validation_and_test_are_not_read_and_words_of_the_others_are_known(whole):
    _, session, _ = whole
    splits = session.splits
    unseen = {example.text for example in [*splits.valid, *splits.test]}
    rows = session.plan_pretraining([]).batches.items
    read = {" ".join(session.codec.vocabulary.decode(row.tolist())) for row in rows}
    assert not unseen & read
    assert {example.text for example in splits.train} <= read
    assert set(WORDS) <= set(session.codec.vocabulary.symbols)


def test_the_encoder_starts_from_what_the_language_models_learned(reviews, texts, tmp_path):
    session = begin(reviews, tmp_path / "run", pretrain=str(texts))
    plan, fresh = session.pretraining, session.head.encoder.embedding.weight.detach().clone()
    weights = {}

    class Seen(Callback):
        def on_start(self, trainer):
            if trainer.metric == "accuracy":
                weights.update({name: p.detach().clone() for name, p in trainer.head.named_parameters()})

    session.train([Seen()])
    encoder = {name.removeprefix("encoder."): w for name, w in weights.items() if name.startswith("encoder.")}
    for name in ("embedding.weight", "recurrent.layers.0.0.weight_h", "recurrent.layers.0.1.weight_x"):
        assert torch.equal(encoder[name], plan.head.state_dict()[name])
    assert not torch.equal(encoder["embedding.weight"], fresh)
    assert not encoder["embedding.weight"][session.codec.vocabulary.pad].any()


def test_changed_texts_are_refused(reviews, texts, tmp_path):
    copy = tmp_path / "texts.txt"
    copy.write_bytes(texts.read_bytes())
    session = begin(reviews, tmp_path / "run", pretrain=str(copy))
    with pytest.raises(Stopped):
        session.train([StopAt(3, "perplexity")])
    copy.write_text(copy.read_text("utf-8").replace("red", "sun"), encoding="utf-8")
    with pytest.raises(SeqkitError, match="texts of --pretrain have changed"):
        resume(tmp_path / "run", []).train()


def test_too_few_training_texts_are_reported_and_a_missing_file_is_named(reviews, tmp_path):
    notes = []
    assert begin(reviews, tmp_path / "few", notes, pretrain="auto").pretraining is None
    assert "no language models first" in notes[-1]
    with pytest.raises(UsageError, match=r"no file .*nowhere\.txt"):
        begin(reviews, tmp_path / "none", pretrain=str(tmp_path / "nowhere.txt"))
    assert not (tmp_path / "none").exists()


def test_the_command_shows_the_language_models_and_the_report_names_them(reviews, texts, command, tmp_path):
    options = ["--data", reviews, "--pretrain", texts, "--epochs", "1", "--hidden-size", "4", "--embedding-size", "4"]
    done = command("run", "sentiment", *options, "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    assert "perplexity" in done.stderr
    assert "language models" in (tmp_path / "run/report.html").read_text("utf-8")
    assert json.loads((tmp_path / "run/results.json").read_text())["pretraining"]["epochs"] > 0
    assert load(tmp_path / "run").predict(["a red cat"])


def test_an_estimator_trains_language_models_first(texts):
    from seqkit.estimators import SequenceClassifier

    generator = random.Random(0)
    X = [" ".join([*generator.sample(WORDS, 4), word]) for word in ("good", "bad") * 20]
    sizes = {"embedding_size": 5, "hidden_size": 4, "epochs": 1, "min_count": 1, "learning_rate": 1e-12}
    fitted = [
        SequenceClassifier(**sizes, options=options).fit(X, ["+", "-"] * 20)
        for options in ({"pretrain": str(texts)}, {"pretrain": "none"})
    ]
    first, second = (model.model_.head.encoder.embedding.weight for model in fitted)
    assert len(first) > len(second)
    # A new embedding has values of 0.1 on average; the language models have moved those of frequent words.
    assert (first[2:8] - second[2:8]).abs().max() > 0.1


def words_of(generator, count, steps):
    lengths = torch.randint(2, steps + 1, (count,), generator=generator)
    tokens = torch.randint(2, 20, (count, steps), generator=generator)
    return Reading(tokens * (torch.arange(steps) < lengths.unsqueeze(1)), tokens, lengths)


def small_head(sampled=5, bidirectional=True):
    torch.manual_seed(0)
    return PretrainingHead(Encoder(20, 6, hidden_size=4, bidirectional=bidirectional), sampled=sampled)


def test_no_direction_sees_the_token_that_it_predicts():
    head = small_head().eval()
    batch = Reading(*[torch.tensor([[3, 4, 5, 6]])] * 2, torch.tensor([4]))
    features, targets, _ = head._predicted(batch)
    assert targets.tolist() == [4, 5, 6, 3, 4, 5]
    changed = torch.tensor([[3, 4, 9, 6]])
    others, _, _ = head._predicted(Reading(changed, changed, torch.tensor([4])))
    same = [torch.equal(one, other) for one, other in zip(features, others, strict=True)]
    # Forward, what is predicted after 3 and 4 has not seen the 5; backward, what is predicted before 6 has not.
    assert same == [True, True, False, False, False, True]


def test_padding_costs_nothing_and_texts_cost_what_they_cost_alone():
    head, batch = small_head().eval(), words_of(torch.Generator().manual_seed(1), 5, 7)
    together = head.predict(batch)
    for row, (nats, count) in enumerate(together):
        size = int(batch.lengths[row])
        piece = batch.tokens[row : row + 1, :size]
        ((alone, counted),) = head.predict(Reading(piece, piece, torch.tensor([size])))
        assert count == counted == 2 * (size - 1)
        assert nats == pytest.approx(alone, rel=1e-5)
    assert sum(nats for nats, _ in together) == pytest.approx(float(head.loss(batch).sum.detach()), rel=1e-5)


def test_drawing_all_symbols_is_the_full_softmax_and_drawing_some_is_it_on_average():
    batch = words_of(torch.Generator().manual_seed(2), 3, 4)
    full = float(small_head().eval().loss(batch).sum.detach())
    assert float(small_head(sampled=100).train().loss(batch).sum.detach()) == pytest.approx(full, rel=1e-5)
    head = small_head(sampled=4).train()
    drawn = [float(head.loss(batch).sum.detach()) for _ in range(400)]
    # The logarithm of an unbiased sum is biased a little downwards.
    assert sum(drawn) / len(drawn) == pytest.approx(full, rel=0.02)
