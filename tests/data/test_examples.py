"""Pairs to learn from, in batches of one shape."""

import numpy as np
import pytest

from tfrec.data.examples import Examples, Update


def make_examples(size, queries=5, seed=0):
    """Each query's features tell its number, and so do the candidates' below: a batch can be traced back."""
    rng = np.random.default_rng(seed)
    features = {"user": np.arange(queries), "history": np.arange(queries)[:, None] * [1, 10, 100]}
    return Examples(features, rng.integers(0, queries, size), np.arange(size))


CANDIDATES = {"item": np.arange(100), "log_q": np.arange(100) / 7}


def batches_of(examples, size, seed=0):
    return list(examples.batches(CANDIDATES, size, np.random.default_rng(seed)))


def shapes(batch):
    return {key: values.shape for key, values in batch.items()}


@pytest.mark.parametrize("rows, size", [(20, 5), (21, 5), (3, 5), (1, 8), (100, 99), (7, 1)])
def test_every_example_comes_once_and_then_real_ones_fill_up(rows, size):
    examples = make_examples(rows)
    batches = batches_of(examples, size)
    assert len(batches) == -(-rows // size)
    for batch in batches:
        assert shapes(batch) == {"user": (size,), "history": (size, 3), "item": (size,), "log_q": (size,)}
    items = np.concatenate([batch["item"] for batch in batches])
    assert sorted(items[:rows]) == list(range(rows))
    filled = items[rows:]
    assert len(filled) == -rows % size and set(filled) <= set(range(rows))
    if len(filled) <= rows:
        assert len(set(filled)) == len(filled)  # nobody is drawn twice where all can be different


def test_features_belong_to_their_example():
    examples = make_examples(23)
    for batch in batches_of(examples, 5):
        query = examples.query[batch["item"]]  # an example's number is its item
        np.testing.assert_array_equal(batch["user"], query)
        np.testing.assert_array_equal(batch["history"], query[:, None] * [1, 10, 100])
        np.testing.assert_array_equal(batch["log_q"], batch["item"] / 7)


def test_the_same_random_state_gives_the_same_order_and_another_one_another():
    examples = make_examples(50)
    first, again, other = batches_of(examples, 8, 1), batches_of(examples, 8, 1), batches_of(examples, 8, 2)
    for one, two in zip(first, again, strict=True):
        for key in one:
            np.testing.assert_array_equal(one[key], two[key])
    assert any((one["item"] != two["item"]).any() for one, two in zip(first, other, strict=True))


def test_a_batch_does_not_share_memory_with_the_examples():
    examples = make_examples(20)
    for batch in batches_of(examples, 5):
        for values in batch.values():
            values[:] = -1
    assert examples.queries["user"].tolist() == list(range(5)) and CANDIDATES["item"].tolist() == list(range(100))


def test_periods_put_together_keep_each_example_with_its_query():
    """The parts have 5, 3 and 4 queries, so the query rows of the third are shifted by 8."""
    parts = [make_examples(6, 5, 1), make_examples(9, 3, 2), make_examples(4, 4, 3)]
    for number, part in enumerate(parts):
        part.queries["user"][:] += 100 * number
    together = Examples.concatenate(parts)
    assert len(together) == sum(map(len, parts)) == 19
    assert len(together.queries["user"]) == len(together.queries["history"]) == 12
    asked = together.queries["user"][together.query]
    expected = np.concatenate([part.queries["user"][part.query] for part in parts])
    np.testing.assert_array_equal(asked, expected)
    np.testing.assert_array_equal(together.item, np.concatenate([part.item for part in parts]))
    np.testing.assert_array_equal(together.query[15:], parts[2].query + 8)


def test_one_period_put_together_is_itself():
    part = make_examples(6)
    together = Examples.concatenate([part])
    np.testing.assert_array_equal(together.query, part.query)
    np.testing.assert_array_equal(together.item, part.item)


def test_the_first_rows_of_an_update_are_its_first_and_last_example():
    examples = make_examples(6, seed=4)
    rows = Update(3, examples, CANDIDATES).first_rows()
    assert shapes(rows) == {"user": (2,), "history": (2, 3), "item": (2,), "log_q": (2,)}
    assert rows["item"].tolist() == [0, 5] and rows["user"].tolist() == examples.query[[0, 5]].tolist()


def test_an_update_of_one_example_has_first_rows_too():
    rows = Update(3, make_examples(1), CANDIDATES).first_rows()
    assert rows["item"].tolist() == [0, 0]


def test_labels_stay_with_their_examples():
    """The label of each example is its item row plus a half."""
    parts = [make_examples(20, seed=1), make_examples(9, seed=2)]
    parts = [Examples(part.queries, part.query, part.item, {"rating": part.item + 0.5}) for part in parts]
    for batch in batches_of(Examples.concatenate(parts), 8):
        assert batch.keys() == {"user", "history", "item", "log_q", "rating"}
        np.testing.assert_array_equal(batch["rating"], batch["item"] + 0.5)
