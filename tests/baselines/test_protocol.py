"""The rows of the evaluation protocol that counting gives, on Complete Journey, periods 26 to 51."""

import numpy as np
import pytest

from tfrec.baselines.decayed_frequency import DecayedFrequency
from tfrec.baselines.own_items import OwnItems
from tfrec.baselines.popularity import Popularity
from tfrec.data import complete_journey
from tfrec.data.history import History
from tfrec.data.stream import Stream
from tfrec.data.truth import Truth
from tfrec.evaluate import Evaluator

COLUMNS = ("all/ndcg@10", "repeat/ndcg@10", "novel/ndcg@10", "all/recall@10", "all/recall@100", "novel/recall@100")
# Published with the protocol, rounded to four digits, for an independent implementation.
ROWS = {
    "popularity": (Popularity(4), (0.1266, 0.2241, 0.0198, 0.0687, 0.1722, 0.0760)),
    "own items": (OwnItems("insertion"), (0.2707, 0.3559, 0.0198, 0.1403, 0.3203, 0.0760)),
    "own items, ties by popularity": (OwnItems("popularity"), (0.2791, 0.3697, 0.0198, 0.1464, 0.3423, 0.0760)),
    "decayed frequency and share": (DecayedFrequency(0.93, share=4), (0.2935, 0.3879, 0.0198, 0.1545, 0.3447, 0.0760)),
}


@pytest.fixture(scope="module")
def measured():
    stream, history, evaluator = Stream(complete_journey.load()), History(), Evaluator()
    values = {name: [] for name in ROWS}
    for t in range(len(stream)):
        if t >= 26:
            truth = Truth.of(stream[t], history)
            for name, (baseline, _) in ROWS.items():
                values[name].append(evaluator(baseline.score(history, truth.requests), truth))
        history.observe(stream[t])
    return {
        name: {column: np.concatenate([period[column] for period in periods]) for column in COLUMNS}
        for name, periods in values.items()
    }


def test_there_are_as_many_household_weeks_as_published(measured):
    assert len(measured["popularity"]["all/ndcg@10"]) == 34_991


@pytest.mark.parametrize("name", ROWS)
def test_row(measured, name):
    means = [np.nanmean(measured[name][column]) for column in COLUMNS]
    np.testing.assert_allclose(means, ROWS[name][1], atol=5e-4)
