import numpy as np
import pandas as pd
import pytest

from tests.data.steps.log import make_log, periods_of
from tfrec.data.steps.price import Price
from tfrec.errors import InputError

NO_EVENTS = pd.DataFrame({"user": []})


def table(**prices):
    """Rows of (category, price)."""
    rows = [(kind, price) for kind, values in prices.items() for price in values]
    return pd.DataFrame(rows, columns=["category", "price"])


def relative(step, **prices):
    return step.items(table(**prices))["price_relative"].to_numpy()


def test_prices_are_compared_with_the_median_of_their_category():
    """Medians: tea 2, wine 20; all of 1 2 3 10 30 together 3."""
    step = Price()
    step.fit(NO_EVENTS, table(tea=[1, 2, 3], wine=[10, 30]))
    made = relative(step, tea=[2, 4], wine=[10], caviar=[30])
    np.testing.assert_allclose(made, np.log([2 / 2, 4 / 2, 10 / 20, 30 / 3]), rtol=1e-6)
    assert made.dtype == np.float32


def test_what_has_no_price_is_0_and_teaches_nothing():
    step = Price()
    assert relative(step, tea=[5, np.nan]).tolist() == [0, 0]  # nothing is fitted
    step.fit(NO_EVENTS, table(tea=[np.nan, 0, -3, np.inf]))
    assert relative(step, tea=[5]).tolist() == [0]
    step.fit(NO_EVENTS, table(tea=[np.nan, 0, 4, np.inf]))
    np.testing.assert_allclose(relative(step, tea=[8, np.nan, 0, -1, np.inf]), [np.log(2), 0, 0, 0, 0], rtol=1e-6)


def test_medians_are_of_all_of_the_past_for_items_and_events():
    """Against pandas' grouped medians over all earlier rows; events are grouped by item."""
    events, items = make_log()
    step = Price(events="item", size=1000)
    for t, (period, new) in enumerate(periods_of(events, items)):
        past = {"events": events.iloc[: 80 * t], "items": items.loc[pd.unique(events["item"].iloc[: 80 * t])]}
        for name, rows, category in (("events", period, "item"), ("items", items, "category")):
            median = rows[category].map(past[name].groupby(category)["price"].median())
            median = median.astype(float).fillna(past[name]["price"].median())
            expected = np.log(rows["price"] / median).fillna(0)
            made = getattr(step, name)(rows)["price_relative"]
            np.testing.assert_allclose(made, expected, rtol=1e-4, atol=1e-6)
        step.fit(period, new)


def test_categories_beyond_the_limit_are_compared_with_all():
    """Tea and wine fill the two places; caviar joins the median of all: 1 2 100 -> 2."""
    step = Price(categories=2)
    step.fit(NO_EVENTS, table(tea=[1]))
    step.fit(NO_EVENTS, table(wine=[2], caviar=[100]))
    np.testing.assert_allclose(relative(step, caviar=[100], wine=[4], tea=[1]), np.log([50, 2, 1]), rtol=1e-6)


def test_a_missing_category_is_a_category():
    rows = pd.DataFrame({"category": [None, None, "tea"], "price": [1.0, 3.0, 50.0]})
    step = Price()
    step.fit(NO_EVENTS, rows)
    np.testing.assert_allclose(step.items(rows)["price_relative"], np.log([0.5, 1.5, 1]), rtol=1e-6)


def test_a_sample_is_enough_for_the_median():
    """100 of 5000 prices with median e^0: the log median's standard error is 1.25 / sqrt(100) = 0.125."""
    step = Price(size=100)
    for prices in np.random.default_rng(0).lognormal(size=(10, 500)):
        step.fit(NO_EVENTS, table(tea=prices))
    assert abs(relative(step, tea=[1])[0]) < 4 * 0.125


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        ({"items": None}, "step.price names no category: set step.price.items or step.price.events"),
        ({"column": None}, "step.price.column is None: write the name of a column"),
        ({"items": ["category"]}, r"step.price.items is \['category'\]: write the name of a column"),
        ({"size": 0}, "step.price.size is 0: choose a whole number, 1 or more"),
        ({"categories": -1}, "step.price.categories is -1"),
    ],
)
def test_arguments_are_checked(arguments, sentence):
    with pytest.raises(InputError, match=sentence):
        Price(**arguments)


@pytest.mark.parametrize("column", ["price", "category"])
def test_a_missing_column_is_named(column):
    with pytest.raises(InputError, match=f"step.price: the item table has no column '{column}'"):
        Price().items(table(tea=[1]).drop(columns=column))
