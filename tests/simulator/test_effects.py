"""What happens in the world is seen in the log: drift, seasons, price shocks, delays."""

import numpy as np
import pandas as pd

from tests.simulator.worlds import drift, make_world
from tfrec.simulator.log import load
from tfrec.simulator.world import SLATES

CALM = {f"feedback.click.{name}": 0.0 for name in ("taste", "relevance", "appeal", "season", "price", "promotion")}


def rows(ids):
    """Row numbers of users `u12` and items `i12`."""
    return ids.str[1:].astype(int).to_numpy()


def test_a_change_point_is_seen_in_the_clicks_exactly_there(folder):
    """Everybody's taste changes at 3. Over no change, the mean match of clicks with the first tastes stays.

    Before, what is clicked matches the first taste better than what is shown; from 3 on, no better.
    """
    world = make_world(folder, drift=drift("Abrupt", at=[3], share=1.0), visits__activity=6.0)
    assert world.change_points(6) == [3]
    events = load(world, periods=6).events
    match = world._match(0, rows(events["user"]), rows(events["item"])[:, None])[:, 0]
    for t in range(6):
        here = (events["slate"].to_numpy() // SLATES) == t
        clicked = here & (events["click"].to_numpy() == 1)
        lift = match[clicked].mean() - match[here].mean()
        error = match[here].std() / np.sqrt(clicked.sum())
        assert lift > 6 * error if t < 3 else abs(lift) < 5 * error


def test_change_points_are_logged(folder, caplog):
    caplog.set_level("INFO")
    load(make_world(folder, drift=drift("Abrupt", at=[1, 5])), periods=3)
    assert "tastes change in periods [1]" in caplog.text


def test_seasons_move_departments(folder):
    """With the season alone, logit 3 * cos - 1: those above the mean season are clicked more than those below it."""
    world = make_world(
        folder, **{**CALM, "feedback.click.season": 3.0, "feedback.click.bias": -1.0, "policy.epsilon": 1.0}
    )
    events = load(world, periods=2, oracle=True).events
    season = np.cos(2 * np.pi * (0 - world._phase))[world.items.codes["department"]][rows(events["item"])]
    first = events["timestamp"] < world.begins(1)
    np.testing.assert_allclose(events["pctr"][first], 1 / (1 + np.exp(1 - 3 * season[first])), rtol=1e-5)
    top = events["position"] == 1
    high, low = events["click"][top & (season > season.mean())], events["click"][top & (season < season.mean())]
    assert high.mean() > low.mean() + 5 * np.sqrt(0.25 / len(high) + 0.25 / len(low))


def test_a_price_shock_lowers_clicks_and_purchases_by_what_the_weights_say(folder):
    """Twice the price in periods 1 and 2: the logits fall by 0.5 * log 2 and 1.0 * log 2, up to cents.

    No searches, because users look for dear things less.
    """
    shock = {"category": "AISLE/GROUP CC", "start": 1, "end": 2, "factor": 2.0}
    often = {"visits.activity": 4.0, "queries.search_share": 0.0}
    calm, dear = (
        load(make_world(folder, prices__shocks=shocks, **often), periods=4, oracle=True).events
        for shocks in ([], [shock])
    )
    items = make_world(folder).items
    hit = (items.values["category"][items.codes["category"]] == "AISLE/GROUP CC")[rows(calm["item"])]
    hit &= np.isin(calm["slate"].to_numpy() // SLATES, [1, 2])
    assert hit.sum() > 100
    pd.testing.assert_frame_equal(calm[["user", "item", "query"]], dear[["user", "item", "query"]])
    for name, weight in (("pctr", 0.5), ("pcvr", 1.0)):
        logits = [np.log(events[name] / (1 - events[name])) for events in (calm, dear)]
        np.testing.assert_allclose((logits[0] - logits[1])[hit], weight * np.log(2), atol=0.01)
        np.testing.assert_array_equal(logits[0][~hit], logits[1][~hit])
    np.testing.assert_allclose((dear["price"] / calm["price"])[hit], 2, atol=0.02)
    assert dear["click"][hit].sum() <= calm["click"][hit].sum()  # the same noise


def test_labels_are_known_late_where_a_delay_is_set(folder):
    events = load(make_world(folder, visits__activity=4.0, feedback__delay="2D"), periods=2).events
    waited = (events["known"] - events["timestamp"]) / pd.Timedelta("1D")
    assert (waited[events["click"] == 0] == 0).all()
    assert (waited[(events["click"] == 1) & (events["purchase"] == 0)] == 7).all()
    assert waited[events["purchase"] == 1].between(0, 7).all() and waited[events["purchase"] == 1].nunique() > 20
