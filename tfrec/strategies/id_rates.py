"""A learning rate of their own for ids that are known, and for those that are new."""

import numpy as np
import tensorflow as tf

from tfrec.errors import require
from tfrec.strategies.strategy import Strategy


class IdRates(Strategy):
    """`w <- w_before + rate * (w - w_before)` for the table rows of ids: `known`, which were there at the last update,
    or `new`.

    IncCTR (Wang et al., DLP-KDD 2020) learns known ids more slowly, so that a period does not overwrite what many
    periods said of them. As it scales the step and not the gradient, it acts under adaptive optimizers too. All other
    weights move as the optimizer moves them.

    Args:
        known, new: rates relative to the optimizer's.

    Raises:
        InputError: a rate is negative; before learning, a model without tables of ids.
    """

    needs = ("task_losses", "rows_since")
    moves = True

    def __init__(self, known: float = 0.3, new: float = 1.0) -> None:
        require(min(known, new) >= 0, f"strategy.id_rates has known={known}, new={new}: choose 0 or more.")
        self.known, self.new, self.period = known, new, -1
        self._rates: list[tuple[int, tf.Variable]] = []

    def build(self, model) -> None:
        """Makes room for a rate of each row of the tables."""
        weights = [variable.ref() for variable in model.trainable_variables]
        tables = [(weights.index(table.ref()), rows) for table, rows in model.rows_since(self.period)]
        self._rates = [
            (n, tf.Variable(tf.ones((model.trainable_variables[n].shape[0], 1)), trainable=False)) for n, _ in tables
        ]
        self._set(model)

    def prepare(self, learner, update):
        """Says which rows are new."""
        if self._rates and all(
            rate.shape[0] == learner.model.trainable_variables[n].shape[0] for n, rate in self._rates
        ):
            self._set(learner.model)
        return update

    def _set(self, model) -> None:
        for (_, rate), (_, rows) in zip(self._rates, model.rows_since(self.period), strict=True):
            # Before the first update, all are new.
            value = np.full(rate.shape, self.new if self.period < 0 else self.known, np.float32)
            value[rows] = self.new
            rate.assign(value)

    def after_step(self, model, before: list, slopes: list) -> None:
        """In graph: takes back a part of the step."""
        for n, rate in self._rates:
            weight = model.trainable_variables[n]
            weight.assign(before[n] + rate * (weight - before[n]))

    def consolidate(self, learner, update) -> None:
        """What got a row until now is known from now on."""
        self.period = max(self.period, update.period)

    def state(self) -> dict:
        """The last period that was learned."""
        return {"period": np.array(self.period)}

    def restore(self, state: dict) -> None:
        """Takes it back."""
        self.period = int(state["period"])
