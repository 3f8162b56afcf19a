"""The rows of the evaluation protocol that counting gives, on Complete Journey, periods 26 to 51."""

import numpy as np
import pytest

from tests.baselines.histories import reported
from tests.baselines.published_rows import COLUMNS, ROWS
from tfrec.baselines.decayed_frequency import DecayedFrequency
from tfrec.baselines.own_items import OwnItems
from tfrec.baselines.popularity import Popularity
from tfrec.data import complete_journey
from tfrec.data.stream import Stream

pytestmark = pytest.mark.slow  # each scores 92,331 products for 34,991 household-weeks

BASELINES = {
    "popularity": Popularity(4),
    "own_items_insertion": OwnItems("insertion"),
    "own_items": OwnItems("popularity"),
    "decayed_share": DecayedFrequency(0.93, share=4),
}


@pytest.fixture(scope="module")
def measured():
    return reported(Stream(complete_journey.load()), BASELINES)


def test_there_are_as_many_household_weeks_as_published(measured):
    assert len(measured["popularity"]["all/ndcg@10"]) == 34_991


@pytest.mark.parametrize("name", BASELINES)
def test_row(measured, name):
    means = [np.nanmean(measured[name][column]) for column in COLUMNS]
    tolerance, published = ROWS[name]
    np.testing.assert_allclose(means, published, atol=tolerance)
