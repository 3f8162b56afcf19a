import numpy as np
import pytest

from tests.memories.offers import numbers, offered, update_of
from tfrec.data.truth import LeakError
from tfrec.errors import InputError
from tfrec.memories.reservoir import Reservoir, appended, lowest


def test_an_unlimited_memory_holds_exactly_the_rows_of_the_past_in_their_order():
    memory = offered(Reservoir(size=100), *(update_of(np.arange(start, start + 30)) for start in (0, 30, 60)))
    np.testing.assert_array_equal(memory.kept()["number"], np.arange(90))
    np.testing.assert_array_equal(memory.facts["number"], np.arange(90))
    assert len(memory) == memory.seen == 90


def test_a_full_memory_is_a_uniform_sample_of_the_past():
    """Each of 60 rows stays in a memory of 15 with probability 1/4: 400 of them, mean 100, sd sqrt(400/4*3/4) = 8.7."""
    counts = np.zeros(60)
    for seed in range(400):
        memory = offered(Reservoir(15, seed=seed), *(update_of(np.arange(s, s + 20)) for s in range(0, 60, 20)))
        assert len(set(memory.rows["number"])) == 15
        counts[memory.rows["number"]] += 1
    assert np.abs(counts - 100).max() < 4.5 * 8.7


def test_rows_are_drawn_evenly():
    """Each of 10 rows has a part of 1/10 in 9000 draws: mean 900, sd sqrt(9000 * 0.1 * 0.9) = 28.5."""
    memory = offered(Reservoir(10), update_of(np.arange(30)))
    drawn = memory.take(memory.draw(9000, np.random.default_rng(0)))["number"]
    found, counts = np.unique(drawn, return_counts=True)
    assert found.tolist() == numbers(memory) and np.abs(counts - 900).max() < 4.5 * 28.5


def test_only_what_no_update_has_learned_is_offered():
    memory = offered(
        Reservoir(100), update_of(range(10)), update_of(range(5, 20), fresh=5), update_of(range(20), fresh=20)
    )
    assert numbers(memory) == list(range(20)) and memory.seen == 20


def test_bytes_instead_of_a_size():
    """A row has `number`, `item` and `category/kind`, and the facts `number`, `period` and `priority`, 8 bytes each:
    200 bytes hold 4 rows."""
    memory = offered(Reservoir(bytes=200), update_of(range(30)))
    assert memory.size == len(memory) == 4
    assert sum(values.nbytes for values in (*memory.kept().values(), *memory.facts.values())) == 4 * 48
    copy = Reservoir(bytes=200)
    copy.restore(memory.state())
    assert copy.size == 4 and numbers(copy) == numbers(memory)


@pytest.mark.parametrize(
    "options, words",
    [
        ({"size": 0}, "memory.size is 0: choose 1 or more rows"),
        ({"bytes": 0}, "memory.bytes is 0: choose 1 or more, or"),
    ],
)
def test_numbers_out_of_range_are_a_sentence(options, words):
    with pytest.raises(InputError, match=words):
        Reservoir(**options)


def test_fewer_bytes_than_a_row_are_a_sentence():
    with pytest.raises(InputError, match="memory.bytes is 47, but one row takes 48: choose more"):
        offered(Reservoir(bytes=47), update_of(range(3)))


def test_a_row_of_a_later_period_is_a_leak():
    offered(Reservoir(), update_of(range(3), period=2, periods=np.array([0, 2, 1])))
    with pytest.raises(LeakError, match="a row of period 3 after 2"):
        offered(Reservoir(), update_of(range(3), period=2, periods=np.array([0, 3, 1])))


def test_the_period_of_a_row_is_when_it_was_revealed():
    memory = offered(
        Reservoir(3), update_of(range(4), period=1, periods=np.array([0, 0, 1, 1])), update_of([4], period=2)
    )
    assert memory.facts["period"].tolist() == [[0, 0, 1, 1, 2][n] for n in memory.kept()["number"]]


def test_restored_it_goes_on_exactly():
    memory, copy = offered(Reservoir(8, seed=3), update_of(range(20))), Reservoir(8, seed=3)
    copy.restore({key: np.array(values) for key, values in memory.state().items()})
    for one in (memory, copy):
        offered(one, update_of(range(20, 40)))
    for key, values in memory.state().items():
        np.testing.assert_array_equal(values, copy.state()[key])
    places = [one.draw(50, np.random.default_rng(1)) for one in (memory, copy)]
    np.testing.assert_array_equal(memory.take(places[0])["number"], copy.take(places[1])["number"])


def test_an_empty_memory_is_restored_empty():
    copy = Reservoir(5)
    copy.restore(Reservoir(5).state())
    assert len(copy) == 0 and numbers(offered(copy, update_of(range(3)))) == [0, 1, 2]


def test_what_is_kept_beside_the_rows_is_asked_of_the_rows_taken_only():
    asked = []

    def beside(rows):
        asked.extend(rows["number"].tolist())
        return {"beside": 10 * rows["number"]}

    memory = Reservoir(5)
    for start in (0, 10):
        memory.offer(None, update_of(range(start, start + 10)), beside)
    np.testing.assert_array_equal(memory.kept()["beside"], 10 * memory.kept()["number"])
    assert set(asked) >= set(numbers(memory)) and len(asked) <= 12  # 5, 5, and each time one to know the shapes


def test_what_was_said_before_an_update_is_no_part_of_a_row():
    update = update_of(range(4), **{"before/query": np.ones((4, 2))})
    assert offered(Reservoir(), update).rows.keys() == {"number", "item", "category/kind"}


def test_lowest_takes_those_further_left_of_equal_ones():
    assert lowest(np.array([2, 1, 2, 1, 0]), 3).tolist() == [False, True, False, True, True]
    assert lowest(np.array([2, 1, 2]), 2).tolist() == [True, True, False]
    assert lowest(np.array([1, 2]), 5).all()


def test_appended_rows_have_nothing_of_what_strategies_added_but_a_weight_of_one():
    batch = {"x": np.zeros((2, 3), np.float32), "mark": np.ones(2, np.float32), "row_weight": np.full(2, 5, np.float32)}
    found = appended(batch, {"x": np.ones((3, 3), np.float32), "other": np.ones(3)})
    assert found.keys() == batch.keys()
    np.testing.assert_array_equal(found["x"][:, 0], [0, 0, 1, 1, 1])
    np.testing.assert_array_equal(found["mark"], [1, 1, 0, 0, 0])
    np.testing.assert_array_equal(found["row_weight"], [5, 5, 1, 1, 1])
