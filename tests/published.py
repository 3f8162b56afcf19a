"""Datasets that tests take from where `python -m tfrec.data.fetch` puts them: `$TFREC_DATA`, or the default place."""

import pytest

from tfrec.data.published import data_folder


def fetched(name):
    """The dataset's folder. A test that needs it fails without it: a skip would look like success."""
    folder = data_folder() / name
    if not folder.is_dir():
        pytest.fail(f"{folder} is not there: run 'python -m tfrec.data.fetch {name}' (make test does).", pytrace=False)
    return str(folder)
