"""Exposures as they were logged: times in UTC, positions, propensities, and the affinity of what was shown."""

import pandas as pd
import pytest

from tests.published import fetched
from tfrec.data import open_bandit
from tfrec.errors import InputError

HEAD = "timestamp,item_id,position,click,propensity_score," + ",".join(open_bandit.USER_FEATURES)


def make_files(folder, policy="random", campaign="men"):
    """Three exposures of two items; the second row is the earliest, the last two are at one time."""
    place = folder / policy / campaign
    place.mkdir(parents=True)
    (place / f"{campaign}.csv").write_text(
        f",{HEAD},user-item_affinity_0,user-item_affinity_1\n"
        "0,2019-11-24 00:00:02.500000+00:00,1,3,0,0.5,a,b,c,d,7.0,2.0\n"
        "1,2019-11-24 09:00:01+09:00,0,1,1,0.25,a,b,c,e,0.0,0.0\n"
        "2,2019-11-24 00:00:02.500000+00:00,0,2,0,0.5,a,b,c,d,3.0,0.0\n"
    )
    (place / "item_context.csv").write_text(
        ",item_id,item_feature_0,item_feature_1,item_feature_2,item_feature_3\n0,0,-0.5,x,y,z\n1,1,0.25,x,w,z\n"
    )
    return str(folder)


def test_rows_arrive_in_time_order_with_what_was_logged(tmp_path):
    data = open_bandit.load(make_files(tmp_path), campaign="men")
    start = pd.Timestamp("2019-11-24 00:00:00")  # 09:00:01 in Tokyo is 00:00:01 UTC
    assert ((data.events["timestamp"] - start).dt.total_seconds()).tolist() == [1.0, 2.5, 2.5]
    assert data.events["user"].tolist() == ["a-b-c-e", "a-b-c-d", "a-b-c-d"]
    wanted = {"item": [0, 1, 0], "click": [1, 0, 0], "position": [1, 3, 2], "propensity": [0.25, 0.5, 0.5]}
    wanted |= {"affinity": [0, 2, 3], "user_feature_0": ["a"] * 3, "user_feature_3": ["e", "d", "d"]}
    assert data.events[list(wanted)].to_dict("list") == wanted
    assert not [column for column in data.events if column.startswith("user-item")]


def test_items_are_anonymous(tmp_path):
    items = open_bandit.load(make_files(tmp_path), campaign="men").items
    assert items["text"].tolist() == ["", ""]
    assert items["item_feature_0"].tolist() == [-0.5, 0.25]
    assert items[["item_feature_1", "item_feature_2", "item_feature_3"]].values.tolist() == [list("xyz"), list("xwz")]


@pytest.mark.parametrize(
    "options, message",
    [
        ({"policy": "best"}, "data.policy is best: choose from random, bts"),
        ({"campaign": "kids"}, "data.campaign is kids: choose from all, men, women"),
        ({"policy": "bts", "campaign": "men"}, "men.csv is not there: data.folder must hold bts/men/men.csv"),
    ],
)
def test_what_is_not_there_is_named(tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        open_bandit.load(make_files(tmp_path), **options)


def test_a_missing_dataset_names_the_command(tmp_path, monkeypatch):
    monkeypatch.setenv("TFREC_DATA", str(tmp_path))
    with pytest.raises(InputError, match="run 'python -m tfrec.data.fetch open_bandit'"):
        open_bandit.load()


def test_a_time_that_is_none_is_named(tmp_path):
    folder = make_files(tmp_path)
    path = tmp_path / "random/men/men.csv"
    path.write_text(path.read_text().replace("2019-11-24 09", "soon"))
    with pytest.raises(InputError, match="men.csv, column 'timestamp' cannot be read"):
        open_bandit.load(folder, campaign="men")


@pytest.mark.parametrize("policy", open_bandit.POLICIES)
@pytest.mark.parametrize("campaign, items", [("all", 80), ("men", 34), ("women", 46)])
def test_the_small_version_has_its_published_size(policy, campaign, items):
    """One week, 10,000 rows each; the random policy shows every item with the same probability."""
    data = open_bandit.load(fetched("open_bandit"), policy, campaign)
    events = data.events
    assert (len(events), len(data.items)) == (10_000, items)
    assert set(events["position"]) == {1, 2, 3} and set(events["click"]) == {0, 1}
    assert events["timestamp"].min() >= pd.Timestamp("2019-11-24")
    assert events["timestamp"].max() < pd.Timestamp("2019-12-01")
    assert ((events["propensity"] > 0) & (events["propensity"] <= 1)).all()
    if policy == "random":
        assert events["propensity"].between(1 / items - 1e-12, 1 / items + 1e-12).all()
