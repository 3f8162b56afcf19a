"""The re-ranker: what it learns from, what it must not know, and what it does where it knows nothing."""

import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from tests.baselines.histories import observed, two_futures
from tests.toy import make_interactions
from tfrec.baselines.decayed_frequency import DecayedFrequency
from tfrec.baselines.lightgbm_ranker import LightgbmRanker
from tfrec.baselines.own_items import popularity_below_one
from tfrec.baselines.popularity import Popularity
from tfrec.data.history import History
from tfrec.data.interactions import validated
from tfrec.data.requests import Requests
from tfrec.data.stream import Stream
from tfrec.errors import InputError
from tfrec.ranking.candidates import Candidates


def ranker(**options):
    sources = {"recent": Popularity(1), "often": DecayedFrequency(0.9)}
    options = {"weeks": 2, "trees": 12, "parameters": {"min_data_in_leaf": 5}} | options
    return LightgbmRanker(Candidates(own=8, popular=6, best=4, **sources), **options)


def started(stream, base, **options):
    model = ranker(**options)
    model.start(SimpleNamespace(catalogue=SimpleNamespace(items=stream.items), history=observed(stream, base)))
    return model


def everybody(history):
    return Requests(np.arange(-1, len(history.users)))


def scores_of(model, history):
    return model.score(history, everybody(history))(slice(None))


@pytest.fixture(scope="module")
def world():
    return Stream(make_interactions(users=40, items=60, per_day=40), "7D")


def test_candidates_stand_above_all_others_by_popularity(world):
    history = observed(world, 4)
    model = started(world, 4)
    scores = scores_of(model, history)
    assert scores.shape == (len(history.users) + 1, len(history.items)) and scores.dtype == np.float32
    assert np.isfinite(scores).all()
    pairs = model.candidates(history, everybody(history))
    candidate = np.zeros(scores.shape, bool)
    candidate[pairs.requests, pairs.items] = True
    assert scores[candidate].min() >= 1 and np.unique(scores[candidate]).size > 20
    fill = np.broadcast_to(popularity_below_one(history, 4).astype(np.float32), scores.shape)
    np.testing.assert_array_equal(scores[~candidate], fill[~candidate])


def test_blocks_are_parts_of_the_whole(world):
    history, model = observed(world, 4), started(world, 4)
    score = model.score(history, everybody(history))
    np.testing.assert_array_equal(np.concatenate([score(slice(0, 7)), score(slice(7, None))]), score(slice(None)))


