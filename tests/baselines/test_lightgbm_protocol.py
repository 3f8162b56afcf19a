"""The two rows of the evaluation protocol that LightGBM gives, on Complete Journey, periods 26 to 51."""

import numpy as np
import pytest

from tests.baselines.histories import reported
from tests.baselines.published_rows import COLUMNS
from tfrec.baselines.als import Als
from tfrec.baselines.item_knn import ItemKnn
from tfrec.baselines.lightgbm_ranker import LightgbmRanker
from tfrec.data import complete_journey
from tfrec.data.stream import Stream
from tfrec.ranking.candidates import Candidates

pytestmark = pytest.mark.slow

# Periods between fits, and the row published with the protocol, rounded to four digits, for an independent
# implementation with other features and fewer candidates (they held 38.3 % of what was bought; here it is 47.8 %).
PUBLISHED = {
    "once": (None, (0.2967, 0.3937, 0.0237, 0.1577, 0.3537, 0.0932)),
    "every 4": (4, (0.2998, 0.3976, 0.0267, 0.1595, 0.3572, 0.0946)),
}
# What this implementation gave when it was written.
MEASURED = {
    "once": (0.2998, 0.3981, 0.0261, 0.1599, 0.3599, 0.0942),
    "every 4": (0.3022, 0.4013, 0.0267, 0.1613, 0.3624, 0.0953),
}


@pytest.fixture(scope="module")
def means():
    """Candidates are shared, so that neighbours and factors of a period are fitted once for both."""
    candidates = Candidates(item_knn=ItemKnn(), als=Als())
    rankers = {name: LightgbmRanker(candidates, every=every) for name, (every, _) in PUBLISHED.items()}
    values = reported(Stream(complete_journey.load()), rankers)
    return {name: np.array([np.nanmean(of[column]) for column in COLUMNS]) for name, of in values.items()}


@pytest.mark.parametrize("name", PUBLISHED)
def test_row(means, name):
    np.testing.assert_allclose(means[name], MEASURED[name], atol=1.5e-3)
    assert (means[name] > np.array(PUBLISHED[name][1]) - 3e-3).all()
