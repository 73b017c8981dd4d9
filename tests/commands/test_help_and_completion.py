"""What somebody sees who does not know the options yet: help by headings, choices, completion in a shell."""

import click
import pytest
from click.testing import CliRunner

from seqkit.commands import program
from seqkit.commands.completion import complete_runs
from seqkit.commands.task_options import ConfigOption
from seqkit.config import options_of
from seqkit.plugins import available_tasks
from seqkit.tables import TERMINAL_WIDTH


@pytest.mark.parametrize("words", [(), ("run",), ("kernels",)])
def test_a_group_alone_prints_its_help_as_it_is_laid_out(command, words):
    done = command(*words)
    assert done.returncode == 0 and done.stderr == ""
    assert done.stdout == command(*words, "-h").stdout and "Options:\n  " in done.stdout


@pytest.mark.parametrize("task", sorted(available_tasks()))
def test_help_of_a_task_shows_every_option_once_under_a_heading(command, task):
    text = command("run", task, "--help").stdout
    headings = [line for line in text.splitlines() if line.endswith(":") and not line.startswith(" ")]
    assert headings[:2] == ["Options:", "Data:"]
    assert "Run:" in headings and "Training:" in headings and len(set(headings)) == len(headings)
    flags = [line.split()[0] for line in text.splitlines() if line.startswith("  --")]
    expected = [entry.flag for entry in options_of(available_tasks()[task]().config).values()]
    assert sorted(flags) == sorted([*expected, "--out", "--profile", "--log", "--config", "--set"])
    assert max(map(len, text.splitlines())) <= TERMINAL_WIDTH


def test_choices_are_shown_beside_a_name_or_in_its_help(command):
    text = " ".join(command("run", "text", "--help").stdout.split())
    assert "--precision [f32|bf16]" in text and "--bidirectional [true|false]" in text
    assert "--kernel TEXT How recurrent layers run. [auto] One of auto, native" in text
    assert "--cell TEXT Recurrent cell, or FILE.py:CLASS; `seqkit list cells` shows all. [lstm]" in text
    assert "--data FILE" in text and "[]" not in text


def test_values_of_an_option_are_completed():
    options = options_of(available_tasks()["text"]().config)
    context = click.Context(click.Command("text"))

    def completed(name, begun):
        return [item.value for item in ConfigOption(options[name]).shell_complete(context, begun)]

    assert completed("schedule", "c") == ["constant", "cosine"]
    assert completed("cell", "lstm-p") == ["lstm-peephole", "lstm-projected"]
    assert completed("bidirectional", "t") == ["true"]
    assert completed("hidden_size", "1") == []


def test_commands_tasks_and_runs_are_completed_without_importing_them(tmp_path, monkeypatch):
    for name in ("runs/tag-1", "runs/text-2", "other"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "runs/tag-1/run.json").touch()
    monkeypatch.chdir(tmp_path)

    def completed(words, count):
        asked = {"_SEQKIT_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(count)}
        result = CliRunner().invoke(program, [], env=asked, prog_name="seqkit", complete_var="_SEQKIT_COMPLETE")
        return [line.partition(",")[2] for line in result.output.splitlines()]

    assert completed("seqkit ev", 1) == ["evaluate"]
    assert completed("seqkit run sen", 2) == ["sentiment"]
    assert completed("seqkit predict runs/t", 2) == ["runs/tag-1"]
    assert completed("seqkit compare runs/t", 2) == ["runs/tag-1"]
    assert completed("seqkit compare sentiment --cells rnn,lstm-p", 4) == ["rnn,lstm-peephole", "rnn,lstm-projected"]
    context = click.Context(click.Command("predict"))
    (folder,) = complete_runs(context, click.Argument(["run"]), "oth")
    assert (folder.value, folder.type) == ("oth", "dir")


@pytest.mark.parametrize(("shell", "read"), [("bash", ".bashrc"), ("zsh", ".zshrc")])
def test_completion_is_installed_once_beside_what_is_there(command, monkeypatch, tmp_path, shell, read):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SHELL", f"/bin/{shell}")
    (tmp_path / read).write_text("alias l=ls")
    first, second = command("--install-completion"), command("--install-completion")
    assert first.returncode == second.returncode == 0 and read in first.stdout
    line = f". {tmp_path}/.seqkit-completion.{shell}"
    assert (tmp_path / read).read_text() == f"alias l=ls\n{line}\n"
    assert "_SEQKIT_COMPLETE" in (tmp_path / f".seqkit-completion.{shell}").read_text()


def test_completion_for_another_shell_is_refused(command, monkeypatch):
    monkeypatch.setenv("SHELL", "/bin/tcsh")
    done = command("--install-completion")
    assert done.returncode == 2 and "bash, zsh and fish, and SHELL names tcsh" in done.stderr
