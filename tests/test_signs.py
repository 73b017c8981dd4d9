"""Control characters of others' texts, as signs."""

import io
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from seqkit.commands.output import data_stream
from seqkit.commands.terminal import Reporter, print_tables
from seqkit.signs import as_signs
from seqkit.tables import Table

CLIPBOARD = "\x1b]52;c;ZXZpbA==\x07"
"""What writes the clipboard of a terminal"""


class Terminal(io.StringIO):
    def isatty(self):
        return True


@given(st.text(st.characters(exclude_categories=[]), max_size=40))
def test_nothing_that_steers_a_terminal_is_left(text):
    shown = as_signs(text)
    assert not [c for c in shown if unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t"]
    shown.encode()
    assert as_signs(shown) == shown


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp", "Cf"]), max_size=40))
def test_texts_without_controls_are_shown_as_they_are(text):
    assert as_signs(text) == text


def test_joiners_that_scripts_need_are_kept():
    for text in ("👩‍👩‍👧", "می‌خواهم", "\u200eabc\u200f", "a\tb\nc"):
        assert as_signs(text) == text


def test_tables_and_lines_show_signs(tmp_path, monkeypatch):
    out = Terminal()
    print_tables([Table(f"title {CLIPBOARD}", [f"column {CLIPBOARD}"], [[f"cell {CLIPBOARD}\x9b2J"]])], out)
    for part in ("title ␛]52", "column ␛]52", "cell ␛]52;c;ZXZpbA==␇\\u009b2J"):
        assert part in out.getvalue()
    assert "\x1b]" not in out.getvalue()
    err = Terminal()
    Reporter(tmp_path / "log.txt", err).prose(f"note: label {CLIPBOARD}")
    log = (tmp_path / "log.txt").read_text()
    assert "␛]52" in err.getvalue() and "␛]52" in log
    assert "\x1b]52" not in err.getvalue() and "\x1b" not in log


def test_data_go_to_a_terminal_with_signs_and_to_a_pipe_as_they_are(monkeypatch):
    for stream, expected in ((Terminal(), "␛[2J\n"), (io.StringIO(), "\x1b[2J\n")):
        monkeypatch.setattr("sys.stdout", stream)
        data_stream().write("\x1b[2J\n")
        assert stream.getvalue() == expected
