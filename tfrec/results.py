"""`python -m tfrec.results RUNS...`: the results of finished runs as one table, for a study's `results.csv`."""

import argparse
import json
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

    Args:
        runs: `results.json` by folder.

    Raises:
        InputError: two runs have the same overrides and seed.
    """
    groups: dict[tuple, dict[int, Path]] = {}
    for folder, result in runs.items():
        options = {key.lstrip("+"): value for key, value in chosen(result).items()}
        seeds = groups.setdefault((result["name"], *sorted(options.items())), {})
        seed = result["seed"]
        require(
            seed not in seeds, f"{seeds.get(seed)} and {folder} have the same overrides and seed: name one of them."
        )
        seeds[seed] = folder
    options = [dict(key[1:]) for key in groups]
    differ = [key for key in sorted(set().union(*options)) if len({each.get(key) for each in options}) > 1]
    # What is only reported beside a method does not name it, unless nothing else tells two apart.
    told = [key for key in differ if key not in REPORTED and not key.startswith("evaluate.")]
    texts, short = (
        [", ".join(f"{key}={each[key]}" for key in keys if key in each) for each in options] for keys in (differ, told)
    )
    names = [key[0] for key in groups]
    texts = short if len(set(zip(names, short, strict=True))) == len(options) else texts
    labels = [
        text if text and texts.count(text) == 1 else f"{name} {text}".strip()
        for text, name in zip(texts, names, strict=True)
    ]
    return dict(zip(labels, groups.values(), strict=True))


def _facts(result: dict) -> dict:
    return {key: result[key] for key in ("name", "seed", "commit", "seconds")} | result["metrics"]


def main() -> None:
    """Prints the table as CSV."""
    parser = argparse.ArgumentParser(prog="python -m tfrec.results", description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path, help="run folders, or folders of run folders")
    try:
        print(read(parser.parse_args().runs).to_csv(index=False), end="")
    except InputError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
