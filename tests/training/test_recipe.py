"""What a run trains with, where nobody says: it follows from the number of examples."""

import dataclasses

import pytest
from seqkit.tasks.sentiment import SentimentConfig

from seqkit.config import FromData, from_data, make_config, options_of
from seqkit.data import Example, SourceLocation, Splits
from seqkit.runs import available_tasks, find_task
from seqkit.training.recipe import Recipe, derived


def recipe(train, **values):
    return Recipe().apply(make_config(SentimentConfig, values), train)


@pytest.mark.parametrize(
    ("train", "batch", "epochs", "patience"),
    [(10, 16, 60, 12), (270, 16, 60, 12), (900, 16, 30, 6), (2700, 32, 20, 4), (6800, 64, 16, 3), (10**6, 64, 8, 3)],
)
def test_small_data_get_more_epochs_and_smaller_batches(train, batch, epochs, patience):
    config = recipe(train)
    assert (config.batch_size, config.epochs, config.patience) == (batch, epochs, patience)


@pytest.mark.parametrize(("train", "batch"), [(1535, 16), (1536, 32), (3071, 32), (3072, 64)])
def test_a_batch_is_doubled_as_soon_as_an_epoch_of_larger_ones_has_48_steps(train, batch):
    assert recipe(train).batch_size == batch


def test_what_somebody_sets_is_kept_even_if_it_is_the_fallback():
    config = recipe(270, epochs=8, batch_size=64, patience=3)
    assert (config.epochs, config.batch_size, config.patience) == (8, 64, 3)


def test_patience_follows_from_the_epochs_that_somebody_sets():
    assert recipe(270, epochs=100).patience == 20


def test_a_topology_may_wait_for_another_part_of_its_epochs():
    config = Recipe(patience=3).apply(SentimentConfig(), 270)
    assert (config.epochs, config.patience) == (60, 20)


def test_values_that_were_found_are_no_longer_marked():
    examples = [Example(f"text {n}", "ab"[n % 2], SourceLocation("x", n)) for n in range(300)]
    config = find_task("sentiment").recipe(SentimentConfig(), Splits(examples, [], []))
    marked = [f.name for f in dataclasses.fields(config) if isinstance(getattr(config, f.name), FromData)]
    assert marked == []
    assert Recipe().apply(config, 10**6).epochs == config.epochs


@pytest.mark.parametrize("name", available_tasks())
def test_every_task_takes_many_steps_on_small_data_and_few_passes_over_large_data(name):
    task = find_task(name)
    small, large = (task.rules.apply(task.config(), train) for train in (300, 100_000))
    batch, most_batch = (getattr(config, task.rules.batch) for config in (small, large))
    # A training that ends after a few hundred steps has hardly begun.
    assert small.epochs * -(-300 // batch) >= 550
    # Of data that are generated, a task may fix the epochs.
    follows = isinstance(task.config().epochs, FromData)
    assert small.epochs > large.epochs if follows else small.epochs == large.epochs == task.config().epochs
    assert batch <= most_batch


def test_where_the_data_ask_for_nothing_else_the_fallback_stays_without_its_mark():
    config = SentimentConfig()
    assert (derived(config, "epochs", None), derived(config, "epochs", 5)) == (config.epochs, 5)
    assert not isinstance(derived(config, "epochs", None), FromData)


@pytest.mark.parametrize("value", [3, 0.5])
def test_a_marked_default_is_an_ordinary_value_otherwise(value):
    assert from_data(value) == value
    assert isinstance(from_data(value), type(value))


def test_help_and_limits_of_a_marked_default_are_those_of_the_option():
    entry = options_of(SentimentConfig)["epochs"]
    assert isinstance(entry.default, FromData)
    assert entry.help == "maximum number of passes over the training data"
    assert entry.check(5, "epochs") == 5


def test_a_training_whose_rate_falls_to_nothing_ends_with_its_epochs():
    assert recipe(300).minutes == 10
    assert recipe(300, schedule="linear").minutes == recipe(300, epochs=8).minutes == 0
    assert recipe(300, schedule="linear", minutes=3.0).minutes == 3


def averaging(train, **values):
    """Over how many steps."""
    return 1 / (1 - Recipe(averaged_epochs=2.5).apply(make_config(SentimentConfig, values), train).average)


@pytest.mark.parametrize(("train", "span"), [(300, 200), (5000, 200), (10_240, 400), (40_960, 1600), (10**6, 2000)])
def test_the_average_of_the_weights_spans_some_epochs_at_a_constant_rate(train, span):
    assert averaging(train) == pytest.approx(span, rel=1e-2)
    assert averaging(train, schedule="linear") == pytest.approx(200)
    assert averaging(train, average=0.9) == pytest.approx(10)
    assert recipe(train).average == 0.995


def test_the_average_spans_fewer_steps_where_a_step_takes_several_batches():
    assert averaging(40_960, accumulate=4) == pytest.approx(400, rel=1e-2)


def test_an_average_that_is_switched_off_stays_so():
    assert recipe(300, average=0.0).average == 0.0
