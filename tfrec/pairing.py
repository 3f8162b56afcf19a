"""Results of several runs on the same requests: which runs are one method, and which rows belong together."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from tfrec import scores
from tfrec.errors import InputError, require
from tfrec.results import Groups


@dataclass(frozen=True)
class Pairs:
    """Results of methods on the same requests.

    Args:
        rows: `period`, `user`, `query` (where there are queries) and `weight`, `[n]`.
        values: by method and seed, `[n, metrics]`, in the order of `metrics`.
    """

    rows: pd.DataFrame
    metrics: list[str]
    values: dict[str, dict[int, np.ndarray]]

    def has(self, metric: str) -> bool:
        """Whether any request has a value of the metric."""
        column = self.metrics.index(metric)
        return any(np.isfinite(v[:, column]).any() for seeds in self.values.values() for v in seeds.values())

    def of(self, metric: str) -> tuple[pd.DataFrame, dict[str, dict[int, np.ndarray]]]:
        """Rows that have the metric, users and periods numbered from 0, and its values by method and seed.

        Raises:
            InputError: a row has it of one method and not of another, or none has it.
        """
        column = self.metrics.index(metric)
        values = {name: {s: v[:, column] for s, v in seeds.items()} for name, seeds in self.values.items()}
        first, missing = None, None
        for name, seeds in values.items():
            for seed, found in seeds.items():
                if missing is None:
                    first, missing = f"{name} (seed {seed})", np.isnan(found)
                differs = np.isnan(found) != missing
                require(
                    not differs.any(),
                    f"{metric} of {_key(self.rows, differs)} is there for one of {first} and {name} (seed {seed}) and "
                    "not for the other: their targets differ, so compare runs on the same data, stream and steps.",
                )
        require(not missing.all(), f"No request has a value of {metric}: its view or slice is empty.")
        rows = self.rows[~missing]
        numbers = {name: pd.factorize(rows[name], sort=name == "period")[0] for name in ("period", "user")}
        kept = {name: {s: v[~missing] for s, v in seeds.items()} for name, seeds in values.items()}
        return rows.assign(**numbers), kept


def load(groups: Groups, metrics: list[str], cut: str | None = None) -> Pairs:
    """The results of all groups and of the baselines in their runs, in the order of the first run's rows.

    Baselines with equal results in several runs are one method, `baseline/<name>`; others are named with the group.

    Args:
        metrics: names as in `scores.parquet`. cut: a slice, all requests unless given.

    Raises:
        InputError: a run has no per-user results, lacks a metric or the slice, or was scored on other requests.
    """
    require_one_tie_rule(groups)
    rows, first = None, ""
    found: dict[str, dict[str, dict[int, np.ndarray]]] = {"eval": {}}
    for label, seeds in groups.items():
        for seed, folder in seeds.items():
            table = read(folder, metrics, cut)
            for scorer, part in table.groupby("scorer", observed=True, sort=False):
                part = part.drop(columns="scorer").reset_index(drop=True)
                where = str(folder) if scorer == "eval" else f"{scorer} of {folder}"
                if rows is None:
                    rows, first = part.drop(columns=metrics), where
                    _require_unique(rows, first)
                order = _order(rows, part, first, where)
                found.setdefault(scorer, {}).setdefault(label, {})[seed] = part[metrics].to_numpy()[order]
    models = found.pop("eval")
    return Pairs(
        rows, metrics, models | {k: v for name, seeds in found.items() for k, v in _merged(name, seeds).items()}
    )


def read(folder: Path, metrics: list[str], cut: str | None) -> pd.DataFrame:
    """A run's results of some metrics, or of a slice those of the slice."""
    known = scores.columns(folder)
    slices = {name.split("/")[1] for name in known if name.startswith("slice/")}
    require(
        cut is None or cut in slices, f"{folder} has no slice '{cut}': it has {', '.join(sorted(slices)) or 'none'}."
    )
    names = {metric: metric if cut is None else f"slice/{cut}/{metric}" for metric in metrics}
    whole = [name for name in known if not name.startswith("slice/")]
    for metric, name in names.items():
        require(
            name in known,
            f"{folder} has no metric '{metric}' of single requests: it has {', '.join(whole)}"
            + (f", and of slices (--slice) {', '.join(sorted(slices))}." if slices else "."),
        )
    table = scores.read(folder, list(names.values()))
    # Two files number the same texts differently: texts are compared as texts.
    texts = {name: table[name].astype(object) for name in table.select_dtypes("category") if name != "scorer"}
    return table.assign(**texts).rename(columns={name: metric for metric, name in names.items()})


