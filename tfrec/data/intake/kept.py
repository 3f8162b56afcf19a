"""Logs that were made once from files, kept under a fingerprint of what they were made from."""

import fcntl
import hashlib
import json
import logging
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import pandas as pd

from tfrec.data.interactions import Interactions
from tfrec.data.log import EventLog

log = logging.getLogger(__name__)

# Counted up when the same files would give another log.
_VERSION = 2
_TABLES = ("items", "changes", "users")


def kept(folder: Path, files: Iterable[Path], options: dict, make: Callable[[Path], list[str]]) -> Interactions:
    """The log made from `files` with `options`: opened if it is there, else made.

    It is made under the name of a draft and then renamed, so one that is there is whole. Two processes that want the
    same log make it once.

    Args:
        folder: of all kept logs.
        make: writes `events.parquet` and tables into a folder and returns sentences that are logged, each time.
    """
    place = folder / _fingerprint(files, options)
    folder.mkdir(parents=True, exist_ok=True)
    with open(place.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.is_dir():
            draft = place.with_suffix(".draft")
            shutil.rmtree(draft, ignore_errors=True)  # of a run that was killed
            draft.mkdir()
            try:
                (draft / "summary.json").write_text(json.dumps(make(draft)))
                draft.rename(place)
            finally:
                shutil.rmtree(draft, ignore_errors=True)
        else:
            log.info("the log is read from %s, where an earlier run left it", place)
    for line in json.loads((place / "summary.json").read_text()):
        log.info(line)
    return Interactions(EventLog(place / "events.parquet"), *(_table(place, name) for name in _TABLES))


def _table(place: Path, name: str) -> pd.DataFrame | None:
    path = place / f"{name}.parquet"
    return pd.read_parquet(path) if path.is_file() else None


def _fingerprint(files: Iterable[Path], options: dict) -> str:
    sources = [(str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    content = json.dumps([_VERSION, sources, options], sort_keys=True, default=str)
    return hashlib.sha256(content.encode()).hexdigest()[:32]
