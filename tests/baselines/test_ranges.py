"""Numbers that would count nothing, or grow what should fade, are refused."""

import pytest

from tfrec.baselines.als import Als
from tfrec.baselines.decayed_frequency import DecayedFrequency
from tfrec.baselines.ease import Ease
from tfrec.baselines.item_knn import ItemKnn
from tfrec.baselines.own_items import OwnItems
from tfrec.baselines.popularity import Popularity
from tfrec.baselines.tifu_knn import TifuKnn
from tfrec.errors import InputError
from tfrec.loops.period_matrix import PeriodMatrix


@pytest.mark.parametrize("window", [0, -1])
@pytest.mark.parametrize(
    "kind",
    [Popularity, OwnItems, DecayedFrequency, TifuKnn, ItemKnn, Ease, Als, PeriodMatrix],
    ids=lambda k: k.__name__,
)
def test_a_window_of_nothing(kind, window):
    with pytest.raises(InputError, match=f"window is {window}: choose 1 or more periods"):
        kind(window=window)


@pytest.mark.parametrize(
    "kind, options",
    [
        (DecayedFrequency, {"decay": 0}),
        (DecayedFrequency, {"decay": 1.5}),
        (DecayedFrequency, {"share": -1}),
        (TifuKnn, {"group_decay": -1}),
        (Als, {"factors": 0}),
        (Als, {"iterations": 0}),
        (Als, {"regularization": -1}),
    ],
)
def test_a_number_out_of_its_range(kind, options):
    with pytest.raises(InputError, match="choose"):
        kind(**options)
