"""Small worlds that tests share."""

import tfrec  # noqa: F401, I001  before TensorFlow, so that the two Keras are chosen

import pytest
from hypothesis import settings

from tests.toy import make_interactions
from tfrec.data.stream import Stream

settings.register_profile("tfrec", deadline=None)  # machines are as slow as they are
settings.load_profile("tfrec")


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory):
    """No test reads or writes the user's cache of vectors."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TFREC_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def interactions():
    return make_interactions()


@pytest.fixture
def stream(interactions):
    """Six weeks of a dozen users."""
    return Stream(interactions, period="7D")
