import numpy as np
import pandas as pd
import pytest

from tests.data.steps.log import make_log
from tfrec.data.steps.apply import fit, transform_events, transform_items
from tfrec.data.steps.bucket import Bucket
from tfrec.data.steps.clean_text import CleanText
from tfrec.data.steps.deduplicate import Deduplicate
from tfrec.data.steps.price import Price
from tfrec.data.steps.scale import Scale
from tfrec.data.steps.step import Step
from tfrec.errors import InputError


def test_a_step_takes_what_the_one_before_it_made():
    """Queries that differ in case alone are repeats only once they are cleaned."""
    time = pd.to_datetime(["2024-01-01 10:00", "2024-01-01 10:01"])
    events = pd.DataFrame({"user": 1, "item": 1, "timestamp": time, "query": ["Tea", "tea"]})
    assert len(transform_events([CleanText(), Deduplicate()], events)) == 1
    assert len(transform_events([Deduplicate(), CleanText()], events)) == 2


def test_a_step_learns_from_what_it_was_given_not_from_what_it_made():
    """Repeats do not count in the mean: of 1 and 3 it is 2, of 1 1 1 3 it would be 1.5; nor do scaled prices."""
    time = pd.Timestamp("2024-01-01") + pd.to_timedelta([0, 1, 2, 3], unit="min")
    events = pd.DataFrame({"user": 1, "item": [1, 1, 1, 2], "timestamp": time, "price": [1.0, 1, 1, 3]})
    items = pd.DataFrame({"text": ["a", "b"]}, index=[1, 2])
    steps = [Deduplicate(), Scale(events=["price"])]
    later = events.assign(timestamp=time + pd.Timedelta("7D"))
    for shift in (0, 1):
        fit(steps, events.assign(timestamp=time + shift * pd.Timedelta("2D")), items)
        assert transform_events(steps, later)["price"].tolist() == [-1, 1]


def test_a_later_step_learns_items_as_the_next_period_sees_them():
    """Tea has the median 2, so relative prices are log 1/2, 0 and log 2; of those the median is 0."""
    items = pd.DataFrame({"text": "", "category": "tea", "price": [1.0, 2, 4]})
    events = pd.DataFrame({"user": 1, "item": [0], "timestamp": pd.to_datetime(["2024-01-01"])})
    steps = [Price(), Bucket(items=["price_relative"], buckets=2)]
    assert set(transform_items(steps, items)["price_relative_bucket"]) == {"not fitted"}
    fit(steps, events, items)
    assert transform_items(steps, items)["price_relative_bucket"].tolist() == ["bucket 0", "bucket 1", "bucket 1"]


def test_a_later_step_learns_events_as_they_were_scored():
    """In period 0 there is no median and all relative prices are 0; period 1 is compared with the 2 of period 0."""
    time = pd.to_datetime(["2024-01-01"] * 3)
    events = pd.DataFrame({"user": 1, "item": 1, "timestamp": time, "price": [1.0, 2, 4]})
    steps = [Price(items=None, events="item"), Scale(events=["price_relative"], how="min_max")]
    for expected in ([0, 0], np.log([1 / 2, 2])):
        fit(steps, events, pd.DataFrame({"text": []}))
        scaler = steps[1]._scalers["events", "price_relative"]
        np.testing.assert_allclose([scaler.data_min_[0], scaler.data_max_[0]], expected, atol=1e-6)


def test_no_steps_change_nothing():
    events, items = make_log()
    fit([], events, items)
    assert transform_events([], events) is events and transform_items([Step()], items) is items


def test_an_order_that_cannot_be_is_a_sentence():
    _, items = make_log()
    with pytest.raises(InputError, match="step.bucket: the item table has no column 'price_relative'"):
        transform_items([Bucket(items=["price_relative"]), Price()], items)
