"""GroupLens's files and RecBole's give the same tables, and the published data has its published size."""

import numpy as np
import pandas as pd
import pytest

from tests.published import fetched
from tfrec.data import movielens
from tfrec.errors import InputError

# Users 7 and 3 rate in the same second; the file has 7 first, and a later rating before both.
RATINGS = [(3, 2, 4, 880000900), (7, 1, 5, 880000100), (3, 1, 2, 880000100), (7, 3, 1, 880000200), (7, 4, 3, 880000300)]
USERS = [(3, 24, "M", "technician", "85711"), (7, 53, "F", "other", "94043")]
FILMS = [
    (1, "Toy Story (1995)", "Animation Children's Comedy"),
    (2, "Usual Suspects, The (1995)", "Crime Thriller"),
    (3, "unknown", "unknown"),
    (4, "Cérémonie, La (1895)", "Drama"),
]


def grouplens(folder):
    folder.mkdir()
    lines = {"u.data": ["\t".join(map(str, row)) for row in RATINGS]}
    lines["u.user"] = ["|".join(map(str, row)) for row in USERS]
    flags = [["1" if genre in genres.split() else "0" for genre in movielens.GENRES] for _, _, genres in FILMS]
    lines["u.item"] = [
        "|".join([str(item), title, "01-Jan-1995", "", "http://film", *row])
        for (item, title, _), row in zip(FILMS, flags, strict=True)
    ]
    for name, rows in lines.items():
        (folder / name).write_text("\n".join(rows) + "\n", encoding="latin-1")
    return str(folder)


def recbole(folder):
    """RecBole's header has types, its titles lack the year, and what has none is "unkonwn"."""
    folder.mkdir()
    titles = [title.rsplit(" (", 1) if title != "unknown" else ["unkonwn", "unkonwn)"] for _, title, _ in FILMS]
    lines = {
        "inter": ["user_id:token\titem_id:token\trating:float\ttimestamp:float"]
        + ["\t".join(map(str, row)) for row in RATINGS],
        "user": ["user_id:token\tage:token\tgender:token\toccupation:token\tzip_code:token"]
        + ["\t".join(map(str, row)) for row in USERS],
        "item": ["item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq"]
        + [f"{i}\t{title}\t{year[:-1]}\t{g}" for (i, _, g), (title, year) in zip(FILMS, titles, strict=True)],
    }
    for name, rows in lines.items():
        (folder / f"ml-100k.{name}").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return str(folder)


@pytest.mark.parametrize("make", [grouplens, recbole])
def test_tables_of_either_form(make, tmp_path):
    data = movielens.load(make(tmp_path / "ml"))
    # by time; at 100 seconds in the order of the file
    assert data.events[["user", "item", "rating"]].values.tolist() == [
        [7, 1, 5],
        [3, 1, 2],
        [7, 3, 1],
        [7, 4, 3],
        [3, 2, 4],
    ]
    assert (data.events["timestamp"] - pd.Timestamp(880_000_000, unit="s")).dt.total_seconds().tolist() == [
        100,
        100,
        200,
        300,
        900,
    ]
    assert data.items["text"].to_dict() == {
        1: "Toy Story (1995): Animation, Children's, Comedy",
        2: "The Usual Suspects (1995): Crime, Thriller",
        3: "unknown",
        4: "Cérémonie, La (1895): Drama",
    }
    assert data.items["genre"].tolist() == ["Animation", "Crime", "", "Drama"]
    assert data.items["decade"].tolist() == ["1990s", "1990s", "", "1890s"]
    np.testing.assert_array_equal(data.items["year"], [1995, 1995, np.nan, 1895])
    assert data.users.to_dict("index") == {
        3: {"age": 24.0, "gender": "M", "occupation": "technician"},
        7: {"age": 53.0, "gender": "F", "occupation": "other"},
    }


def test_both_forms_give_the_same(tmp_path):
    one, two = movielens.load(grouplens(tmp_path / "a")), movielens.load(recbole(tmp_path / "b"))
    for name in ("events", "items", "users"):
        pd.testing.assert_frame_equal(getattr(one, name), getattr(two, name), check_like=False)


def test_a_missing_dataset_names_the_command(tmp_path, monkeypatch):
    monkeypatch.setenv("TFREC_DATA", str(tmp_path))
    with pytest.raises(
        InputError, match="movielens_100k is not in .*: run 'python -m tfrec.data.fetch movielens_100k'"
    ):
        movielens.load()
    with pytest.raises(InputError, match="nowhere is not there: set data.folder"):
        movielens.load(str(tmp_path / "nowhere"))


def test_a_missing_file_and_a_bad_number_are_named(tmp_path):
    folder = recbole(tmp_path / "ml")
    path = tmp_path / "ml" / "ml-100k.inter"
    path.write_text(path.read_text().replace("900", "soon"))
    with pytest.raises(InputError, match="a number cannot be read .*soon.*: fetch the dataset anew"):
        movielens.load(folder)
    (tmp_path / "ml" / "ml-100k.user").unlink()
    with pytest.raises(InputError, match="ml-100k.user is not there: data.folder must hold ml-100k.user"):
        movielens.load(folder)


def test_the_data_has_its_published_size():
    """Of GroupLens's README: 100,000 ratings (1 to 5), 943 users, 1,682 films, each user at least 20 ratings."""
    data = movielens.load(fetched("movielens_100k"))
    assert len(data.events) == 100_000
    assert data.events["user"].nunique() == len(data.users) == 943
    assert data.events["item"].nunique() == len(data.items) == 1_682
    assert sorted(data.events["rating"].unique()) == [1, 2, 3, 4, 5]
    assert data.events["user"].value_counts().min() == 20
    first, last = data.events["timestamp"].iloc[[0, -1]]
    assert (first, last) == (pd.Timestamp("1997-09-20 03:05:10"), pd.Timestamp("1998-04-22 23:10:38"))
    # protocol: 67.7 % of the users live less than one day
    times = data.events.groupby("user")["timestamp"]
    assert round(100 * ((times.max() - times.min()) < pd.Timedelta("1D")).mean(), 1) == 67.7
    assert set(data.items["genre"]) <= {"", *movielens.GENRES[1:]}
    assert data.items["year"].isna().sum() == 1 and (data.items["text"] != "").all()
