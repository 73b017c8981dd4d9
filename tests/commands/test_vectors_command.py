"""``seqkit vectors``."""

from seqkit import load


def test_vectors_of_a_table_start_a_task_and_show_what_is_near(reviews, command, tmp_path):
    out = tmp_path / "v.vec.gz"
    done = command("vectors", reviews, "--out", out, "--size", "5", "--near", "film")
    assert done.returncode == 0, done.stderr
    assert "in 300 texts" in done.stderr
    assert "near film" in done.stdout
    assert all(len(line) <= 80 or str(out) in line for line in done.stdout.splitlines())
    done = command("vectors", out, "--near", "film", "--near", "dull")
    assert done.returncode == 0, done.stderr
    assert "near dull" in done.stdout
    options = ["--data", reviews, "--vectors", out, "--hidden-size", "4", "--epochs", "1", "--out", tmp_path / "run"]
    done = command("run", "sentiment", *options)
    assert done.returncode == 0, done.stderr
    assert "note: vectors were found for" in done.stderr
    # Nobody has to say a second time how many values the vectors have.
    assert load(tmp_path / "run").config.embedding_size == 5


def test_the_command_says_what_is_missing(reviews, command, tmp_path):
    for arguments, message in (
        ([reviews], "say what to do"),
        ([reviews, "--out", tmp_path / "v.bin"], "name it with one of"),
        ([tmp_path / "none.txt", "--out", tmp_path / "v.txt"], "none.txt"),
        ([reviews, "--out", tmp_path / "v.txt", "--size", "500"], "too few for vectors of 500 values"),
    ):
        done = command("vectors", *arguments)
        assert done.returncode == 2, done.stderr
        assert message in done.stderr
