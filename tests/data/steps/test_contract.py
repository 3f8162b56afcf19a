"""What every step in conf/step must keep to."""

import pickle

import numpy as np
import pandas as pd
import pytest
from omegaconf import OmegaConf
from pandas.testing import assert_frame_equal

from tests.data.steps.log import make_log, periods_of
from tfrec.build import build
from tfrec.data.steps.step import Step
from tfrec.errors import InputError
from tfrec.folders import conf_folder

STEPS = sorted(path.stem for path in (conf_folder() / "step").glob("*.yaml") if path.stem != "none")
every_step = pytest.mark.parametrize("name", STEPS)


def make(name, **changes):
    """The step of an option; it works on events as well wherever it takes columns of them."""
    ((key, node),) = OmegaConf.to_container(OmegaConf.load(conf_folder() / "step" / f"{name}.yaml")).items()
    if node.get("events") == []:
        node["events"] = ["price"]
    return build(node | {k: v for k, v in changes.items() if k in node}, f"step.{key}", seed=0)


def fitted(name, periods=3, **changes):
    step = make(name, **changes)
    for events, items in list(periods_of(*make_log()))[:periods]:
        step.fit(events, items)
    return step


def run(step, events, items):
    """Each period's events, and the whole item table, as they were when the period was scored."""
    made = []
    for period, new in periods_of(events, items):
        made.append((step.events(period), step.items(items)))
        step.fit(period, new)
    return made


@every_step
def test_an_option_is_one_named_step(name):
    text = (conf_folder() / "step" / f"{name}.yaml").read_text()
    assert text.startswith("#"), "the first line of an option says what it is"
    assert list(OmegaConf.load(conf_folder() / "step" / f"{name}.yaml")) == [name]
    assert isinstance(make(name), Step)


@every_step
@pytest.mark.parametrize("periods", [0, 3])
def test_arguments_are_not_changed_in_place(name, periods):
    events, items = make_log()
    step, before = fitted(name, periods), (events.copy(deep=True), items.copy(deep=True))
    step.events(events)
    step.items(items)
    step.fit(events, items)
    assert_frame_equal(events, before[0])
    assert_frame_equal(items, before[1])


@every_step
@pytest.mark.parametrize("periods", [0, 3])
def test_order_index_and_ids_stay(name, periods):
    """No row is new or moved; only events may be left out."""
    events, items = make_log()
    step = fitted(name, periods)
    made = step.events(events)
    assert made.index.is_monotonic_increasing and made.index.isin(events.index).all()
    assert_frame_equal(made[["user", "item", "timestamp"]], events.loc[made.index, ["user", "item", "timestamp"]])
    assert step.items(items).index.equals(items.index)


@every_step
def test_types_and_columns_are_the_same_whatever_was_fitted_and_without_rows(name):
    events, items = make_log()
    first, later = make(name), fitted(name)
    for method, table in (("events", events), ("items", items)):
        expected = getattr(later, method)(table).dtypes.to_dict()
        for step in (first, later):
            assert getattr(step, method)(table).dtypes.to_dict() == expected
            assert getattr(step, method)(table.iloc[:0]).dtypes.to_dict() == expected


@every_step
def test_a_period_without_rows_teaches_nothing(name):
    (events, items), step, other = make_log(), fitted(name), fitted(name)
    other.fit(events.iloc[:0], items.iloc[:0])
    assert_frame_equal(step.events(events), other.events(events))
    assert_frame_equal(step.items(items), other.items(items))


@every_step
def test_versions_of_some_items_are_made_as_in_the_whole_table(name):
    (_, items), step = make_log(), fitted(name)
    assert_frame_equal(step.items(items.iloc[[5, 2]]), step.items(items).iloc[[5, 2]])


@every_step
@pytest.mark.parametrize("future", ["cut", "permuted", "others"])
def test_the_past_does_not_depend_on_the_future(name, future):
    """Periods 0 to 3 with the log cut after them, with later rows shuffled, and with other later values."""
    events, items = make_log()
    past, later = events.iloc[: 4 * 80], events.iloc[4 * 80 :]
    if future == "permuted":
        shuffled = later.iloc[np.random.default_rng(1).permutation(len(later))]
        later = shuffled.assign(timestamp=later["timestamp"].array).set_axis(later.index)
    if future == "others":
        later = later.assign(price=later["price"] * 1000, query="canary")
    changed = past if future == "cut" else pd.concat([past, later])
    # samples of 16, so that what stays in them is drawn
    whole, other = run(make(name, size=16), events, items), run(make(name, size=16), changed, items)
    for one, two in zip(whole[:4], other[:4], strict=True):
        assert_frame_equal(one[0], two[0], check_exact=True)
        assert_frame_equal(one[1], two[1], check_exact=True)


@every_step
def test_only_fit_learns(name):
    """A step that transforms everything again and again, the future too, does what one does that does not."""
    (events, items), one, two = make_log(), make(name), make(name)
    for period, new in periods_of(events, items):
        for _ in range(3):
            two.events(events), two.items(items), two.events(period)
        for step in (one, two):
            step.fit(period, new)
        assert_frame_equal(one.events(period), two.events(period))
        assert_frame_equal(one.items(items), two.items(items))


@every_step
def test_a_copy_goes_on_as_the_original(name):
    (events, items), step = make_log(), fitted(name)
    copy = pickle.loads(pickle.dumps(step))
    for one, two in zip(run(step, events, items), run(copy, events, items), strict=True):
        assert_frame_equal(one[0], two[0])
        assert_frame_equal(one[1], two[1])


@every_step
def test_memory_is_bounded(name):
    """After 40 periods a step keeps what it kept after 8; 32 * 80 events and 32 * 40 items are 8 kB at the least."""
    events, items = make_log(periods=40)
    step, sizes = make(name, size=64, categories=2, refit=1), []
    for t, (period, _) in enumerate(periods_of(events, items)):
        step.fit(period, items.assign(price=items["price"] * (t + 1), category=f"kind {t}"))
        sizes.append(len(pickle.dumps(step)))
    assert max(sizes[8:]) <= max(sizes[:8]) + 500


@every_step
def test_a_missing_column_is_a_sentence(name):
    """A step that reads a column beside the ids says which one is missing, where, and what there is."""
    (events, items), step, sentences = make_log(), make(name), []
    for method, table in (("events", events), ("items", items)):
        try:
            getattr(step, method)(table[table.columns.intersection(["user", "category"])])
        except InputError as error:
            sentences.append(str(error))
    assert sentences
    for sentence in sentences:
        assert sentence.startswith(f"step.{name}: the ") and "has no column '" in sentence and "(it has " in sentence


@every_step
def test_columns_are_not_added_twice(name):
    """What a step adds would be lost or meaningless if it were there already; in place, nothing is added."""
    events, items = make_log()
    step = make(name)
    for method, table in (("events", events), ("items", items)):
        made = getattr(step, method)(table)
        if set(made) > set(table):
            with pytest.raises(InputError, match=f"step.{name}: the .* has a column '.*' already"):
                getattr(step, method)(made)
