import numpy as np
import pytest

from tests.strategies.small import choices, loss_and_slope
from tfrec.errors import InputError
from tfrec.strategies.lwf import Lwf


def test_a_row_written_out():
    """z' / 2 = (ln 2, 0, 0), so p' = (1/2, 1/4, 1/4), and p = (1/3, 1/3, 1/3): 4 (1/2 ln 3/2 + 1/2 ln 3/4), with the
    gradient 4 / 2 (p - p')."""
    loss, slope = loss_and_slope(Lwf(temperature=2.0), choices([0, 0, 0], 1), choices([2 * np.log(2), 0, 0], 1))
    assert loss == pytest.approx(2 * np.log(1.5) + 2 * np.log(0.75), rel=1e-5)
    np.testing.assert_allclose(slope, 2 * np.array([-1 / 6, 1 / 12, 1 / 12]), rtol=1e-5)


def test_padding_has_no_part():
    """p' = (2/3, 1/3), p = (1/2, 1/2): 2/3 ln 4/3 + 1/3 ln 2/3, whatever the third logit."""
    now, before = choices([0, 0, 5], 0, [1, 1, 0]), choices([np.log(2), 0, -7], 0, [1, 1, 0])
    loss, slope = loss_and_slope(Lwf(temperature=1.0), now, before)
    assert loss == pytest.approx(2 / 3 * np.log(4 / 3) + 1 / 3 * np.log(2 / 3), rel=1e-5)
    np.testing.assert_allclose(slope, [-1 / 6, 1 / 6, 0], rtol=1e-5)


@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_it_is_0_where_nothing_changed_but_a_constant(temperature):
    loss, slope = loss_and_slope(Lwf(temperature=temperature), choices([4, 2, 3], 1), choices([2, 0, 1], 1))
    assert loss == pytest.approx(0, abs=1e-6) and np.abs(slope).max() < 1e-6


@pytest.mark.parametrize("options, name", [({"weight": -1}, "weight"), ({"temperature": 0}, "temperature")])
def test_numbers_out_of_range_are_a_sentence(options, name):
    with pytest.raises(InputError, match=f"strategy.lwf.{name} is {options[name]}: choose"):
        Lwf(**options)
