import numpy as np
import pytest

from tests.strategies.small import choices, loss_and_slope
from tfrec.errors import InputError
from tfrec.strategies.inc_ctr import IncCtr


def test_a_row_written_out():
    """p' = (3/4, 1/2, 1/4), p = 1/2 each: a cross-entropy of ln 2 each, with the gradient (p - p') / 3."""
    now, before = choices([0, 0, 0], 0), choices([np.log(3), 0, -np.log(3)], 0)
    loss, slope = loss_and_slope(IncCtr(), now, before)
    assert loss == pytest.approx(np.log(2), rel=1e-5)
    np.testing.assert_allclose(slope, [-1 / 12, 0, 1 / 12], atol=1e-6)


def test_the_temperature_divides_both():
    """z / 2 = (ln 3, 0, 0) gives p' = (3/4, 1/2, 1/2); the gradient by z has the factor 1/2."""
    now, before = choices([0, 0, 0], 0), choices([2 * np.log(3), 0, 0], 0)
    np.testing.assert_allclose(loss_and_slope(IncCtr(temperature=2.0), now, before)[1], [-1 / 24, 0, 0], atol=1e-6)


def test_padding_has_no_part():
    """Of two real choices: `-3/4 ln 1/2 - 1/4 ln 1/2` and ln 2, their mean is ln 2."""
    now, before = choices([0, 0, 9], 0, [1, 1, 0]), choices([np.log(3), 0, -9], 0, [1, 1, 0])
    loss, slope = loss_and_slope(IncCtr(), now, before)
    assert loss == pytest.approx(np.log(2), rel=1e-5)
    np.testing.assert_allclose(slope, [-1 / 8, 0, 0], atol=1e-6)


def test_it_is_lowest_where_nothing_changed():
    logits = np.array([2.0, -1.0, 0.5])
    loss, slope = loss_and_slope(IncCtr(), choices(logits, 0), choices(logits, 0))
    p = 1 / (1 + np.exp(-logits))
    assert loss == pytest.approx(np.mean(-p * np.log(p) - (1 - p) * np.log(1 - p)), rel=1e-5)
    np.testing.assert_allclose(slope, 0, atol=1e-6)
    for changed in (logits + 0.5, logits - 0.5):
        assert loss_and_slope(IncCtr(), choices(changed, 0), choices(logits, 0))[0] > loss + 0.01


def test_a_temperature_of_0_is_a_sentence():
    with pytest.raises(InputError, match="strategy.inc_ctr.temperature is 0: choose above 0"):
        IncCtr(temperature=0)
