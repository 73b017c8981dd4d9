"""Studies in one process: what trials see, how they end, what is kept, and what is tried again."""

import dataclasses
import errno
import json
import math
import os
import threading

import pytest
import torch

from seqkit import SeqkitError, UsageError
from seqkit.files import write_atomic
from seqkit.runs import find_task
from seqkit.runs.session import resume
from seqkit.training.trainer import Callback
from seqkit.tuning.opening import read_study
from seqkit.tuning.record import State, Trial, best_trial, free_place
from seqkit.tuning.study import Study, _trial_of_run
from seqkit.tuning.trial import Deadline, Pruning

# Most of them train.
pytestmark = pytest.mark.command

Digit = type(find_task("digit"))
TWO = ["learning-rate=1e-4..1e-1", "dropout=0..0.6"]


class NeverTested(Digit):
    """Fails where the test split is scored. No two of the points are equal."""

    def read(self, config, notes):
        splits = super().read(config, notes)
        self.test = {example.text for example in splits.test}
        return splits

    def score(self, predictions, examples):
        assert not self.test & {example.text for example in examples}, "the test split was scored"
        return super().score(predictions, examples)

    def predict_baseline(self, config, splits):
        raise AssertionError("the baseline was scored on the test split")


class Greedy(Digit):
    """Takes too much memory with large layers, and cannot be made with middling ones."""

    def build_head(self, config, codec):
        if config.hidden_size == 64:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory")
        if config.hidden_size == 32:
            raise SeqkitError("the loss is not finite at step 3")
        return super().build_head(config, codec)


class Broken(Digit):
    """Has a bug."""

    def build_head(self, config, codec):
        raise ZeroDivisionError("a bug")


def values_and_scores(trials):
    return [(trial.place, trial.state, trial.values, trial.score) for trial in trials]


def test_no_trial_looks_at_the_test_split(opened, searched):
    task = NeverTested()
    study = opened(task=task)
    assert [trial.state for trial in searched(study, 3)] == [State.COMPLETE] * 3
    session = resume(study.keep_best(study.best()).path, [])
    session.task = task
    with pytest.raises(AssertionError, match="was scored"):
        session.finish()


def test_a_trial_is_judged_by_the_score_that_chooses_a_models_epoch(opened, searched):
    study = opened(select="loss")
    (trial,) = searched(study, 1)
    records = [json.loads(line) for line in (study.trial_folder(0) / "metrics.jsonl").read_text().splitlines()]
    assert trial.score == min(record["loss"] for record in records)
    assert not study.plan.criterion.higher_is_better


def test_the_first_trial_is_the_run_without_a_search(opened, searched):
    study = opened(["hidden-size=4,8,16"])
    (trial,) = searched(study, 1)
    config = study.plan.config
    assert trial.values == study.plan.first == {name: getattr(config, name) for name in study.plan.space}
    assert {"hidden_size": 8, "learning_rate": 2e-3}.items() <= trial.values.items()


def test_one_process_with_the_same_seed_finds_the_same_and_with_another_seed_other_values(opened, searched):
    one, same, other = (opened(TWO, folder, only=True, seed=s) for folder, s in (("a", 1), ("b", 1), ("c", 2)))
    # Beyond the trials that are drawn at random.
    for study, trials in ((one, 9), (same, 9), (other, 2)):
        searched(study, trials)
    assert values_and_scores(one.trials()) == values_and_scores(same.trials())
    assert one.trials()[1].values != other.trials()[1].values
    assert len({tuple(trial.values.items()) for trial in one.trials()}) == 9


class StopIn(Callback):
    """Asks the search to stop in the training of one trial, counted from 0."""

    def __init__(self, number):
        self.number, self.search, self.begun = number, None, -1

    def on_start(self, trainer):
        self.begun += 1

    def on_step(self, trainer):
        if self.begun == self.number:
            self.search.request_stop()


