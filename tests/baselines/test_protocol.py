"""The rows of the evaluation protocol that counting gives, on Complete Journey, periods 26 to 51."""

import numpy as np
import pytest

from tests.baselines.published_rows import COLUMNS, ROWS
from tfrec.baselines.decayed_frequency import DecayedFrequency
from tfrec.baselines.own_items import OwnItems
from tfrec.baselines.popularity import Popularity
from tfrec.data import complete_journey
from tfrec.data.history import History
from tfrec.data.stream import Stream
from tfrec.data.truth import Truth
from tfrec.evaluate import Evaluator

BASELINES = {
    "popularity": Popularity(4),
    "own_items_insertion": OwnItems("insertion"),
    "own_items": OwnItems("popularity"),
    "decayed_share": DecayedFrequency(0.93, share=4),
}


@pytest.fixture(scope="module")
def measured():
    stream, history, evaluator = Stream(complete_journey.load()), History(), Evaluator()
    values = {name: [] for name in BASELINES}
    for t in range(len(stream)):
        if t >= 26:
            truth = Truth.of(stream[t], history)
            for name, baseline in BASELINES.items():
                values[name].append(evaluator(baseline.score(history, truth.requests), truth))
        history.observe(stream[t])
    return {
        name: {column: np.concatenate([period[column] for period in periods]) for column in COLUMNS}
        for name, periods in values.items()
    }


def test_there_are_as_many_household_weeks_as_published(measured):
    assert len(measured["popularity"]["all/ndcg@10"]) == 34_991


@pytest.mark.parametrize("name", BASELINES)
def test_row(measured, name):
    means = [np.nanmean(measured[name][column]) for column in COLUMNS]
    tolerance, published = ROWS[name]
    np.testing.assert_allclose(means, published, atol=tolerance)
