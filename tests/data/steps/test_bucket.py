import numpy as np
import pandas as pd
import pytest

from tfrec.data.steps.bucket import Bucket
from tfrec.errors import InputError

NO_EVENTS = pd.DataFrame({"user": []})


def prices(values):
    return pd.DataFrame({"price": np.array(values, dtype=float)})


def fitted(*periods, **arguments):
    step = Bucket(items=["price"], **arguments)
    for values in periods:
        step.fit(NO_EVENTS, prices(values))
    return step


def buckets(step, values):
    return step.items(prices(values))["price_bucket"].tolist()


def test_buckets_are_quantile_ranges():
    """Of 0 .. 100 the quartiles are 25, 50 and 75; an edge belongs to the range above it."""
    step = fitted(range(101), buckets=4)
    values = [-5, 0, 24.9, 25, 49, 50, 75, 1000]
    assert buckets(step, values) == [f"bucket {k}" for k in (0, 0, 0, 1, 1, 2, 3, 3)]


def test_missing_and_infinite_have_a_bucket_of_their_own_and_nothing_fitted_is_one_bucket():
    assert buckets(fitted(), [1, np.nan]) == ["not fitted", "not fitted"]
    assert buckets(fitted([np.nan]), [1, np.nan]) == ["not fitted", "not fitted"]
    assert buckets(fitted([1, 2], buckets=2), [0, np.nan, np.inf]) == ["bucket 0", "missing", "missing"]


def test_names_sort_as_numbers_do():
    assert buckets(fitted(range(100), buckets=12), [0, 99]) == ["bucket 00", "bucket 11"]


def test_equal_edges_are_one():
    """Quartiles of 1 1 1 1 9 are all 1: below it, and from it on."""
    assert buckets(fitted([1, 1, 1, 1, 9], buckets=4), [0, 1, 9]) == ["bucket 0", "bucket 1", "bucket 1"]


def test_each_bucket_has_an_equal_share_of_the_past():
    """1000 of 20,000 prices are kept: a share's standard error is sqrt(.1 * .9 / 1000) = 0.0095."""
    past = np.random.default_rng(0).lognormal(size=20_000)
    shares = pd.Series(buckets(fitted(past, size=1000), past)).value_counts(normalize=True)
    assert len(shares) == 10 and (shares - 0.1).abs().max() < 4.5 * 0.0095


def test_edges_stay_from_the_first_fit_on():
    step = fitted([np.nan], [1, 3], range(100, 200), buckets=2)
    assert buckets(step, [1, 2, 150]) == ["bucket 0", "bucket 1", "bucket 1"]  # the edge is the median of 1 and 3
    assert not step._samples


@pytest.mark.parametrize("periods, edge", [(1, 1), (2, 1), (3, 3), (4, 3), (5, 5)])
def test_edges_are_refitted_every_so_many_periods(periods, edge):
    """Period t holds 2 t and 2 t + 2; with refit=2 the edge is the median of periods 0, 0..2 and 0..4: 1, 3 and 5."""
    step = fitted(*[[2 * t, 2 * t + 2] for t in range(periods)], buckets=2, refit=2)
    assert buckets(step, [edge - 0.1, edge]) == ["bucket 0", "bucket 1"]


def test_periods_of_one_value_are_not_fitted_on():
    """The edge is the median of 1 and 3, without the zeros before them."""
    assert buckets(fitted([0, 0, 0]), [0, 1]) == ["not fitted", "not fitted"]
    assert buckets(fitted([0, 0, 0], [1, 3], buckets=2), [1.9, 2]) == ["bucket 0", "bucket 1"]


def test_events_and_items_have_edges_of_their_own():
    step = Bucket(items=["price"], events=["price"], buckets=2)
    step.fit(prices([10, 30]), prices([1, 3]))
    assert buckets(step, [1, 3]) == step.events(prices([10, 30]))["price_bucket"].tolist() == ["bucket 0", "bucket 1"]


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        ({"items": []}, "step.bucket names no column"),
        ({"buckets": 1}, "step.bucket.buckets is 1: choose a whole number, 2 or more"),
        ({"buckets": 2.5}, "step.bucket.buckets is 2.5: choose a whole number"),
        ({"refit": 0}, "step.bucket.refit is 0: choose a whole number, 1 or more"),
        ({"size": True}, "step.bucket.size is True"),
    ],
)
def test_arguments_are_checked(arguments, sentence):
    with pytest.raises(InputError, match=sentence):
        Bucket(**{"items": ["price"]} | arguments)