def test_a_search_that_was_stopped_continues_as_if_it_had_not_been(opened, searched):
    whole, cut = opened(TWO, "whole", only=True), opened(TWO, "cut", only=True)
    searched(whole, 9)
    ended = searched(cut, 9, callbacks=[StopIn(3)])
    assert [trial.state for trial in ended] == [State.COMPLETE] * 3 + [State.ABANDONED]
    assert not cut.trial_folder(3).exists()
    searched(cut, 9)
    going = [trial for trial in cut.trials() if trial.state is not State.ABANDONED]
    assert values_and_scores(going) == values_and_scores(whole.trials())
    assert [trial.label for trial in going] == [*range(1, 10)]


def test_a_trial_that_fails_is_recorded_and_the_study_continues(opened, searched):
    study = opened(["hidden-size=8,32,64"], task=Greedy(), only=True)
    # The values are three, so the study ends when each was tried.
    searched(study, 20)
    ends = {trial.values["hidden_size"]: (trial.state, trial.facts.get("why")) for trial in study.trials()}
    assert ends.pop(8)[0] is State.COMPLETE
    assert ends == {
        32: (State.FAILED, "the loss is not finite at step 3"),
        64: (State.FAILED, "there was not enough memory"),
    }
    assert [path.name for path in (study.folder / "trials").iterdir()] == ["0000"]


def test_a_bug_is_not_a_result_and_a_study_whose_trials_all_fail_ends(opened, searched):
    with pytest.raises(ZeroDivisionError):
        searched(opened(task=Broken(), folder="bug"), 3)
    study = opened(["hidden-size=32,33"], folder="bad", hidden_size=32, task=Greedy())
    study.plan.task.build_head = lambda config, codec: (_ for _ in ()).throw(SeqkitError("no"))
    with pytest.raises(SeqkitError, match="5 trials in a row failed, the last because no"):
        searched(study, 20)
    assert len(study.trials()) == 5


def test_what_is_wrong_with_the_command_is_reported_at_once(opened, searched):
    study = opened(select="acuracy")
    with pytest.raises(UsageError, match="did you mean 'accuracy'"):
        searched(study, 3)
    assert [trial.state for trial in study.trials()] == [State.ABANDONED]


def test_an_option_that_changes_the_data_cannot_be_searched(opened, searched):
    with pytest.raises(UsageError, match="one of valid_fraction changes them, and scores on other data cannot be com"):
        searched(opened(["valid-fraction=0.05..0.4"], only=True), 4)


def test_a_configuration_is_not_trained_twice(opened, searched):
    study = opened(["hidden-size=8,16", "num-layers=1,2"], only=True)
    ended = searched(study, 40)
    trained = [trial for trial in ended if "same_as" not in trial.facts]
    assert len(trained) == len({tuple(trial.values.items()) for trial in ended}) == 4
    for copy in ended:
        if "same_as" in copy.facts:
            original = next(trial for trial in trained if trial.label == copy.facts["same_as"])
            assert (copy.score, copy.values) == (original.score, original.values)
    assert len(ended) < 40, "it ends when everything is tried"


def test_only_the_best_run_is_kept(opened, searched):
    study = opened(epochs=3)
    searched(study, 5)
    best = study.best()
    assert [path.name for path in (study.folder / "trials").iterdir()] == [f"{best.number:04d}"]
    facts = json.loads((study.trial_folder(best.number) / "trial.json").read_text())
    assert facts.pop("digest")
    assert facts == {"trial": best.number, "values": best.values}


def test_a_trial_ends_at_the_evaluation_that_comes_after_the_deadline(opened, searched):
    study = opened(epochs=500, patience=0)
    ended = searched(study, None, seconds=0.3)
    assert ended[-1].state is State.COMPLETE and ended[-1].facts["cut"]
    assert 1 <= ended[-1].facts["epochs"] < 500
    # Nobody goes on with it: the run is finished as it is.
    from seqkit.training.checkpoint import read_tensors

    folder = study.trial_folder(study.best().number)
    assert read_tensors(folder / "checkpoint/last.safetensors")[1]["progress"]["finished"]


