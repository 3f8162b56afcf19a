"""How often an item is in a batch: by what is known, or estimated while batches go by."""

import io

import numpy as np
import tensorflow as tf

from tfrec.errors import require


def static_log_q(counts: np.ndarray) -> np.ndarray:
    """`log(max(n_i, 1) / sum n)` of how often each item was bought, `[items]`, float32."""
    return np.log(np.maximum(counts, 1) / counts.sum()).astype(np.float32)


class StreamingLogQ(tf.train.experimental.PythonState):
    """`B_i <- (1 - rate) B_i + rate (t - A_i)`, `A_i <- t` for each item i of batch t, and `log Q(i) = -log B_i`.

    `B_i` follows the number of steps between two batches with item i, so `1 / B_i` the probability that a batch has it
    (Yi et al., RecSys 2019, algorithm 2, without hashing). An item's first gap, `t`, is its first estimate. It lives on
    the host, follows training batches only, grows with the items and is part of the checkpoint.

    Args:
        rate: the weight of the newest gap.

    Raises:
        InputError: the rate is not above 0 and at most 1.
    """

    def __init__(self, rate: float = 0.01) -> None:
        require(0 < rate <= 1, f"model.loss.rate is {rate}: choose above 0, at most 1.")
        self.rate = rate
        self.start_anew()

    def start_anew(self) -> None:
        """Forgets all batches: what is learned starts anew."""
        self.step = 0
        self.last, self.gap = np.zeros(0, np.int64), np.zeros(0, np.float64)  # by item; a gap of 0: never seen

    def observe(self, items: np.ndarray) -> None:
        """Takes in the different items of the next batch."""
        more = int(items.max(initial=-1)) + 1 - len(self.last)
        if more > 0:
            self.last, self.gap = np.pad(self.last, (0, more)), np.pad(self.gap, (0, more))
        self.step += 1
        newest, known = self.step - self.last[items], self.gap[items]
        self.gap[items] = np.where(known > 0, (1 - self.rate) * known + self.rate * newest, newest)
        self.last[items] = self.step

    def corrected(self, batch: dict[str, np.ndarray], learning: bool = True) -> dict[str, np.ndarray]:
        """The batch after it was observed, with `log_q` and, as Q is of the batch and not of a row, each item once.

        Args:
            learning: False forgets afterwards that the batch was there.
        """
        before = None if learning else (self.step, self.last.copy(), self.gap.copy())
        self.observe(batch["item"][batch["count"] > 0])
        log_q = -np.log(self.gap[batch["item"]]).astype(np.float32)
        if before is not None:
            self.step, self.last, self.gap = before
        return batch | {"log_q": log_q, "count": np.minimum(batch["count"], 1)}

    def serialize(self) -> bytes:
        """What the checkpoint keeps."""
        kept = io.BytesIO()
        np.savez(kept, step=self.step, last=self.last, gap=self.gap)
        return kept.getvalue()

    def deserialize(self, kept: bytes) -> None:
        """Goes on from a checkpoint."""
        with np.load(io.BytesIO(kept)) as arrays:
            self.step, self.last, self.gap = int(arrays["step"]), arrays["last"], arrays["gap"]
