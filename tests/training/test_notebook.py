"""The bar of a notebook: one output that is replaced, without control codes, and none elsewhere."""

import random
import sys
from types import SimpleNamespace

import pytest

from seqkit import Report
from seqkit.config import make_config
from seqkit.runs import find_task, start
from seqkit.training import notebook
from seqkit.training.notebook import NotebookBar, in_notebook


def trainer(done, epoch, history=()):
    progress = SimpleNamespace(epoch=epoch, loss_sum=3.0, loss_count=2, history=list(history))
    return SimpleNamespace(progress=progress, config=SimpleNamespace(epochs=4), metric="macro_f1", done=done)


def test_a_bar_is_one_output_that_is_replaced(monkeypatch):
    pytest.importorskip("IPython")
    shown = []
    handle = SimpleNamespace(update=shown.append)
    monkeypatch.setattr("IPython.display.display", lambda bar, display_id: shown.append(bar) or handle)
    monkeypatch.setattr(notebook, "_EVERY", 0)
    bar = NotebookBar()
    bar.on_start(trainer(0.0, 0))
    bar.on_step(trainer(0.1, 0))
    bar.on_evaluate(trainer(0.25, 1, [{"macro_f1": 0.5}]), {}, better=True)
    bar.on_stop(trainer(1.0, 4, [{"macro_f1": 0.75}]))
    assert [repr(each) for each in shown] == [
        "0%: epoch 1 of 4, loss 1.500",
        "10%: epoch 1 of 4, loss 1.500",
        "25%: epoch 2 of 4, loss 1.500, validation macro-f1 0.500",
        "100%: epoch 4 of 4, loss 1.500, validation macro-f1 0.750",
    ]
    assert shown[1]._repr_html_().startswith('<progress value="0.1000" max="1"></progress> epoch 1 of 4')
    assert not any("\x1b" in each._repr_html_() + repr(each) for each in shown)


@pytest.mark.parametrize(
    ("shell", "expected"), [(None, False), (SimpleNamespace(), False), (SimpleNamespace(kernel=object()), True)]
)
def test_a_notebook_is_a_shell_of_ipython_with_a_kernel(shell, expected, monkeypatch):
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    assert in_notebook() is expected


def test_a_session_shows_a_bar_in_a_notebook_alone_and_a_report_shows_itself(tmp_path, monkeypatch, capsys):
    draw = random.Random(0)
    rows = "".join(f"a {draw.choice('xyz')} film {n},{draw.choice('ab')}\n" for n in range(60))
    (tmp_path / "my.csv").write_text(f"text,label\n{rows}")
    task, seen = find_task("sentiment"), []
    values = {"data": str(tmp_path / "my.csv"), "epochs": 1, "hidden_size": 4, "embedding_size": 4}
    assert not in_notebook()
    monkeypatch.setattr(NotebookBar, "on_start", lambda self, trainer: seen.append(trainer))
    start(task, make_config(task.config, values), tmp_path / "plain", []).train()
    assert not seen and capsys.readouterr() == ("", "")
    monkeypatch.setattr("seqkit.runs.session.in_notebook", lambda: True)
    session = start(task, make_config(task.config, values), tmp_path / "run", [])
    session.train()
    assert seen == [session.trainer]
    session.finish()
    report = Report(tmp_path / "run")
    assert repr(report).startswith("Report(sentiment, accuracy 0.")
    assert report._repr_html_().startswith('<iframe sandbox srcdoc="&lt;!DOCTYPE html&gt;')
    assert not (tmp_path / "run/report.html").exists()