def test_trials_leave_neither_threads_nor_numbers_drawn(opened, searched):
    study = opened()
    before = threading.active_count(), torch.get_rng_state()
    searched(study, 2)
    assert threading.active_count() == before[0] and torch.equal(torch.get_rng_state(), before[1])


def test_what_the_journal_holds_is_json(opened, searched):
    study = opened(TWO, only=True)
    # Beyond those drawn at random, so that all that the sampler keeps is there.
    searched(study, 10)
    lines = (study.folder / "journal.jsonl").read_text("utf-8").splitlines()
    assert all(isinstance(json.loads(line), dict) for line in lines)
    assert {path.name for path in study.folder.iterdir()} == {"journal.jsonl", "study.json", "trials", "workers"}


def test_a_damaged_journal_is_named(opened, searched):
    study = opened()
    searched(study, 1)
    with (study.folder / "journal.jsonl").open("a") as stream:
        stream.write("{}\nnonsense\n")
    with pytest.raises(SeqkitError, match=r"journal\.jsonl is damaged .*; delete its last line, or start another"):
        Study(study.folder, study.plan, study.worker)


@pytest.mark.parametrize("kept", [1, 40])
def test_a_line_of_the_journal_that_was_not_written_to_its_end_is_written_anew(kept, opened, searched):
    study = opened()
    searched(study, 1)
    journal = study.folder / "journal.jsonl"
    before = journal.read_bytes()
    # A full disk takes the beginning of a line.
    journal.write_bytes(before + b'{"op_code": 4, "worker_id": "a", "study_id": 0}'[:kept])
    again = Study(study.folder, study.plan, study.worker)
    searched(again, 2)
    assert journal.read_bytes().startswith(before)
    assert [trial.state for trial in Study(study.folder, study.plan, study.worker).trials()] == [State.COMPLETE] * 2


def test_a_pipe_in_the_place_of_a_journal_is_refused_and_not_opened(opened):
    study = opened()
    journal = study.folder / "journal.jsonl"
    journal.unlink()
    os.mkfifo(journal)
    with pytest.raises(SeqkitError, match=r"cannot read .*journal\.jsonl: it is a pipe or a device"):
        Study(study.folder, study.plan, study.worker)


@pytest.mark.parametrize("old, new", [(b'"data": "', b'"data": "f'), (b'"space": {', b'"space": {"x": 1, ')])
def test_a_study_that_was_changed_is_refused(opened, old, new):
    path = opened().folder / "study.json"
    path.write_bytes(path.read_bytes().replace(old, new))
    with pytest.raises(SeqkitError, match=r"study\.json (was changed after it was written|is damaged: a text is)"):
        read_study(path.parent)


def test_the_number_of_a_trial_that_was_changed_is_refused(opened, searched):
    study = opened()
    searched(study, 1)
    path = study.trial_folder(study.best().number) / "trial.json"
    path.write_text(path.read_text().replace('"trial": 0', '"trial": 1'))
    with pytest.raises(SeqkitError, match=r"trial\.json was changed after it was written"):
        _trial_of_run(path.parent)


# Who works on a study


def test_a_trial_whose_process_has_ended_is_tried_again_once(opened, searched):
    first, second = opened(folder="s"), opened(folder="s")
    first.propose()
    second.bury()
    assert second.trials()[0].state is State.RUNNING, "its process is alive"
    for expected in (0, 1):
        worker = second.folder / f"workers/{first.worker.name}.json"
        kept = worker.read_text()
        # No process has so large a number.
        worker.write_text(json.dumps({**json.loads(kept), "process": 2**22 + 1}))
        second.bury()
        worker.write_text(kept)
        assert free_place(second.trials()) == expected
        if expected == 0:
            assert second.trials()[0].killed and first.propose()[1].place == 0
    assert [trial.state for trial in second.trials()] == [State.ABANDONED, State.FAILED]
    assert second.trials()[1].facts["why"] == "its process was killed, twice"


