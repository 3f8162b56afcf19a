import numpy as np
import pytest

from tests.strategies.small import choices, loss_and_slope
from tfrec.errors import InputError
from tfrec.strategies.inc_ctr import IncCtr


def test_a_row_written_out():
    """p' = (1/2, 1/4, 1/4), p = 1/3 each: `-sum p' ln 1/3 - sum (1 - p') ln 2/3 = ln 3 + 2 ln 3/2`. By p the gradient
    is `(p - p') / (p (1 - p))` = (-3/4, 3/8, 3/8), by z `p (that - sum p that)` = (-1/4, 1/8, 1/8)."""
    now, before = choices([5, 5, 5], 0), choices([np.log(2), 0, 0], 0)
    loss, slope = loss_and_slope(IncCtr(), now, before)
    assert loss == pytest.approx(np.log(3) + 2 * np.log(1.5), rel=1e-5)
    np.testing.assert_allclose(slope, [-1 / 4, 1 / 8, 1 / 8], atol=1e-6)


def test_the_temperature_divides_both():
    """z / 2 = (ln 2, 0, 0) gives the p' of above; the gradient by z has the factor 1/2."""
    now, before = choices([0, 0, 0], 0), choices([2 * np.log(2), 0, 0], 0)
    np.testing.assert_allclose(
        loss_and_slope(IncCtr(temperature=2.0), now, before)[1], [-1 / 8, 1 / 16, 1 / 16], atol=1e-6
    )


def test_padding_has_no_part():
    """Of two real choices p' = (3/4, 1/4), p = 1/2 each: ln 2 + ln 2, and by z `1/2 (-1, 1)`."""
    now, before = choices([0, 0, 9], 0, [1, 1, 0]), choices([np.log(3), 0, -9], 0, [1, 1, 0])
    loss, slope = loss_and_slope(IncCtr(), now, before)
    assert loss == pytest.approx(2 * np.log(2), rel=1e-5)
    np.testing.assert_allclose(slope, [-1 / 2, 1 / 2, 0], atol=1e-6)


def test_it_is_lowest_where_nothing_changed():
    logits = np.array([2.0, -1.0, 0.5])
    loss, slope = loss_and_slope(IncCtr(), choices(logits, 0), choices(logits + 3, 0))
    p = np.exp(logits) / np.exp(logits).sum()
    assert loss == pytest.approx(np.sum(-p * np.log(p) - (1 - p) * np.log(1 - p)), rel=1e-5)
    np.testing.assert_allclose(slope, 0, atol=1e-6)
    for changed in (logits * 1.5, logits * 0.5):
        assert loss_and_slope(IncCtr(), choices(changed, 0), choices(logits, 0))[0] > loss + 0.01


def test_a_choice_that_is_certain_has_a_finite_loss():
    loss, slope = loss_and_slope(IncCtr(), choices([200, 0, 0], 0), choices([0, 0, 200], 0))
    assert np.isfinite(loss) and np.isfinite(slope).all()


def test_a_temperature_of_0_is_a_sentence():
    with pytest.raises(InputError, match="strategy.inc_ctr.temperature is 0: choose above 0"):
        IncCtr(temperature=0)
