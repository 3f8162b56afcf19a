import numpy as np
import pandas as pd
import pytest

from tests.data.steps.log import make_log, periods_of
from tfrec.data.steps.scale import Scale
from tfrec.errors import InputError

NO_EVENTS = pd.DataFrame({"user": []})


def prices(*values):
    return pd.DataFrame({"price": np.array(values, dtype=float)})


FORMULAS = {
    "standard": lambda past: (past.mean(), past.std()),
    "min_max": lambda past: (past.min(), past.max() - past.min()),
    "robust": lambda past: (np.median(past), np.quantile(past, 0.75) - np.quantile(past, 0.25)),
}


@pytest.mark.parametrize("how", FORMULAS)
@pytest.mark.parametrize("log1p", [False, True])
def test_each_period_is_scaled_with_all_of_the_past(how, log1p):
    """Against the formula over all earlier rows at once, for events and for items."""
    events, items = make_log()
    step = Scale(items=["price"], events=["price"], how=how, log1p=log1p)
    raw = np.log1p if log1p else np.asarray
    for t, (period, new) in enumerate(periods_of(events, items)):
        first = pd.unique(events["item"].iloc[: 80 * t])
        for past, table, made in (
            (events["price"].iloc[: 80 * t], period, step.events(period)),
            (items["price"].loc[first], items, step.items(items)),
        ):
            past, values = raw(past.dropna().to_numpy()), raw(table["price"].to_numpy())
            centre, width = FORMULAS[how](past) if t else (0, np.inf)
            expected = np.nan_to_num((values - centre) / width)
            np.testing.assert_allclose(made["price"], expected, rtol=1e-5, atol=1e-6)
            assert made["price"].dtype == np.float32
        step.fit(period, new)


def test_missing_and_infinite_values_are_0_and_can_be_marked():
    """Of 1 and 3 the mean is 2, the standard deviation 1."""
    step = Scale(items=["price"], missing=True)
    table = prices(1, np.nan, 3, np.inf)
    assert step.items(table)["price"].tolist() == [0, 0, 0, 0]  # nothing is fitted
    step.fit(NO_EVENTS, table)
    made = step.items(table)
    assert made["price"].tolist() == [-1, 0, 1, 0]
    assert made["price_missing"].tolist() == [0, 1, 0, 1] and made["price_missing"].dtype == np.float32


def test_log1p_is_odd_so_that_refunds_have_a_place():
    """log 2 and -log 2: mean 0, standard deviation log 2."""
    step = Scale(items=["price"], log1p=True)
    step.fit(NO_EVENTS, prices(1, -1))
    np.testing.assert_allclose(step.items(prices(1, -1, 3))["price"], [1, -1, 2], rtol=1e-6)


@pytest.mark.parametrize("how", FORMULAS)
def test_a_column_of_one_value_is_not_divided_by_zero(how):
    step = Scale(items=["price"], how=how)
    step.fit(NO_EVENTS, prices(5, 5))
    assert step.items(prices(5, 7))["price"].tolist() == [0, 2]


def test_robust_keeps_a_sample():
    step = Scale(items=["price"], how="robust", size=50)
    for start in range(0, 1000, 100):
        step.fit(NO_EVENTS, prices(*range(start, start + 100)))
    # 50 of 0 .. 999: the median's standard error is about 1000 / (2 sqrt(50)) = 71
    centre = -step.items(prices(0, 1))["price"][0] / np.diff(step.items(prices(0, 1))["price"])[0]
    assert abs(centre - 500) < 4 * 71


def test_integers_become_float32_and_the_other_columns_stay():
    table = pd.DataFrame({"price": [1, 2], "text": ["a", "b"], "n": pd.array([1, None], dtype="Int64")})
    step = Scale(items=["price", "n"])
    step.fit(NO_EVENTS, table)
    made = step.items(table)
    assert made["price"].tolist() == [-1, 1] and made["n"].tolist() == [0, 0] and made["text"].tolist() == ["a", "b"]
    assert (made.dtypes[["price", "n"]] == np.float32).all()


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        ({}, "step.scale names no column: set step.scale.items or step.scale.events"),
        ({"items": "price"}, "step.scale.items is 'price': write a list"),
        ({"items": ["price"], "how": "z"}, "step.scale.how is 'z': choose standard, min_max, robust"),
        ({"items": ["price"], "log1p": 1}, "step.scale.log1p is 1: choose true or false"),
        ({"items": ["price"], "size": 0}, "step.scale.size is 0: choose a whole number, 1 or more"),
        ({"items": ["price"], "seed": -1}, "step.scale.seed is -1: choose a whole number, 0 or more"),
    ],
)
def test_arguments_are_checked(arguments, sentence):
    with pytest.raises(InputError, match=sentence):
        Scale(**arguments)


def test_what_is_no_number_is_refused():
    with pytest.raises(InputError, match="step.scale: the item table, column 'text' holds .*, not numbers"):
        Scale(items=["text"]).items(pd.DataFrame({"text": ["a"]}))