def test_it_learns_what_repeats():
    """Everybody buys the same three items every period, and others once: the three go first."""
    rng, rows = np.random.default_rng(0), []
    for t in range(6):
        for user in range(30):
            for item in [user % 5, 5 + user % 4, 9 + user % 3, *rng.integers(20, 200, 6)]:
                rows.append((user, item, t * 7 * 86_400 + len(rows) % 80_000))
    table = make_interactions(items=200).items
    events = pd.DataFrame(rows, columns=["user", "item", "timestamp"])
    events["timestamp"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(events["timestamp"], unit="s")
    last = events.assign(timestamp=events["timestamp"].max() + pd.Timedelta("8D"))[:1]
    events = pd.concat([events.sort_values("timestamp"), last], ignore_index=True)
    stream = Stream(validated(events, table, "habits"), "7D")
    history = observed(stream, 5)
    scores = started(stream, 5, weeks=3).score(history, Requests(history.users.rows(range(30))))(slice(None))
    best = history.items.ids[np.argsort(-scores, axis=1)[:, :3]]
    for user in range(30):
        assert set(best[user]) == {user % 5, 5 + user % 4, 9 + user % 3}


@pytest.mark.parametrize("change", ["permuted", "cut off"])
def test_the_future_changes_no_score(change):
    """Users and items of period 4 and later are shuffled, or left out: what is said of period 4 is the same."""
    streams = two_futures(change)
    models = [started(stream, 3, every=1) for stream in streams]
    for t in (3, 4):
        one, two = (scores_of(m, observed(s, t)) for m, s in zip(models, streams, strict=True))
        np.testing.assert_array_equal(one, two)


def test_equal_data_gives_equal_scores(world):
    history = observed(world, 4)
    one, two = (scores_of(started(world, 4), history) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert (scores_of(started(world, 4, seed=1), history) != one).any()


def test_a_fit_is_due_every_so_often_and_resuming_repeats_it(world, monkeypatch):
    """Base of 2: fits before periods 2 and 4. Started anew at period 5, it is what it was as of period 4."""
    learned, fit = [], LightgbmRanker._fit
    monkeypatch.setattr(LightgbmRanker, "_fit", lambda self, past: learned.append(len(past)) or fit(self, past))
    steady = started(world, 2, every=2)
    history = History()
    for t in range(5):
        if t >= 2:
            scores_of(steady, history)
        history.observe(world[t])
    assert learned == [2, 4]
    np.testing.assert_array_equal(scores_of(started(world, 2, every=2), history), scores_of(steady, history))
    scores_of(started(world, 2, every=None), history)
    assert learned[2:] == [4, 2]


def test_it_learns_from_the_last_periods_alone(world):
    history, model, asked = observed(world, 5), started(world, 5, weeks=3), []
    examples = model._examples
    model._examples = lambda history, s: asked.append(s) or examples(history, s)
    scores_of(model, history)
    assert asked == [2, 3, 4]


def test_what_was_made_for_one_fit_is_used_by_the_next(world):
    """Fits before 4 and 5 learn from 2, 3 and 3, 4; with what is kept the second is what a new ranker fits."""
    asked, model = [], started(world, 4, every=1)
    examples = model._examples
    model._examples = lambda history, s: asked.append(s) or examples(history, s)
    scores_of(model, observed(world, 4))
    later = scores_of(model, observed(world, 5))
    assert asked == [2, 3, 4]
    np.testing.assert_array_equal(later, scores_of(started(world, 5), observed(world, 5)))


def test_negatives_are_drawn_and_purchases_kept(world):
    history = observed(world, 4)
    all_of_them, some = (started(world, 4, negatives=share)._examples(history, 3) for share in (1.0, 0.3))
    assert all_of_them.labels.sum() == some.labels.sum() > 0
    lost = (~some.labels).sum() / (~all_of_them.labels).sum()
    assert abs(lost - 0.3) < 0.1
    assert (np.bincount(some.requests, some.labels)[np.unique(some.requests)] > 0).all()


def test_somebody_never_seen_gets_popular_items(world):
    """Nobody and a second nobody are ranked alike. Popular items are candidates, and what others say of anybody."""
    history, model = observed(world, 4), started(world, 4)
    nobody = model.score(history, Requests(np.array([-1, -1])))(slice(None))
    np.testing.assert_array_equal(nobody[0], nobody[1])
    pairs = model.candidates(history, Requests(np.array([-1])))
    most_bought = np.argsort(-history.popularity(4), kind="stable")[:6], np.argsort(-history.popularity(1))[:4]
    assert set(pairs.items) == set(np.flatnonzero(nobody[0] >= 1)) and set(most_bought[0]) <= set(pairs.items)
    assert set(pairs.items) - set(most_bought[0]) <= set(np.flatnonzero(history.popularity(1)))


def test_with_nothing_to_learn_popularity_ranks(world):
    """One period of the past has nothing before it that could propose candidates."""
    history = observed(world, 1)
    scores = scores_of(started(world, 1), history)
    np.testing.assert_array_equal(
        scores, np.tile(popularity_below_one(history, 4).astype(np.float32), (len(scores), 1))
    )


def test_a_table_without_categories_is_enough(world):
    bare = SimpleNamespace(items=world.items[["text"]])
    history, model = observed(world, 4), ranker()
    model.start(SimpleNamespace(catalogue=bare, history=history))
    assert np.isfinite(scores_of(model, history)).all()


def test_without_lightgbm_a_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    with pytest.raises(InputError, match=r"pip install 'tfrec\[lightgbm\]'"):
        ranker()


@pytest.mark.parametrize("wrong", [{"every": 0}, {"weeks": 0}, {"trees": 0}, {"negatives": 0}])
def test_wrong_values_are_refused(wrong):
    with pytest.raises(InputError, match=f"baseline.*{next(iter(wrong))}"):
        ranker(**wrong)


def test_who_has_no_candidates_gets_popularity(world):
    history, model = observed(world, 4), started(world, 4)
    scores_of(model, history)
    model.candidates.own = model.candidates.popular = model.candidates.best = 0
    fill = popularity_below_one(history, 4).astype(np.float32)
    np.testing.assert_array_equal(model.score(history, Requests(np.array([0])))(slice(None)), fill[None])
