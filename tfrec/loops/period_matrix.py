"""What weights of each period are worth on the requests of every other."""

import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd

from tfrec.baselines.popularity import Popularity
from tfrec.data.truth import Truth
from tfrec.errors import require
from tfrec.evaluate import Evaluator
from tfrec.folders import replace_file
from tfrec.loops.exams import Exams
from tfrec.metrics import continual
from tfrec.metrics.ranking import mean
from tfrec.models.weights import Weights


class PeriodMatrix:
    """`a[i, j]`: the score of the weights after period i on held-out requests of period j, as of period j.

    Requests of a user and a period with `hash(seed, user, period) % 1000 < 1000 * share` give no gradient and enter
    no buffer, but stay in histories and statistics. After each update they are ranked for this period and all before;
    before it, by the kept older weights. Weights have a row for each update, named by the last period whose events they
    were given; a trigger that leaves out periods leaves out rows. With late events, that is the period that revealed
    them. All is in `matrix.csv`: one row an i and j, with every view and metric, and rows of the scorer
    `baseline/popularity`, which forward transfer is measured against.

    Args:
        share: of the requests of each scored period.
        ages: how many periods old the oldest weights are that a new period is scored with; 0 keeps none.
        window: periods of the popularity.

    Raises:
        InputError: a number out of its range.
    """

    def __init__(self, share: float = 0.1, ages: int = 8, window: int = 4, seed: int = 0) -> None:
        require(0 < share < 1, f"probe.share is {share}: choose above 0, below 1.")
        require(ages >= 0, f"probe.ages is {ages}: choose 0 or more periods.")
        require(window >= 1, f"probe.window is {window}: choose 1 or more periods.")
        self.share, self.ages, self.window, self.seed = share, ages, window, seed
        self.rows: list[dict] = []

    def start(self, state, evaluator: Evaluator, folder: Path, base: int) -> None:
        """Holds requests of `state` back from period `base` on; writes to the run's `folder`."""
        self.state, self.evaluator, self.base = state, evaluator, base
        self.exams = Exams(state, evaluator)
        self.path, self.kept = folder / "matrix.csv", folder / "weights"
        state.held_out = lambda events: self._held_out(events["user"], events["period"].to_numpy())

    def resume(self, newest: int) -> None:
        """Goes on after period `newest`, whose exams have been set again; base - 1 is the start."""
        for number, path in self._old():
            if number > newest:
                path.unlink()
        if newest < self.base:
            self.path.unlink(missing_ok=True)
        elif self.path.is_file():
            rows = pd.read_csv(self.path, dtype=str)  # pandas does not read every float as it was written
            whole = [name for name in rows if name in ("learned", "scored") or name.startswith("pairs/")]
            rows = rows.astype({name: int if name in whole else float for name in rows.columns.drop("scorer")})
            self.rows = rows[rows[["learned", "scored"]].max(axis=1) <= newest].to_dict("records")

    def set(self, t: int, truth: Truth) -> None:
        """Keeps the held-out requests of period t, before the history knows it."""
        period = np.full(len(truth.requests), t)
        chosen = np.flatnonzero(self._held_out(pd.Series(truth.requests.ids), period))
        if len(chosen):
            self.exams.set(t, truth.take(chosen), self.state.history)

    def before_update(self, t: int) -> None:
        """Scores older weights, the newest ones and popularity on period t."""
        if t not in self.exams.truths:
            return
        newest = self.state.learner.last_period
        self._add(newest, t)
        for learned, path in self._old():
            if t - 1 - self.ages <= learned < newest:
                with self._load(path).applied():
                    self.state.model.start_rows(self.state.history, learned)
                    self._add(learned, t)
        truth = self.exams.truths[t]
        scores = Popularity(self.window).score(self.state.history, truth.requests)
        self._write("baseline/popularity", t - 1, t, self.evaluator.views(self.evaluator.place(scores, truth), truth))

    def after_update(self, t: int) -> dict[str, float]:
        """Scores the weights after period t, if it changed them, on it and all before; returns scalars for the log."""
        scores = {}
        if self.state.learner.last_period == t:
            self.exams.index.forget()
            scores = {j: self._add(t, j, forget=False) for j in self.exams.truths}
            self.keep(t)
        replace_file(self.path, pd.DataFrame(self.rows).to_csv(index=False))
        if t not in scores:
            return {}
        return {"continual/learned": scores[t], "continual/retained": float(np.mean(list(scores.values())))}

    def keep(self, t: int) -> None:
        """Keeps the weights after period t on disk, for the periods to come."""
        if self.ages:
            self.kept.mkdir(parents=True, exist_ok=True)
            draft = self.kept / "draft.npz"
            np.savez(draft, *Weights(self.state.model).values)
            os.replace(draft, self.kept / f"period-{t:05d}.npz")

    def saved(self, t: int) -> None:
        """There is a checkpoint after period t: weights too old for the next period are not needed any more."""
        for number, path in self._old():
            if number < t - self.ages:
                path.unlink()

    def finish(self) -> dict[str, float]:
        """The measures of continual learning, of the first metric in the view all, by tag."""
        shutil.rmtree(self.kept, ignore_errors=True)
        return summary(pd.DataFrame(self.rows), self.evaluator.headline)

    def _add(self, learned: int, scored: int, forget: bool = True) -> float:
        if forget:
            self.exams.index.forget()
        return self._write("eval", learned, scored, self.exams.values(scored))

    def _write(self, scorer: str, learned: int, scored: int, values: dict[str, np.ndarray]) -> float:
        row = {"scorer": scorer, "learned": learned, "scored": scored}
        for name, per_request in values.items():
            value, pairs = mean(per_request)
            row.setdefault(f"pairs/{name.partition('/')[0]}", pairs)
            row[name] = value
        self.rows.append(row)
        return row[self.evaluator.headline]

    def _old(self) -> list[tuple[int, Path]]:
        """The kept weights' periods and files, oldest first."""
        return [(int(path.stem.partition("-")[2]), path) for path in sorted(self.kept.glob("period-*.npz"))]

    def _load(self, path: Path) -> Weights:
        with np.load(path) as arrays:
            return Weights(self.state.model, list(arrays.values()))

    def _held_out(self, users: pd.Series, periods: np.ndarray) -> np.ndarray:
        """Whether requests are never learned from, bool `[n]`."""
        mixed = pd.util.hash_array(users.to_numpy()) ^ np.uint64(0x9E3779B97F4A7C15) * (periods + 1).astype(np.uint64)
        mixed = pd.util.hash_array(mixed + np.uint64(self.seed))
        return (mixed % np.uint64(1000) < 1000 * self.share) & (periods >= self.base)


def summary(matrix: pd.DataFrame, metric: str) -> dict[str, float]:
    """LA, RA, H, forgetting, BWT, FWT and the staleness curve of the rows of a `matrix.csv`, by tag."""
    table = matrix[matrix["scorer"] == "eval"].pivot(index="learned", columns="scored", values=metric)
    popularity = matrix[matrix["scorer"] == "baseline/popularity"].set_index("scored")[metric]
    measures = {
        "la": continual.learning_accuracy(table),
        "ra": continual.retained_accuracy(table),
        "h": continual.h_mean(table),
        "forgetting": continual.forgetting(table),
        "forgetting_from_first": continual.forgetting_from_first(table),
        "bwt": continual.backward_transfer(table),
        "fwt": continual.forward_transfer(table, popularity),
    }
    oldest = (matrix["scored"] - 1 - matrix["learned"]).max()
    curve = continual.staleness(table, int(min(oldest, table.shape[1] // 2)))
    ages = {f"staleness/{age}": value for age, value in curve.items()}
    known = {name: float(value) for name, value in (measures | ages).items() if np.isfinite(value)}
    return {f"continual/{name}": value for name, value in known.items()}
