"""Every file of ``files/`` in doctor, run, predict and evaluate: each must say what ``files.toml`` says."""

from pathlib import Path

import pytest

from seqkit.config import read_toml
from tests.data.wild.trying import FILES, PLAIN, Commands, laid_out

TABLE = read_toml(Path(__file__).parent / "files.toml")
ROWS = {f"{task}/{row['file']}": (task, row) for task, rows in TABLE.items() for row in rows}
STOPPED = {name: entry for name, entry in ROWS.items() if "run" not in entry[1]}
TRAINED = {name: entry for name, entry in ROWS.items() if "run" in entry[1]}


def every(rows):
    return pytest.mark.parametrize(("task", "row"), rows.values(), ids=rows)


@pytest.fixture
def tried(command, tmp_path):
    """The commands on the file of a row."""

    def commands(task, row):
        path = laid_out(task, row["file"], row.get("made"), tmp_path)
        return Commands(command, task, path, row.get("options", {}), tmp_path)

    return commands


@pytest.fixture(scope="session")
def model(command, tmp_path_factory):
    """The run of a task on its plain file, made when it is first asked for."""
    runs = {}

    def of(task):
        if task not in runs:
            folder = tmp_path_factory.mktemp(task)
            commands = Commands(command, task, laid_out(task, PLAIN[task], None, folder), {}, folder)
            assert commands.run("model").code == 0
            runs[task] = folder / "model"
        return runs[task]

    return of


def listed(cell):
    return [cell] if isinstance(cell, str) else cell


def check(said, cell, good):
    """What a command said must be a good outcome with these findings, or an error that has the sentence."""
    verdict, *parts = listed(cell)
    if verdict == good:
        assert said.code == 0, said.sentences
    else:
        assert said.code in (1, 2), said.sentences
        parts = [verdict]
    for part in parts:
        assert any(part in sentence for sentence in said.sentences), (part, said.sentences)


def check_count(said, cell):
    """A command has answered so many, or failed with the sentence."""
    assert said.count == cell or (said.code in (1, 2) and any(cell in s for s in said.sentences)), (cell, said)


@every(ROWS)
def test_doctor_says_what_the_table_says(tried, task, row):
    check(tried(task, row).doctor(), row["doctor"], "ready")


@every(STOPPED)
def test_run_stops_at_what_doctor_finds_before_it_builds_a_model(tried, task, row):
    commands = tried(task, row)
    check(commands.run(), row["doctor"], "trains")
    assert not (commands.folder / "run" / "model.safetensors").exists()


@pytest.mark.slow
@every(TRAINED)
def test_run_trains_on_what_doctor_finds_ready(tried, task, row):
    assert listed(row["doctor"])[0] == "ready"
    check(tried(task, row).run(), row["run"], "trains")


@pytest.mark.slow
@every(ROWS)
def test_predict_and_evaluate_do_what_the_table_says(tried, model, task, row):
    commands = tried(task, row)
    check_count(commands.predict(model(task)), row["predict"])
    check_count(commands.evaluate(model(task)), row["evaluate"])


def test_every_file_is_in_the_table_and_there_are_many():
    there = {f"{folder.name}/{path.name}" for folder in FILES.iterdir() for path in folder.iterdir()}
    assert there == {name for name, (_, row) in ROWS.items() if "made" not in row}
    assert len(ROWS) >= 500
