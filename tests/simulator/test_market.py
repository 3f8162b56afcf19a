"""Births, texts and prices, and that what is told of them is what holds, from when it holds."""

import numpy as np
import pandas as pd
import pytest

from tests.simulator.worlds import make_world
from tfrec.errors import InputError
from tfrec.simulator.market import CATEGORIES
from tfrec.simulator.prices import Prices
from tfrec.simulator.wording import WORDINGS, Rewriting, text, words


def told(markets, until):
    """The item table after all changes up to a period, applied cell by cell."""
    table = markets.table()
    for t in range(1, until + 1):
        for row in markets.changes(t).to_dict("records"):
            for column, value in row.items():
                if column != "item" and not pd.isna(value):
                    table.loc[row["item"], column] = value
    return table


def test_changes_tell_all_that_holds_and_nothing_of_the_unborn(folder):
    markets = make_world(folder, rewriting__rate=0.2, prices__promotion_share=0.2).markets
    for t in (0, 3, 6):
        table, market = told(markets, t), markets[t]
        np.testing.assert_array_equal(table["price"].to_numpy()[market.born], market.price[market.born])
        np.testing.assert_array_equal(table["promotion"].to_numpy()[market.born], market.promotion[market.born])
        for row in np.flatnonzero(market.born):
            codes = markets.items.codes | {"size": market.size}
            attributes = {name: markets.items.values[name][codes[name][row]] for name in CATEGORIES}
            assert table["text"].iloc[row] == text(attributes, market.wording[row])
            assert table[list(CATEGORIES)].iloc[row].to_dict() == attributes
        unborn = table[~market.born]
        assert (unborn[["text", *CATEGORIES]] == "").all(axis=None)
        assert unborn[["price", "promotion"]].isna().all(axis=None)
        assert len(unborn) == (markets.items.born > t).sum()


def test_every_change_changes_something(folder):
    """Whole rows are for the newly born only; here are none."""
    markets = make_world(folder, rewriting__rate=0.2, catalogue__new_share=0.0).markets
    for t in (1, 2):
        before = told(markets, t - 1)
        for row in markets.changes(t).to_dict("records"):
            cells = {name: value for name, value in row.items() if name != "item" and not pd.isna(value)}
            assert cells and all(before.loc[row["item"], name] != value for name, value in cells.items())


def test_the_stated_rate_of_texts_changes_by_size_or_wording(folder):
    """200 items, 40 periods, rate 0.1: 800 changes; within 5 standard deviations of sqrt(8000 * 0.1 * 0.9) = 27.

    A new size is one that an item of the same category has, and both the old and the new are stated.
    """
    markets = make_world(folder, rewriting__rate=0.1, catalogue__new_share=0.0).markets
    codes, stated = markets.items.codes, markets.items.values["size"] != ""
    category, offered = codes["category"], set(zip(codes["category"], codes["size"], strict=True))
    changed = resized = 0
    for t in range(1, 41):
        before, now = markets._at(t - 1), markets[t]
        changed += ((now.wording != before.wording) | (now.size != before.size)).sum()
        rows = np.flatnonzero(now.size != before.size)
        resized += len(rows)
        assert stated[before.size[rows]].all() and stated[now.size[rows]].all()
        assert all((category[row], now.size[row]) in offered for row in rows)
        told = markets.changes(t)["text"].notna().sum()
        assert told == ((now.wording != before.wording) | (now.size != before.size)).sum()
    assert abs(changed - 800) < 135
    assert 0 < resized < changed / 2


def test_a_market_does_not_depend_on_what_was_asked_before(folder):
    one, two = make_world(folder, rewriting__rate=0.2).markets, make_world(folder, rewriting__rate=0.2).markets
    late, _ = one[5], one[2]
    for t in range(6):
        newest = two[t]
    for name in ("born", "size", "wording", "price", "promotion", "codes"):
        np.testing.assert_array_equal(getattr(late, name), getattr(newest, name))


def test_going_back_and_forth_gives_the_same_texts(folder):
    """Only changes are kept: periods asked for in any order against one walk by the rule itself."""
    world = make_world(folder, rewriting__rate=0.2)
    size, wording = world.items.codes["size"], np.zeros(len(world.items), int)
    expected = [(size, wording)]
    for t in range(1, 7):
        size, wording = world.markets.rewriting(size, wording, world.items, world.seed, t)
        expected.append((size, wording))
    for t in (4, 1, 6, 0, 5, 6):
        np.testing.assert_array_equal(np.stack(world.markets._texts(t)), np.stack(expected[t]))


def test_wordings_keep_the_words_that_queries_use():
    attributes = dict(zip(CATEGORIES, ("DAIRY", "MILK/CREAM", "WHOLE MILK", "private label", "1 GAL"), strict=True))
    texts = [text(attributes, wording) for wording in range(len(WORDINGS))]
    assert texts[0] == "private label whole milk cream dairy 1 gal"
    assert len(set(texts)) == len(texts)
    used = {word for name in ("type", "category", "brand", "size") for word in words(attributes[name])}
    assert all(used <= set(line.split()) for line in texts)


def test_a_shock_multiplies_a_category_in_its_periods_only(folder):
    shock = {"category": "AISLE/GROUP CC", "start": 2, "end": 3, "factor": 1.5}
    calm = make_world(folder, prices__promotion_share=0.0).markets
    markets = make_world(folder, prices__promotion_share=0.0, prices__shocks=[shock]).markets
    hit = markets.items.values["category"][markets.items.codes["category"]] == "AISLE/GROUP CC"
    assert 0 < hit.sum() < 30
    for t in range(6):
        factor = np.where(hit & (t in (2, 3)), 1.5, 1.0)
        np.testing.assert_allclose(markets[t].price, (calm.base_price * factor).round(2), atol=0.0051)
        np.testing.assert_array_equal(markets[t].price[~hit], calm[t].price[~hit])


def test_promotions_lower_the_price_by_the_discount_and_are_as_frequent_as_stated(folder):
    markets = make_world(folder, prices__promotion_share=0.25, prices__discount=0.4).markets
    promoted = np.stack([markets[t].promotion for t in range(20)])
    assert abs(promoted.mean() - 0.25) < 5 * np.sqrt(0.25 * 0.75 / promoted.size)
    price, base = markets[7].price, markets.base_price
    np.testing.assert_allclose(price, base * np.where(markets[7].promotion, 0.6, 1.0), atol=0.0051)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: Rewriting(rate=2), "rewriting.rate is 2"),
        (lambda: Prices(median=0), "prices.median is 0"),
        (lambda: Prices(discount=1), "prices.discount is 1"),
        (lambda: Prices(shocks=[{"category": "TEA"}]), "give each exactly category, start, end, factor"),
        (lambda: Prices(shocks=[{"category": "TEA", "start": 3, "end": 2, "factor": 2}]), "choose 0 <= start <= end"),
    ],
)
def test_a_knob_outside_of_its_range_is_named(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_a_category_that_is_not_there_is_named_with_one_that_is(folder):
    shock = {"category": "AISLE/GROUP QX", "start": 2, "end": 3, "factor": 1.5}
    with pytest.raises(InputError, match="'AISLE/GROUP QX', which no item of this world has: .*AISLE/GROUP"):
        make_world(folder, prices__shocks=[shock])
