"""`python -m tfrec.results RUNS...`: the results of finished runs as one table, for a study's `results.csv`."""

import argparse
import json
import sys
from pathlib import Path

import pandas as pd

from tfrec.errors import InputError


def read(folders: list[Path]) -> pd.DataFrame:
    """One row a finished run: its overrides, `name`, `seed`, `commit`, `seconds`, then its metrics.

    Runs that are not finished are named on standard error and left out.

    Args:
        folders: run folders, or folders of run folders.

    Raises:
        InputError: a folder is not there, or none of them holds a finished run.
    """
    rows = []
    for folder in folders:
        if not folder.is_dir():
            raise InputError(f"{folder} is not there: name folders of runs, such as runs/quickstart.")
        for path in sorted(folder.rglob("results.json")):
            result = json.loads(path.read_text())
            if result["status"] == "finished":
                rows.append(_row(result))
            else:
                print(f"left out: {path.parent} is {result['status']}", file=sys.stderr)
    if not rows:
        raise InputError(f"There is no finished run in {', '.join(map(str, folders))}.")
    return pd.DataFrame(rows)


def _row(result: dict) -> dict:
    pairs = [override.partition("=") for override in result["overrides"]]
    chosen = {key: value for key, _, value in pairs if key not in ("seed", "resume")}
    facts = {key: result[key] for key in ("name", "seed", "commit", "seconds")}
    return chosen | facts | result["metrics"]


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
