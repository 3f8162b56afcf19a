"""A study: which runs it has, and its tables, which say what is missing."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from tfrec.errors import require
from tfrec.folders import replace_file
from tfrec.results import by_period, read

SHORT = {
    r"memory@strategy\.\w+\.memory=": "",
    r"strategy=\[([\w,]+)\]": r"\1",
    r"\b(loop|model|strategy|optimizer|trigger)\.": "",
}
KEYS = {"runs": str, "results": str, "seeds": list, "always": list, "methods": list}


@dataclass(frozen=True)
class Study:
    """What is run: every method with every seed.

    Args:
        runs: folder of the run folders. results: the table.
        always: words of every run. methods: words of each method.
    """

    runs: Path
    results: Path
    seeds: list[int]
    always: list[str]
    methods: list[list[str]]

    @classmethod
    def of(cls, path: Path) -> "Study":
        """The study that a file describes.

        Raises:
            InputError: it is not there, or lacks a key or has one too many, or two methods have the same words.
        """
        require(path.is_file(), f"{path} is not there: name the file of a study, such as experiments/*/study.yaml.")
        found = yaml.safe_load(path.read_text()) or {}
        require(
            isinstance(found, dict) and found.keys() == KEYS.keys(),
            f"{path} has {', '.join(found) or 'nothing'}: a study says {', '.join(KEYS)}.",
        )
        for key, kind in KEYS.items():
            require(isinstance(found[key], kind), f"{path}: {key} is {found[key]!r}, which is no {kind.__name__}.")
        methods = [[str(word) for word in words or []] for words in found["methods"]]
        words = [_key(each) for each in methods]
        twice = next((each for each in methods if words.count(_key(each)) > 1), None)
        require(twice is None, f"{path} has the method {twice} twice.")
        return cls(Path(found["runs"]), path.parent / found["results"], found["seeds"], found["always"], methods)

    def missing(self) -> list[tuple[list[str], int]]:
        """The words and the seed of each run that the table does not have, in order."""
        known = set()
        if self.results.is_file():
            table = pd.read_csv(self.results, dtype=str, keep_default_na=False)  # null is a word
            options = table.loc[:, :"name"].drop(columns="name")
            rows = [tuple(sorted((k, v) for k, v in row.items() if v)) for _, row in options.iterrows()]
            known = set(zip(rows, table["seed"].astype(int), strict=True))
        wanted = [(words, seed) for seed in self.seeds for words in self.methods]
        return [(words, seed) for words, seed in wanted if (_key([*self.always, *words]), seed) not in known]

    def folder(self, words: list[str], seed: int) -> Path:
        """Where the run with these words is kept: by all of them, but without what Hydra's grammar reads."""
        return self.runs / (re.sub(r"[^\w.]+", "-", " ".join(words)).strip("-") or "plain") / f"seed-{seed}"

    def add(self, folder: Path) -> None:
        """Adds a finished run to both tables; the run counts as made once it is in that of the runs."""
        _add(self.results.with_stem(f"{self.results.stem}_periods"), by_period([folder]))
        _add(self.results, read([folder]))


def _add(path: Path, table: pd.DataFrame) -> None:
    """Adds a run's rows to a table, in the place of those that are there; overrides stay before the other columns."""
    table = table.astype(str).replace("nan", "")
    if path.is_file():
        before = pd.read_csv(path, dtype=str, keep_default_na=False)
        options = list(dict.fromkeys([*_options(before), *_options(table)]))
        others = [name for name in dict.fromkeys([*before, *table]) if name not in options]
        keys = [*options, "seed"]
        run = tuple(table.reindex(columns=keys, fill_value="").iloc[0])
        there = [row == run for row in before.reindex(columns=keys, fill_value="").itertuples(index=False, name=None)]
        table = pd.concat([before[~np.array(there)], table], ignore_index=True)[[*options, *others]]
    replace_file(path, table.to_csv(index=False))


def read_table(path: Path) -> pd.DataFrame:
    """A study's table: overrides as texts, as on the command line, all after `name` that is a number as one."""
    table = pd.read_csv(path, dtype=str, keep_default_na=False)  # null is a word
    after = list(table.columns[table.columns.get_loc("name") + 1 :])
    return table.assign(**table[after].apply(lambda column: pd.to_numeric(column, errors="coerce"))).copy()


def methods(table: pd.DataFrame, of_all: Collection[str] = ()) -> pd.Series:
    """What each row's run overrides, `shortened`; "" where it overrides nothing.

    Args:
        of_all: overrides to leave out beside `+experiment`.
    """
    options = table[_options(table)].drop(columns=["+experiment", *of_all], errors="ignore")
    return shortened([" ".join(f"{k}={v}" for k, v in row.items() if v) for _, row in options.iterrows()], table.index)


def shortened(words: Collection[str], index: pd.Index | None = None) -> pd.Series:
    """Overrides short enough for a figure: strategies and memories by their names, keys without their groups."""
    words = pd.Series(words, index, dtype=str)
    for long, short in SHORT.items():
        words = words.str.replace(long, short, regex=True)
    return words


def means(runs: pd.DataFrame, names: pd.Series, columns: list[str]) -> pd.DataFrame:
    """Mean over seeds of each method, in the table's order, and the number of `seeds`.

    Args:
        names: the method of each run.
    """
    by_method = runs[columns].assign(method=names, seeds=1).groupby("method", sort=False)
    return by_method.mean().assign(seeds=by_method["seeds"].sum())


def rows(table: pd.DataFrame, columns: list[str], cost: str) -> list[str]:
    """Rows of a record's table: method, seeds, four places of each column (nothing where there is none), cost."""
    values = [
        " | ".join("" if pd.isna(value) else f"{value:.4f}" for value in row) for row in table[columns].to_numpy()
    ]
    facts = zip(table.index, table["seeds"], values, table[cost], strict=True)
    return [f"| `{name}` | {seeds} | {each} | {cost:.0f} |" for name, seeds, each, cost in facts]


def _key(words: list[str]) -> tuple:
    """What tells runs apart: their overrides, in whatever order; of one key the last."""
    pairs = [word.partition("=") for word in words]
    return tuple(sorted({key: value for key, _, value in pairs}.items()))


def _options(table: pd.DataFrame) -> list[str]:
    """The columns of overrides, which stand before `name`."""
    return list(table.columns[: table.columns.get_loc("name")])