def test_a_trial_whose_process_ended_before_it_had_said_so_is_tried_again(opened, searched):
    """It had written how the trial had gone, and not that it was complete: then the disk was full."""
    whole, cut = opened(TWO, "whole", only=True), opened(TWO, "cut", only=True)
    searched(whole, 2)
    searched(cut, 1)
    asked, trial = cut.propose()
    asked.set_user_attr("facts", {"score": 0.5, "loss": 1.0, "seconds": 0.1, "epochs": 1})
    cut.trial_folder(trial.number).mkdir()
    # As one that begins now would, after that process has ended.
    cut.optuna.tell(trial.number, state=__import__("optuna").trial.TrialState.FAIL)
    assert [each.state for each in cut.trials()] == [State.COMPLETE, State.ABANDONED]
    searched(cut, 2)
    going = [each for each in cut.trials() if each.state is not State.ABANDONED]
    assert values_and_scores(going) == values_and_scores(whole.trials())
    assert not cut.trial_folder(trial.number).exists()


def test_a_full_disk_ends_a_search_and_is_no_result_of_a_trial(opened, searched):
    whole, cut = opened(TWO, "whole", only=True), opened(TWO, "cut", only=True)
    searched(whole, 2)

    class Full(Callback):
        search = None

        def on_step(self, trainer):
            write_atomic(cut.folder / "no such folder/model", b"")

    with pytest.raises(SeqkitError, match=r"cannot write .*model: No such file or directory; free some space"):
        searched(cut, 2, callbacks=[Full()])
    assert [each.state for each in cut.trials()] == [State.ABANDONED]
    searched(cut, 2)
    going = [each for each in cut.trials() if each.state is not State.ABANDONED]
    assert values_and_scores(going) == values_and_scores(whole.trials())


def test_a_journal_that_cannot_be_written_is_named(opened, monkeypatch):
    study = opened()

    def full(self, logs):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("optuna.storages.journal.JournalFileBackend.append_logs", full)
    with pytest.raises(SeqkitError, match=r"cannot write .*journal\.jsonl: No space left on device; free some space"):
        study.propose()


def test_a_process_of_another_machine_is_given_up_when_it_has_been_silent(opened):
    first, second = opened(), opened()
    file = second.folder / f"workers/{first.worker.name}.json"
    file.write_text(json.dumps({"machine": "elsewhere", "process": 2**22 + 1}))
    assert second.worker.lives(first.worker.name)
    now = (second.folder / f"workers/{second.worker.name}.json").stat().st_mtime
    os.utime(file, (now - 121, now - 121))
    assert not second.worker.lives(first.worker.name)
    assert not second.worker.lives("nobody")


def test_a_trial_that_another_process_gave_up_is_not_a_result(opened, searched):
    study = opened()

    class GivenUp(Callback):
        search = None

        def on_step(self, trainer):
            study.optuna.tell(0, state=__import__("optuna").trial.TrialState.FAIL, skip_if_finished=True)
            self.search.stopping = True

    assert [trial.killed for trial in searched(study, 3, callbacks=[GivenUp()])] == [True]
    assert not study.trial_folder(0).exists()


def test_one_process_alone_ends_a_study(opened):
    first, second = opened(), opened()
    assert first.claim_ending() and first.claim_ending() and not second.claim_ending()
    (second.folder / f"workers/{first.worker.name}.json").unlink()
    assert second.claim_ending(), "the first has died over it"


def test_processes_together_begin_no_more_trials_than_there_shall_be(opened):
    first, second = opened(), opened()
    assert first.propose(2) and second.propose(2)
    assert first.propose(2) is None and second.propose(2) is None
    assert [trial.place for trial in first.trials()] == [0, 1]


# Which of them is best, and which goes on


