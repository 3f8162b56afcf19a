"""What a killed run needs to go on bit for bit."""

import json
import os
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import tensorflow as tf

from tfrec.errors import InputError


class Checkpoints:
    """One folder a period: model, optimizer, strategies' state, rows of the stream so far.

    The history is not stored: it is a function of the stream, is rebuilt from it, and its digest must agree.
    Order of examples, new rows and dropout depend on (seed, position) alone, so there is no other random state.
    A checkpoint is complete once its folder has its final name; the base's and the newest are kept.

    Args:
        writes: False reads what another process writes into the folder.
    """

    def __init__(self, folder: str | Path, writes: bool = True) -> None:
        self.folder, self.writes = Path(folder), writes

    def has(self, t: int) -> bool:
        """Whether there is a complete checkpoint after period t."""
        return self._path(t).is_dir()

    def newest(self) -> int:
        """Number of the newest period with a complete checkpoint."""
        return max(int(path.name.partition("-")[2]) for path in self.folder.glob("period-*"))

    def save(self, t: int, state, tracker, kept: dict | None = None) -> None:
        """Writes the checkpoint after period t, then removes the one before it unless it is the first.

        Args:
            kept: by name, what else must survive: each has `state()`, arrays by name, and `restore(arrays)`.
        """
        learner = state.learner
        if not learner.built:  # nothing has been learned yet
            learner.build(state.example_batch())
        if not self.writes:
            return
        before = [path for path in sorted(self.folder.glob("period-*"))][1:]
        draft = self.folder / f"draft-{t:04d}"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        tf.train.Checkpoint(model=learner.model, optimizer=learner.optimizer).write(str(draft / "variables"))
        for name, part in _kept(learner, kept).items():
            np.savez(draft / f"{name}.npz", **part.state())
        facts = {
            "history": state.history.digest,
            "learner": {key: getattr(learner, key) for key in ("steps", "examples", "updates", "last_period")},
            "newest": str(learner.newest or ""),
            "rows": tracker.rows,
            "seconds": tracker.seconds(),
            "update_seconds": tracker.update_seconds,
        }
        (draft / "state.json").write_text(json.dumps(facts))
        os.replace(draft, self._path(t))
        for path in before:
            shutil.rmtree(path)

    def restore(self, t: int, state, tracker, kept: dict | None = None) -> None:
        """Sets the state, whose history has already been brought to period t, to what it was after period t.

        Args:
            tracker: goes on from there too; None leaves it to a later checkpoint.
            kept: see `save`.

        Raises:
            InputError: the data is not what it was when the checkpoint was written.
        """
        path = self._path(t)
        facts = json.loads((path / "state.json").read_text())
        if facts["history"] != state.history.digest:
            raise InputError(
                f"{path} was written from other data: the events up to period {t} have changed since. "
                "Restore the data, or start a new run with resume=never."
            )
        learner = state.learner
        learner.build(state.example_batch())
        checkpoint = tf.train.Checkpoint(model=learner.model, optimizer=learner.optimizer)
        with TemporaryDirectory() as plain:
            # TensorFlow takes the brackets of a folder such as strategy=[replay] for a pattern.
            link = Path(plain) / "checkpoint"
            link.symlink_to(path.resolve())
            checkpoint.read(str(link / "variables")).assert_consumed()
        self.restore_parts(t, _kept(learner, kept))
        for name, value in facts["learner"].items():
            setattr(learner, name, value)
        learner.newest = pd.Timestamp(facts["newest"]) if facts["newest"] else None
        if tracker is not None:
            tracker.resume(facts["rows"], facts["seconds"], facts["update_seconds"])

    def restore_parts(self, t: int, kept: dict) -> None:
        """Gives each part of `kept`, by name, what it was after period t."""
        for name, part in kept.items():
            with np.load(self._path(t) / f"{name}.npz") as arrays:
                part.restore(dict(arrays))

    def _path(self, t: int) -> Path:
        return self.folder / f"period-{t:04d}"


def _kept(learner, kept: dict | None) -> dict:
    parts = {f"strategy-{number}": part for number, part in enumerate(learner.strategies)} | (kept or {})
    return parts | ({} if learner.balance.plain else {"balance": learner.balance})
