"""Rows of the evaluation protocol, each by the option that stands for it; Complete Journey, periods 26 to 51."""

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from tests.baselines.histories import reported
from tests.baselines.published_rows import COLUMNS, ROWS
from tfrec.build import build
from tfrec.data import complete_journey
from tfrec.data.stream import Stream
from tfrec.folders import conf_folder

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def stream():
    return Stream(complete_journey.load())


def chosen(name):
    with initialize_config_dir(version_base="1.3", config_dir=str(conf_folder())):
        nodes = OmegaConf.to_container(compose("config", overrides=[f"baseline={name}"]).baseline)
    return build(nodes[name], f"baseline.{name}", seed=0)


@pytest.mark.parametrize("name", ROWS)
def test_row(name, stream):
    tolerance, published = ROWS[name]
    values = reported(stream, {name: chosen(name)})[name]
    means = [np.nanmean(values[column]) for column in COLUMNS]
    np.testing.assert_allclose(means, published, atol=tolerance)
