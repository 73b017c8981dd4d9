"""The space of a study: the notation, what tasks declare, what is widened, fixed and refused."""

from dataclasses import dataclass

import pytest

from seqkit import UsageError
from seqkit.config import TrainingConfig, option, options_of
from seqkit.runs import find_task
from seqkit.runs.tasks import available_tasks
from seqkit.tuning.space import parse_domain, parse_space, search_space


@dataclass(frozen=True, kw_only=True)
class Config(TrainingConfig):
    """Options of a task that somebody else wrote, who has never heard of a search."""

    size: int = option(40, "a size", minimum=1)
    rate: float = option(0.2, "a fraction", minimum=0, below=1)
    kind: str = option("a", "a kind", choices=lambda: ("a", "b", "c"))
    lower: bool = option(False, "lower case")


def domain(name, text):
    return parse_domain(options_of(Config)[name], text, f"--search {name}={text}")


@pytest.mark.parametrize(
    ("name", "text", "log", "written"),
    [
        ("rate", "0.001..0.1", True, "0.001..0.1:log"),
        ("rate", "0..0.5", False, "0.0..0.5:linear"),
        ("rate", "0.2..0.5", False, "0.2..0.5:linear"),
        ("rate", "0.2 .. 0.5:log", True, "0.2..0.5:log"),
        ("rate", "1e-3..1e-1:linear", False, "0.001..0.1:linear"),
        ("size", "8..64", False, "8..64:linear"),
        ("size", "64,8,16", False, "8,16,64"),
        ("kind", "c, a", False, "c,a"),
        ("lower", "yes,no", False, "true,false"),
    ],
)
def test_a_domain_is_written_as_it_is_read(name, text, log, written):
    found = domain(name, text)
    assert (found.log, found.text()) == (log, written)
    assert parse_domain(found.option, written, "") == found


def test_every_value_is_proposed_and_comes_back():
    for name, text, values in (
        ("size", "64,8,16", [8, 16, 64]),
        ("kind", "c,a", ["c", "a"]),
        ("size", "3..5", [3, 4, 5]),
    ):
        found = domain(name, text)
        assert [found.value(found.proposal(value)) for value in values] == values
        assert found.count == len(values)


def test_numbers_among_values_are_in_order_for_the_sampler_and_texts_are_not():
    from optuna.distributions import CategoricalDistribution, IntDistribution

    assert domain("size", "64,8,16").distribution() == IntDistribution(0, 2)
    assert domain("kind", "c,a").distribution() == CategoricalDistribution(("c", "a"))


def test_numbers_of_a_range_are_those_that_people_type_and_stay_in_it():
    found = domain("rate", "0.1234..0.9996")
    assert found.value(0.4372819) == 0.437
    assert (found.value(0.1234), found.value(0.9996)) == (0.1234, 0.9996)


def test_what_is_not_in_the_space_starts_at_the_nearest():
    assert domain("size", "8,16,64").value(domain("size", "8,16,64").proposal(50)) == 64
    assert domain("rate", "0.2..0.5").proposal(0.9) == 0.5
    assert domain("kind", "b,c").proposal("a") == "b"


@pytest.mark.parametrize(
    ("search", "message"),
    [
        ("sise=8,16", "unknown option to search 'sise'; did you mean 'size'?"),
        ("size=8", "--search size=8 leaves nothing to search; give values such as a,b or a range"),
        ("size=8,8", "leaves nothing to search"),
        ("size=64..8", "must go from a smaller to a larger number"),
        ("size=0..8", "size must be at least 1, not 0"),
        ("size=a..b", "size must be a whole number, not 'a'"),
        ("rate=0..1", "rate must be below 1, not 1.0"),
        ("rate=0..0.5:log", "must begin above 0 for a logarithmic scale"),
        ("rate=0.1..0.5:lin", "unknown scale 'lin'; did you mean 'linear'?"),
        ("kind=a,d", "unknown kind 'd'"),
        ("lower=true,maybe", "lower must be true or false, not 'maybe'"),
        ("size", "size has no range of its own; give one, such as --search size=LOW..HIGH"),
        ("learning-rate=1e-2..inf", "learning_rate must be a finite number"),
    ],
)
def test_what_cannot_be_searched_is_refused_with_its_reason(search, message):
    with pytest.raises(UsageError) as error:
        search_space(Config(), set(), [search])
    assert message in str(error.value)


def test_options_of_pairs_cannot_be_searched():
    with pytest.raises(UsageError, match="cell_options has no values that can be searched; set it"):
        search_space(find_task("charlm").config(), set(), ["cell-options=a=1,b=2"])


def test_a_task_that_declares_nothing_is_searched_in_the_options_that_all_have():
    assert [*search_space(Config(), set(), [])] == ["learning_rate", "weight_decay", "batch_size"]


def test_what_is_set_is_not_searched_unless_it_is_requested():
    assert [*search_space(Config(), {"learning_rate", "batch_size"}, [])] == ["weight_decay"]
    space = search_space(Config(), {"learning_rate", "batch_size", "size"}, ["size=8,16", "learning_rate"])
    assert [*space] == ["learning_rate", "weight_decay", "size"]
    assert [*search_space(Config(), set(), ["--size=8,16"], only=True)] == ["size"]
    with pytest.raises(UsageError, match="nothing is left to search; name options"):
        search_space(Config(), set(), [], only=True)


def test_a_declared_range_is_widened_to_the_value_that_a_run_has():
    space = search_space(Config(learning_rate=0.3, batch_size=24), set(), [])
    assert (space["learning_rate"].high, space["batch_size"].values) == (0.3, (16, 24, 32, 64, 128))
    # Below a logarithmic scale there is no zero.
    assert search_space(Config(weight_decay=0.0), set(), [])["weight_decay"].low == 1e-3


@pytest.mark.parametrize("name", available_tasks())
def test_every_task_of_ours_says_where_to_look_and_starts_from_its_defaults(name):
    config = find_task(name).config()
    space = search_space(config, set(), [])
    assert {"learning_rate", "hidden_size", "dropout"} <= {*space}
    assert 6 <= len(space) <= 13, "more than some tens of trials can tell apart"
    for option_name, found in space.items():
        assert found.value(found.proposal(getattr(config, option_name))) == getattr(config, option_name)
    assert parse_space(type(config), {n: found.text() for n, found in space.items()}, "study.json") == space


def test_vectors_of_a_file_have_their_own_size():
    for name in ("sentiment", "tag"):
        config = find_task(name).config
        assert "embedding_size" in search_space(config(), set(), [])
        assert "embedding_size" not in search_space(config(vectors="glove.txt"), set(), [])
