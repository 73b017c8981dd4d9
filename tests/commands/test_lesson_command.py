"""``seqkit lesson``."""

from seqkit.lessons import available_lessons


def test_without_a_name_it_lists_the_lessons_within_80_columns(command):
    done = command("lesson")
    assert done.returncode == 0
    assert all(f"\n{name} " in f"\n{done.stdout}" for name in available_lessons())
    assert all(len(line) < 80 for line in done.stdout.splitlines())


def test_a_page_is_written_where_it_is_requested(command, tmp_path):
    done = command("lesson", "gradients", "--out", tmp_path / "page.html", "--seed", "1")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(tmp_path / "page.html")
    assert "Vanishing and exploding" in (tmp_path / "page.html").read_text("utf-8")


def test_what_cannot_be_is_reported_before_anything_is_trained(command, tmp_path):
    done = command("lesson", "gradient")
    assert done.returncode == 2 and "did you mean 'gradients'" in done.stderr
    done = command("lesson", "attention", "--out", tmp_path / "nowhere/page.html")
    assert done.returncode == 2 and "there is no such folder" in done.stderr
    done = command("lesson", "--out", tmp_path / "page.html")
    assert done.returncode == 2 and "goes with the name of a lesson" in done.stderr
