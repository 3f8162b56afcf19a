"""What the loops ask of a model beside its towers."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from tfrec.data.history import History
from tfrec.data.requests import Requests

BESIDE = "repeat/"  # how names of features begin that are not for the towers


class StreamModel:
    """The places where a model follows its stream; each does nothing unless a model needs it.

    A model also has `features` (the host side), `query_embeddings` and `candidate_embeddings`. `tfrs_model` is the
    `tfrs.Model` that learns: the model itself, unless it only wraps one. A model that ranks in another way than by
    two towers has `score(history, requests)` instead, as a baseline.
    """

    trains = True  # False: there is nothing to learn
    rows_per_example = 1  # of which loop.batch_size counts so many: an example may be a list
    base_periods: int | None = None  # the last periods of the base that give examples; None: all
    statistics: tuple = ()  # variables that learning changes without a gradient, for a new start to take back
    merged: tuple = ()  # variables that do not learn, and that get what an update has learned when it is over
    text = None  # a layer of `tfrec.layers.text`, if it reads texts
    found: int | None = None  # items of a request that it orders itself, the rest being filled up; None: all

    @property
    def tfrs_model(self):
        """The model that learns."""
        return self

    def begin(self, items: pd.DataFrame) -> None:
        """Takes the item table as it is known before the first event."""

    def grow(self, history: History, items: pd.DataFrame, changed: Sequence = ()) -> bool:
        """Makes room for what `history` knows; returns whether a variable is new or was replaced.

        Args:
            items: the item table as of now, with the texts. changed: ids whose row is not what it was.
        """
        self.features.observe(history, items, changed)
        return False

    def admit(self, requests: Requests) -> bool:
        """Makes room for what requests ask; returns whether a variable is new or was replaced."""
        return False

    def start_anew(self) -> None:
        """Takes back what learning has estimated on the host, beside `statistics` and what is trained."""

    def base_known(self, history: History) -> None:
        """The events of the base are known, and nothing is learned yet: what is fitted once is fitted now."""

    def start_rows(self, history: History, since: int) -> None:
        """Sets the rows that ids got after period `since`."""

    def reused_rows(self) -> list[tuple]:
        """Rows that the last `grow` took from one id and gave to another: a variable and its rows, each."""
        return []

    def examples(self, period: int, pairs: dict, queries: dict) -> tuple[dict, dict]:
        """What a period gives to learn from, as `Examples` has it: by default each event one example.

        Args:
            pairs: arrays `[events]`, among them `query` and `item`. queries: features of the requests, as of before
                the period.
        """
        return pairs, queries

    def scores(self, products: Callable, asked: dict, candidates: dict) -> Callable:
        """A function from a slice of requests to scores `[block, catalogue]`: by default the towers' products.

        Args:
            products: such a function. asked, candidates: features of the requests and of the catalogue, also those
                whose names start with `BESIDE`, which no tower reads.
        """
        return products

    losses_of_rows = True  # whether `task_losses` are all `[batch]`

    def forget(self) -> None:
        """The weights have changed: drops what a model with `score` keeps of them."""

    # A model may also have, for strategies that hold it to what it said before:
    #   before(queries, candidates): its outputs of now without dropout, under the names of `call`: of each row of
    #       request features, and of each row of candidate features (None: those are left out), two dicts of arrays;
    #   choices(outputs, features): a batch's outputs as `Choices`, in graph; outputs of before are taken too;
    #   squared_change(outputs, then, features, when): in graph, mean squared difference of the logits from those of
    #       earlier outputs `then` `[batch, ...]`, by weights of time `when`, `[batch]`, 0 of which leaves a row out;
    #   rows_since(period): its tables of ids, each with the rows that ids got after that period.

    def counts(self) -> dict[str, int]:
        """What the last `grow` changed, for the log."""
        return {}

    def table_rows(self, features: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The features with the rows of ids in the model's tables, checked.

        Raises:
            IndexError: a row is outside of its table; in the graph, XLA would return a number for it.
        """
        return features

    def batch(self, features: dict[str, np.ndarray], replicas: int = 1, learning: bool = True) -> dict[str, np.ndarray]:
        """A batch to learn from as the graph takes it: with the rows of ids, checked, and nothing computed twice.

        Args:
            features: of rows, `[batch, ...]` each.
            replicas: to each of which the graph gives as many rows of every array.
            learning: whether a step follows, or only a look at losses and gradients.

        Raises:
            IndexError: see `table_rows`.
        """
        return self.table_rows(features)
