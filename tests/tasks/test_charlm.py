"""The task: what it learns by heart it writes again, its data sets, and a task of one's own beside it."""

import pytest
import torch
from seqkit.tasks.charlm import TASK, CharLMHead, StreamCodec

from seqkit import Decoder
from seqkit.config import make_config
from seqkit.data import Vocabulary, tokenizer
from seqkit.errors import UsageError
from seqkit.search import Sampling
from seqkit.topologies.next_step import NextStep, NextStepOptions
from seqkit.training import StreamBatches
from tests.cells.kinds import TRAINED_CELLS


def codec(name, text, **options):
    split = tokenizer(name, **options)
    return StreamCodec(split, Vocabulary.build([split.split(text)]))


POEM = "der Mond ist aufgegangen, die goldnen Sternlein prangen – am Himmel hell und klar.\n"


@pytest.mark.parametrize("cell", TRAINED_CELLS)
@pytest.mark.parametrize("name", ["char", "byte"])
def test_a_short_text_is_learned_by_heart_and_written_again(cell, name):
    torch.manual_seed(0)
    coding = codec(name, POEM)
    decoder = Decoder(len(coding.vocabulary), 24, cell=cell, hidden_size=48)
    head = CharLMHead(decoder, coding.start, (0, 1))
    text = coding.encode("\n" + POEM * 3).tokens
    batches = StreamBatches(text, streams=1, chunk=len(coding.encode(POEM).tokens), seed=0)
    optimizer = torch.optim.Adam(head.parameters(), lr=0.02)
    for epoch in range(100):
        carried = None
        for group in batches.plan(epoch):
            loss = head.loss(batches.batch(group, carried))
            optimizer.zero_grad()
            loss.mean.backward()
            torch.nn.utils.clip_grad_norm_(head.parameters(), 1.0)
            optimizer.step()
            carried = loss.carried
    head.eval()
    wanted = len(coding.encode(POEM).tokens) - len(coding.encode("der Mond").tokens)
    notes = []
    written = "".join(TASK.generate(head, coding, "der Mond", Sampling(length=wanted, temperature=0), notes))
    assert "der Mond" + written == POEM
    assert notes == []


class Verse(NextStep[NextStepOptions]):
    name, summary, config = "verse", "the next word of a poem", NextStepOptions


def test_a_task_of_ones_own_needs_a_name_and_reads_any_text(tmp_path):
    (tmp_path / "poem.txt").write_text(POEM * 40, encoding="utf-8")
    task, config = Verse(), NextStepOptions(data=str(tmp_path / "poem.txt"), tokenizer="word", hidden_size=4)
    splits = task.read(config, [])
    codec = task.learn_codec(config, splits.train)
    head = task.build_head(config, codec).eval()
    predictions = head.predict([codec.encode(example) for example in splits.test])
    # Before any training all words are about as likely.
    assert task.score(predictions, splits.test)["perplexity"] == pytest.approx(len(codec.vocabulary), rel=0.2)
    with pytest.raises(UsageError, match="verse has no data set of its own; give --data"):
        task.read(NextStepOptions(), [])


def test_the_reference_is_cut_into_stretches_in_its_order():
    splits = TASK.read(make_config(TASK.config, {}), [])
    (train,), (valid,), (test,) = splits.train, splits.valid, splits.test
    assert (train.start, valid.start, test.start) == (0, train.stop, valid.stop)
    assert train.location.name == "python-reference"
    # Both fractions are 0.05 of the bytes.
    assert test.stop - test.start == pytest.approx(0.05 * test.stop, abs=4)
    assert valid.stop - valid.start == pytest.approx(0.05 * test.stop, abs=4)


def test_options_of_a_data_set_are_options_of_the_task():
    config = make_config(TASK.config, {"data": "imdb", **TASK.data_set_options["imdb"]})
    assert (config.tokenizer, config.tie, TASK.unit(config)) == ("word", True, "words")
