from tests.memories.offers import numbers, offered, update_of
from tfrec.memories.ring import Ring


def test_the_newest_rows_are_kept():
    memory = offered(Ring(5), update_of(range(3)))
    assert numbers(memory) == [0, 1, 2]
    assert numbers(offered(memory, update_of(range(3, 7)))) == [2, 3, 4, 5, 6]
    assert numbers(offered(memory, update_of([7]))) == [3, 4, 5, 6, 7]
    assert numbers(offered(memory, update_of(range(8, 30)))) == [25, 26, 27, 28, 29]
