"""What a truth says of the catalogue is of before its period."""

import numpy as np

from tfrec.data.history import History
from tfrec.data.truth import Truth


def test_popularity_and_age_count_the_past(stream):
    history = History()
    for t in range(4):
        history.observe(stream[t])
    truth = Truth.of(stream[4], history)
    first, bought = {}, {}
    for t in range(4):
        for item in stream[t]["item"]:
            first.setdefault(item, t)
            bought[item] = bought.get(item, 0) + 1
    assert truth.catalogue == len(first) == len(history.items)
    for row, item in enumerate(history.items.ids):
        assert truth.age[row] == 4 - first[item]
        assert truth.popularity[row] == bought[item]


def test_a_part_of_the_requests_keeps_their_order_and_truth(stream):
    history = History()
    for t in range(3):
        history.observe(stream[t])
    truth = Truth.of(stream[3], history)
    part = truth.take(np.array([2, 0]))
    assert part.requests.ids.tolist() == [truth.requests.ids[2], truth.requests.ids[0]]
    for kept, whole in ((part.targets, truth.targets), (part.bought, truth.bought)):
        np.testing.assert_array_equal(kept[0], whole[2])
        np.testing.assert_array_equal(kept[1], whole[0])


def test_flat_targets_follow_their_requests(stream):
    history = History()
    history.observe(stream[0])
    truth = Truth.of(stream[1], history)
    request, item = truth.flat_targets()
    for number, targets in enumerate(truth.targets):
        np.testing.assert_array_equal(item[request == number], targets)
