"""The average of what several scorers of a run say."""

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from tfrec.data.history import History
from tfrec.data.requests import Requests
from tfrec.errors import InputError, require


class Blend:
    """`sum_m w_m (s_m - mean_m) / deviation_m`, mean and deviation of each request's `depth` highest scores of m.

    The scorers' own scales do not matter, their distances do. A scorer whose `depth` highest scores are all equal says
    nothing of that request.

    Args:
        of: scorers of this run: `model`, and names of baselines.
        weights: of each; None weighs them equally.
        depth: the highest scores that set the scale.

    Raises:
        InputError: there are no two scorers, not as many weights, or depth is below 2; when the run begins, a
            scorer is not there, is a blend itself or may know only an older catalogue.
    """

    def __init__(self, of: Sequence[str], weights: Sequence[float] | None = None, depth: int = 300) -> None:
        require(len(of) >= 2, f"baseline.blend.of is {list(of)}: name two scorers or more, such as model.")
        weights = [1.0] * len(of) if weights is None else list(weights)
        require(
            len(weights) == len(of),
            f"baseline.blend.weights has {len(weights)} numbers, and baseline.blend.of names {len(of)} scorers.",
        )
        require(depth >= 2, f"baseline.blend.depth is {depth}: choose 2 or more.")
        self.of, self.weights, self.depth = list(of), weights, depth
        self._scorers: list = []

    def begin(self, state) -> None:
        """Takes the run's scorers by name, before anything is learned."""
        known = {"model": state.scorer} | state.baselines
        for name in self.of:
            if name not in known:
                raise InputError(f"baseline.blend.of names {name}, and baseline has {', '.join(state.baselines)}.")
            if isinstance(known[name], Blend) or getattr(known[name], "partial", False):
                raise InputError(f"baseline.blend.of names {name}, which is a blend or has an older catalogue.")
        self._scorers = [known[name] for name in self.of]

    def score(self, history: History, requests: Requests) -> Callable[[slice], np.ndarray]:
        """A function from a slice of `requests` to scores `[block, catalogue]`."""
        parts = [scorer.score(history, requests) for scorer in self._scorers]

        def block(rows: slice) -> np.ndarray:
            return sum(
                weight * self._standardised(np.asarray(part(rows), np.float32))
                for weight, part in zip(self.weights, parts, strict=True)
            )

        return block

    def _standardised(self, scores: np.ndarray) -> np.ndarray:
        highest = tf.math.top_k(scores, min(self.depth, scores.shape[1]), sorted=False).values.numpy()
        mean, deviation = highest.mean(axis=1, keepdims=True), highest.std(axis=1, keepdims=True)
        # The deviation of equal float32 numbers may be above 0 by rounding; their range is not.
        varied = np.ptp(highest, axis=1, keepdims=True) > 0
        scale = np.divide(1, deviation, out=np.zeros_like(deviation), where=varied)
        return (scores - mean) * scale
