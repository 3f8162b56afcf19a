"""What ItemKNN, EASE, ALS and towers have in common: when they are fitted, what and whom they know."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import tf_keras
from hydra.utils import instantiate
from omegaconf import OmegaConf

from tests.baselines.histories import observed, two_futures
from tests.toy import make_interactions
from tfrec.baselines.als import Als
from tfrec.baselines.ease import Ease
from tfrec.baselines.item_knn import ItemKnn
from tfrec.baselines.own_items import popularity_below_one
from tfrec.baselines.retrieval import Retrieval
from tfrec.data.features import TowerFeatures
from tfrec.data.history import History
from tfrec.data.requests import Requests
from tfrec.data.stream import Stream
from tfrec.models.two_tower import TwoTower


def retrieval(**options):
    model = TwoTower(features=TowerFeatures(5), dim=4, dropout=0.2, new_items="mean", seed=3)
    made = Retrieval(model, tf_keras.optimizers.Adam(0.05), **{"batch_size": 64, "seed": 2} | options)
    made.know(pd.DataFrame({"text": "", "kind": [f"kind {i % 4}" for i in range(60)]}))
    return made


MADE = {
    "item_knn": lambda **options: ItemKnn(**{"neighbours": 5} | options),
    "ease": lambda **options: Ease(**{"items": 20, "penalty": 2.0} | options),
    "als": lambda **options: Als(**{"factors": 4, "regularization": 0.1} | options),
    "retrieval": retrieval,
}
every_baseline = pytest.mark.parametrize("name", MADE)


@pytest.fixture(scope="module")
def world():
    return Stream(make_interactions(users=40, items=60, per_day=40), "7D")


def started(name, base, **options):
    baseline = MADE[name](**options)
    baseline.start(SimpleNamespace(history=base))
    return baseline


def scores_of(baseline, history):
    return baseline.score(history, Requests(np.arange(-1, len(history.users))))(slice(None))


@every_baseline
def test_the_whole_catalogue_has_finite_scores_in_any_blocks(name, world):
    history = observed(world, 4)
    requests = Requests(np.arange(-1, len(history.users)))
    score = MADE[name]().score(history, requests)
    whole = score(slice(None))
    assert whole.shape == (len(requests), len(history.items)) and whole.dtype == np.float32
    assert np.isfinite(whole).all() and (np.ptp(whole, axis=1) > 0).all()
    np.testing.assert_allclose(np.concatenate([score(slice(0, 7)), score(slice(7, None))]), whole, atol=1e-6)


@every_baseline
def test_somebody_without_history_gets_popularity_and_others_do_not(name, world):
    history = observed(world, 4)
    scores, fill = scores_of(MADE[name](), history), popularity_below_one(history, 4).astype(np.float32)
    np.testing.assert_array_equal(np.argsort(-scores[0], kind="stable"), np.argsort(-fill, kind="stable"))
    assert (np.argsort(-scores[1:], kind="stable") != np.argsort(-fill, kind="stable")).any(axis=1).all()


@every_baseline
@pytest.mark.parametrize("change", ["permuted", "cut off"])
def test_the_future_changes_no_score(name, change):
    """Users and items of period 4 and later are shuffled, or left out: what is said of period 4 is the same."""
    streams = two_futures(change)
    one, two = (scores_of(MADE[name](), observed(stream, 4)) for stream in streams)
    np.testing.assert_array_equal(one, two)


@every_baseline
def test_asked_as_of_the_past_it_says_what_it_said_then(name, world):
    baseline, history, then = MADE[name](), History(), []
    for t in range(5):
        history.observe(world[t])
        then.append(scores_of(baseline, history))
    for t in (1, 4, 2):
        np.testing.assert_array_equal(scores_of(baseline, history.until(t + 1)), then[t])
        np.testing.assert_array_equal(scores_of(MADE[name](), history.until(t + 1)), then[t])


@every_baseline
def test_a_fit_is_due_every_so_often(name, world):
    """Base of 2, every 2: fits before periods 2 and 4. What was learned for 2 serves 3, and 3 is not its own fit."""
    base = observed(world, 2)
    baseline, fitted = started(name, base, every=2), []
    fit = baseline._fitted._make
    baseline._fitted._make = lambda history: fitted.append(len(history)) or fit(history)
    scores = {t: scores_of(baseline, observed(world, t)) for t in (2, 3, 4)}
    assert fitted == [2, 4]
    fresh = MADE[name]()
    for t, equal in ((2, True), (3, False), (4, True)):
        assert np.array_equal(scores_of(fresh, observed(world, t)), scores[t]) == equal
    np.testing.assert_array_equal(scores_of(started(name, base, every=2), observed(world, 3)), scores[3])
    assert scores[3].shape == (len(observed(world, 3).users) + 1, len(observed(world, 3).items))


@every_baseline
def test_a_past_before_the_base_has_its_own_fitted(name, world):
    baseline = started(name, observed(world, 4), every=3)
    for t in (2, 3, 4):
        np.testing.assert_array_equal(
            scores_of(baseline, observed(world, t)), scores_of(MADE[name](), observed(world, t))
        )


@every_baseline
def test_who_came_after_the_fit(name):
    """User 9 buys item 0, known to the fit, and item 8, which is not. ALS and towers have no vector of this user."""
    when = pd.Timestamp("2024-01-01")
    bought = [(u, i) for u in range(6) for i in ((0, 1, 2) if u % 2 else (3, 4, 2))]
    history = History()
    history.observe(pd.DataFrame(bought, columns=["user", "item"]).assign(timestamp=when))
    baseline = started(name, history.copy(), every=2)
    history.observe(pd.DataFrame({"user": [9, 9], "item": [0, 8], "timestamp": when}))
    scores = baseline.score(history, Requests(history.users.rows([9])))(slice(None))[0]
    assert scores.shape == (6,) and np.isfinite(scores).all()
    if name in ("als", "retrieval"):
        np.testing.assert_array_equal(scores, popularity_below_one(history, 4).astype(np.float32))
    else:
        one, three = history.items.rows([1, 3])
        assert scores[one] > scores[three]


@every_baseline
def test_of_an_empty_history_it_says_nothing(name):
    assert MADE[name]().score(History(), Requests(np.array([-1, -1])))(slice(None)).shape == (2, 0)


@pytest.mark.parametrize("name", [name for name in MADE if name != "retrieval"])
def test_its_yaml_makes_it(name):
    """The options of the file are the defaults of the class, so that a source without options is the same baseline."""
    baseline, default = instantiate(OmegaConf.load(f"conf/baseline/{name}.yaml"))[name], type(MADE[name]())()
    public = [{k: v for k, v in vars(made).items() if not k.startswith("_")} for made in (baseline, default)]
    assert public[0] == public[1]
