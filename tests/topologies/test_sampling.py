"""Which examples are shown."""

from seqkit.topologies.sampling import fixed_sample


def test_a_fixed_sample_is_the_same_each_time_and_never_repeats_an_index():
    chosen = fixed_sample(1000, 40)
    assert chosen == fixed_sample(1000, 40)
    assert len(set(chosen)) == 40 and set(chosen) <= set(range(1000))
    # Forty of the first hundred would be no sample of a thousand.
    assert min(chosen) < 100 and max(chosen) >= 900


def test_of_too_few_examples_all_are_chosen():
    assert sorted(fixed_sample(3, 40)) == [0, 1, 2]
    assert fixed_sample(0, 4) == []
