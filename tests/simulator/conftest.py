import pytest

from tests.simulator.worlds import write_products


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """A folder with a product table."""
    return write_products(tmp_path_factory.mktemp("products"))