def require_one_tie_rule(groups: Groups) -> None:
    """Raises InputError if runs rank equal scores by different rules, which no metric's name tells."""
    rules = {}
    for seeds in groups.values():
        for folder in seeds.values():
            config = folder / "config.yaml"
            options = yaml.safe_load(config.read_text()).get("evaluate") if config.is_file() else None
            if options and "ties" in options:
                rules.setdefault(options["ties"], folder)
    told = " and ".join(f"{folder} {rule}" for rule, folder in rules.items())
    require(
        len(rules) < 2, f"evaluate.ties differs ({told}), so their metrics are not the same: make one of them again."
    )


def _merged(scorer: str, groups: dict[str, dict[int, np.ndarray]]) -> dict[str, dict[int, np.ndarray]]:
    kept: dict[str, dict[int, np.ndarray]] = {}
    for label, seeds in groups.items():
        same = next((other for other, known in kept.items() if _agree(known, seeds)), label)
        kept[same] = seeds | kept.get(same, {})
    return {scorer if len(kept) == 1 else f"{scorer} ({label})": seeds for label, seeds in kept.items()}


def _agree(a: dict[int, np.ndarray], b: dict[int, np.ndarray]) -> bool:
    """Whether results are equal with every seed that both have; with whatever seed, if they share none."""
    pairs = [(a[seed], b[seed]) for seed in a if seed in b] or [(next(iter(a.values())), next(iter(b.values())))]
    return all(np.array_equal(one, other, equal_nan=True) for one, other in pairs)


def _order(rows: pd.DataFrame, part: pd.DataFrame, first: str, where: str) -> np.ndarray:
    """Where each of `rows` is in `part`, `[n]`."""
    keys, own = ([key for key in scores.KEYS if key in table] for table in (rows, part))
    require(keys == own, f"{first} was scored by {', '.join(keys)} and {where} by {', '.join(own)}: one has queries.")
    order = np.arange(len(rows))
    if len(rows) != len(part) or any(not np.array_equal(rows[key], part[key]) for key in keys):
        _require_unique(part, where)
        wanted, there = (pd.MultiIndex.from_frame(table[keys]) for table in (rows, part))
        order = there.get_indexer(wanted)
        if len(rows) != len(part) or (order < 0).any():
            raise InputError(_difference(rows, part, order < 0, first, where))
    other = rows["weight"].to_numpy() != part["weight"].to_numpy()[order]
    require(not other.any(), f"{_key(rows, other)} counts differently in {first} and {where}: their logs differ.")
    return order


def _difference(rows: pd.DataFrame, part: pd.DataFrame, missing: np.ndarray, first: str, where: str) -> str:
    do = "compare runs with the same data, stream, loop.base and loop.last"
    periods, own = (np.unique(table["period"]) for table in (rows, part))
    if not np.array_equal(periods, own):
        return f"{first} has periods {_ranges(periods)} and {where} {_ranges(own)}: {do}."
    if missing.any():
        return f"{_key(rows, missing)} is in {first} ({len(rows)} requests) and not in {where} ({len(part)}): {do}."
    return f"{where} has {len(part)} requests and {first} only {len(rows)} of them: {do}."


def _ranges(periods: np.ndarray) -> str:
    runs = np.split(periods, np.flatnonzero(np.diff(periods) > 1) + 1)
    return ", ".join(f"{run[0]}..{run[-1]}" for run in runs)


def _require_unique(rows: pd.DataFrame, where: str) -> None:
    twice = rows.duplicated([key for key in scores.KEYS if key in rows]).to_numpy()
    require(not twice.any(), f"{where} has two results of {_key(rows, twice)}: only one can be paired.")


def _key(rows: pd.DataFrame, chosen: np.ndarray) -> str:
    row = rows.iloc[int(np.argmax(chosen))]
    return ", ".join(f"{key} {row[key]}" for key in scores.KEYS if key in rows)
