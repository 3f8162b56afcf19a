"""Requests of past periods, kept with the inputs and the catalogue of their time, for weights of any other time."""

from dataclasses import replace

import numpy as np

from tfrec.data.spool import Spool
from tfrec.data.truth import Truth
from tfrec.evaluate import Evaluator


class Exams:
    """Requests of periods with their features, those of the catalogue and their truth as of then.

    The features are on disk; ids in them are numbers, which get their table rows when the exam is taken.

    Args:
        state: has the model, with two towers. evaluator: of the answers; slices are left out.

    Raises:
        InputError: a model that does not score by two towers.
    """

    def __init__(self, state, evaluator: Evaluator) -> None:
        self.features, self.evaluator, self.index = state.model.features, evaluator, state.new_index()
        self._inputs, self._number, self.truths = Spool(), {}, {}

    def set(self, t: int, truth: Truth, history) -> None:
        """Keeps period t, before the history knows it."""
        asked = self.features.users(history, truth.requests) | self.features.past(history, truth.requests)
        candidates = self.features.candidates(history, np.arange(len(history.items)))
        arrays = {f"asked/{key}": values for key, values in asked.items()}
        self._number[t] = len(self._number)
        self._inputs.append(arrays | {f"candidate/{key}": values for key, values in candidates.items()})
        self.truths[t] = replace(truth, items=None)

    def forget(self, before: int) -> None:
        """Lets go of the periods before `before`."""
        self.truths = {t: truth for t, truth in self.truths.items() if t >= before}

    def values(self, t: int) -> dict[str, np.ndarray]:
        """Values per request `[requests]` of period t, with the model's weights as they are now, by view and metric.

        Weights that have changed since the last call must be followed by `index.forget()`.
        """
        arrays = self._inputs[self._number[t]]
        asked, candidates = (
            {key.removeprefix(part): values for key, values in arrays.items() if key.startswith(part)}
            for part in ("asked/", "candidate/")
        )
        placed = self.evaluator.place(self.index.score_features(asked, candidates), self.truths[t])
        return self.evaluator.views(placed, self.truths[t])
