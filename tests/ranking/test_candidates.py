"""Who proposes what, against sets."""

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from tests.shop import make_shop
from tfrec.baselines.popularity import Popularity
from tfrec.build import build
from tfrec.data.history import History
from tfrec.data.requests import Requests
from tfrec.data.stream import Stream
from tfrec.errors import InputError
from tfrec.folders import conf_folder
from tfrec.ranking.candidates import Candidates

# They go by the run's model, by its other baselines, or by a state of their own.
RUN_S_OWN = {"running_mean", "frozen", "stale", "snapshots", "old_index", "stale_index", "blend"}
RUN_S_OWN |= {"lightgbm", "lightgbm_once", "lightgbm_weekly"}


class Fixed:
    """Scores that were given, for every request the same; only of the first items, if they are fewer."""

    def __init__(self, scores):
        self.scores = np.asarray(scores, np.float32)

    def score(self, history, requests):
        return lambda block: np.tile(self.scores, (len(requests.users[block]), 1))


@pytest.fixture
def history(stream):
    history = History()
    for t in range(3):
        history.observe(stream[t])
    return history


def by_request(pairs, requests):
    return [pairs.items[pairs.requests == r].tolist() for r in range(requests)]


def best(scores, number, allowed):
    """Rows with the highest scores above 0 among `allowed`, of equal ones the lowest rows."""
    order = sorted(allowed, key=lambda i: (-scores[i], i))
    return {i for i in order[:number] if scores[i] > 0}


def test_each_source_gives_its_best(history):
    """A user's own items by decayed frequency, popular ones, and the source's best of those not bought."""
    catalogue = range(len(history.items))
    scores = np.random.default_rng(0).permutation(len(catalogue)).astype(float)  # from 0 on
    users = np.arange(-1, len(history.users))
    pairs = Candidates(own=3, popular=4, best=2, window=1, source=Fixed(scores))(history, Requests(users))
    often, popular = history.frequency(0.98).toarray(), history.popularity(1)
    for user, items in zip(users, by_request(pairs, len(users)), strict=True):
        own = often[user] if user >= 0 else np.zeros(len(catalogue))
        new = [i for i in catalogue if own[i] == 0]
        wanted = best(own, 3, catalogue) | best(popular, 4, catalogue) | best(scores, 2, new)
        assert items == sorted(wanted)
    np.testing.assert_array_equal(pairs.scores[:, 0], scores[pairs.items])


def test_blocks_do_not_matter(history, monkeypatch):
    sources = {"a": Fixed(np.arange(len(history.items))), "b": Popularity(2)}
    requests = Requests(np.array([3, -1, 0, 5, 3, 2, 1]))
    whole = Candidates(5, 5, 5, **sources)(history, requests)
    monkeypatch.setattr("tfrec.ranking.candidates.BLOCK", 2)
    parts = Candidates(5, 5, 5, **sources)(history, requests)
    for name in ("requests", "items", "scores"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(parts, name))


def test_who_scores_all_alike_proposes_nothing(history):
    nobody = Requests(np.array([-1]))
    popular = Candidates(own=9, popular=4, best=0)(history, nobody)
    assert len(popular) == 4 and set(popular.items) == set(np.argsort(-history.popularity(4), kind="stable")[:4])
    constant = Candidates(own=9, popular=4, best=9, source=Fixed(np.ones(len(history.items))))(history, nobody)
    np.testing.assert_array_equal(constant.items, popular.items)


def test_a_source_may_be_older_than_the_catalogue(history):
    """It knows three items, whose scores stay; the others have 0."""
    pairs = Candidates(own=99, popular=99, best=9, source=Fixed([3, 2, 1]))(history, Requests(np.array([0])))
    assert len(pairs) > 3
    np.testing.assert_array_equal(pairs.scores[:, 0], np.array([3, 2, 1] + 50 * [0])[pairs.items])


def test_nobody_asks(history):
    pairs = Candidates(source=Popularity())(history, Requests(np.zeros(0, int)))
    assert len(pairs) == 0 and pairs.scores.shape == (0, 1)


@pytest.mark.parametrize(
    "wrong, message",
    [({"own": -1}, "own=-1"), ({"window": 0}, "candidates.window is 0"), ({"als": 5}, "candidates.als is '5'")],
)
def test_wrong_values_are_refused(wrong, message):
    with pytest.raises(InputError, match=message):
        Candidates(**wrong)


SOURCES = sorted(path.stem for path in (conf_folder() / "baseline").glob("*.yaml") if path.stem != "none")


@pytest.mark.parametrize("name", SOURCES)
def test_a_baseline_is_a_source_from_the_first_period_on_or_refused_with_a_sentence(name):
    """Of a log with queries, as of before its first period, and of the fourth."""
    log = make_shop(days=30)
    stream, past = Stream(log, "7D"), History()
    with initialize_config_dir(version_base="1.3", config_dir=str(conf_folder())):
        node = OmegaConf.to_container(compose("config", overrides=[f"baseline={name}"]).baseline, resolve=True)[name]
    source = build(node, f"baseline.{name}", seed=0)
    if name in RUN_S_OWN or not hasattr(source, "score"):
        with pytest.raises(InputError, match=f"candidates.{name} is "):
            Candidates(**{name: source})
        return
    candidates = Candidates(own=0, popular=0, best=2, **{name: source})
    candidates.know(log.items)
    for t in range(3):
        users, queries = np.arange(2) if t else np.full(2, -1), np.array(["red", "x"], object)
        pairs = candidates(past, Requests(users, np.array([1, 2]), queries))
        assert np.isfinite(pairs.scores).all() and pairs.scores.shape == (len(pairs), 1) and len(pairs) <= 4
        assert len(pairs) > 0 or t == 0
        past.observe(stream[t])


def test_a_source_that_is_null_is_left_out(history):
    requests = Requests(np.arange(3))
    with_null = Candidates(own=0, popular=0, best=2, one=Fixed([3, 1, 2]), none=None)
    assert list(with_null.sources) == ["one"] and with_null.most == 2
    assert with_null(history, requests).scores.shape[1] == 1
