"""What has been seen so far, against loops that count it one by one."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from tfrec.data.history import History, own_rows


def observed(stream, periods):
    history = History()
    for t in range(periods):
        history.observe(stream[t])
    return history


def counted(stream, periods, decay):
    """{(user, item): sum over s < t of decay ** (t - 1 - s)}, by the raw ids."""
    weights = {}
    for s in range(periods):
        for user, item in zip(stream[s]["user"], stream[s]["item"], strict=True):
            weights[user, item] = weights.get((user, item), 0) + decay ** (periods - 1 - s)
    return weights


def by_ids(history, matrix):
    matrix = matrix.tocoo()
    users, items = history.users.ids[matrix.row], history.items.ids[matrix.col]
    return dict(zip(zip(users, items, strict=True), matrix.data, strict=True))


@pytest.mark.parametrize("decay", [1.0, 0.93, 0.5])
@pytest.mark.parametrize("periods", [1, 3, 5])
def test_frequency_is_the_sum_written_out(stream, decay, periods):
    history = observed(stream, periods)
    frequency = history.frequency(decay)
    assert frequency.shape == history.shape == (len(history.users), len(history.items))
    assert by_ids(history, frequency) == pytest.approx(counted(stream, periods, decay))


def test_keeping_up_gives_what_counting_at_once_gives(stream):
    """One history is asked before every period and goes on from there; the other only at the end."""
    asked, silent = History(), History()
    for t in range(len(stream)):
        asked.frequency(0.9), asked.frequency()
        asked.observe(stream[t])
        silent.observe(stream[t])
    for decay in (0.9, 1.0):
        assert (asked.frequency(decay) != silent.frequency(decay)).nnz == 0
        assert asked.frequency(decay).nnz == len(counted(stream, len(stream), decay))


def test_asking_does_not_change_what_others_are_told(stream):
    history = observed(stream, 2)
    before = history.frequency().copy()
    own_rows(history.frequency(), np.array([0, -1])).data[:] = 7
    assert (history.frequency() != before).nnz == 0


def test_observe_gives_rows_in_the_order_of_events(stream):
    history = History()
    for t in range(3):
        users, items = history.observe(stream[t])
        assert users.dtype == items.dtype == np.int32
        np.testing.assert_array_equal(history.users.ids[users], stream[t]["user"])
        np.testing.assert_array_equal(history.items.ids[items], stream[t]["item"])
        assert len(history) == t + 1
        assert history.newest == stream[t]["timestamp"].max()


def test_the_catalogue_is_what_was_bought_before(stream):
    """Items of the second half of the log are not in the catalogue of the first, though the item table has them."""
    history = observed(stream, 2)
    bought = pd.concat([stream[0], stream[1]])["item"]
    assert set(history.items.ids) == set(bought)
    assert len(history.items) < len(stream.items)


@pytest.mark.parametrize("window", [1, 2, 4, 99, None])
def test_popularity_counts_the_last_periods(stream, window):
    history = observed(stream, 4)
    first = 0 if window is None else max(0, 4 - window)
    bought = [item for t in range(first, 4) for item in stream[t]["item"]]
    popularity = history.popularity(window)
    assert popularity.tolist() == [bought.count(item) for item in history.items.ids]


@pytest.mark.parametrize("window", [1, 3, 99])
def test_active_users_are_counted_once_a_period(stream, window):
    history = observed(stream, 4)
    periods = range(max(0, 4 - window), 4)
    assert history.active_users(window) == sum(len(set(stream[t]["user"])) for t in periods)


def test_first_purchase_is_a_position_in_the_stream(stream):
    """Events of the stream are numbered from 1; a later purchase of the same pair changes nothing."""
    position, first = 0, {}
    for t in range(4):
        for pair in zip(stream[t]["user"], stream[t]["item"], strict=True):
            position += 1
            first.setdefault(pair, position)
    history = observed(stream, 4)
    assert by_ids(history, history.first_purchase()) == first
    assert history.first_purchase().shape == history.shape


@pytest.mark.parametrize("t", [0, 1, 3, 4])
def test_until_is_a_history_that_saw_no_more(stream, t):
    """Every statistic, asked of the view before and after the whole history goes on."""
    whole, only = observed(stream, 4), observed(stream, t)
    whole.frequency(0.9)
    past = whole.until(t)
    for more in range(2):
        assert (len(past), past.shape, past.newest, past.digest) == (t, only.shape, only.newest, only.digest)
        assert past.last_period == only.last_period and past.active_users(2) == only.active_users(2)
        np.testing.assert_array_equal(past.users.ids, only.users.ids)
        np.testing.assert_array_equal(past.items.rows(stream[4]["item"]), only.items.rows(stream[4]["item"]))
        assert past.popularity().tolist() == only.popularity().tolist()
        assert (past.frequency(0.9) != only.frequency(0.9)).nnz == 0
        assert (past.first_purchase() != only.first_purchase()).nnz == 0
        if not more:
            whole.observe(stream[4])
    assert past.until(t).digest == only.digest == past.copy().until(t).digest


def test_until_needs_periods_that_were_seen(stream):
    with pytest.raises(IndexError, match="has 2 periods"):
        observed(stream, 2).until(3)


def test_before_any_event_there_is_nothing():
    history = History()
    assert len(history) == 0 and history.shape == (0, 0) and history.newest is None
    assert history.frequency(0.9).shape == history.first_purchase().shape == (0, 0)
    assert history.popularity().tolist() == [] and history.active_users(4) == 0


def test_own_rows_come_in_the_order_asked_and_are_empty_for_the_unknown():
    table = np.array([[0, 2, 0, 1], [0, 0, 0, 0], [5, 0, 0, 4]])
    rows = own_rows(sparse.csr_matrix(table), np.array([2, -1, 0, 2, 1]))
    np.testing.assert_array_equal(rows.toarray(), [table[2], [0] * 4, table[0], table[2], table[1]])
    assert rows.indices.tolist() == [0, 3, 1, 3, 0, 3]  # within a row by column
    assert own_rows(sparse.csr_matrix(table), np.zeros(0, int)).shape == (0, 4)
