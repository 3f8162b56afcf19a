"""The two rows of the evaluation protocol that LightGBM gives, on Complete Journey, periods 26 to 51."""

from types import SimpleNamespace

import numpy as np
import pytest

from tfrec.baselines.als import Als
from tfrec.baselines.item_knn import ItemKnn
from tfrec.baselines.lightgbm_ranker import LightgbmRanker
from tfrec.data import complete_journey
from tfrec.data.history import History
from tfrec.data.stream import Stream
from tfrec.evaluate import Evaluator, Truth
from tfrec.ranking.candidates import Candidates

pytestmark = pytest.mark.slow

COLUMNS = ("all/ndcg@10", "repeat/ndcg@10", "novel/ndcg@10", "all/recall@10", "all/recall@100", "novel/recall@100")
# Published with the protocol, rounded to four digits, for an independent implementation with other features.
ROWS = {
    "once": (None, (0.2967, 0.3937, 0.0237, 0.1577, 0.3537, 0.0932)),
    "every 4": (4, (0.2998, 0.3976, 0.0267, 0.1595, 0.3572, 0.0946)),
}


@pytest.mark.parametrize("name", ROWS)
def test_row(name):
    every, published = ROWS[name]
    stream, history, evaluator = Stream(complete_journey.load()), History(), Evaluator()
    ranker, periods = LightgbmRanker(Candidates(item_knn=ItemKnn(), als=Als()), every=every), []
    for t in range(len(stream)):
        if t == 26:
            ranker.start(SimpleNamespace(catalogue=SimpleNamespace(items=stream.items), history=history))
        if t >= 26:
            truth = Truth.of(stream[t], history)
            periods.append(evaluator(ranker.score(history, truth.requests), truth))
        history.observe(stream[t])
    means = [np.nanmean(np.concatenate([values[column] for values in periods])) for column in COLUMNS]
    np.testing.assert_allclose(means, published, atol=3e-3)