def trial(number, score=None, state=State.COMPLETE, place=None, **facts):
    return Trial(number, number if place is None else place, "w", state, {}, score, facts)


def test_the_best_is_of_the_complete_and_of_equals_the_one_with_the_smaller_loss():
    trials = [
        trial(0, 0.8, loss=0.5),
        trial(1, 0.9, loss=0.5),
        trial(2, 0.9, loss=0.4),
        trial(3, 0.9, loss=0.4),
        trial(4, 0.95, State.PRUNED),
        trial(5, state=State.FAILED),
    ]
    assert best_trial(trials, True).number == 2
    assert best_trial(trials, False).number == 0
    assert best_trial(trials[4:], True) is None


def test_a_stopped_trial_gives_its_place_back_as_often_as_it_is_stopped():
    stopped = [trial(number, state=State.ABANDONED, place=1, stopped=True) for number in (1, 2, 3)]
    assert free_place([]) == 0
    assert free_place([trial(0, 0.5), *stopped]) == 1
    assert free_place([trial(0, 0.5), *stopped, trial(4, state=State.RUNNING, place=1)]) == 2


@dataclasses.dataclass
class FakeProgress:
    best: float | None = None
    finished: bool = False


class FakeTrainer:
    """A training as a callback sees it."""

    def __init__(self):
        self.progress, self.done = FakeProgress(), 0.0

    def evaluate(self, callback, done, best):
        self.done, self.progress.best = done, best
        callback.on_evaluate(self, {}, True)


def reported(study, scores, epochs):
    """Plays a trial with these best scores after each epoch; gives back the reports and the epoch of its end."""
    asked, _ = study.propose()
    pruning, trainer = Pruning(asked), FakeTrainer()
    for epoch, score in enumerate(scores, 1):
        trainer.evaluate(pruning, epoch / epochs, score)
        if trainer.progress.finished:
            break
    study.optuna.tell(asked.number, max(scores))
    return study.optuna.get_trials()[asked.number].intermediate_values, epoch if pruning.pruned else None


def test_a_trial_worse_than_the_median_at_the_same_point_is_pruned(opened):
    study = opened()
    for _ in range(5):
        values, end = reported(study, [0.5, 0.6, 0.7, 0.8, 0.9], 5)
        assert end is None, "too few trials to compare with"
    assert values == {2: 0.5, 3: 0.5, 4: 0.6, 5: 0.6, 6: 0.7, 7: 0.7, 8: 0.8, 9: 0.8, 10: 0.9}
    # Twice as many epochs: after the sixth, the others had 0.7.
    assert reported(study, [0.1, 0.2, 0.6, 0.65, 0.65, 0.66, 0.66], 10)[1] == 6
    # Within the first three tenths nobody is judged, then at once.
    assert reported(study, [0.1] * 10, 10)[1] == 3


def test_scores_that_fall_are_pruned_by_the_same_rule(opened):
    study = opened(select="loss")
    for _ in range(5):
        reported(study, [0.9, 0.8, 0.7, 0.6, 0.5], 5)
    assert reported(study, [0.95, 0.95, 0.9, 0.8, 0.7], 5)[1] == 2
    assert reported(study, [0.9, 0.75, 0.6, 0.5, 0.4], 5)[1] is None


def test_neither_pruning_nor_the_deadline_touches_a_training_that_is_over(opened):
    deadline, trainer = Deadline(-math.inf), FakeTrainer()
    trainer.progress.finished = True
    trainer.evaluate(deadline, 1.0, 0.5)
    assert not deadline.cut


def test_a_lock_that_a_killed_process_was_giving_back_is_removed(opened, searched):
    study = opened()
    left = [study.folder / f"{name}.lock0a-1b.rename" for name in ("proposing", "journal.jsonl")]
    for path in left:
        path.touch()
    searched(study, 1)
    assert not any(path.exists() for path in left)
    assert [path.name for path in study.folder.glob("*.lock*")] == []
