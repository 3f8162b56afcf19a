"""`python -m tfrec.results RUNS...`: the results of finished runs as one table, for a study's `results.csv`.

With `--periods`, one row a run and period: what the model reached, and what its update cost.
"""

import argparse
import json
import re
import sys
from pathlib import Path

import pandas as pd

from tfrec.errors import InputError, require

Groups = dict[str, dict[int, Path]]  # run folders by method and seed
REPORTED = ("baseline", "slice", "probe")  # groups of options that say what is looked at


def read(folders: list[Path]) -> pd.DataFrame:
    """One row a finished run: all overrides of any, then `name`, `seed`, `commit`, `seconds`, then its metrics.

    Arguments, what is left out and errors: see `finished`.
    """
    results = finished(folders).values()
    return pd.DataFrame([chosen(result) for result in results]).join(pd.DataFrame([_facts(r) for r in results]))


def by_period(folders: list[Path]) -> pd.DataFrame:
    """One row a period of each finished run: all overrides of any, `name`, `seed`, then of its `stream.csv` the model's
    metrics and the update's steps and examples.

    Arguments, what is left out and errors: see `finished`.
    """
    runs, kept = finished(folders), re.compile(r"period|eval/[^/]+(/[^/]+)?|cost/(steps|examples)")
    options = pd.DataFrame([chosen(result) for result in runs.values()])
    tables = []
    for (folder, result), (_, words) in zip(runs.items(), options.iterrows(), strict=True):
        periods = pd.read_csv(folder / "stream.csv", dtype=str)
        facts = {**words, "name": result["name"], "seed": result["seed"]}
        tables.append(periods[[name for name in periods if kept.fullmatch(name)]].assign(**facts))
    table = pd.concat(tables, ignore_index=True)
    first = [*options, "name", "seed"]
    return table[[*first, *(name for name in table if name not in first)]]


def finished(folders: list[Path]) -> dict[Path, dict]:
    """`results.json` of each finished run, by its folder.

    Runs that are not finished are named on standard error and left out.

    Args:
        folders: run folders, or folders of run folders.

    Raises:
        InputError: a folder is not there, or none of them holds a finished run.
    """
    runs = {}
    for folder in folders:
        if not folder.is_dir():
            raise InputError(f"{folder} is not there: name folders of runs, such as runs/quickstart.")
        for path in sorted(folder.rglob("results.json")):
            result = json.loads(path.read_text())
            if result["status"] == "finished":
                runs[path.parent] = result
            else:
                print(f"left out: {path.parent} is {result['status']}", file=sys.stderr)
    if not runs:
        raise InputError(f"There is no finished run in {', '.join(map(str, folders))}.")
    return runs


def chosen(result: dict) -> dict[str, str]:
    """What a run overrides, by key; neither its seed nor how it was resumed."""
    pairs = [override.partition("=") for override in result["overrides"]]
    return {key: value for key, _, value in pairs if key not in ("seed", "resume")}


def grouped(runs: dict[Path, dict]) -> Groups:
    """Runs that differ only in their seed as one method, named by the overrides that differ between methods.

    What is only reported beside a method (`REPORTED`, `evaluate.`) tells two apart only where they share a seed.

    Args:
        runs: `results.json` by folder.

    Raises:
        InputError: two runs have the same overrides and seed.
    """
    alike: dict[tuple, dict[tuple, dict[int, Path]]] = {}
    for folder, result in runs.items():
        options = {key.lstrip("+"): value for key, value in chosen(result).items()}
        of_method = {key: value for key, value in options.items() if not _reported(key)}
        short, whole = ((result["name"], *sorted(each.items())) for each in (of_method, options))
        seeds, seed = alike.setdefault(short, {}).setdefault(whole, {}), result["seed"]
        require(
            seed not in seeds, f"{seeds.get(seed)} and {folder} have the same overrides and seed: name one of them."
        )
        seeds[seed] = folder
    groups: dict[tuple, dict[int, Path]] = {}
    for short, methods in alike.items():
        joined = {seed: folder for seeds in methods.values() for seed, folder in seeds.items()}
        groups |= {short: joined} if len(joined) == sum(map(len, methods.values())) else methods
    return dict(zip(_labels(list(groups)), groups.values(), strict=True))


def _reported(key: str) -> bool:
    return key in REPORTED or key.startswith("evaluate.")


def _labels(keys: list[tuple]) -> list[str]:
    """A name for each (experiment, *overrides): the overrides that differ, with the experiment where it is needed."""
    options = [dict(key[1:]) for key in keys]
    differ = [key for key in sorted(set().union(*options)) if len({each.get(key) for each in options}) > 1]
    texts = [", ".join(f"{key}={each[key]}" for key in differ if key in each) for each in options]
    return [
        text if text and texts.count(text) == 1 else f"{key[0]} {text}".strip()
        for key, text in zip(keys, texts, strict=True)
    ]


def _facts(result: dict) -> dict:
    return {key: result[key] for key in ("name", "seed", "commit", "seconds")} | result["metrics"]


def main() -> None:
    """Prints the table as CSV."""
    parser = argparse.ArgumentParser(prog="python -m tfrec.results", description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", type=Path, help="run folders, or folders of run folders")
    parser.add_argument("--periods", action="store_true", help="one row a period instead of one a run")
    options = parser.parse_args()
    try:
        print((by_period if options.periods else read)(options.runs).to_csv(index=False), end="")
    except InputError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
