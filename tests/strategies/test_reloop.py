import numpy as np
import pytest

from tests.strategies.small import choices, loss_and_slope
from tfrec.errors import InputError
from tfrec.strategies.reloop import ReLoop

BEFORE = [np.log(2), 0, 0]  # p' = (1/2, 1/4, 1/4)


@pytest.mark.parametrize(
    "took, loss",
    [
        (0, 1 / 3),  # p = 1/3 each: what was taken lost 1/6, the others gained 1/12 each
        (1, 1 / 12),  # what was taken gained, the first lost, the last gained 1/12
    ],
)
def test_a_row_written_out(took, loss):
    assert loss_and_slope(ReLoop(), choices([0, 0, 0], took), choices(BEFORE, took))[0] == pytest.approx(loss, rel=1e-5)


def test_a_step_against_the_gradient_makes_what_was_taken_as_probable_as_before():
    now, before = choices([0, 0, 0], 0), choices(BEFORE, 0)
    slope = loss_and_slope(ReLoop(), now, before)[1]
    assert slope[0] < 0 < slope[1] and slope[1] == pytest.approx(slope[2])
    assert slope.sum() == pytest.approx(0, abs=1e-6)


def test_what_is_better_than_before_costs_nothing():
    loss, slope = loss_and_slope(ReLoop(), choices([2, 0, 0], 0), choices(BEFORE, 0))
    assert loss == 0 and not slope.any()
    assert loss_and_slope(ReLoop(), choices(BEFORE, 2), choices(BEFORE, 2))[0] == pytest.approx(0, abs=1e-7)


def test_padding_has_no_part():
    """p' = (2/3, 1/3), p = (1/2, 1/2): 1/6 lost and 1/6 gained."""
    now, before = choices([0, 0, 9], 0, [1, 1, 0]), choices([np.log(2), 0, -9], 0, [1, 1, 0])
    assert loss_and_slope(ReLoop(), now, before)[0] == pytest.approx(1 / 3, rel=1e-5)


def test_the_share_is_relative_to_the_loss_of_the_task():
    """0.2 and 0.8 of the published sum are 0.25 and 1."""
    assert ReLoop(0.2).weight == pytest.approx(0.25)
    with pytest.raises(InputError, match="strategy.reloop.share is 1: choose from 0 to below 1"):
        ReLoop(1)
