"""Tables of ids: which id has which row, and when a row starts anew."""

import numpy as np
import tensorflow as tf

from tfrec.data.rows import Rows
from tfrec.layers.growing import GrowingTable


class IdTable(GrowingTable):
    """A growing table whose rows belong to ids by the rules of `Rows`: admission, expiry, buckets.

    Args:
        policy: the rules; None gives every id the row of its number.
        options: of `GrowingTable`.
    """

    def __init__(self, dim: int, policy: Rows | None = None, **options) -> None:
        super().__init__(dim, **options)
        self.policy = policy or Rows()
        self.reused = np.zeros(0, np.int32)

    def observe(self, periods: list[np.ndarray], total: int) -> bool:
        """Takes in the id numbers of the events of some periods; returns whether the variable was replaced.

        Args:
            total: ids known by now.
        """
        reused = [self.policy.observe(numbers, total) for numbers in periods]
        self.reused = np.concatenate([np.zeros(0, np.int32), *reused])
        return self.grow(self.policy.size)

    def rows_of(self, numbers: np.ndarray) -> np.ndarray:
        """Table rows of id numbers."""
        return self.policy(numbers)

    def start(self, since: int, values) -> None:
        """Sets the rows that ids got after period `since`.

        Args:
            values: function from the id numbers known before, `[m]`, a function that gives their rows `[m, dim]`,
                and the new numbers `[n]` to the new ids' rows, `[n, dim]` or one `[dim]` or number for all.
        """
        new = self.policy.admitted_after(since)
        known = np.flatnonzero(self.policy.own & (self.policy.since <= since))
        if len(new):
            # Only those rows leave the variable, and none where nothing is made of them.
            found = values(known, lambda: tf.gather(self.table, self.rows_of(known)).numpy(), new)
            self.assign(self.rows_of(new), np.broadcast_to(found, (len(new), self.dim)))
