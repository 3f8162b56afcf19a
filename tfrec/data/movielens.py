"""MovieLens 100K (GroupLens): 100,000 ratings of 1,682 films by 943 users, September 1997 to April 1998.

Harper & Konstan, The MovieLens Datasets: History and Context, ACM TiiS 5(4), 2015.
"""

from pathlib import Path

import pandas as pd

from tfrec.data.interactions import Interactions, require_columns, validated
from tfrec.data.published import dataset_file, dataset_folder
from tfrec.errors import InputError

NAME = "movielens_100k"
EVENTS = ["user", "item", "rating", "timestamp"]
USERS = ["user", "age", "gender", "occupation", "zip"]
# The 19 flags of u.item, in their order.
GENRES = (
    "unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama", "Fantasy",
    "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western",
)  # fmt: skip


def load(folder: str | None = None) -> Interactions:
    """Reads ratings, films and users; ratings of the same second stay in the file's order.

    A film has a `text` (title, year, genres), a `year` and the categories `decade` and `genre` (the first of its
    genres in GroupLens's order); a user has an `age`, a `gender` and an `occupation`. Both forms of the files give the
    same tables.

    Args:
        folder: GroupLens's files (`u.data`, `u.item`, `u.user`) or RecBole's (`ml-100k.inter`, `.item`, `.user`); None
            takes what `python -m tfrec.data.fetch movielens_100k` fetched.

    Raises:
        InputError: the folder or a file is missing, or a row cannot be read.
    """
    root = dataset_folder(NAME, folder)
    events, films, users = _grouplens(root) if (root / "u.data").is_file() else _recbole(root)
    try:
        events = events[EVENTS].astype({"user": "int64", "item": "int64", "rating": "float64", "timestamp": "int64"})
        films = films.astype({"item": "int64"}).set_index("item")
        users = users[USERS[:-1]].astype({"user": "int64", "age": "float64"}).set_index("user")
    except ValueError as error:
        raise InputError(f"{root}: a number cannot be read ({error}): fetch the dataset anew.") from error
    timestamps = pd.to_datetime(events["timestamp"], unit="s")
    return validated(events.assign(timestamp=timestamps), _described(films), str(root), users=users)


def _grouplens(root: Path) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    events = _read(root, "u.data", "\t", EVENTS)
    films = _read(root, "u.item", "|", ["item", "title", "released", "video", "link", *GENRES])
    genres = [" ".join(name for name in GENRES if row[name] == "1") for row in films[list(GENRES)].to_dict("records")]
    return events, films[["item", "title"]].assign(genres=genres), _read(root, "u.user", "|", USERS)


def _recbole(root: Path) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """RecBole's header names each column with its type, and has cut the year off the titles."""
    names = {"user_id": "user", "item_id": "item", "movie_title": "title", "release_year": "year", "class": "genres"}
    tables = []
    for end, wanted in (("inter", EVENTS), ("item", ["item", "title", "year", "genres"]), ("user", USERS[:-1])):
        table = _read(root, f"ml-100k.{end}", "\t")
        table = table.rename(columns=lambda column: column.split(":")[0]).rename(columns=names)
        require_columns(table, wanted, str(root / f"ml-100k.{end}"))
        tables.append(table)
    events, films, users = tables
    # "Land Before Time III ... (1995) (V)" lost its "(V)"; the film that GroupLens calls "unknown" has no year.
    title = films["title"] + " (" + films["year"] + ")"
    title = title.where(films["year"] != "unkonwn", "unknown")
    return events, films[["item", "genres"]].assign(title=title), users


def _described(films: pd.DataFrame) -> pd.DataFrame:
    """Text, year, decade and main genre, of titles such as `Usual Suspects, The (1995)`."""
    year = films["title"].str.extract(r"\((\d{4})\)(?!.*\(\d{4}\))", expand=False)
    title = films["title"].str.replace(r"\s*\(\d{4}\)(?!.*\(\d{4}\))", "", regex=True).str.strip()
    title = title.str.replace(r"^(.*), (The|A|An)$", r"\2 \1", regex=True)
    genres = films["genres"].where(films["genres"] != "unknown", "")
    text = title + (" (" + year + ")").fillna("") + (": " + genres.str.replace(" ", ", ")).where(genres != "", "")
    return pd.DataFrame(
        {
            "text": text,
            "genre": genres.str.split(" ").str[0],
            "decade": (year.str[:3] + "0s").fillna(""),
            "year": year.astype("float64"),
        }
    )


def _read(root: Path, name: str, separator: str, columns: list[str] | None = None) -> pd.DataFrame:
    """A table of strings; GroupLens writes latin-1 without a header, RecBole UTF-8 with one."""
    path = dataset_file(root, name)
    try:
        return pd.read_csv(
            path,
            sep=separator,
            names=columns,
            header=None if columns else 0,
            encoding="latin-1" if columns else "utf-8",
            dtype=str,
            keep_default_na=False,
            quoting=3,
        )
    except (ValueError, pd.errors.ParserError) as error:
        raise InputError(f"{path} cannot be read: {error}.") from error
